//! What is done about groups as they are.

use super::*;
use crate::policy::groups::{GroupOutlook, Members};
use std::collections::HashSet;

/// Of which these are protected.
struct Protected([u32; 4]);

impl Members for Protected {
    fn may_be_killed(&mut self, pid: Pid) -> bool {
        !self.0.contains(&pid.get())
    }

    fn started(&mut self, pid: Pid) -> Option<StartTime> {
        // Numbers are given anew: the lowest is the newest here.
        Some(StartTime(u64::from(1000 - pid.get())))
    }
}

fn outlooks(text: &str, protected: [u32; 4], ending: &[u32]) -> Vec<GroupOutlook> {
    let policy = policy(text);
    let mut world = World::of(&[
        made(7, 300_000, 300_000),
        made(7, 200_000, 200_000),
        made(7, 100_000, 100_000),
    ]);
    let mut sums = Sums::thorough();
    let mut sizes = world.sum(&policy, &mut sums);
    let pid = |pid: &u32| Pid::new(*pid).unwrap();
    let ending: HashSet<Pid> = ending.iter().map(pid).collect();
    let members = &mut Protected(protected);
    sums.outlooks(&policy, &mut sizes, &memory(), &mut world, members, ending)
}

fn kills(pids: &[u32]) -> GroupOutlook {
    GroupOutlook::Kill(pids.iter().map(|pid| Pid::new(*pid).unwrap()).collect())
}

#[test]
fn the_next_victims_are_those_that_nothing_protects_and_nothing_else_kills() {
    const NONE: [u32; 4] = [0; 4];
    let group = |percent: u32, rest: &str| {
        format!(
            "[[group]]\nby = \"all\"\nname = \"x\"\nram_percent_threshold = {percent}\n{rest}\n"
        )
    };
    let of = |percent, rest: &str, protected, ending: &[u32]| {
        outlooks(&group(percent, rest), protected, ending)
    };
    assert_eq!(of(60, "", NONE, &[]), [GroupOutlook::Within]);
    assert_eq!(of(10, "", NONE, &[]), [kills(&[2])]);
    assert_eq!(of(10, "", [2, 0, 0, 0], &[]), [kills(&[3])]);
    assert_eq!(of(10, "kill = \"newest\"", NONE, &[]), [kills(&[2])]);
    assert_eq!(
        of(10, "kill = \"newest\"", [2, 0, 0, 0], &[]),
        [kills(&[3])]
    );
    assert_eq!(
        of(10, "kill = \"all\"", [3, 0, 0, 0], &[]),
        [kills(&[2, 4])]
    );
    assert_eq!(of(10, "", [2, 3, 4, 0], &[]), [GroupOutlook::Protected]);
    assert_eq!(of(10, "action = \"warn\"", NONE, &[]), [GroupOutlook::Warn]);
    // What is killed anyway is not chosen again, and may be enough.
    assert_eq!(of(10, "", NONE, &[2]), [kills(&[3])]);
    assert_eq!(of(30, "", NONE, &[2]), [GroupOutlook::Ending]);
    // Nor is what the group before has killed.
    let both = group(40, "") + &group(40, "label = \"b\"") + &group(20, "label = \"c\"");
    assert_eq!(
        outlooks(&both, NONE, &[]),
        [kills(&[2]), GroupOutlook::Ending, kills(&[3])]
    );
}

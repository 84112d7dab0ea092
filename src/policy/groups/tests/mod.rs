//! What the bounds say is what the whole sum says, and what is done about a group over its threshold.

mod kept;
mod outlook;
mod properties;
mod watch;

use super::*;
use crate::config::{Config, Origin};
use crate::policy::tests::{at, key, process};
use crate::policy::{Exemptions, Ledger, Stage};
use crate::proc::{Facts, Member, Name, Pss, RuleInput, Sizes, State};
use crate::quantities::{Now, Pid, StartTime, Uid};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const TOTAL: Bytes = Bytes::new(1_000_000);

#[derive(Clone, Debug)]
struct Made {
    uid: u32,
    parent: u32,
    name: &'static str,
    cgroup: &'static str,
    rss: u64,
    /// None where it can't be read.
    pss: Option<u64>,
}

fn made(uid: u32, rss: u64, pss: u64) -> Made {
    Made {
        uid,
        parent: 1,
        name: "x",
        cgroup: "/",
        rss,
        pss: Some(pss),
    }
}

/// Processes with the PIDs 2, 3, 4 and so on, and how often they were read.
#[derive(Default)]
struct World {
    processes: BTreeMap<u32, Made>,
    members_read: usize,
    pss_read: usize,
    /// After so many reads there is no time left.
    patience: Option<usize>,
    occupied: Option<Bytes>,
}

impl World {
    fn of(processes: &[Made]) -> Self {
        Self {
            processes: (2..).zip(processes.iter().cloned()).collect(),
            ..Self::default()
        }
    }

    fn sizes(&self) -> Sizes {
        let mut sizes = Sizes::default();
        sizes.want(true);
        for (&pid, made) in &self.processes {
            sizes.offer(Pid::new(pid).unwrap(), Bytes::new(made.rss));
        }
        sizes
    }

    fn sum(&mut self, policy: &Policy, sums: &mut Sums) -> Sizes {
        let mut sizes = self.sizes();
        sums.sum(policy, &mut sizes, &memory(), self.occupied, self);
        sums.keep(&sizes);
        sizes
    }
}

impl MemberReader for World {
    fn member(&mut self, pid: Pid, take: &mut dyn FnMut(&Member<'_>)) {
        self.members_read += 1;
        let Some(made) = self.processes.get(&pid.get()) else {
            return;
        };
        let facts = Facts {
            start_time: StartTime(pid.get().into()),
            name: Name::new(made.name.as_bytes()),
            is_name_cut: false,
            alias: None,
            uid: Uid::new(made.uid),
            parent: Pid::new(made.parent),
            state: State(b'S'),
            session: None,
            is_kernel_thread: false,
            is_package_manager: false,
            oom_score_adj: 0,
        };
        take(&Member {
            input: RuleInput {
                facts: &facts,
                exe: Some(Ok(b"/bin/x")),
                is_exe_forgeable: made.name == "forged",
                cmdline: None,
                cgroup: Some(Ok(made.cgroup.as_bytes())),
            },
            anonymous: Bytes::new(made.rss),
            swapped: Bytes::ZERO,
        });
    }

    fn pss(&mut self, pid: Pid) -> Pss {
        self.pss_read += 1;
        let made = self.processes.get(&pid.get());
        made.map_or(Pss::Ended, |made| {
            made.pss
                .map_or(Pss::Unreadable, |pss| Pss::Known(Bytes::new(pss)))
        })
    }

    fn is_time_over(&mut self) -> bool {
        self.patience
            .is_some_and(|patience| self.members_read + self.pss_read >= patience)
    }
}

fn memory() -> SystemMemory {
    SystemMemory {
        total: TOTAL,
        available: Some(Bytes::new(500_000)),
        ..SystemMemory::default()
    }
}

fn policy(groups: &str) -> Policy {
    let text = format!("[whitelist]\nnames = []\nusers = []\n{groups}");
    let origin = Origin::File("test.toml".into());
    let config = Config::parse(text.as_bytes(), origin, &|_| Ok(None));
    Policy {
        config: config.unwrap().config,
        pinned: Vec::new(),
        own: Pid::INIT,
        exemptions: Exemptions::default(),
    }
}

/// The group and the number of members of each sum, with whether it is over.
fn summed(groups: &str, processes: &[Made]) -> Vec<(usize, String, usize, bool)> {
    let mut sums = Sums::thorough();
    World::of(processes).sum(&policy(groups), &mut sums);
    let mut all: Vec<_> = sums
        .all()
        .iter()
        .map(|sum| {
            let name = match sum.key {
                GroupKey::User(uid) => uid.to_string(),
                GroupKey::Unit(_) => String::from_utf8_lossy(sum.unit.as_bytes()).into_owned(),
                GroupKey::Tree(root) => root.pid.to_string(),
                GroupKey::All => "all".to_owned(),
            };
            let is_over = sum.standing == GroupStanding::Over;
            (sum.group, name, sum.members, is_over)
        })
        .collect();
    all.sort();
    all
}

fn row(group: usize, name: &str, members: usize, is_over: bool) -> (usize, String, usize, bool) {
    (group, name.to_owned(), members, is_over)
}

#[test]
fn a_process_is_in_the_groups_that_match_it() {
    let of = |name, cgroup, parent| Made {
        parent,
        name,
        cgroup,
        ..made(7, 40_000, 40_000)
    };
    let machine = [
        of("shell", "/user.slice/user-7.slice/session-1.scope", 1),
        of("make", "/user.slice/user-7.slice/session-1.scope", 2),
        of("cc", "/user.slice/user-7.slice/session-1.scope", 3),
        of("make", "/user.slice/user-7.slice/session-1.scope", 4),
        of("cc", "/user.slice/user-7.slice/session-2.scope", 5),
        of("make", "/user.slice/user-7.slice/session-2.scope", 1),
    ];
    let groups = "[[group]]\nlabel = \"a\"\nby = \"user\"\nram_percent_threshold = 23\n\
        [[group]]\nlabel = \"b\"\nby = \"unit\"\nunit = \"session-*.scope\"\nram_percent_threshold = 15\n\
        [[group]]\nlabel = \"c\"\nby = \"tree\"\nname = \"make\"\nram_percent_threshold = 15\n\
        [[group]]\nlabel = \"d\"\nby = \"all\"\nname = \"c*\"\nram_percent_threshold = 8\n\
        [[group]]\nlabel = \"e\"\nby = \"unit\"\nunit = \"user-*.slice\"\nname = \"make\"\nram_percent_threshold = 8\n";
    assert_eq!(
        summed(groups, &machine),
        [
            row(0, "7", 6, true),
            row(1, "session-1.scope", 4, true),
            row(1, "session-2.scope", 2, false),
            // The inner make is of the tree of the outer one.
            row(2, "3", 4, true),
            row(2, "7", 1, false),
            row(3, "all", 2, false),
            row(4, "user-7.slice", 3, true),
        ]
    );
}

#[test]
fn a_unit_of_the_same_name_elsewhere_is_another_group() {
    let of = |cgroup| Made {
        cgroup,
        ..made(7, 40_000, 40_000)
    };
    let machine = [
        of("/user.slice/user-1.slice/app.slice"),
        of("/user.slice/user-2.slice/app.slice/x.scope"),
    ];
    let group = "[[group]]\nby = \"unit\"\nunit = \"app.slice\"\nram_percent_threshold = 5\n";
    let rows = summed(group, &machine);
    assert_eq!(rows, vec![row(0, "app.slice", 1, false); 2]);
}

#[test]
fn a_forged_executable_makes_no_member() {
    let forged = Made {
        name: "forged",
        ..made(7, 40_000, 40_000)
    };
    let group = "[[group]]\nby = \"all\"\nexe = \"/bin/x\"\nram_percent_threshold = 5\n";
    assert_eq!(
        summed(group, &[forged, made(7, 40_000, 40_000)]),
        [row(0, "all", 1, false)]
    );
}

#[test]
fn nothing_is_read_where_no_group_can_be_over() {
    let policy = policy("[[group]]\nby = \"user\"\nram_percent_threshold = 50\n");
    let mut world = World::of(&[made(1, 300_000, 300_000), made(2, 200_000, 200_000)]);
    let mut sums = Sums::default();
    world.sum(&policy, &mut sums);
    assert_eq!((world.members_read, world.pss_read), (0, 0));
    let occupied = |bytes| policy.may_groups_be_over(&memory(), Some(Bytes::new(bytes)), None);
    assert!(!occupied(500_000));
    assert!(occupied(500_001));
}

#[test]
fn of_many_processes_few_are_read() {
    // One user has most of it, in a few large processes; the others have little.
    let mut machine = vec![made(1, 120_000, 120_000); 4];
    machine.extend((0..2000).map(|n| made(2 + n % 50, 100, 90)));
    let policy = policy("[[group]]\nby = \"user\"\nram_percent_threshold = 40\n");
    let mut world = World::of(&machine);
    let mut sums = Sums::default();
    world.sum(&policy, &mut sums);
    let over = sums
        .all()
        .iter()
        .find(|sum| sum.standing == GroupStanding::Over);
    assert_eq!(over.map(|sum| sum.key), Some(GroupKey::User(Uid::new(1))));
    assert!(world.members_read < 50, "{}", world.members_read);
    assert!(world.pss_read <= 4, "{}", world.pss_read);
}

#[test]
fn what_was_read_is_kept_until_it_can_be_told() {
    let policy = policy("[[group]]\nby = \"user\"\nram_percent_threshold = 50\n");
    let mut world = World::of(&vec![made(1, 20_000, 11_000); 50]);
    let mut sums = Sums::default();
    let mut standings = Vec::new();
    for _ in 0..10 {
        world.patience = Some(world.members_read + world.pss_read + 80);
        world.sum(&policy, &mut sums);
        standings.push(sums.all()[0].standing);
    }
    assert_eq!(standings[0], GroupStanding::Open);
    assert!(standings.contains(&GroupStanding::Over), "{standings:?}");
}

#[test]
fn what_can_be_no_more_than_doubt_is_never_over() {
    let mut machine = vec![made(1, 100_000, 0); 9];
    for one in &mut machine {
        one.pss = None;
    }
    let policy = policy("[[group]]\nby = \"user\"\nram_percent_threshold = 50\n");
    let mut sums = Sums::default();
    World::of(&machine).sum(&policy, &mut sums);
    assert_eq!(sums.all()[0].standing, GroupStanding::Open);
}

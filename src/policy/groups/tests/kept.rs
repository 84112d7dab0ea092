//! Where PSS is kept from scan to scan few are read, and what was kept neither kills nor hides anything.

use super::super::kept::PERIOD;
use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

const BY_USER: &str = "[[group]]\nby = \"user\"\nram_percent_threshold = 50\n";

/// How many PSS this scan has read.
fn reads(world: &mut World, policy: &Policy, sums: &mut Sums) -> usize {
    let before = world.pss_read;
    world.sum(policy, sums);
    world.pss_read - before
}

/// So many of these values are too old for one scan, and one more was changed.
fn few(values: usize) -> usize {
    values.div_ceil(PERIOD as usize) + 1
}

#[test]
fn near_a_threshold_a_scan_reads_few() {
    // 480,000 of 500,000, which RSS does not tell.
    let mut world = World::of(&vec![made(1, 3_000, 800); 600]);
    let (policy, mut sums) = (policy(BY_USER), Sums::default());
    let first = reads(&mut world, &policy, &mut sums);
    assert!(first > 500, "{first}");
    let all: usize = (0..10 * PERIOD)
        .map(|_| reads(&mut world, &policy, &mut sums))
        .sum();
    assert_eq!(sums.all()[0].standing, GroupStanding::Within);
    assert!(all <= 10 * 600, "{all}");
    // One that has changed is read again, where that is needed.
    world.processes.get_mut(&2).unwrap().rss = 30_000;
    assert!(reads(&mut world, &policy, &mut sums) <= few(600));
}

#[test]
fn what_was_kept_is_no_proof() {
    let mut world = World::of(&vec![made(1, 20_000, 9_500); 50]);
    let (policy, mut sums) = (policy(BY_USER), Sums::default());
    world.sum(&policy, &mut sums);
    assert_eq!(sums.all()[0].standing, GroupStanding::Within);
    // New ones share what those have: together they have 300,000, and it takes a read of each to know.
    for made in world.processes.values_mut() {
        made.pss = Some(4_000);
    }
    let new = (52..77).map(|pid| (pid, made(1, 20_000, 4_000)));
    world.processes.extend(new);
    let before = world.pss_read;
    let mut sizes = world.sum(&policy, &mut sums);
    let sum = sums.all()[0];
    assert_eq!(sum.standing, GroupStanding::Over);
    assert!(!sum.is_proven && world.pss_read - before < 40);
    assert_eq!(policy.group_breach(&sum, (&process(2), None), TOTAL), None);
    assert!(!policy.is_group_over_without(&sum, Bytes::ZERO, TOTAL));
    sums.prove(0, &policy, &mut sizes, &mut world);
    sums.keep(&sizes);
    assert_eq!(sums.all()[0].standing, GroupStanding::Within);
    // And what the proof has read is kept.
    let before = world.pss_read;
    world.sum(&policy, &mut sums);
    assert_eq!(sums.all()[0].standing, GroupStanding::Within);
    assert!(world.pss_read - before <= few(75));
}

#[test]
fn what_shares_less_is_read_at_once() {
    // Copies of one process that write to what they shared: what they have resident stays as it is.
    let mut world = World::of(&vec![made(1, 20_000, 9_000); 50]);
    let (policy, mut sums) = (policy(BY_USER), Sums::default());
    let scan = |world: &mut World, sums: &mut Sums, occupied| {
        world.occupied = Some(Bytes::new(occupied));
        world.sum(&policy, sums);
        sums.all()[0].standing
    };
    assert_eq!(scan(&mut world, &mut sums, 450_000), GroupStanding::Within);
    for made in world.processes.values_mut() {
        made.pss = Some(10_500);
    }
    assert_eq!(scan(&mut world, &mut sums, 525_000), GroupStanding::Over);
    assert!(sums.all()[0].is_proven);
}

#[test]
fn a_proof_goes_on_where_there_is_no_time() {
    let mut world = World::of(&vec![made(1, 20_000, 11_000); 50]);
    let (policy, mut sums) = (policy(BY_USER), Sums::default());
    world.sum(&policy, &mut sums);
    let mut proven = Vec::new();
    for _ in 0..6 {
        let mut sizes = world.sum(&policy, &mut sums);
        if !sums.all()[0].is_proven {
            world.patience = Some(world.members_read + world.pss_read + 15);
            sums.prove(0, &policy, &mut sizes, &mut world);
            sums.keep(&sizes);
            world.patience = None;
        }
        proven.push(sums.all()[0].is_proven);
    }
    assert_eq!(proven[..2], [false, false]);
    assert!(proven.contains(&true), "{proven:?}");
}

/// Of which process, its RSS where that changes, and its PSS in percent of that.
type Change = (usize, Option<u64>, u64);

/// A machine, and how it changes from scan to scan.
fn any_history() -> impl Strategy<Value = (Vec<Made>, Vec<Vec<Change>>)> {
    let one = (1_u32..4, 1_u64..30_000, 0_u64..=100);
    let one = one.prop_map(|(uid, rss, share)| made(uid, rss, rss * share / 100));
    let change = (0_usize..60, prop::option::of(1_u64..30_000), 0_u64..=100);
    let changes = prop::collection::vec(prop::collection::vec(change, 0..6), 1..12);
    (prop::collection::vec(one, 1..60), changes)
}

proptest! {
    /// Whatever changes unseen: what is proven over is over, and a proof says what the whole sum says. What is read
    /// anew in time is found as well.
    #[test]
    fn nothing_is_proven_that_the_whole_sum_does_not_say(
        (machine, history) in any_history(),
        threshold in 1.0_f64..60.0,
    ) {
        let policy = policy(&format!("[[group]]\nby = \"user\"\nram_percent_threshold = {threshold}\n"));
        let whole = |world: &World| -> HashMap<_, _> {
            let machine = World { processes: world.processes.clone(), ..World::default() };
            let mut sums = Sums::thorough();
            let mut machine = machine;
            machine.sum(&policy, &mut sums);
            sums.all().iter().map(|sum| (sum.key, sum.standing)).collect()
        };
        let (mut world, mut sums) = (World::of(&machine), Sums::default());
        for changes in &history {
            for (index, rss, share) in changes {
                let pid = 2 + u32::try_from(index % machine.len()).unwrap();
                let made = world.processes.get_mut(&pid).unwrap();
                made.rss = rss.unwrap_or(made.rss);
                made.pss = Some(made.rss * share / 100);
            }
            let mut sizes = world.sum(&policy, &mut sums);
            let expected = whole(&world);
            for index in 0..sums.all().len() {
                let key = sums.all()[index].key;
                if sums.all()[index].is_proven {
                    prop_assert_eq!(expected[&key], GroupStanding::Over);
                } else if sums.all()[index].standing == GroupStanding::Over {
                    sums.prove(index, &policy, &mut sizes, &mut world);
                    sums.keep(&sizes);
                    prop_assert_eq!(sums.all()[index].standing, expected[&key]);
                }
            }
        }
        // Nothing changes any more: each is as the whole sum says when all values are too old.
        for _ in 0..PERIOD {
            let mut sizes = world.sum(&policy, &mut sums);
            for index in 0..sums.all().len() {
                if sums.all()[index].standing == GroupStanding::Over {
                    sums.prove(index, &policy, &mut sizes, &mut world);
                    sums.keep(&sizes);
                }
            }
        }
        let expected = whole(&world);
        for sum in sums.all() {
            prop_assert_eq!(sum.standing, expected[&sum.key]);
        }
    }
}

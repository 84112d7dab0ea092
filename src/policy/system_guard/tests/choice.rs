//! Which of the candidates are chosen.

use super::super::*;
use super::{MIB, TOTAL};
use crate::quantities::{Bytes, Pid, ProcessKey, StartTime};
use proptest::prelude::*;

fn candidate(pid: u32, gives: u64) -> Candidate {
    Candidate {
        key: ProcessKey {
            pid: Pid::new(pid).unwrap(),
            start_time: StartTime(pid.into()),
        },
        gives: Bytes::new(gives * MIB),
        took: Bytes::ZERO,
        oom_score_adj: 0,
        tier: Tier::Normal,
        kin: u64::from(pid),
    }
}

fn need(lost: u64) -> Need {
    let left = Bytes::new(600 * MIB);
    let before = Bytes::new((600 + lost) * MIB);
    Need::new(Bytes::new(TOTAL), Bytes::new(640 * MIB), left, before)
}

fn chosen(candidates: &[Candidate], need: &Need) -> Vec<u32> {
    let choice = choose(candidates, need);
    let victims = choice.iter().flat_map(Choice::victims);
    victims.map(|victim| victim.key.pid.get()).collect()
}

#[test]
fn the_one_that_takes_it_comes_before_the_one_that_has_most() {
    let mut all = [candidate(1, 5000), candidate(2, 900), candidate(3, 4000)];
    all[1].took = Bytes::new(800 * MIB);
    assert_eq!(chosen(&all, &need(1000)), [2]);
    // It took too little of it, or nothing to speak of was lost.
    assert_eq!(chosen(&all, &need(2000)), [1]);
    assert_eq!(chosen(&all, &need(10)), [1]);
    // It is not worth a kill.
    all[1].gives = Bytes::new(60 * MIB);
    assert_eq!(chosen(&all, &need(1000)), [1]);
}

#[test]
fn equals_are_told_apart_by_the_kernel_s_score_and_then_by_age() {
    let mut all = [candidate(1, 1000), candidate(2, 950), candidate(3, 890)];
    assert_eq!(chosen(&all, &need(0)), [2]);
    all[0].oom_score_adj = 100;
    assert_eq!(chosen(&all, &need(0)), [1]);
    // A score decides nothing else: Electron of 5 MB with 200.
    all[2].oom_score_adj = 1000;
    assert_eq!(chosen(&all, &need(0)), [1]);
}

#[test]
fn tiers_come_one_after_the_other() {
    let mut all = [candidate(1, 5000), candidate(2, 100), candidate(3, 200)];
    all[0].tier = Tier::Last;
    all[1].tier = Tier::First;
    assert_eq!(chosen(&all, &need(0)), [2]);
    assert_eq!(chosen(&all[..1], &need(0)), [1]);
    assert_eq!(chosen(&[all[0], all[2]], &need(0)), [3]);
    let key = |index: usize| all[index].key;
    let rank_of = |index| rank(&mut all.to_vec(), key(index), &need(0));
    assert_eq!(
        [rank_of(1), rank_of(2), rank_of(0)],
        [1, 2, 3].map(|place| Some(Rank { place, of: 3 }))
    );
}

#[test]
fn places_and_their_number_count_the_same() {
    let large = [candidate(1, 300), candidate(2, 200)];
    // Alone each gives too little, and together they do not.
    let kin = (10..29).map(|pid| candidate(pid, 20));
    let kin = kin.map(|candidate| Candidate {
        kin: 7,
        ..candidate
    });
    let single = [candidate(40, 10)];
    let all: Vec<_> = large.into_iter().chain(kin).chain(single).collect();
    let rank_of = |index: usize| rank(&mut all.clone(), all[index].key, &need(0));
    assert_eq!(rank_of(1), Some(Rank { place: 2, of: 18 }));
    // The newest eight are chosen together, then the next eight; the last three give too little.
    assert_eq!(rank_of(13), Some(Rank { place: 3, of: 18 }));
    assert_eq!(rank_of(12), Some(Rank { place: 11, of: 18 }));
    assert_eq!([rank_of(2), rank_of(21)], [None, None]);
}

#[test]
fn many_small_ones_of_a_kind_are_killed_together_newest_first() {
    let mut all: Vec<_> = (1..=300).map(|pid| candidate(pid, 60)).collect();
    for candidate in &mut all {
        candidate.kin = 7;
    }
    // 2 * 640 - 600 MiB are wanted, and eight at most are killed.
    assert_eq!(
        chosen(&all, &need(0)),
        [300, 299, 298, 297, 296, 295, 294, 293]
    );
    let little = Need {
        wanted: Bytes::new(130 * MIB),
        ..need(0)
    };
    assert_eq!(chosen(&all, &little), [300, 299, 298]);
    // Others are not of their kind.
    all[299].kin = 8;
    assert_eq!(chosen(&all, &little), [299, 298, 297]);
    // One that gives enough alone comes before them.
    all.push(candidate(999, 90));
    assert_eq!(chosen(&all, &little), [999]);
    // Eight that give nothing are left alone.
    let tiny: Vec<_> = (1..=20)
        .map(|pid| Candidate {
            kin: 7,
            ..candidate(pid, 5)
        })
        .collect();
    assert_eq!(chosen(&tiny, &little), Vec::<u32>::new());
    assert_eq!(chosen(&[], &little), Vec::<u32>::new());
}

#[test]
fn what_is_worth_a_kill_follows_the_machine() {
    let least = |total: u64, floor: u64| {
        let bytes = |mib| Bytes::new(mib * MIB);
        Need::new(bytes(total), bytes(floor), Bytes::ZERO, Bytes::ZERO)
            .least
            .get()
            / MIB
    };
    assert_eq!(least(512, 20), 16);
    assert_eq!(least(1024, 40), 32);
    assert_eq!(least(16_000, 640), 80);
    assert_eq!(least(256 << 10, 1024), 128);
}

proptest! {
    #[test]
    fn victims_are_candidates_that_are_worth_it(
        sizes in prop::collection::vec((0_u64..3000, 0_u64..2000, -1000_i16..1000, 0_u8..3, 0_u64..4), 0..60),
        lost in 0_u64..3000,
    ) {
        let all: Vec<_> = (1..).zip(&sizes).map(|(pid, &(gives, took, oom_score_adj, tier, kin))| Candidate {
            took: Bytes::new(took * MIB),
            oom_score_adj,
            tier: Tier::ALL[usize::from(tier)],
            kin,
            ..candidate(pid, gives)
        }).collect();
        let need = need(lost);
        let Some(choice) = choose(&all, &need) else {
            prop_assert!(all.iter().all(|candidate| candidate.gives < need.least));
            return Ok(());
        };
        let victims: Vec<_> = choice.victims().copied().collect();
        let given: u64 = victims.iter().map(|victim| victim.gives.get()).sum();
        prop_assert!(!victims.is_empty() && victims.len() <= MOST);
        prop_assert!(given >= need.least.get());
        prop_assert!(victims.iter().all(|victim| all.contains(victim)));
        if choice.why == Why::Kin {
            let is_kin = |victim: &Candidate| (victim.kin, victim.tier) == (victims[0].kin, victims[0].tier);
            prop_assert!(victims.iter().all(is_kin));
            let newer = victims.windows(2).all(|pair| pair[0].key.start_time > pair[1].key.start_time);
            prop_assert!(newer);
        } else {
            prop_assert_eq!(victims.len(), 1);
        }
        // In whatever order they are listed.
        let mut reversed = all.clone();
        reversed.reverse();
        prop_assert_eq!(choose(&reversed, &need), Some(choice));
    }
}

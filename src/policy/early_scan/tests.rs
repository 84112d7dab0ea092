//! When the next tick comes, and what calls for a scan, as tables of cases.

use super::*;
use proptest::prelude::*;
use std::time::Instant;

proptest! {
    /// After a suspension, under an emulator, with figures that no machine has.
    #[test]
    fn the_next_tick_is_never_far(
        elapsed in any::<Duration>(),
        cost in any::<Duration>(),
        left in any::<Option<u64>>(),
        at_scan in any::<u64>(),
        headroom in any::<u64>(),
        risen in any::<u64>(),
    ) {
        let mut tick = Tick::after(elapsed, cost, left.map(Bytes::new));
        tick.add_old(Bytes::new(headroom), &Taken::default(), Bytes::new(risen));
        if let Some(left) = left {
            tick.add_available(Bytes::new(left), Bytes::new(at_scan));
        }
        prop_assert!((SOONEST_IN_NEED..=LONGEST).contains(&tick.wait()), "{tick:?}");
    }
}

const fn mib(mib: u64) -> Bytes {
    Bytes::from_kib(mib * 1024)
}

const fn certain(rss: u64) -> Ceiling {
    Ceiling {
        rss: mib(rss),
        is_certain: true,
    }
}

/// What a tick says, as one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Crossed,
    Possible,
    Tick(Duration),
}

trait Said {
    fn next(&self) -> Next;
}

impl Said for Tick {
    fn next(&self) -> Next {
        let calls = self.calls();
        if calls.evidence.is_some() {
            Next::Crossed
        } else if calls.young || calls.old || calls.doubtful {
            Next::Possible
        } else {
            Next::Tick(self.wait())
        }
    }
}

const fn tick(milliseconds: u64) -> Next {
    Next::Tick(Duration::from_millis(milliseconds))
}

const fn taken(mib_taken: u64) -> Taken {
    let all = mib(mib_taken);
    Taken {
        all,
        unexplained: all,
    }
}

/// In whole milliseconds.
fn rounded(next: Next) -> Next {
    match next {
        Next::Tick(wait) => tick(u64::try_from(wait.as_millis()).unwrap()),
        next => next,
    }
}

#[test]
fn ticks_before_the_fastest_growth_can_cross() {
    let cases = [
        // limit, rss -> next
        (2_000, 2_000, tick(100)),
        (2_000, 2_001, Next::Crossed),
        (2_000, 1_999, tick(100)),
        (2_000, 464, tick(250)),
        (2_000, 976, tick(166)),
        (100_000, 0, tick(1_000)),
    ];
    for (limit, rss, next) in cases {
        let mut watched = Tick::after(SHORTEST, Duration::ZERO, None);
        watched.add_watched(certain(limit), mib(rss), mib(rss));
        assert_eq!(rounded(watched.next()), next, "{limit} {rss}");
        let mut unwatched = Tick::after(SHORTEST, Duration::ZERO, None);
        unwatched.add_old(mib(limit + 1), &taken(rss), Bytes::ZERO);
        let next = match next {
            Next::Crossed => Next::Possible,
            next => next,
        };
        assert_eq!(rounded(unwatched.next()), next, "{limit} {rss}");
    }
    assert_eq!(
        Tick::after(SHORTEST, Duration::ZERO, None).next(),
        tick(1_000)
    );
    let mut largest = Tick::after(SHORTEST, Duration::ZERO, None);
    largest.add_young(Bytes::new(u64::MAX), &taken(0), Bytes::new(1));
    assert_eq!(largest.next(), tick(1_000));
}

#[test]
fn ticks_when_something_crosses_at_the_speed_that_was_seen() {
    for (headroom, risen, next) in [
        (200, 100, 100),
        (100, 100, 50),
        (50, 100, 25),
        // What is fast is met when it is expected to cross.
        (18, 100, 10),
        (8, 100, 8),
        (1, 100, 2),
        (0, 100, 2),
        (1, 25, 10),
        // Slower than the shortest time.
        (50, 2, 100),
        (3_072, 100, 500),
    ] {
        let mut watched = Tick::after(SHORTEST, Duration::ZERO, None);
        watched.add_watched(
            certain(4_000),
            mib(4_000 - headroom),
            mib(4_000 - headroom - risen),
        );
        assert_eq!(watched.next(), tick(next), "{headroom} {risen}");
        let mut unwatched = Tick::after(SHORTEST, Duration::ZERO, None);
        unwatched.add_young(mib(4_000), &taken(3_999 - headroom), mib(risen));
        let Next::Tick(wait) = unwatched.next() else {
            panic!("{headroom} {risen}");
        };
        assert!(
            wait.as_millis().abs_diff(u128::from(next)) <= 1,
            "{headroom} {risen}"
        );
    }
}

#[test]
fn the_nearest_decides() {
    let mut tick_of_many = Tick::after(SHORTEST, Duration::ZERO, None);
    for headroom in [4_000, 1_536, 3_000] {
        tick_of_many.add_watched(certain(headroom), Bytes::ZERO, Bytes::ZERO);
    }
    assert_eq!(tick_of_many.next(), tick(250));
    tick_of_many.add_old(mib(1), &taken(1), Bytes::ZERO);
    assert_eq!(tick_of_many.next(), Next::Possible);
    tick_of_many.add_watched(certain(1), mib(2), mib(2));
    assert_eq!(tick_of_many.next(), Next::Crossed);
}

#[test]
fn a_crowd_near_its_threshold_leaves_a_quarter_of_it() {
    for (sieve, headroom, expected) in [
        (mib(1_600), mib(1_400), mib(1_400)),
        (mib(1_600), mib(400), mib(400)),
        (mib(1_600), mib(1), mib(400)),
        (mib(1_600), Bytes::ZERO, mib(400)),
        (Bytes::ZERO, Bytes::ZERO, Bytes::new(1)),
    ] {
        assert_eq!(unwatched(sieve, headroom), expected);
    }
}

#[test]
fn ticks_more_often_where_little_memory_is_available() {
    let microseconds = |wait: Next| match wait {
        Next::Tick(wait) => wait.as_micros(),
        next => panic!("{next:?}"),
    };
    for (left, calm, in_growth) in [
        (None, 100_000, 10_000),
        (Some(64_000), 100_000, 10_000),
        (Some(2_458), 100_000, 10_000),
        (Some(1_536), 62_500, 10_000),
        (Some(384), 15_625, 10_000),
        (Some(120), 10_000, 4_882),
        (Some(1), 10_000, 2_000),
        (Some(0), 10_000, 2_000),
    ] {
        let start = || Tick::after(SHORTEST, Duration::ZERO, left.map(mib));
        let mut near = start();
        near.add_watched(certain(100), mib(99), mib(99));
        assert_eq!(microseconds(near.next()), calm, "{left:?}");
        let mut growing = start();
        growing.add_watched(certain(100), mib(99), mib(74));
        assert_eq!(microseconds(growing.next()), in_growth, "{left:?}");
        // Not before a threshold can be crossed at all.
        let mut far = start();
        far.add_watched(certain(3_072), Bytes::ZERO, Bytes::ZERO);
        let expected = if left == Some(64_000) {
            1_000_000
        } else {
            500_000
        };
        assert_eq!(microseconds(far.next()), expected, "{left:?}");
    }
}

#[test]
fn what_is_far_has_the_time_that_one_thread_needs_where_memory_is_plentiful() {
    for (left, headroom, milliseconds) in [
        // As the fastest growth, as one thread, and up to a quarter of what is available.
        (1_000, 400, 65),
        (8_000, 400, 195),
        (8_000, 200, 100),
        (8_000, 800, 325),
        (64_000, 800, 390),
        (4_000, 800, 162),
    ] {
        let mut far = Tick::after(SHORTEST, Duration::ZERO, Some(mib(left)));
        far.add_watched(certain(headroom), Bytes::ZERO, Bytes::ZERO);
        assert_eq!(rounded(far.next()), tick(milliseconds), "{left} {headroom}");
    }
}

#[test]
fn what_is_known_explains_what_was_taken_since() {
    let mut growth = Growth::default();
    let mut note = |occupied, known| {
        let Taken { all, unexplained } = growth.note(mib(occupied), mib(known));
        (all.get() >> 20, unexplained.get() >> 20)
    };
    assert_eq!(note(1_000, 0), (0, 0));
    assert_eq!(note(1_300, 0), (300, 300));
    assert_eq!(note(1_300, 200), (300, 100));
    // More than there is: it is shared.
    assert_eq!(note(1_300, 900), (300, 0));
    // What is freed is no growth, and what was known before explains nothing of what comes.
    assert_eq!(note(700, 500), (0, 0));
    assert_eq!(note(1_000, 600), (300, 200));
    assert_eq!(note(1_000, 400), (300, 300));
}

#[test]
fn an_uncertain_process_and_pressure_are_doubt_and_a_loss_is_evidence() {
    let start = || Tick::after(SHORTEST, Duration::ZERO, None);
    let mut tick = start();
    tick.add_young(mib(100), &taken(99), Bytes::ZERO);
    assert_eq!(tick.calls(), Calls::default());
    tick.add_pressure();
    assert!(tick.calls().doubtful && !tick.calls().young && !tick.calls().old);
    let mut tick = start();
    let explained = Taken {
        all: mib(100),
        unexplained: Bytes::ZERO,
    };
    tick.add_old(mib(100), &explained, Bytes::ZERO);
    assert!(tick.calls().doubtful && !tick.calls().old);
    let mut tick = start();
    tick.add_watched(certain(100), mib(101), mib(101));
    assert_eq!(tick.calls().evidence, Some(Extent::Few));
    tick.add_available(mib(1), mib(100));
    assert_eq!(tick.calls().evidence, Some(Extent::All));
    let mut tick = start();
    tick.add_plenty(mib(1), mib(100));
    assert_eq!(tick.calls().evidence, Some(Extent::All));
}

const OLD: Calls = Calls {
    evidence: None,
    young: false,
    old: true,
    doubtful: true,
};
const YOUNG: Calls = Calls {
    young: true,
    old: false,
    ..OLD
};
const DOUBTFUL: Calls = Calls {
    young: false,
    ..YOUNG
};

proptest! {
    /// Whatever was suspected before, in whatever order: nothing is put off for more than a second.
    #[test]
    fn no_number_of_scans_in_vain_delays_the_next_one_by_more_than_a_second(
        scans in proptest::collection::vec((any::<bool>(), 0_u64..10_000_000, 0_u64..2_000), 0..200),
    ) {
        let mut now = Instant::now();
        let mut budget = Budget::new(now);
        for (is_all, cost, pause) in scans {
            now += Duration::from_millis(pause);
            let extent = if is_all { Extent::All } else { Extent::Few };
            budget.spend(extent, Duration::from_micros(cost), now);
        }
        for evidence in [Extent::Few, Extent::All] {
            let calls = Calls { evidence: Some(evidence), ..Calls::default() };
            prop_assert_eq!(budget.extent(calls, now), Some(evidence));
        }
        prop_assert_eq!(budget.extent(Calls::default(), now), None);
        prop_assert_eq!(budget.next(Calls::default()), None);
        let later = now + Duration::from_secs(1);
        for calls in [OLD, YOUNG, DOUBTFUL] {
            budget.note(calls, now);
            prop_assert_eq!(budget.extent(calls, later), Some(Extent::Few));
            prop_assert_eq!(budget.wants_all(calls, later), true);
            prop_assert!(budget.next(calls).unwrap() <= later);
        }
    }
}

#[test]
fn what_is_unexplained_rests_shorter_than_doubt() {
    let start = Instant::now();
    let at = |milliseconds| start + Duration::from_millis(milliseconds);
    let mut budget = Budget::new(start);
    // The credit is used up.
    for _ in 0..10 {
        budget.spend(Extent::All, Duration::from_micros(2_500), start);
        budget.spend(Extent::Few, Duration::from_micros(100), start);
    }
    assert_eq!(budget.extent(YOUNG, at(1)), None);
    assert_eq!(budget.extent(YOUNG, at(2)), Some(Extent::Few));
    assert_eq!(budget.extent(OLD, at(49)), None);
    assert_eq!(budget.extent(OLD, at(50)), Some(Extent::Few));
    assert!(budget.wants_all(OLD, at(50)) && !budget.wants_all(YOUNG, at(50)));
    assert_eq!(budget.extent(DOUBTFUL, at(799)), None);
    assert_eq!(budget.extent(DOUBTFUL, at(1_000)), Some(Extent::Few));
    assert!(budget.wants_all(DOUBTFUL, at(1_000)));
    // With credit, doubt does not wait.
    let mut budget = Budget::new(start);
    budget.spend(Extent::All, Duration::from_micros(2_500), start);
    assert_eq!(budget.extent(DOUBTFUL, start), Some(Extent::Few));
    assert_eq!(budget.next(DOUBTFUL).map(|next| next <= start), Some(true));
}

#[test]
fn doubt_reads_a_few_at_once_and_all_when_it_has_lasted() {
    let start = Instant::now();
    let at = |milliseconds| start + Duration::from_millis(milliseconds);
    let mut budget = Budget::new(start);
    budget.spend(Extent::All, Duration::from_millis(5), start);
    budget.renew(start);
    budget.note(DOUBTFUL, at(10));
    assert_eq!(budget.extent(DOUBTFUL, at(10)), Some(Extent::Few));
    assert!(!budget.wants_all(DOUBTFUL, at(10)));
    budget.spend(Extent::Few, Duration::from_millis(1), at(10));
    budget.note(DOUBTFUL, at(11));
    assert_eq!(budget.extent(DOUBTFUL, at(29)), None);
    assert_eq!(budget.extent(DOUBTFUL, at(30)), Some(Extent::Few));
    // All take 5 ms, and wait for 20 times as long from the beginning of the doubt.
    assert!(!budget.wants_all(DOUBTFUL, at(109)));
    assert!(budget.wants_all(DOUBTFUL, at(110)));
    // However long a scan of a few has to wait.
    budget.spend(Extent::Few, Duration::from_millis(10), at(31));
    assert_eq!(budget.next(DOUBTFUL), Some(at(110)));
    budget.note(Calls::default(), at(120));
    budget.note(DOUBTFUL, at(130));
    assert!(!budget.wants_all(DOUBTFUL, at(200)));
}

#[test]
fn ticks_that_are_expensive_are_fewer() {
    for (cost, milliseconds) in [(10, 10), (200, 10), (1_000, 50), (2_000, 100), (9_000, 100)] {
        let mut expensive = Tick::after(SHORTEST, Duration::from_micros(cost), Some(mib(10)));
        expensive.add_watched(certain(100), mib(100), mib(100));
        assert_eq!(expensive.next(), tick(milliseconds), "{cost}");
    }
}

#[test]
fn half_of_what_was_available_calls_for_a_scan() {
    for (left, at_scan, next) in [
        (3_072, 3_072, tick(250)),
        (1_536, 3_072, tick(62)),
        (1_535, 3_072, Next::Crossed),
        (8_000, 3_072, tick(1_000)),
        (0, 0, tick(10)),
    ] {
        let mut machine = Tick::after(SHORTEST, Duration::ZERO, Some(mib(left)));
        machine.add_available(mib(left), mib(at_scan));
        assert_eq!(rounded(machine.next()), next, "{left} {at_scan}");
    }
}

#[test]
fn a_ceiling_that_rss_alone_does_not_decide_is_uncertain() {
    let ceiling = Ceiling {
        is_certain: false,
        ..certain(100)
    };
    let mut over = Tick::after(SHORTEST, Duration::ZERO, None);
    over.add_watched(ceiling, mib(101), mib(101));
    assert_eq!(over.next(), Next::Possible);
}

//! The guard as tables of cases, and replays of machines: whatever they do, there is one order at a time.

mod choice;
mod protected;

use super::*;
use crate::config::{System, SystemAction};
use crate::policy::tests::at;
use crate::policy::verdict::Threshold;
use crate::quantities::{Bytes, Now, Percent};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// 4% are 640 MiB here.
const TOTAL: u64 = 16_000 * MIB;

fn config() -> System {
    System {
        action: SystemAction::Kill,
        available_percent: Percent::new(4.0).unwrap(),
        available: Bytes::from_gb(1.0),
        stall: Duration::from_secs(4),
    }
}

/// With so many MiB left, all of it available, and so many milliseconds stalled since boot.
fn reading(left: u64, stalled: u64) -> Reading {
    Reading {
        total: Bytes::new(TOTAL),
        available: Bytes::new(left * MIB),
        left: Bytes::new(left * MIB),
        stalled: Some(Duration::from_millis(stalled)),
    }
}

/// A machine that is read at times of its own.
struct Replay {
    start: Instant,
    config: System,
    shortage: Shortage,
    progress: Progress,
}

impl Replay {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            config: config(),
            shortage: Shortage::new(start),
            progress: Progress::default(),
        }
    }

    fn now(&self, millis: u64) -> Now {
        let since = Duration::from_millis(millis);
        Now {
            since_boot: since,
            ..at(self.start + since)
        }
    }

    fn read(&mut self, millis: u64, reading: &Reading) -> Step {
        let now = self.now(millis);
        let (config, progress) = (self.config, self.progress);
        self.shortage
            .tick(&config, reading, progress, Duration::ZERO, &now)
    }

    fn order(&mut self, millis: u64) {
        let now = self.now(millis).monotonic;
        self.shortage.ordered(1, now);
        self.progress = Progress {
            left: 1,
            terminating: 1,
            killed: None,
        };
    }
}

#[test]
fn the_stall_time_is_read_twice_a_second_where_nothing_waits() {
    let mut replay = Replay::new();
    // What is left, the stall time since boot, and whether that is read.
    for (millis, left, stalled, is_due) in [
        (0, 3000, 1_000, true),
        (10, 3000, 1_000, false),
        (499, 3000, 1_000, false),
        (500, 3000, 1_100, true),
        (510, 3000, 1_100, true),
        (20_000, 3000, 1_100, true),
        (20_100, 630, 1_100, false),
        (20_200, 630, 1_100, false),
        (20_300, 630, 1_100, true),
    ] {
        let now = replay.now(millis).monotonic;
        assert_eq!(replay.shortage.is_stall_due(now), is_due, "{millis}");
        replay.read(millis, &reading(left, stalled));
    }
}

#[test]
fn two_readings_below_the_floor_are_a_shortage() {
    let mut replay = Replay::new();
    assert_eq!(replay.read(0, &reading(3000, 0)), Step::Rest);
    // It falls so fast that there is no time for a warning.
    assert_eq!(replay.read(300, &reading(1500, 0)), Step::Rest);
    assert_eq!(replay.read(600, &reading(1500, 0)), Step::Warn);
    assert_eq!(replay.read(10_000, &reading(630, 0)), Step::Rest);
    assert_eq!(replay.read(10_010, &reading(630, 0)), Step::Rest);
    assert_eq!(replay.read(10_020, &reading(630, 0)), Step::Choose);
    assert_eq!(
        replay.shortage.level().trigger,
        Some(Threshold::Available(Percent::new(4.0).unwrap()))
    );
    replay.order(10_020);
    // Nothing is ordered while one waits, however short it is; desperate, the same victim is sent SIGKILL.
    assert_eq!(replay.read(10_100, &reading(500, 0)), Step::Rest);
    assert_eq!(replay.read(10_200, &reading(300, 0)), Step::Escalate);
    replay.progress.terminating = 0;
    replay.progress.killed = Some(replay.now(10_200).monotonic);
    assert_eq!(replay.read(10_300, &reading(100, 0)), Step::Rest);
    replay.progress = Progress::default();
    assert_eq!(replay.read(10_400, &reading(900, 0)), Step::Rest);
    assert_eq!(replay.read(10_500, &reading(1000, 0)), Step::Rest);
    let over = Step::Over {
        after: Duration::from_millis(9950),
        killed: 1,
    };
    assert_eq!(replay.read(10_550, &reading(1400, 0)), over);
    assert!(!replay.shortage.is_short());
}

#[test]
fn a_victim_that_is_blocked_is_set_aside() {
    let mut replay = Replay::new();
    let _ = replay.read(0, &reading(600, 0));
    assert_eq!(replay.read(20, &reading(600, 0)), Step::Choose);
    replay.order(20);
    replay.progress.terminating = 0;
    replay.progress.killed = Some(replay.now(100).monotonic);
    assert_eq!(replay.read(2000, &reading(200, 0)), Step::Rest);
    assert_eq!(replay.read(2100, &reading(200, 0)), Step::SetAside);
    assert_eq!(replay.read(2110, &reading(200, 0)), Step::Choose);
}

#[test]
fn a_second_order_waits_until_the_first_has_settled() {
    let mut replay = Replay::new();
    let _ = replay.read(0, &reading(600, 0));
    assert_eq!(replay.read(20, &reading(600, 0)), Step::Choose);
    replay.order(20);
    replay.progress = Progress::default();
    assert_eq!(replay.read(100, &reading(600, 0)), Step::Rest);
    assert_eq!(replay.read(150, &reading(600, 0)), Step::Rest);
    assert_eq!(replay.read(250, &reading(600, 0)), Step::Rest);
    assert_eq!(replay.read(300, &reading(600, 0)), Step::Choose);
    // Where nothing is left there is no time for that.
    replay.order(300);
    replay.progress = Progress::default();
    assert_eq!(replay.read(400, &reading(100, 0)), Step::Rest);
    assert_eq!(replay.read(410, &reading(100, 0)), Step::Rest);
    assert_eq!(replay.read(430, &reading(100, 0)), Step::Choose);
}

#[test]
fn a_stall_is_a_shortage_where_little_is_available() {
    for (available, is_short) in [(3900, true), (4100, false)] {
        let mut replay = Replay::new();
        let mut steps = Vec::new();
        for tenth in 0..=100_u64 {
            // Half of the time all work waits.
            steps.push(replay.read(tenth * 100, &reading(available, tenth * 50)));
        }
        let index = steps.iter().position(|step| *step == Step::Choose);
        assert_eq!(index, is_short.then_some(80), "{available}");
        assert_eq!(steps.contains(&Step::Warn), is_short);
    }
}

#[test]
fn what_stalls_after_a_resume_is_no_shortage() {
    let mut replay = Replay::new();
    let mut millis = 0;
    let mut read = |replay: &mut Replay, asleep: u64, stalled: u64| {
        millis += 100;
        let now = Now {
            since_boot: Duration::from_millis(millis + asleep),
            ..at(replay.start + Duration::from_millis(millis))
        };
        let reading = reading(3900, stalled);
        let config = replay.config;
        replay
            .shortage
            .tick(&config, &reading, Progress::default(), Duration::ZERO, &now)
    };
    for _ in 0..20 {
        assert_eq!(read(&mut replay, 0, 0), Step::Rest);
    }
    // An hour of sleep, and then everything waits for 20 s.
    for tenth in 0..290_u64 {
        assert_eq!(
            read(&mut replay, 3_600_000, (tenth * 100).min(20_000)),
            Step::Rest
        );
    }
    // From half a minute on it counts again.
    let step = (0..100_u64)
        .find(|tenth| read(&mut replay, 3_600_000, 20_000 + tenth * 100) == Step::Choose);
    assert!(
        step.is_some_and(|tenth| (40..60).contains(&tenth)),
        "{step:?}"
    );
}

#[test]
fn without_psi_or_with_a_threshold_of_zero_no_stall_counts() {
    for stalled in [None, Some(9_000)] {
        let mut replay = Replay::new();
        replay.config.stall = Duration::ZERO;
        for tenth in 0..100_u64 {
            let reading = Reading {
                stalled: stalled.map(|total: u64| Duration::from_millis(total * tenth)),
                ..reading(3000, 0)
            };
            assert_eq!(replay.read(tenth * 100, &reading), Step::Rest);
        }
    }
}

/// On a machine of 512 MiB the floor is 20 MiB; a storm takes 1 GiB a second.
#[test]
fn the_floor_grows_with_the_speed_of_the_fall() {
    let small = |left: u64| Reading {
        total: Bytes::new(512 * MIB),
        available: Bytes::new(left * MIB),
        left: Bytes::new(left * MIB),
        stalled: None,
    };
    let mut replay = Replay::new();
    let mut chosen = None;
    for (index, left) in (0..=50).map(|step| 500 - 10 * step).enumerate() {
        if replay.read(10 * index as u64, &small(left)) == Step::Choose {
            chosen = Some(left);
            break;
        }
    }
    // An eighth at most: 64 MiB, and 20 MiB more that two readings take.
    assert_eq!(chosen, Some(60));
    // The same amount that does not fall is no shortage.
    let mut replay = Replay::new();
    for index in 0..100 {
        assert_ne!(replay.read(10 * index, &small(60)), Step::Choose);
    }
    // Nor one that falls slowly.
    let mut replay = Replay::new();
    for index in 0..100 {
        assert_ne!(replay.read(100 * index, &small(120 - index)), Step::Choose);
    }
}

#[test]
fn the_next_reading_comes_before_the_fastest_growth_passes_the_floor() {
    let wait = |left: u64| {
        let mut replay = Replay::new();
        let _ = replay.read(0, &reading(left, 0));
        replay.shortage.next_tick().duration_since(replay.start)
    };
    assert_eq!(wait(16_000).as_millis(), 1000);
    assert_eq!(wait(1000).as_millis(), 58);
    assert_eq!(wait(650).as_millis(), 10);
    assert_eq!(wait(600).as_millis(), 20);
}

#[test]
fn only_a_notable_stall_is_read_ten_times_a_second() {
    let wait = |stalled: u64| {
        let mut replay = Replay::new();
        let _ = replay.read(0, &reading(16_000, 0));
        let _ = replay.read(1000, &reading(16_000, stalled));
        let (next, now) = (replay.shortage.next_tick(), replay.now(1000).monotonic);
        next.duration_since(now)
    };
    assert_eq!(wait(249).as_millis(), 1000);
    assert_eq!(wait(250).as_millis(), 100);
}

#[test]
fn it_only_warns_where_that_is_configured() {
    let mut replay = Replay::new();
    replay.config.action = SystemAction::Warn;
    let mut steps: Vec<Step> = (0..700)
        .map(|tenth| replay.read(tenth * 100, &reading(100, 0)))
        .collect();
    steps.push(replay.read(70_000, &reading(5000, 0)));
    let said: Vec<_> = steps.iter().filter(|step| **step != Step::Rest).collect();
    assert!(
        matches!(said[..], [Step::Warn, Step::Over { killed: 0, .. }]),
        "{said:?}"
    );
}

#[test]
fn a_dry_run_is_reported_once_in_a_shortage() {
    let mut replay = Replay::new();
    let _ = replay.read(0, &reading(600, 0));
    assert_eq!(replay.read(20, &reading(600, 0)), Step::Choose);
    replay.shortage.reported();
    for tenth in 1..100 {
        assert_eq!(replay.read(tenth * 100, &reading(600, 0)), Step::Rest);
    }
    assert!(matches!(
        replay.read(20_000, &reading(3000, 0)),
        Step::Over { killed: 0, .. }
    ));
    let _ = replay.read(20_100, &reading(600, 0));
    assert_eq!(replay.read(20_200, &reading(600, 0)), Step::Choose);
}

#[test]
fn no_candidate_is_reported_once_a_minute_and_looked_for_once_a_second() {
    let mut replay = Replay::new();
    let (mut chosen, mut reported) = (0, 0);
    for hundredth in 0..7000 {
        if replay.read(hundredth * 10, &reading(600, 0)) == Step::Choose {
            chosen += 1;
            let now = replay.now(hundredth * 10).monotonic;
            reported += u32::from(replay.shortage.found_none(now));
        }
    }
    assert_eq!((chosen, reported), (70, 2));
}

/// What happens on a machine at one reading: what is left in MiB, by how much it stalls, and how far the victims get.
type Moment = (u64, u64, u8);

proptest! {
    #[test]
    fn there_is_one_order_at_a_time(moments in prop::collection::vec((0_u64..4000, 0_u64..100, 0_u8..10), 1..400)) {
        let run = |moments: &[Moment]| {
            let mut replay = Replay::new();
            let (mut stalled, mut steps) = (0, Vec::new());
            for (index, &(left, stall, event)) in moments.iter().enumerate() {
                let millis = 50 * index as u64;
                stalled += stall.min(50);
                match (event, replay.progress.terminating) {
                    (0, _) => replay.progress = Progress::default(),
                    (1, 1..) => {
                        replay.progress.terminating = 0;
                        replay.progress.killed = Some(replay.now(millis).monotonic);
                    }
                    _ => {}
                }
                let waits = replay.progress.left > 0;
                let step = replay.read(millis, &reading(left, stalled));
                match step {
                    Step::Choose => {
                        assert!(!waits, "a second order while one waits");
                        if event == 9 {
                            replay.shortage.found_none(replay.now(millis).monotonic);
                        } else {
                            replay.order(millis);
                        }
                    }
                    Step::Escalate => {
                        assert!(replay.progress.terminating > 0);
                        replay.progress.terminating = 0;
                        replay.progress.killed = Some(replay.now(millis).monotonic);
                    }
                    Step::SetAside => replay.progress = Progress::default(),
                    Step::Warn | Step::Over { .. } => assert!(!waits),
                    Step::Rest => {}
                }
                assert!(replay.shortage.next_tick() > replay.now(millis).monotonic);
                steps.push(step);
            }
            steps
        };
        // The same samples give the same order.
        prop_assert_eq!(run(&moments), run(&moments));
    }
}

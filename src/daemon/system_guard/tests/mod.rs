//! Replays of what machines really did: the guard's own readings, states, candidates and choices, and the verdicts of
//! regular scans, over a directory that shows one recorded sample after the other. Nothing is signalled: a victim ends
//! by the replay.

mod recording;
mod replay;
mod world;

use crate::quantities::Pid;
use recording::Recording;
use replay::{DESKTOP, Extra, Replay, SHIPPED, config, replay};
use std::time::Duration;
use world::{Zram, pid_of};

/// No order and nothing over its threshold as it was recorded; with a hog on top one order, of the hog.
fn is_harmless(recording: &Recording, extra: &Extra) {
    for name in [SHIPPED, DESKTOP] {
        let outcome = replay(recording, config(name), extra);
        assert_eq!(outcome.orders, [], "{name}");
        assert_eq!(outcome.over, Vec::<String>::new(), "{name}");
        assert!(outcome.readings > 30, "{name}: {outcome:?}");
        let hog_from = Some(recording.length() / 2);
        let with_hog = Extra {
            hog_from,
            ..extra.clone()
        };
        let outcome = replay(recording, config(name), &with_hog);
        let victims: Vec<_> = outcome.orders.iter().map(|order| &order.victims).collect();
        assert_eq!(victims, [&["hog"]], "{name}: {outcome:?}");
    }
}

#[test]
fn a_build_needs_no_kill() {
    let recording = Recording::read("build");
    // It takes up to 3 times the floor.
    let floor = recording.total / 25;
    let least = recording.least_available();
    assert!((floor..3 * floor).contains(&least), "{least}");
    is_harmless(&recording, &Extra::default());
}

#[test]
fn a_copy_of_20_gb_needs_no_kill() {
    let recording = Recording::read("copy");
    // All that is not in use is cache, and a tenth of the time all work waits for it.
    assert!(recording.least_available() < recording.total / 4);
    assert!(recording.longest_stall() > 900);
    is_harmless(&recording, &Extra::default());
    // Were a twentieth of the time a shortage, this would be one.
    let mut strict = config(SHIPPED);
    strict.system.stall = Duration::from_millis(500);
    let outcome = replay(&recording, strict, &Extra::default());
    assert!(!outcome.orders.is_empty());
}

#[test]
fn reading_every_file_needs_no_kill() {
    let recording = Recording::read("check");
    assert!(recording.least_available() < recording.total / 8);
    is_harmless(&recording, &Extra::default());
}

#[test]
fn twenty_suspends_need_no_kill() {
    let recording = Recording::read("copy").scaled(16);
    let suspends: Vec<_> = (0..20).map(|number| 10_000 + 35_000 * number).collect();
    let rounds = 720_000 / recording.length() + 1;
    let extra = Extra {
        rounds,
        suspends,
        asleep: 3_600_000,
        ..Extra::default()
    };
    is_harmless(&recording, &extra);
    // The same stalls of a machine that was awake.
    let awake = Extra {
        rounds: 2,
        asleep: 0,
        ..extra
    };
    let outcome = replay(&recording, config(SHIPPED), &awake);
    assert!(!outcome.orders.is_empty());
}

#[test]
fn half_full_zram_needs_no_kill() {
    let recording = Recording::read("build");
    let half_full = Extra {
        zram: Some(Zram {
            size: 2 << 20,
            used: 1 << 20,
            percent: 40,
        }),
        // As little is available as where the kernel swaps: less than the floor at times.
        taken: recording.least_available() - recording.total / 50,
        ..Extra::default()
    };
    is_harmless(&recording, &half_full);
    // What does not compress gains nothing.
    let incompressible = Extra {
        zram: half_full.zram.map(|zram| Zram {
            percent: 100,
            ..zram
        }),
        ..half_full
    };
    let outcome = replay(&recording, config(SHIPPED), &incompressible);
    assert!(!outcome.orders.is_empty());
}

#[test]
fn the_same_samples_give_the_same_orders() {
    for name in ["build", "copy", "check"] {
        let recording = Recording::read(name);
        let extra = Extra {
            hog_from: Some(10_000),
            ..Extra::default()
        };
        let outcome = replay(&recording, config(SHIPPED), &extra);
        assert_eq!(
            outcome,
            replay(&recording, config(SHIPPED), &extra),
            "{name}"
        );
        assert_eq!(outcome.orders.len(), 1, "{name}");
    }
}

/// As for a selftest, which the hog is no part of.
#[test]
fn confined_to_one_process_it_signals_no_other() {
    let recording = Recording::read("copy");
    let extra = Extra {
        hog_from: Some(10_000),
        ..Extra::default()
    };
    let mut replay = Replay::new(&recording, config(SHIPPED), extra);
    let own = Pid::new(pid_of(1)).unwrap();
    let key = replay.machine.sampler.identify(own).unwrap();
    replay.machine.only = key;
    let outcome = replay.run();
    let victims: Vec<_> = outcome.orders.iter().map(|order| &order.victims).collect();
    assert_eq!(victims, [&["python3"]], "{outcome:?}");
}

//! Replays of what machines really did: the guard's own readings, states, candidates and choices, and the verdicts of
//! regular scans, over a directory that shows one recorded sample after the other. Nothing is signalled: a victim ends
//! by the replay.

mod recording;
mod replay;
mod world;

use crate::config::{Config, Origin};
use crate::quantities::Pid;
use recording::Recording;
use replay::{DESKTOP, Extra, Outcome, Replay, SHIPPED, config, replay};
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

/// By all that the daemon does: scans, early ones, groups and the guard, which has nothing to do then.
fn with_scans(recording: &Recording, config: Config, hog_from: Option<u64>) -> Outcome {
    let extra = Extra {
        hog_from,
        do_scans_kill: true,
        ..Extra::default()
    };
    let outcome = replay(recording, config, &extra);
    assert_eq!(outcome.orders, [], "{outcome:?}");
    outcome
}

#[test]
fn early_scans_kill_what_crosses_its_threshold_and_nothing_else() {
    // When the hog begins: while a build takes most, the guard is sooner.
    for (name, from) in [("build", 1_000), ("copy", 11_000), ("check", 11_000)] {
        let recording = Recording::read(name);
        let outcome = with_scans(&recording, config(SHIPPED), None);
        assert_eq!(outcome.killed, [], "{name}");
        let outcome = with_scans(&recording, config(SHIPPED), Some(from));
        let [(millis, victim, None)] = &outcome.killed[..] else {
            panic!("{name}: {outcome:?}");
        };
        assert_eq!(victim, "hog", "{name}");
        // A tenth of the memory at 200 MiB a second; the next regular scan is seconds away.
        let crossed = from + recording.total / 10 * 1000 / (200 << 10);
        assert!(
            (crossed..crossed + 150).contains(millis),
            "{name}: {millis} of {crossed}, {outcome:?}"
        );
    }
}

#[test]
fn a_group_is_over_when_its_processes_are_and_no_sooner() {
    for name in ["copy", "check"] {
        let recording = Recording::read(name).scaled(16);
        let config = || {
            let group = "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = inf\ncheck_interval = 2\n\
                         [settings]\ndry_run = true\n[system]\naction = \"kill\"\n\
                         [[group]]\nby = \"user\"\nmetric = \"rss\"\nram_percent_threshold = 88\n\
                         [[rule]]\nname = \"python3\"\naction = \"protect\"\n";
            let loaded = Config::parse(group.as_bytes(), Origin::File("c".into()), &|_| Ok(None));
            loaded.map_err(|error| error.to_string()).unwrap().config
        };
        // They have up to 84% together, most of it processes that are protected and count.
        assert_eq!(with_scans(&recording, config(), None).killed, [], "{name}");
        let outcome = with_scans(&recording, config(), Some(11_000));
        let [(millis, victim, Some("user"))] = &outcome.killed[..] else {
            panic!("{name}: {outcome:?}");
        };
        assert_eq!(victim, "hog", "{name}");
        assert!(*millis > 12_000, "{name}: {outcome:?}");
    }
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

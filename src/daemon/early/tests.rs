//! Early scan over a folder of files that is a machine with 100 GB: who is watched, and what calls for a
//! scan. Each time nothing but the one thing changes.

use super::*;
use crate::config::{Config, Origin};
use crate::policy::{Grants, Survey};
use crate::sample::ProcRoot;
use std::fs;
use tempfile::TempDir;

const PID: u32 = 100;
const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;
const GENERAL: &str = "[thresholds]\nram_percent_threshold = 100.0\nram_gb_threshold = 1\n";
/// More than any credit.
const DEAR: Duration = Duration::from_secs(1);

struct Scene {
    folder: TempDir,
    policy: Policy,
    sampler: Sampler,
    snapshot: Snapshot,
    early: Early,
    now: Instant,
}

impl Scene {
    /// One process with so many MiB resident and others swapped out, under these rules.
    fn new(rules: &str, rss: u64, swap: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path().join(PID.to_string());
        fs::create_dir(&process).unwrap();
        let zeros = "0 ".repeat(12);
        for (file, text) in [
            ("stat", format!("{PID} (hog) S 1 {zeros} 20 0 1 0 7 0 0\n")),
            ("oom_score_adj", "0\n".to_owned()),
            (
                "status",
                format!(
                    "Uid:\t5\t5\t5\t5\nVmSwap:\t{} kB\nRssAnon:\t{} kB\n",
                    swap * 1024,
                    rss * 1024
                ),
            ),
        ] {
            fs::write(process.join(file), text).unwrap();
        }
        let origin = Origin::File("test.toml".into());
        let text = format!("{GENERAL}{rules}");
        let config = Config::parse(text.as_bytes(), origin, &|_| Ok(None)).unwrap();
        let policy = Policy {
            config: config.config,
            pinned: Vec::new(),
            grants: Grants::default(),
            own: Pid::new(7).unwrap(),
        };
        set_rss(&folder, rss);
        set_memory(&folder, 50_000, 9_000, swap);
        let mut sampler = Sampler::new(ProcRoot::open(folder.path(), PAGE).unwrap());
        sampler.inquire(Box::new(Survey::new(&policy.config)));
        let now = Instant::now();
        let (early, _) = Early::new(&sampler, now).unwrap();
        let mut scene = Self {
            folder,
            policy,
            sampler,
            snapshot: Snapshot::default(),
            early,
            now,
        };
        scene.scan(None, &Timed::default());
        scene
    }

    /// A scan, which was in vain where it had a cost.
    fn scan(&mut self, cost: Option<Duration>, timed: &Timed) {
        let policy = &self.policy;
        let sieve = |memory: &_| policy.sieve(memory);
        self.sampler.scan(sieve, &mut self.snapshot).unwrap();
        let rules = (policy, timed);
        let (early, snapshot) = (&mut self.early, &mut self.snapshot);
        early.renew(rules, &self.sampler, snapshot, cost, self.now);
    }

    fn calls(&mut self) -> bool {
        self.early.calls_for_scan(false, self.now)
    }

    fn set_rss(&self, mib: u64) {
        set_rss(&self.folder, mib);
    }

    fn set_memory(&self, available: u64, anonymous: u64, swapped: u64) {
        set_memory(&self.folder, available, anonymous, swapped);
    }
}

fn set_rss(folder: &TempDir, mib: u64) {
    let statm = folder.path().join(format!("{PID}/statm"));
    fs::write(statm, format!("9999999 {} 0 0 0 0 0\n", mib * MIB / PAGE)).unwrap();
}

/// In MiB; there are 10,000 of swap.
fn set_memory(folder: &TempDir, available: u64, anonymous: u64, swapped: u64) {
    let text = format!(
        "MemTotal: {} kB\nMemAvailable: {} kB\nSwapTotal: {} kB\nSwapFree: {} kB\nAnonPages: {} kB\n\
         Mapped: 0 kB\n",
        100 << 20,
        available << 10,
        10_000 << 10,
        (10_000 - swapped) << 10,
        anonymous << 10,
    );
    fs::write(folder.path().join("meminfo"), text).unwrap();
}

#[test]
fn who_has_a_threshold_of_their_own_is_watched_up_to_there() {
    let rule = |keys| format!("[[rule]]\nname = \"hog\"\n{keys}\n");
    for (keys, rss, swap, within, over) in [
        // Below everybody's threshold, and the early warning.
        ("", 500, 0, 1_024, 1_025),
        ("", 1_000, 0, 1_024, 1_025),
        // Over everybody's, under its own.
        ("ram_gb_threshold = 4", 1_500, 0, 4_096, 4_097),
        ("ram_gb_threshold = 4", 4_000, 0, 4_096, 4_097),
        // What is in swap is part of it.
        ("metric = \"anon\"", 500, 400, 624, 625),
        ("metric = \"anon\"", 100, 850, 174, 175),
        // It is over already, and left alone: nothing more to be seen.
        ("action = \"warn\"", 1_500, 0, 9_000, 9_001),
    ] {
        let mut scene = Scene::new(&rule(keys), rss, swap);
        assert!(!scene.calls(), "{keys} {rss}");
        scene.set_rss(within);
        assert!(!scene.calls(), "{keys} {rss} {within}");
        scene.set_rss(over);
        assert_eq!(scene.calls(), !keys.contains("warn"), "{keys} {rss} {over}");
    }
}

#[test]
fn one_that_waits_for_its_end_is_watched_until_it_has_more_than_is_left() {
    let mut scene = Scene::new("", 2_000, 0);
    let mut timed = Timed::default();
    let key = scene.snapshot.near[0].key().unwrap();
    timed.record(key, scene.now, Some(scene.now + Duration::from_secs(60)));
    scene.scan(Some(DEAR), &timed);
    scene.set_rss(26_000);
    assert!(!scene.calls());
    scene.set_rss(26_001);
    assert!(scene.calls());
}

#[test]
fn scans_in_vain_are_paid_for_but_not_with_the_last_memory() {
    for (cost, is_resting) in [(None, false), (Some(DEAR), true)] {
        let mut scene = Scene::new("", 500, 0);
        let mut after = |change: &dyn Fn(&Scene)| {
            scene.set_rss(500);
            scene.set_memory(50_000, 9_000, 0);
            scene.scan(cost, &Timed::default());
            assert!(!scene.calls());
            change(&scene);
            scene.calls()
        };
        // The sieve is 819 MiB, and nobody else is there.
        assert!(!after(&|scene| scene.set_memory(50_000, 9_100, 0)));
        assert_eq!(
            after(&|scene| scene.set_memory(50_000, 9_820, 0)),
            !is_resting
        );
        // Half of what was left, with the swap.
        assert!(!after(&|scene| scene.set_memory(20_000, 9_000, 0)));
        assert!(after(&|scene| scene.set_memory(19_999, 9_000, 0)));
        assert!(after(&|scene| scene.set_memory(29_000, 9_000, 9_001)));
        assert!(after(&|scene| scene.set_rss(1_025)));
    }
}

#[test]
fn what_only_may_be_over_is_a_suspicion() {
    let rule = "[[rule]]\nname = \"hog\"\nmetric = \"anon\"\n";
    let mut scene = Scene::new(rule, 500, 0);
    scene.scan(Some(DEAR), &Timed::default());
    scene.set_rss(1_025);
    assert!(!scene.calls());
    scene.scan(None, &Timed::default());
    scene.set_rss(2_000);
    assert!(scene.calls());
}

#[test]
fn a_jump_of_the_clock_neither_floods_nor_stops_the_ticks() {
    let mut scene = Scene::new("", 1_000, 0);
    for days in [1, 400, 36_500] {
        scene.now += Duration::from_secs(days * 86_400);
        scene.set_rss(1_000 + days % 3);
        assert!(!scene.calls());
        let wait = scene.early.next_tick() - scene.now;
        assert!(wait >= Duration::from_millis(2) && wait <= Duration::from_secs(1));
    }
    // Back to where it was: time that has not come yet is not waited for.
    scene.now -= Duration::from_secs(86_400);
    assert!(!scene.calls());
    assert!(scene.early.next_tick() <= scene.now + Duration::from_secs(1));
}

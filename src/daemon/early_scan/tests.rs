//! Early scan over a directory of files that is a machine with 100 GB: which processes are watched, and what calls for
//! a scan. Each time nothing but the one thing changes.

use super::*;
use crate::config::Origin;
use crate::policy::Exemptions;
use crate::proc::ProcRoot;
use std::fs;
use tempfile::TempDir;

const PID: u32 = 100;
const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;
const GENERAL: &str = "[thresholds]\nram_percent_threshold = 100.0\nram_gb_threshold = 1\n";
/// More than any credit.
const EXPENSIVE: Duration = Duration::from_secs(1);

struct Context {
    directory: TempDir,
    policy: Policy,
    machine: Machine,
    early: EarlyScan,
    now: Instant,
}

impl Context {
    /// One process with so many MiB resident and others swapped out, under these rules.
    fn new(rules: &str, rss: u64, swap: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = directory.path().join(PID.to_string());
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
            exemptions: Exemptions::default(),
            own: Pid::new(7).unwrap(),
        };
        // It is not a young one.
        fs::write(directory.path().join("loadavg"), "0 0 0 1/1 100\n").unwrap();
        set_rss(&directory, rss);
        set_memory(&directory, 50_000, 9_000, swap);
        let sampler = Sampler::new(ProcRoot::open(directory.path(), PAGE).unwrap());
        let machine = Machine::with_capacity(1, sampler, None);
        let now = Instant::now();
        let (early, _) = EarlyScan::new(&machine.sampler, now).unwrap();
        let mut context = Self {
            directory,
            policy,
            machine,
            early,
            now,
        };
        context.scan(Extent::All, None, &OverSince::default());
        context
    }

    /// A scan, which was in vain where it had a cost.
    fn scan(&mut self, extent: Extent, cost: Option<Duration>, over: &OverSince) {
        let Machine {
            sampler,
            snapshot,
            few,
            wanted,
            ..
        } = &mut self.machine;
        match extent {
            Extent::All => sampler.scan(&self.policy, snapshot).unwrap(),
            Extent::Few => sampler.list_few(&self.policy, wanted, few).unwrap(),
        }
        let now = Now {
            monotonic: self.now,
            ..sys::now()
        };
        let times = (self.now, &now);
        self.early
            .renew(&self.policy, over, &mut self.machine, (extent, cost), times);
    }

    fn calls(&mut self) -> bool {
        self.tick().is_some()
    }

    fn tick(&mut self) -> Option<Extent> {
        self.early.tick(&mut self.machine, false, None, self.now)
    }

    fn set_rss(&self, mib: u64) {
        set_rss(&self.directory, mib);
    }

    fn set_memory(&self, available: u64, anonymous: u64, swapped: u64) {
        set_memory(&self.directory, available, anonymous, swapped);
    }
}

fn set_rss(directory: &TempDir, mib: u64) {
    let statm = directory.path().join(format!("{PID}/statm"));
    fs::write(statm, format!("9999999 {} 0 0 0 0 0\n", mib * MIB / PAGE)).unwrap();
}

/// In MiB; there are 10,000 of swap.
fn set_memory(directory: &TempDir, available: u64, anonymous: u64, swapped: u64) {
    let text = format!(
        "MemTotal: {} kB\nMemAvailable: {} kB\nSwapTotal: {} kB\nSwapFree: {} kB\nAnonPages: {} kB\n\
         Mapped: 0 kB\n",
        100 << 20,
        available << 10,
        10_000 << 10,
        (10_000 - swapped) << 10,
        anonymous << 10,
    );
    fs::write(directory.path().join("meminfo"), text).unwrap();
}

#[test]
fn a_process_with_a_threshold_of_its_own_is_watched_up_to_it() {
    let rule = |keys| format!("[[rule]]\nname = \"hog\"\n{keys}\n");
    for (keys, rss, swap, within, over) in [
        // Below the general threshold, and the early warning.
        ("", 500, 0, 1_024, 1_025),
        ("", 1_000, 0, 1_024, 1_025),
        // Over the general one, under its own.
        ("ram_gb_threshold = 4", 1_500, 0, 4_096, 4_097),
        ("ram_gb_threshold = 4", 4_000, 0, 4_096, 4_097),
        // What is in swap is part of it.
        ("metric = \"anon\"", 500, 400, 624, 625),
        ("metric = \"anon\"", 100, 850, 174, 175),
        // It is over already, and only reported: nothing would follow.
        ("action = \"warn\"", 1_500, 0, 9_000, 9_001),
    ] {
        let mut context = Context::new(&rule(keys), rss, swap);
        assert!(!context.calls(), "{keys} {rss}");
        context.set_rss(within);
        assert!(!context.calls(), "{keys} {rss} {within}");
        context.set_rss(over);
        assert_eq!(
            context.calls(),
            !keys.contains("warn"),
            "{keys} {rss} {over}"
        );
    }
}

#[test]
fn a_delayed_one_is_watched_until_it_has_more_than_is_available() {
    let mut context = Context::new("", 2_000, 0);
    let mut over = OverSince::default();
    let key = context.machine.snapshot.near[0].key().unwrap();
    over.record(
        key,
        context.now,
        Some(context.now + Duration::from_secs(60)),
    );
    context.scan(Extent::All, Some(EXPENSIVE), &over);
    context.set_rss(26_000);
    assert!(!context.calls());
    context.set_rss(26_001);
    assert!(context.calls());
}

#[test]
fn all_are_scanned_at_once_for_the_last_memory_and_a_watched_process() {
    for cost in [None, Some(EXPENSIVE)] {
        let mut context = Context::new("", 500, 0);
        let mut after = |change: &dyn Fn(&Context)| {
            context.set_rss(500);
            context.set_memory(50_000, 9_000, 0);
            context.scan(Extent::All, cost, &OverSince::default());
            assert!(!context.calls());
            change(&context);
            context.tick()
        };
        // Half of what was available, with the swap.
        let all = Some(Extent::All);
        assert_eq!(after(&|context| context.set_memory(20_000, 9_000, 0)), None);
        assert_eq!(after(&|context| context.set_memory(19_999, 9_000, 0)), all);
        assert_eq!(
            after(&|context| context.set_memory(29_000, 9_000, 9_001)),
            all
        );
        assert_eq!(after(&|context| context.set_rss(1_025)), Some(Extent::Few));
    }
}

#[test]
fn what_no_known_process_explains_is_looked_for_at_once_and_everywhere_within_a_second() {
    let mut context = Context::new("", 500, 0);
    context.scan(Extent::All, Some(EXPENSIVE), &OverSince::default());
    // The sieve is 819 MiB, and there is no other process.
    context.set_memory(50_000, 9_100, 0);
    assert!(!context.calls());
    context.set_memory(50_000, 9_820, 0);
    // The young ones are read; it is none of them.
    assert_eq!(context.tick(), Some(Extent::Few));
    context.scan(Extent::Few, Some(EXPENSIVE), &OverSince::default());
    assert!(!context.early.wants_all(context.now));
    assert!(context.early.next_tick() <= context.now + Duration::from_secs(1));
    context.now += Duration::from_secs(1);
    assert!(context.calls());
    assert!(context.early.wants_all(context.now));
    context.scan(Extent::All, Some(EXPENSIVE), &OverSince::default());
    assert!(!context.calls());
}

#[test]
fn what_a_watched_process_has_taken_calls_only_for_what_can_wait() {
    for (is_resting, called) in [(false, Some(Extent::Few)), (true, None)] {
        let mut context = Context::new("[[rule]]\nname = \"hog\"\nram_gb_threshold = 4\n", 500, 0);
        let cost = is_resting.then_some(EXPENSIVE);
        context.scan(Extent::All, cost, &OverSince::default());
        context.set_memory(50_000, 9_820, 0);
        context.set_rss(1_320);
        assert_eq!(context.tick(), called, "{is_resting}");
        assert_eq!(context.early.wants_all(context.now), !is_resting);
        context.now += Duration::from_secs(1);
        assert_eq!(context.tick(), Some(Extent::Few));
        assert!(context.early.wants_all(context.now));
    }
}

#[test]
fn what_only_may_be_over_is_speculation() {
    let rule = "[[rule]]\nname = \"hog\"\nmetric = \"anon\"\n";
    let mut context = Context::new(rule, 500, 0);
    context.scan(Extent::All, Some(EXPENSIVE), &OverSince::default());
    context.set_rss(1_025);
    assert!(!context.calls());
    context.now += Duration::from_secs(1);
    assert_eq!(context.tick(), Some(Extent::Few));
    assert_eq!(context.machine.wanted, [Pid::new(PID).unwrap()]);
    context.scan(Extent::All, None, &OverSince::default());
    context.set_rss(2_000);
    assert!(context.calls());
}

#[test]
fn a_jump_of_the_clock_neither_floods_nor_stops_the_ticks() {
    let mut context = Context::new("", 1_000, 0);
    for days in [1, 400, 36_500] {
        context.now += Duration::from_secs(days * 86_400);
        context.set_rss(1_000 + days % 3);
        assert!(!context.calls());
        let wait = context.early.next_tick() - context.now;
        assert!(wait >= Duration::from_millis(2) && wait <= Duration::from_secs(1));
    }
    // Back to where it was: time that has not come yet is not waited for.
    context.now -= Duration::from_secs(86_400);
    assert!(!context.calls());
    assert!(context.early.next_tick() <= context.now + Duration::from_secs(1));
}

#[test]
fn the_first_tick_after_a_long_scan_in_vain_has_time_to_see_growth() {
    let mut context = Context::new("", 500, 0);
    let began = context.now;
    // The scan took longer than the shortest wait.
    let ended = began + Duration::from_millis(27);
    let now = Now {
        monotonic: ended,
        ..sys::now()
    };
    let cost = Some(Duration::from_millis(27));
    let over = OverSince::default();
    let (policy, machine) = (&context.policy, &mut context.machine);
    context
        .early
        .renew(policy, &over, machine, (Extent::All, cost), (began, &now));
    assert_eq!(context.early.next_tick(), ended + early_scan::SOONEST);
}

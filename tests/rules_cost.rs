//! What rules cost where they can't match: no allocation, no question and no system call more, which is
//! exact, and no time, which `cargo test --release --test rules_cost -- --ignored --nocapture` prints.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

#[allow(unsafe_code, reason = "an allocator is")]
#[path = "../src/sys/counting.rs"]
mod counting;

use counting::ALLOCATIONS;
use memory_monitor::config::{Config, Origin};
use memory_monitor::policy::Policy;
use memory_monitor::proc::{
    Facts, Name, ProcRoot, Questions, RuleFiles, RuleInput, RuleMatch, Sampler, Snapshot,
    SystemMemory,
};
use memory_monitor::quantities::{Bytes, Metric, Pid};
use memory_monitor::sys;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// So many rules of all kinds, with thresholds that nothing here is near to.
fn policy(rules: usize) -> Policy {
    let mut text =
        "[thresholds]\nram_gb_threshold = 1000\nram_percent_threshold = 100\n".to_owned();
    for number in 0..rules {
        let pattern = match number % 4 {
            0 => format!("name = \"name{number}*\""),
            1 => format!("exe = \"/opt/{number}/*\""),
            2 => format!("cmdline = \"*--number={number}*\""),
            _ => format!("unit = \"unit{number}.service\""),
        };
        let _ = writeln!(
            text,
            "[[rule]]\n{pattern}\nram_gb_threshold = {}",
            900 + number
        );
    }
    let origin = Origin::File("test.toml".into());
    let loaded = Config::parse(text.as_bytes(), origin, &|_| Ok(None)).unwrap();
    Policy::new(loaded.config, Pid::new(std::process::id()).unwrap())
}

fn scanner() -> Sampler {
    Sampler::new(ProcRoot::system().unwrap())
}

#[test]
fn a_steady_scan_with_a_hundred_rules_allocates_nothing() {
    // This process itself is over everything, so that it is read in every detail.
    let mut near = policy(100);
    near.config.thresholds = lowest_thresholds();
    for policy in [policy(0), policy(100), near] {
        let mut sampler = scanner();
        let mut snapshot = Snapshot::default();
        let mut scan = || {
            let before = ALLOCATIONS.with(Cell::get);
            sampler.scan(&policy, &mut snapshot).unwrap();
            for process in &snapshot.near {
                let _ = policy.judge(process, &snapshot.memory, &sys::now());
            }
            ALLOCATIONS.with(Cell::get) - before
        };
        scan();
        // Other processes come and go: what they need is kept after one scan with as many.
        assert!((0..50).any(|_| scan() == 0));
    }
}

fn lowest_thresholds() -> memory_monitor::config::Thresholds {
    let text = b"[thresholds]\nram_gb_threshold = 0.000001\n";
    let origin = Origin::File("test.toml".into());
    Config::parse(text, origin, &|_| Ok(None))
        .unwrap()
        .config
        .thresholds
}

/// So many processes of 1 MiB in a directory, and one of 950 GB if there is to be one near a threshold.
fn machine(directory: &Path, processes: u32, with_large: bool) {
    let meminfo =
        "MemTotal: 1048576000 kB\nMemAvailable: 524288000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
    fs::write(directory.join("meminfo"), meminfo).unwrap();
    for pid in 1000..1000 + processes {
        let process = directory.join(pid.to_string());
        fs::create_dir(&process).unwrap();
        fs::write(process.join("statm"), "4096 256 1 1 0 1 0\n").unwrap();
    }
    if with_large {
        let process = directory.join("1000");
        let stat =
            "1000 (large) S 1 1 1 0 -1 4194560 1 0 3 0 40 12 0 0 20 0 1 0 100 25165824 3072 0\n";
        let status = "Name:\tlarge\nUid:\t1000\t1000\t1000\t1000\nRssAnon:\t1 kB\n";
        for (name, text) in [
            ("statm", "260046848 249036800 1 1 0 1 0\n"),
            ("stat", stat),
            ("status", status),
            ("oom_score_adj", "0\n"),
            ("cmdline", "large\0"),
            ("cgroup", "0::/x.service\n"),
        ] {
            fs::write(process.join(name), text).unwrap();
        }
        std::os::unix::fs::symlink("/usr/bin/large", process.join("exe")).unwrap();
    }
}

/// Counts what is asked about a process.
struct Counted<'p> {
    policy: &'p Policy,
    asked: Cell<u32>,
}

impl Counted<'_> {
    fn count(&self) -> &Policy {
        self.asked.set(self.asked.get() + 1);
        self.policy
    }
}

impl Questions for Counted<'_> {
    fn sieve(&self, memory: &SystemMemory) -> Bytes {
        self.policy.sieve(memory)
    }

    fn anonymous_sieve(&self, total: Bytes) -> Option<Bytes> {
        self.policy.anonymous_sieve(total)
    }

    fn rule_files(&self) -> RuleFiles {
        self.policy.rule_files()
    }

    fn match_rule(&self, input: &RuleInput<'_>) -> RuleMatch {
        self.count().match_rule(input)
    }

    fn metric(&self, matched: RuleMatch, rss: Bytes, total: Bytes) -> Metric {
        self.count().metric(matched, rss, total)
    }

    fn matches_name(&self, name: &[u8]) -> bool {
        self.policy.matches_name(name)
    }

    fn matches_longer_name(&self, start: &[u8]) -> bool {
        self.policy.matches_longer_name(start)
    }

    fn protecting_name<'f>(&self, facts: &'f Facts) -> Option<&'f Name> {
        self.count().protecting_name(facts)
    }

    fn verifies(&self, name: &[u8], file: &[u8]) -> bool {
        self.count().verifies(name, file)
    }
}

#[test]
fn rules_are_asked_only_about_processes_that_are_near() {
    for (with_large, expected) in [(false, 0), (true, 3)] {
        let directory = tempfile::tempdir().unwrap();
        machine(directory.path(), 2000, with_large);
        let policy = policy(100);
        let counted = Counted {
            policy: &policy,
            asked: Cell::new(0),
        };
        let mut sampler = Sampler::new(ProcRoot::open(directory.path(), 4096).unwrap());
        let mut snapshot = Snapshot::default();
        sampler.scan(&counted, &mut snapshot).unwrap();
        assert_eq!(snapshot.scanned, 2000);
        assert_eq!(snapshot.near.len(), usize::from(with_large));
        let asked = counted.asked.get();
        assert_eq!(asked, expected, "its rule, its metric and its name");
    }
}

/// Where the process that is counted finds its machine, how many rules it has and how often it scans.
const COUNTED: &str = "MEMORY_MONITOR_TEST_RULES";
const SCANS: u32 = 3;

/// So many of each system call [`SCANS`] scans of this machine make. What the start of a process and the
/// allocator do is no part of it: it is the difference to a process that makes fewer scans.
fn system_calls(machine: &Path, rules: usize) -> BTreeMap<String, u32> {
    let fewer = system_calls_of(machine, rules, 1);
    let mut calls = system_calls_of(machine, rules, 1 + SCANS);
    for (name, count) in &mut calls {
        *count -= fewer.get(name).copied().unwrap_or(0);
    }
    calls.retain(|_, count| *count > 0);
    calls
}

/// So many of each system call in the whole life of a process that makes so many scans.
fn system_calls_of(machine: &Path, rules: usize, scans: u32) -> BTreeMap<String, u32> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("strace")
        .args([
            "--follow-forks",
            "--summary-only",
            "--summary-columns=calls,name",
            "--trace",
        ])
        // Not what a thread of the test runner, or an allocator, does at its own pace.
        .arg("openat,openat2,close,read,pread64,readlinkat,newfstatat,statx,getdents64,lseek")
        .arg("--output")
        .arg(file.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "scans_where_it_is_told", "--nocapture"])
        .env(COUNTED, format!("{rules} {scans} {}", machine.display()))
        .output()
        .expect("strace is there: see scripts/test for the package");
    assert!(output.status.success(), "{output:?}");
    let table = fs::read_to_string(file.path()).unwrap();
    let row = |line: &str| {
        let (calls, name) = line.trim().split_once(char::is_whitespace)?;
        Some((name.trim().to_owned(), calls.parse().ok()?))
    };
    let mut calls: BTreeMap<_, _> = table.lines().filter_map(row).collect();
    calls.remove("total");
    calls
}

/// Not a test of its own: what [`system_calls`] counts.
#[test]
fn scans_where_it_is_told() {
    let Ok(told) = std::env::var(COUNTED) else {
        return;
    };
    let mut told = told.splitn(3, ' ');
    let mut word = || told.next().unwrap();
    let (rules, scans, directory) = (word(), word(), word());
    let policy = policy(rules.parse().unwrap());
    let mut sampler = Sampler::new(ProcRoot::open(&PathBuf::from(directory), 4096).unwrap());
    let mut snapshot = Snapshot::default();
    for _ in 0..scans.parse().unwrap() {
        sampler.scan(&policy, &mut snapshot).unwrap();
        assert_eq!(snapshot.scanned, 2000);
    }
}

#[test]
fn a_hundred_rules_make_no_system_call_where_nothing_is_near() {
    let directory = tempfile::tempdir().unwrap();
    machine(directory.path(), 2000, false);
    let [without, with] = [0, 100].map(|rules| system_calls(directory.path(), rules));
    assert_eq!(without, with);
    // It did read every process.
    assert!(without["read"] >= 2000 * SCANS, "{without:?}");
}

#[test]
fn a_hundred_rules_read_of_a_large_process_what_they_ask_for_once() {
    let directory = tempfile::tempdir().unwrap();
    machine(directory.path(), 2000, true);
    let [without, with] = [0, 100].map(|rules| system_calls(directory.path(), rules));
    let more = |name: &str| with[name] - without.get(name).copied().unwrap_or(0);
    // cmdline, cgroup and its user namespace; both files are read to their ends. And the link to its executable.
    assert_eq!(more("openat"), 3 * SCANS, "{without:?} {with:?}");
    assert_eq!(more("read"), 4 * SCANS, "{without:?} {with:?}");
    assert_eq!(more("readlinkat"), SCANS, "{without:?} {with:?}");
}

#[test]
#[ignore = "a measurement: starts 2,000 processes and prints times"]
fn the_time_of_a_scan_with_and_without_rules() {
    let idle: Vec<Child> = (0..2000)
        .map(|_| Command::new("sleep").arg("600").spawn().unwrap())
        .collect();
    let policies = [0, 100].map(|rules| (rules, policy(rules)));
    let mut samplers = [scanner(), scanner()];
    let mut best = [Duration::MAX; 2];
    let mut snapshot = Snapshot::default();
    // In turns, so that what else the machine does falls on both alike.
    for _ in 0..200 {
        for ((best, sampler), (_, policy)) in best.iter_mut().zip(&mut samplers).zip(&policies) {
            let start = Instant::now();
            sampler.scan(policy, &mut snapshot).unwrap();
            *best = start.elapsed().min(*best);
        }
    }
    for ((rules, _), best) in policies.iter().zip(best) {
        println!(
            "{rules:3} rules, {} processes: {best:?} a scan",
            snapshot.scanned
        );
    }
    for mut child in idle {
        let _ = child.kill();
        let _ = child.wait();
    }
}

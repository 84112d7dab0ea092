//! Decisions as tables of cases.

mod ceiling;
mod names;
mod rules;

use super::*;
use crate::config::{Config, Origin};
use crate::proc::{Details, Facts, Name, Process, Program, SystemMemory, Unreadable};
use crate::quantities::{Bytes, Now, Pid, ProcessKey, StartTime, Uid};
use std::time::{Duration, Instant, SystemTime};

const GB: u64 = 1 << 30;
const USER: Uid = Uid::new(1000);

/// A process that nothing protects, of 3 GB.
pub(super) fn process(pid: u32) -> Process {
    let facts = Facts {
        uid: USER,
        ..Facts::named(b"hog")
    };
    Process {
        pid: Pid::new(pid).unwrap(),
        rss: Bytes::new(3 * GB),
        facts: Ok(facts),
        details: Details::default(),
    }
}

/// The identity of [`process`].
pub(super) fn key(pid: u32) -> ProcessKey {
    process(pid).key().unwrap()
}

/// This moment, and no time since boot.
pub(super) fn at(monotonic: Instant) -> Now {
    Now {
        monotonic,
        since_boot: Duration::ZERO,
        ticks: StartTime(10),
        wall: SystemTime::UNIX_EPOCH,
    }
}

fn now() -> Now {
    at(Instant::now())
}

fn judge(policy: &Policy, process: &Process) -> Verdict {
    policy.judge(process, &memory(), &now())
}

/// The name of a decision or a verdict.
fn word(decision: &impl std::fmt::Debug) -> String {
    let text = format!("{decision:?}");
    let end = text.find(|c: char| !c.is_alphanumeric());
    text[..end.unwrap_or(text.len())].to_owned()
}

fn with(change: impl FnOnce(&mut Facts)) -> Process {
    let mut process = process(42);
    change(process.facts.as_mut().unwrap());
    process
}

fn policy(text: &str) -> Policy {
    let lookup = |name: &str| Ok((name == "john").then_some(USER));
    let origin = Origin::File("test.toml".into());
    let config = Config::parse(text.as_bytes(), origin, &lookup)
        .unwrap()
        .config;
    Policy::new(config, Pid::new(7).unwrap())
}

/// 100 GB, so that a percent is a GB.
fn memory() -> SystemMemory {
    SystemMemory {
        total: Bytes::new(100 * GB),
        available: Some(Bytes::new(50 * GB)),
        swap_total: Bytes::ZERO,
        swap_free: Bytes::ZERO,
        huge_used: Bytes::ZERO,
    }
}

#[test]
fn either_threshold_is_enough_and_must_be_passed() {
    let none = "";
    for (percent, gb, rss, expected) in [
        (10.0, "2.0", 2 * GB, none),
        (10.0, "2.0", 2 * GB + 1, "ram_gb_threshold = 2.00GB"),
        (1.0, "2.0", GB, none),
        (1.0, "2.0", GB + 1, "ram_percent_threshold = 1.00%"),
        (1.0, "2.0", 5 * GB, "ram_percent_threshold = 1.00%"),
        (100.0, "2.0", 200 * GB, "ram_gb_threshold = 2.00GB"),
        (10.0, "inf", 10 * GB, none),
        (10.0, "inf", 10 * GB + 1, "ram_percent_threshold = 10.00%"),
    ] {
        let policy = policy(&format!(
            "[thresholds]\nram_percent_threshold = {percent:?}\nram_gb_threshold = {gb}\n\
             [settings]\nwarn_percent = 0\n"
        ));
        let process = Process {
            rss: Bytes::new(rss),
            ..process(42)
        };
        let verdict = match judge(&policy, &process) {
            Verdict::Within => String::new(),
            Verdict::Breach(breach) => breach.threshold.to_string(),
            Verdict::Protected(protection) => panic!("{protection:?}"),
            Verdict::Plentiful(..) => panic!("it is killed always"),
        };
        assert_eq!(verdict, expected, "{percent} {gb} {rss}");
        assert_eq!(
            rss > policy.sieve(&memory()).get(),
            !expected.is_empty(),
            "the sieve agrees"
        );
    }
}

#[test]
fn protections_in_their_order() {
    let text = "[whitelist]\npids = [1, 42]\nnames = [\"hog\", \"systemd-*\"]\nusers = [\"john\"]\n\
                protect_root = true\n";
    let mut policy = policy(text);
    let stranger = |facts: &mut Facts| {
        (facts.name, facts.uid) = (Name::new(b"stranger"), Uid::new(2000));
    };
    let reason = |policy: &Policy, process: &Process| match judge(policy, process) {
        Verdict::Protected(protection) => policy.shown(&protection).to_string(),
        verdict => word(&verdict),
    };
    let unreadable = Unreadable {
        file: "status",
        errno: Some(13),
    };
    let cases = vec![
        (
            Process {
                facts: Err(unreadable),
                ..process(42)
            },
            "can't be read (status: Permission denied (os error 13))",
        ),
        (process(1), "pid 1 is always protected"),
        (
            with(|facts| facts.is_kernel_thread = true),
            "kernel threads are always protected",
        ),
        (process(7), "memory-monitor itself"),
        (
            with(|facts| facts.oom_score_adj = -1000),
            "oom_score_adj is -1000",
        ),
        (
            with(|facts| facts.is_package_manager = true),
            "root's package managers are always protected",
        ),
        (
            with(|facts| facts.oom_score_adj = -999),
            "whitelist.names has hog",
        ),
        (
            with(|facts| facts.name = Name::new(b"systemd-journald")),
            "whitelist.names has \"systemd-*\"",
        ),
        (
            with(|facts| facts.name = Name::new(b"x")),
            "whitelist.users has john",
        ),
        (
            with(|facts| (facts.name, facts.uid) = (Name::new(b"x"), Uid::ROOT)),
            "whitelist.protect_root is true",
        ),
        (with(stranger), "Breach"),
    ];
    for (process, expected) in cases {
        assert_eq!(reason(&policy, &process), expected, "{process:?}");
    }
    // A number protects the process that had it when the configuration was read, and no other.
    policy.pinned = vec![with(stranger).key().unwrap()];
    assert_eq!(reason(&policy, &with(stranger)), "whitelist.pids has 42");
    let successor = with(|facts| {
        stranger(facts);
        facts.start_time = StartTime(2);
    });
    assert_eq!(reason(&policy, &successor), "Breach");
}

#[test]
fn root_is_protected_only_where_protect_root_says_so() {
    for (users, protect_root, is_protected) in [
        ("\"root\"", false, false),
        ("", true, true),
        ("\"root\"", true, true),
        ("0", false, false),
    ] {
        let text =
            format!("[whitelist]\nnames = []\nusers = [{users}]\nprotect_root = {protect_root}\n");
        let process = with(|facts| facts.uid = Uid::ROOT);
        let policy = policy(&text);
        let verdict = judge(&policy, &process);
        assert_eq!(
            matches!(verdict, Verdict::Protected(_)),
            is_protected,
            "{text}"
        );
    }
}

#[test]
fn unreadable_is_protected_whatever_its_size() {
    let unreadable = Unreadable {
        file: "stat",
        errno: None,
    };
    let process = Process {
        rss: Bytes::ZERO,
        facts: Err(unreadable),
        ..process(42)
    };
    let policy = policy("");
    let protected = Verdict::Protected(Protection::Unreadable(unreadable));
    assert_eq!(judge(&policy, &process), protected);
}

#[test]
fn nothing_is_killed_twice_and_only_so_many_in_a_minute() {
    let policy = policy("[settings]\nmax_kills_per_minute = 2\n");
    let start = Instant::now();
    let mut ledger = Ledger::default();
    let decide = |ledger: &Ledger, pid, seconds| {
        let now = at(start + Duration::from_secs(seconds));
        match policy.decide(&process(pid), &memory(), ledger, &now) {
            Decision::Terminate(breach) => Ok(breach),
            decision => Err(word(&decision)),
        }
    };
    for (pid, seconds) in [(42, 0), (43, 30)] {
        let breach = decide(&ledger, pid, seconds).unwrap();
        let key = process(pid).key().unwrap();
        let now = at(start + Duration::from_secs(seconds));
        ledger.record_kill(key, process(pid), breach, &now);
        assert_eq!(decide(&ledger, pid, seconds), Err("Await".to_owned()));
    }
    assert_eq!(decide(&ledger, 44, 59), Err("KillLimitReached".to_owned()));
    assert!(decide(&ledger, 44, 60).is_ok());
    // A victim is awaited also when the limit is reached.
    assert_eq!(decide(&ledger, 42, 59), Err("Await".to_owned()));
}

#[test]
fn zero_kills_a_minute_means_no_limit() {
    let policy = policy("[settings]\nmax_kills_per_minute = 0\n");
    let mut ledger = Ledger::default();
    let now = now();
    for pid in 100..200 {
        let Decision::Terminate(breach) = policy.decide(&process(pid), &memory(), &ledger, &now)
        else {
            panic!("{pid} was not to be killed");
        };
        ledger.record_kill(process(pid).key().unwrap(), process(pid), breach, &now);
    }
}

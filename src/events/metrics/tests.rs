//! The whole text, from events to the file.

use super::*;
use crate::config::Origin;
use crate::events::{Event, SystemEvent};
use crate::policy::{Breach, OverGroup, Stage, Threshold, Victim};
use crate::proc::{Details, Facts, Process};
use crate::quantities::{Bytes, Metric, Percent, Pid};
use crate::sys::counting::ALLOCATIONS;
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Instant;

fn victim(name: &[u8], rule: Option<usize>, stage: Stage) -> Victim {
    let process = Process {
        pid: Pid::new(7).unwrap(),
        rss: Bytes::new(100),
        facts: Ok(Facts::named(name)),
        details: Details {
            share: Some(Bytes::new(100)),
            own: Some(Bytes::new(100)),
            ..Details::default()
        },
    };
    Victim {
        key: process.key().unwrap(),
        process,
        breach: Breach {
            rss: process.rss,
            rss_share: Percent::new(1.0).unwrap(),
            metric: Metric::Rss,
            memory: process.rss,
            share: Percent::new(1.0).unwrap(),
            threshold: Threshold::Amount(Bytes::new(5)),
            threshold_bytes: Bytes::new(5),
            group: None,
            rule,
            sustained: Duration::ZERO,
            term_timeout: Duration::from_secs(5),
        },
        terminated: Instant::now(),
        not_before: Instant::now(),
        is_sharer: false,
        has_sharers: false,
        stage,
    }
}

fn ended(metrics: &mut Metrics, name: &[u8], rule: Option<usize>, stage: Stage) {
    let victim = victim(name, rule, stage);
    count(
        metrics,
        &Event::Ended(&victim, Duration::from_secs(1), false),
    );
}

fn note_system(metrics: &mut Metrics) {
    let level = Level {
        total: Bytes::new(4096),
        left: Bytes::new(2048),
        floor: Bytes::new(512),
        grown_floor: Bytes::new(512),
        speed: Bytes::ZERO,
        stall: Some(Duration::from_millis(1500)),
        trigger: None,
    };
    metrics.note_system(level, true, true);
    metrics.note_groups(vec![GroupGauge {
        group: "users/\"a b\"".to_owned(),
        bytes: Bytes::new(7),
        is_over: true,
    }]);
}

fn count(metrics: &mut Metrics, event: &Event<'_>) {
    let users = RefCell::default();
    event.describe(&users, &mut |description, _| metrics.count(description));
}

fn config(text: &str) -> Config {
    let origin = Origin::File("c.toml".into());
    let loaded = Config::parse(text.as_bytes(), origin, &|_| Ok(None));
    loaded.unwrap().config
}

fn writing_to(path: &Path) -> Config {
    config(&format!("[settings]\nmetrics_file = {path:?}\n"))
}

fn scan() -> Scan {
    Scan {
        is_early: false,
        took: Duration::from_millis(250),
        memory: SystemMemory {
            total: Bytes::new(4096),
            available: Some(Bytes::new(1024)),
            swap_total: Bytes::new(10),
            swap_free: Bytes::new(9),
            huge_used: Bytes::ZERO,
        },
        processes: 245,
        over: 2,
    }
}

const PAGE: &str = include_str!("../../../man/memory-monitor-config.5");

#[test]
fn the_page_explains_each_metric_and_no_other() {
    let mut metrics = Metrics::default();
    metrics.note_scan(scan());
    note_system(&mut metrics);
    let text = text(&mut metrics);
    let mut written: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let items = PAGE
        .lines()
        .filter(|line| line.starts_with(".It Cm memory_monitor_"));
    let mut explained: Vec<_> = items
        .flat_map(|line| line.split(' '))
        .filter(|word| word.starts_with("memory_monitor_"))
        .collect();
    written.sort_unstable();
    explained.sort_unstable();
    assert_eq!(explained, written);
    let kinds = text
        .lines()
        .filter_map(|line| line.split("failures_total{kind=\"").nth(1));
    for kind in kinds {
        let item = format!(".Li {}", kind.split('"').next().unwrap());
        assert!(PAGE.lines().any(|line| line.starts_with(&item)), "{item}");
    }
}

const INTERVAL: Duration = Duration::from_millis(30_500);

fn text(metrics: &mut Metrics) -> String {
    metrics.write(INTERVAL);
    metrics.render();
    metrics.text.clone()
}

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "no {line} in:\n{text}");
}

#[test]
fn says_what_happened_and_how_things_are() {
    let mut metrics = Metrics::default();
    metrics.note_config(&config(
        "[[rule]]\nname = \"a\"\n[settings]\ndry_run = true\n",
    ));
    metrics.note_scan(scan());
    metrics.note_scan(Scan {
        is_early: true,
        ..scan()
    });
    ended(&mut metrics, b"chrome", None, Stage::Terminating);
    ended(
        &mut metrics,
        b"chrome",
        Some(1),
        Stage::Killed(Instant::now()),
    );
    let over = victim(b"chrome", Some(1), Stage::Terminating);
    count(&mut metrics, &Event::WouldKill(&over.process, &over.breach));
    let mut short = victim(b"chrome", Some(1), Stage::Terminating);
    short.breach.threshold = Threshold::Stall(Duration::from_secs(4));
    count(&mut metrics, &Event::Ended(&short, Duration::ZERO, false));
    let mut member = victim(b"chrome", Some(1), Stage::Terminating);
    member.breach.group = Some(OverGroup {
        number: 1,
        metric: Metric::Pss,
    });
    count(&mut metrics, &Event::Ended(&member, Duration::ZERO, false));
    metrics.count_shortage(short.breach.threshold);
    count(&mut metrics, &Event::System(SystemEvent::KernelKills(3)));
    note_system(&mut metrics);
    count(&mut metrics, &Event::Hidepid("run as root"));
    count(
        &mut metrics,
        &Event::Unreadable {
            count: 9,
            errno: None,
        },
    );
    let text = text(&mut metrics);
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        &*format!("build_info{{version=\"{version}\"}} 1"),
        "memory_total_bytes 4096",
        "memory_available_bytes 1024",
        "swap_total_bytes 10",
        "swap_free_bytes 9",
        "processes 245",
        "processes_over_threshold 2",
        "scans_total{kind=\"regular\"} 1",
        "scans_total{kind=\"early\"} 1",
        "scan_seconds_sum 0.5",
        "scan_seconds_count 2",
        "last_scan_seconds 0.25",
        "check_interval_seconds 30.5",
        "ended_total{signal=\"SIGTERM\",rule=\"general\",cause=\"threshold\"} 1",
        "ended_total{signal=\"SIGKILL\",rule=\"general\",cause=\"threshold\"} 0",
        "ended_total{signal=\"SIGTERM\",rule=\"1\",cause=\"threshold\"} 0",
        "ended_total{signal=\"SIGKILL\",rule=\"1\",cause=\"threshold\"} 1",
        "ended_by_name_total{name=\"chrome\"} 4",
        "ended_by_name_total{name=\"other\"} 0",
        "would_end_total{rule=\"1\",cause=\"threshold\"} 1",
        "freed_bytes_total 400",
        "restart_loops_total 0",
        "ended_total{signal=\"SIGTERM\",rule=\"general\",cause=\"shortage\"} 1",
        "ended_total{signal=\"SIGKILL\",rule=\"general\",cause=\"shortage\"} 0",
        "would_end_total{rule=\"general\",cause=\"shortage\"} 0",
        "shortages_total{trigger=\"available_percent_threshold\"} 0",
        "shortages_total{trigger=\"stall_seconds\"} 1",
        "kernel_oom_kills_total 3",
        "memory_left_bytes 2048",
        "memory_short_below_bytes 512",
        "memory_short 1",
        "group_bytes{group=\"users/\\\"a b\\\"\"} 7",
        "group_over{group=\"users/\\\"a b\\\"\"} 1",
        "ended_total{signal=\"SIGTERM\",rule=\"general\",cause=\"group\"} 1",
        "memory_stall_seconds 1.5",
        "failures_total{kind=\"unreadable\"} 1",
        "failures_total{kind=\"scan\"} 0",
        "config_valid 1",
        "dry_run 1",
    ] {
        has(&text, &format!("memory_monitor_{line}"));
    }
}

#[test]
fn no_name_makes_the_text_invalid_or_grow_without_end() {
    let mut metrics = Metrics::default();
    let hostile: [&[u8]; 5] = [b"other", b"a\"} 1\nx 2", b"a\\", b"\xff\x1b", b""];
    for number in 0..100 {
        let name = format!("n{number}");
        ended(&mut metrics, name.as_bytes(), None, Stage::Terminating);
    }
    for name in hostile {
        ended(&mut metrics, name, None, Stage::Terminating);
    }
    let text = text(&mut metrics);
    let names = text.lines().filter(|line| line.contains("{name="));
    let series: Vec<_> = names.map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let mut unique = series.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!((series.len(), unique.len()), (51, 51), "{series:?}");
    // The one that has this name, and those that were replaced.
    has(
        &text,
        "memory_monitor_ended_by_name_total{name=\"other\"} 55",
    );
    has(
        &text,
        r#"memory_monitor_ended_by_name_total{name="a\"} 1\\x0ax 2"} 1"#,
    );
    has(&text, r#"memory_monitor_ended_by_name_total{name=""} 1"#);
}

#[test]
fn the_file_is_written_whole_where_there_is_something_new() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mm.prom");
    // What a crash or another user has left there is neither followed nor kept.
    let bystander = directory.path().join("bystander");
    fs::write(&bystander, "untouched").unwrap();
    symlink(&bystander, directory.path().join("mm.prom.new")).unwrap();
    symlink(&bystander, &path).unwrap();
    let mut metrics = Metrics::default();
    assert!(!metrics.is_wanted());
    metrics.note_config(&writing_to(&path));
    assert!(metrics.is_wanted());
    metrics.write(INTERVAL);
    let first = fs::read_to_string(&path).unwrap();
    has(&first, "memory_monitor_check_interval_seconds 30.5");
    assert_eq!(fs::read_to_string(&bystander).unwrap(), "untouched");
    let metadata = fs::symlink_metadata(&path).unwrap();
    assert!(metadata.is_file());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o644);
    assert!(!directory.path().join("mm.prom.new").exists());
    fs::remove_file(&path).unwrap();
    metrics.note_scan(Scan {
        is_early: true,
        ..scan()
    });
    metrics.write(INTERVAL);
    assert!(!path.exists(), "an early scan is nothing to write for");
    metrics.note_scan(scan());
    metrics.write(INTERVAL);
    has(
        &fs::read_to_string(&path).unwrap(),
        "memory_monitor_scans_total{kind=\"early\"} 1",
    );
    for is_first in [true, false] {
        count(&mut metrics, &Event::ReloadRejected("x", is_first));
    }
    metrics.write(INTERVAL);
    let text = fs::read_to_string(&path).unwrap();
    has(&text, "memory_monitor_config_valid 0");
    has(
        &text,
        "memory_monitor_failures_total{kind=\"configuration\"} 1",
    );
}

#[test]
fn a_steady_file_costs_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let mut metrics = Metrics::default();
    metrics.note_config(&writing_to(&directory.path().join("mm.prom")));
    let mut round = |number: u64| {
        metrics.note_scan(scan());
        let stage = Stage::Killed(Instant::now());
        ended(&mut metrics, b"a\"\n", Some(3), stage);
        // Figures of more digits need more memory.
        metrics.counts.reserve(3);
        metrics.regular_scans = u64::MAX / 2 + number;
        metrics.write(INTERVAL);
    };
    round(0);
    let before = ALLOCATIONS.get();
    assert!(before > 0, "the counter counts");
    (1..100).for_each(&mut round);
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn another_file_takes_the_old_one_away() {
    let directory = tempfile::tempdir().unwrap();
    let (old, new) = (
        directory.path().join("old.prom"),
        directory.path().join("new.prom"),
    );
    let foreign = directory.path().join("foreign.prom");
    fs::write(&foreign, "").unwrap();
    let mut metrics = Metrics::default();
    metrics.note_config(&writing_to(&old));
    metrics.write(INTERVAL);
    metrics.note_config(&writing_to(&old));
    assert!(old.exists());
    metrics.note_config(&writing_to(&new));
    assert!(!old.exists());
    metrics.write(INTERVAL);
    assert!(new.exists());
    metrics.note_config(&writing_to(&foreign));
    assert!(!new.exists());
    metrics.note_config(&config(""));
    assert!(foreign.exists(), "it was never written here");
    assert!(!metrics.is_wanted());
}

#[test]
fn a_file_that_fails_is_counted_and_leaves_nothing_half() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mm.prom");
    fs::create_dir(&path).unwrap();
    let mut metrics = Metrics::default();
    metrics.note_config(&writing_to(&path));
    metrics.write(INTERVAL);
    assert!(!directory.path().join("mm.prom.new").exists());
    fs::remove_dir(&path).unwrap();
    metrics.note_scan(scan());
    metrics.write(INTERVAL);
    let text = fs::read_to_string(&path).unwrap();
    has(
        &text,
        "memory_monitor_failures_total{kind=\"metrics_file\"} 1",
    );
}

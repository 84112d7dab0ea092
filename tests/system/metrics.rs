//! The file for Prometheus: what it says of what happened, and what becomes of it when it can't be
//! written, when another one is wanted, and when the daemon stops.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{LONG, Machine, binary, quoted, said, until};
use crate::harness::os;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    killed_processes,
    dry_run,
    one_number_over_a_threshold,
    rejected_configuration,
    said_once_each_way,
    full_disk,
    another_file,
    always_whole,
    stays_after_the_end,
    names_have_no_quotes_of_ours,
];

fn with_metrics() -> (Machine, PathBuf) {
    let machine = Machine::new();
    let path = machine.path("mm.prom");
    (machine.with("settings.metrics_file", &quoted(&path)), path)
}

/// The value of a series; None while there is none.
fn value(path: &Path, series: &str) -> Option<f64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| {
        let rest = line.strip_prefix("memory_monitor_")?;
        rest.strip_prefix(series)?.strip_prefix(' ')
    })?;
    Some(line.parse().expect(series))
}

fn wait_for(path: &Path, series: &str, wanted: f64) {
    until(series, || value(path, series) == Some(wanted));
}

/// What Prometheus shows between its own quotes is the name; in the log it is in ours, with the backslash as it is.
fn names_have_no_quotes_of_ours() {
    let (machine, path) = with_metrics();
    let mut daemon = machine.start();
    for (name, shown, label) in [
        ("a (b)", "\"a (b)\"", "a (b)"),
        ("a \"b\"", "\"a \\x22b\\x22\"", "a \\\"b\\\""),
        ("CORP\\bob", "\"CORP\\bob\"", "CORP\\\\bob"),
        ("a\u{1b}[2J", "\"a\\x1b[2J\"", "a\\\\x1b[2J"),
    ] {
        let mut hog = Hog::new().comm(name).argv0(name).start();
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
        machine
            .log()
            .wait_for_words(&["Killing process: ", &format!("Name={shown}, ")]);
        wait_for(
            &path,
            &format!("ended_by_name_total{{name=\"{label}\"}}"),
            1.0,
        );
    }
    daemon.stop();
}

/// systemd's status line, the metrics and the status file count the same processes: over a threshold, not protected.
fn one_number_over_a_threshold() {
    let (machine, path) = with_metrics();
    let protected = Hog::new().comm("protected").start();
    let _over = Hog::new().comm("over").start();
    let machine = machine
        .with("whitelist.pids", &format!("[1, {}]", protected.pid()))
        .with("settings.dry_run", "true");
    let (mut daemon, line) = machine
        .start_until_told(|line| line.contains("processes, ") && !line.contains("STATUS=0 "));
    assert!(line.contains(" processes, 1 over, "), "{line}");
    wait_for(&path, "processes_over_threshold", 1.0);
    let directory = std::env::var_os("RUNTIME_DIRECTORY").expect("each test has one of its own");
    let status = Path::new(&directory).join("status.json");
    until("the status file has the same number", || {
        fs::read_to_string(&status).is_ok_and(|text| text.contains("\"over\":1,"))
    });
    daemon.stop();
}

fn killed_processes() {
    // One scan a day: what has ended is counted without waiting for the next one.
    let (machine, path) = with_metrics();
    let machine = machine
        .with("settings.term_timeout", "0.2")
        .with("thresholds.check_interval", "86400");
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077; exec \"$0\" \"$@\""])
        .arg(binary());
    let mut hog = Hog::new().comm(b"a\"\n} 1").start();
    let mut other = Hog::new().comm("stubborn").ignores_sigterm().start();
    let mut daemon = machine.launch(machine.given(command));
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    assert_eq!(other.ended_by(), Some(libc::SIGKILL));
    wait_for(
        &path,
        "ended_total{signal=\"SIGTERM\",rule=\"general\",cause=\"threshold\"}",
        1.0,
    );
    wait_for(
        &path,
        "ended_total{signal=\"SIGKILL\",rule=\"general\",cause=\"threshold\"}",
        1.0,
    );
    let escaped = r#"ended_by_name_total{name="a\"\\x0a} 1"}"#;
    wait_for(&path, escaped, 1.0);
    wait_for(&path, "ended_by_name_total{name=\"stubborn\"}", 1.0);
    let now = |series| value(&path, series).expect(series);
    assert!(now("freed_bytes_total") > f64::from(48 << 20));
    assert!(now("last_scan_timestamp_seconds") > 1_700_000_000.0);
    assert!(now("last_scan_seconds") > 0.0);
    assert!(now("processes") > 0.0);
    assert!((now("check_interval_seconds") - 86_400.0).abs() < 0.1);
    assert!(now("memory_total_bytes") > now("memory_available_bytes"));
    let mode = fs::metadata(&path).expect("the file").permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
    daemon.stop();
}

fn dry_run() {
    let (machine, path) = with_metrics();
    let machine = machine.with("settings.dry_run", "true");
    let mut hog = Hog::new().start();
    let mut daemon = machine.start();
    machine.log().wait_for_scans(3);
    // However often it is logged, it is one process.
    wait_for(
        &path,
        "would_end_total{rule=\"general\",cause=\"threshold\"}",
        1.0,
    );
    wait_for(&path, "processes_over_threshold", 1.0);
    wait_for(&path, "dry_run", 1.0);
    wait_for(
        &path,
        "ended_total{signal=\"SIGTERM\",rule=\"general\",cause=\"threshold\"}",
        0.0,
    );
    hog.kill();
    wait_for(&path, "processes_over_threshold", 0.0);
    daemon.stop();
}

fn rejected_configuration() {
    let (machine, path) = with_metrics();
    let machine = machine.with("thresholds.check_interval", "86400");
    let mut daemon = machine.start();
    wait_for(&path, "config_valid", 1.0);
    let loaded = value(&path, "config_loaded_timestamp_seconds").expect("a time");
    let config = machine.write_config();
    let good = fs::read(&config).expect("a file of ours");
    fs::write(&config, "no_such_key = 1\nnor_this = 2\n").expect("a file of ours");
    daemon.signal(libc::SIGHUP);
    wait_for(&path, "config_valid", 0.0);
    wait_for(&path, "failures_total{kind=\"configuration\"}", 1.0);
    assert!(value(&path, "config_loaded_timestamp_seconds") <= Some(loaded));
    fs::write(&config, good).expect("a file of ours");
    daemon.signal(libc::SIGHUP);
    wait_for(&path, "config_valid", 1.0);
    assert!(value(&path, "config_loaded_timestamp_seconds") > Some(loaded));
    daemon.stop();
}

fn said_once_each_way() {
    let machine = Machine::new();
    let directory = machine.path("missing");
    let path = directory.join("mm.prom");
    let machine = machine.with("settings.metrics_file", &quoted(&path));
    let mut daemon = machine.start();
    let log = machine.log();
    for round in 1..3 {
        log.wait_for_words(&["Can't write to metrics file", "mm.prom"]);
        let mut hog = Hog::new().start();
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
        log.wait_for_scans(5);
        fs::create_dir(&directory).expect("a directory of ours");
        until("it is there again", || path.exists());
        log.wait_for_scans(5);
        let said = |level: &str, words: &str| {
            let records = log.records();
            let is_it = |record: &&crate::harness::log_lines::Record| {
                record.level == level && record.message.starts_with(words)
            };
            records.iter().filter(is_it).count()
        };
        assert_eq!(said("ERROR", "Can't write to metrics file: Path="), round);
        assert_eq!(
            said("WARNING", "Writing to metrics file again: Path="),
            round
        );
        assert!(value(&path, "failures_total{kind=\"metrics_file\"}") > Some(5.0));
        until("no part of a file is left beside it", || {
            fs::read_dir(&directory).is_ok_and(|names| names.count() == 1)
        });
        // At once: a file that is being written now can't prevent it.
        let old = machine.path(&format!("old-{round}"));
        fs::rename(&directory, old).expect("a directory of ours");
        if round == 1 {
            until("it fails again", || {
                said("ERROR", "Can't write to metrics file: Path=") == 2
            });
        }
    }
    daemon.stop();
}

/// The file that is there stays whole, and old.
fn full_disk() {
    let machine = Machine::new();
    let disk = machine.path("disk");
    fs::create_dir(&disk).expect("a directory of ours");
    os::mount(Path::new("tmpfs"), &disk, "tmpfs", 0, "size=64k,mode=755");
    let path = disk.join("mm.prom");
    let machine = machine.with("settings.metrics_file", &quoted(&path));
    let mut daemon = machine.start();
    until("it is written", || path.exists());
    let filler = disk.join("filler");
    // Fails when the disk is full, which is its purpose.
    let _ = fs::write(&filler, vec![0; 1 << 20]);
    let log = machine.log();
    log.wait_for_words(&["Can't write to metrics file", "No space left on device"]);
    let mut hog = Hog::new().start();
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    log.wait_for_scans(3);
    wait_for(&path, "ended_by_name_total{name=\"other\"}", 0.0);
    assert_eq!(value(&path, "ended_by_name_total{name=\"hog\"}"), None);
    fs::remove_file(&filler).expect("a directory of ours");
    wait_for(&path, "ended_by_name_total{name=\"hog\"}", 1.0);
    log.wait_for_words(&["Writing to metrics file again"]);
    daemon.stop();
}

fn another_file() {
    let (mut machine, path) = with_metrics();
    let mut daemon = machine.start();
    until("it is written", || path.exists());
    let new = machine.path("new.prom");
    machine.set("settings.metrics_file", &quoted(&new));
    machine.write_config();
    daemon.signal(libc::SIGHUP);
    until("the new one is written", || new.exists());
    assert!(!path.exists(), "what is no longer written is taken away");
    machine.set("settings.metrics_file", "\"\"");
    machine.write_config();
    daemon.signal(libc::SIGHUP);
    until("there is none", || !new.exists());
    machine.log().wait_for_scans(3);
    assert!(!new.exists() && !path.exists());
    daemon.stop();
}

/// A reader sees all of it, at any time.
fn always_whole() {
    let (machine, path) = with_metrics();
    let mut daemon = machine.start();
    until("it is written", || path.exists());
    let scans = machine.log().scans();
    while machine.log().scans() < scans + 20 {
        for _ in 0..1000 {
            let text = fs::read_to_string(&path).expect("it is always there");
            assert!(
                text.starts_with("# HELP memory_monitor_build_info "),
                "{text}"
            );
            assert!(text.ends_with("\nmemory_monitor_dry_run 0\n"), "{text}");
        }
    }
    daemon.stop();
}

fn stays_after_the_end() {
    let (machine, path) = with_metrics();
    let machine = machine.with("settings.term_timeout", LONG);
    let mut daemon = machine.start();
    until("it is written", || path.exists());
    daemon.stop();
    assert!(value(&path, "last_scan_timestamp_seconds") > Some(1_700_000_000.0));
    fs::remove_file(&path).expect("a file of ours");
    // A single scan is not the daemon's.
    let mut once = machine.command();
    once.args(["--once", "--dry-run"]);
    assert!(said(once).status == Some(0));
    assert!(!path.exists());
}

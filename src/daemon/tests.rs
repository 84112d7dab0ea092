//! The daemon's own code in this very process, where heap allocations and page faults can be counted: from a
//! tick to the signal, while a real process grows over its threshold; and over hundreds of thousands of
//! scans.

use super::judged::ScanKind;
use super::main_loop::Daemon;
use crate::cli::RunOptions;
use crate::cli::Verbosity;
use crate::config::Config;
use crate::policy::Extent;
use crate::proc::Reader;
use crate::sys;
use crate::sys::counting::ALLOCATIONS;
use crate::sys::memory::{self, faults};
use crate::users::{Directory, UserNames};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const INSIDE: &str = "MEMORY_MONITOR_TEST_INSIDE";

/// Runs the test again, alone in a pid namespace, where no other process can be killed.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let namespace = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let confined = |program: &std::ffi::OsStr| {
        let mut command = Command::new("unshare");
        command.args(namespace).arg(program);
        command
    };
    let able = confined("true".as_ref()).output();
    if !able.is_ok_and(|output| output.status.success()) {
        println!("skipped: needs root for a pid namespace");
        return false;
    }
    // Two daemons at once would be in each other's way.
    let directory = tempfile::tempdir().unwrap();
    let output = confined(std::env::current_exe().unwrap().as_os_str())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .arg("--include-ignored")
        .env(INSIDE, "1")
        .env("RUNTIME_DIRECTORY", directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
    false
}

/// A configuration that kills what has more than 200 MiB, with these further settings.
fn options(settings: &str) -> (tempfile::TempDir, RunOptions) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    let text = format!(
        "[thresholds]\nram_percent_threshold = 100.0\nram_gb_threshold = 0.2\n\
         [whitelist]\nnames = []\nusers = []\n\
         [system]\n[settings]\n{settings}\nenable_syslog = false\n"
    );
    std::fs::write(&file, text).unwrap();
    let options = RunOptions {
        config: Some(file),
        console: Verbosity::Quiet,
        ..RunOptions::default()
    };
    (directory, options)
}

fn start(options: &RunOptions) -> Daemon<'_> {
    let reader = Reader::start();
    let users = UserNames::of(Directory::start());
    memory::touch();
    let loaded = Config::load(options.config.as_deref()).unwrap();
    let mut daemon = Daemon::start(options, None, loaded, reader, users).unwrap();
    daemon.harden(&sys::now());
    daemon
}

#[test]
fn nothing_is_allocated_and_no_page_is_missing_from_tick_to_signal() {
    let test = "daemon::tests::nothing_is_allocated_and_no_page_is_missing_from_tick_to_signal";
    if !is_inside(test) {
        return;
    }
    let (_directory, options) = options("log_file = ''");
    let mut daemon = start(&options);
    daemon.scan(ScanKind::Regular, Extent::All, &sys::now());

    for _ in 0..3 {
        // tail keeps the last line, and this one never ends.
        let mut hog = Command::new("tail")
            .arg("/dev/zero")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut steps = Vec::with_capacity(10_000);
        loop {
            let now = sys::now();
            let before = (ALLOCATIONS.get(), faults());
            let extent = daemon.early_scan_due(None, now.monotonic);
            if let Some(extent) = extent {
                daemon.scan_and_signal(extent, &now).unwrap();
            }
            steps.push((ALLOCATIONS.get() - before.0, faults() - before.1));
            if daemon.victims.len() > 0 {
                break;
            }
            if let Some(extent) = extent {
                daemon.scan(ScanKind::Early, extent, &now);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(ALLOCATIONS.get() > 0, "the counter counts");
        assert_eq!(daemon.victims.len(), 1);
        assert!(steps.iter().all(|step| *step == (0, 0)), "{steps:?}");
        assert!(!hog.wait().unwrap().success());
        daemon.victims.clear();
        daemon.scan(ScanKind::Regular, Extent::All, &sys::now());
    }
}

/// Lets /proc/meminfo be this file, in the mount namespace of the test.
fn show_memory(directory: &std::path::Path, available_mib: u64) {
    let file = directory.join("meminfo");
    let is_new = !file.exists();
    let text = format!(
        "MemTotal: 1048576 kB\nMemAvailable: {} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nAnonPages: 1 kB\nMapped: 1 kB\n",
        available_mib << 10
    );
    std::fs::write(&file, text).unwrap();
    if is_new {
        let mut mount = Command::new("mount");
        let status = mount.arg("--bind").arg(&file).arg("/proc/meminfo").status();
        assert!(status.unwrap().success());
    }
}

#[test]
fn nothing_is_allocated_and_no_page_is_missing_from_a_shortage_to_its_signal() {
    let test =
        "daemon::tests::nothing_is_allocated_and_no_page_is_missing_from_a_shortage_to_its_signal";
    if !is_inside(test) {
        return;
    }
    let (directory, options) = options("log_file = ''\nlog_level = 'error'");
    show_memory(directory.path(), 700);
    let mut daemon = start(&options);
    for _ in 0..3 {
        // Over no threshold of its own, which is 200 MiB.
        let mut hog = Command::new("tail")
            .args(["-c", "100000000"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // It keeps all that comes, as there may be more.
        let input = hog.stdin.as_mut().unwrap();
        input.write_all(&vec![b'x'; 100_000_000]).unwrap();
        let statm = format!("/proc/{}/statm", hog.id());
        let resident = || {
            let sizes = std::fs::read_to_string(&statm).unwrap();
            sizes.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * sys::page_size()
        };
        while resident() < 100_000_000 {
            std::thread::sleep(Duration::from_millis(10));
        }
        show_memory(directory.path(), 700);
        daemon.scan(ScanKind::Regular, Extent::All, &sys::now());
        daemon.note_scan(&sys::now());
        show_memory(directory.path(), 30);
        let mut steps = Vec::with_capacity(1000);
        while daemon.victims.len() == 0 {
            let now = sys::now();
            let mut guard = daemon.guard.take().unwrap();
            let before = (ALLOCATIONS.get(), faults());
            daemon.guard_and_signal(&mut guard, &now);
            steps.push((ALLOCATIONS.get() - before.0, faults() - before.1));
            daemon.guard = Some(guard);
            assert!(steps.len() < 1000, "no victim");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(ALLOCATIONS.get() > 0, "the counter counts");
        assert!(steps.iter().all(|step| *step == (0, 0)), "{steps:?}");
        assert!(!hog.wait().unwrap().success());
        daemon.victims.clear();
        daemon.victims.ledger = crate::policy::Ledger::with_capacity(8);
        show_memory(directory.path(), 700);
        for _ in 0..3 {
            daemon.guard(&sys::now());
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

/// VmRSS in KiB, and the number of open descriptors.
fn footprint() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .unwrap()
        .parse()
        .unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    (resident, u64::try_from(descriptors).unwrap())
}

/// One line of a chart: a bar for each value, as high as its share of the largest.
fn bars(values: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let largest = values.iter().max().copied().unwrap_or(0).max(1);
    let bar = |value: &u64| BARS[usize::try_from(value * 7 / largest).unwrap()];
    values.iter().map(bar).collect()
}

#[test]
#[ignore = "takes minutes; scripts/bench runs it"]
fn hundreds_of_thousands_of_scans_leave_nothing_behind() {
    const SCANS: usize = 200_000;
    const COLUMNS: usize = 50;
    let test = "daemon::tests::hundreds_of_thousands_of_scans_leave_nothing_behind";
    if !is_inside(test) {
        return;
    }
    let (_directory, options) = options("log_file = ''\nlog_level = 'error'");
    let mut daemon = start(&options);
    // Each is followed by the next as soon as it has ended.
    let mut churn = Command::new("sh")
        .args([
            "-c",
            "while :; do /bin/true & /bin/true & /bin/true; wait; done",
        ])
        .spawn()
        .unwrap();
    let first = std::fs::read_to_string("/proc/loadavg").unwrap();
    let begin = Instant::now();
    let mut columns: [Vec<u64>; 3] = std::array::from_fn(|_| Vec::with_capacity(COLUMNS + 1));
    for scan in 0..SCANS {
        if scan == 1_000 || scan % (SCANS / COLUMNS) == SCANS / COLUMNS - 1 {
            let allocations = ALLOCATIONS.get();
            if columns[0].is_empty() {
                // The first one brings its own code into memory.
                footprint();
            }
            let (resident, descriptors) = footprint();
            // What this itself has allocated does not count.
            ALLOCATIONS.set(allocations);
            for (column, value) in columns.iter_mut().zip([resident, descriptors, allocations]) {
                column.push(value);
            }
        }
        let kind = if scan % 8 == 0 {
            ScanKind::Regular
        } else {
            ScanKind::Early
        };
        let extent = if scan % 2 == 0 {
            Extent::All
        } else {
            Extent::Few
        };
        daemon.scan(kind, extent, &sys::now());
    }
    let last = std::fs::read_to_string("/proc/loadavg").unwrap();
    let newest =
        |loadavg: &str| -> u64 { loadavg.split_whitespace().last().unwrap().parse().unwrap() };
    let seconds = begin.elapsed().as_secs().max(1);
    let born = newest(&last) - newest(&first);
    println!(
        "{SCANS} scans in {seconds} s, {} processes born and dead a second",
        born / seconds
    );
    for (what, column) in ["VmRSS (KiB)", "descriptors", "allocations"]
        .iter()
        .zip(&columns)
    {
        let (first, last) = (column[0], column[column.len() - 1]);
        println!("{what:12} {} {first} -> {last}", bars(column));
    }
    churn.kill().unwrap();
    churn.wait().unwrap();
    let [resident, descriptors, allocations] = &columns;
    assert!(born > 100 * seconds, "no churn: {born} in {seconds} s");
    assert!(allocations.iter().all(|value| *value == allocations[0]));
    assert!(descriptors.iter().all(|value| *value == descriptors[0]));
    // The C library's own reading and writing of the chart's figures is in it.
    assert!(
        resident[resident.len() - 1] <= resident[0] + 64,
        "{resident:?}"
    );
}

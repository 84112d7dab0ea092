//! From a tick to the signal: no heap allocation and no page fault, counted in this very process while a
//! real process grows over its threshold.

#![allow(unsafe_code)]

use super::{Daemon, Occasion};
use crate::cli::RunOptions;
use crate::config::Config;
use crate::report::ConsoleMode;
use crate::sys::memory;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const INSIDE: &str = "MEMORY_MONITOR_TEST_INSIDE";

/// Page faults of this thread, small and large.
fn faults() -> i64 {
    // SAFETY: rusage is a C struct of integers, for which all zeros are valid; it is live for the call.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage.ru_minflt + usage.ru_majflt
    }
}

/// Runs the test again, alone in a pid namespace, where nobody else can be ended.
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
    let output = confined(std::env::current_exe().unwrap().as_os_str())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
    false
}

#[test]
fn nothing_is_allocated_and_no_page_is_missing_from_tick_to_signal() {
    let name = "daemon::tests::nothing_is_allocated_and_no_page_is_missing_from_tick_to_signal";
    if !is_inside(name) {
        return;
    }
    memory::touch();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let text = "[thresholds]\nram_percent_threshold = 100.0\nram_gb_threshold = 0.2\n\
                [whitelist]\nnames = []\nusers = []\n\
                [settings]\nlog_file = ''\nenable_syslog = false\n";
    std::fs::write(&file, text).unwrap();
    let options = RunOptions {
        config: Some(file.clone()),
        console: ConsoleMode::Quiet,
        ..RunOptions::default()
    };
    let mut daemon = Daemon::start(&options, None, Config::load(Some(&file)).unwrap()).unwrap();
    daemon.brace();
    daemon.check(Occasion::Regular, Instant::now());

    for _ in 0..3 {
        // tail keeps the last line, and this one never ends.
        let mut hog = Command::new("tail")
            .arg("/dev/zero")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut steps = Vec::with_capacity(10_000);
        loop {
            let now = Instant::now();
            let before = (ALLOCATIONS.get(), faults());
            let is_due = daemon.is_early_scan_due(now);
            if is_due {
                daemon.scan_and_signal(now).unwrap();
            }
            steps.push((ALLOCATIONS.get() - before.0, faults() - before.1));
            if !daemon.deeds.is_empty() {
                break;
            }
            if is_due {
                daemon.check(Occasion::Early, now);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(ALLOCATIONS.get() > 0, "the counter counts");
        assert_eq!(daemon.held.len(), 1);
        assert!(steps.iter().all(|step| *step == (0, 0)), "{steps:?}");
        assert!(!hog.wait().unwrap().success());
        daemon.deeds.clear();
        daemon.held.clear();
        daemon.check(Occasion::Regular, Instant::now());
    }
}

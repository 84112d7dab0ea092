//! The daemon's life: signals, reloads, its rhythm, and clocks that jump.

use crate::harness::clock::FAKETIME;
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::Hog;
use crate::harness::log_lines::Log;
use crate::harness::machine::{Daemon, Machine, quoted, said, until};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = cases![
    sigterm_and_sigint,
    sighup_reads_the_configuration,
    sighup_moves_the_log,
    quiet_and_verbose,
    sighup_with_a_bad_configuration,
    sighup_with_a_missing_configuration,
    never_too_often,
    no_burst_after_a_pause,
    one_check_a_day,
    clock_that_jumps: [Needs::File(FAKETIME)],
    end_of_daylight_saving: [Needs::File(FAKETIME)],
];

fn sigterm_and_sigint() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let machine = Machine::new().with("thresholds.check_interval", "86400");
        let mut daemon = machine.start();
        daemon.signal(signal);
        let status = daemon.wait();
        assert_eq!((status.code(), status.signal()), (Some(0), None));
    }
}

fn sighup_reads_the_configuration() {
    let mut machine = Machine::new().with("thresholds.ram_gb_threshold", "1000");
    let mut hog = Hog::new().start();
    let mut daemon = machine.start();
    machine.log().wait_for_scans(3);
    assert!(hog.is_alive());
    machine.set(
        "thresholds.ram_gb_threshold",
        crate::harness::machine::THRESHOLD_GB,
    );
    machine.write_config();
    machine.log().wait_for_scans(3);
    assert!(hog.is_alive(), "read without being asked to");
    daemon.signal(libc::SIGHUP);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

fn sighup_moves_the_log() {
    let mut machine = Machine::new();
    let mut daemon = machine.start();
    let new = machine.path("new-log");
    machine.set("settings.log_file", &quoted(&new));
    machine.write_config();
    daemon.signal(libc::SIGHUP);
    Log::at(&new).wait_for_scans(3);
    let scans = machine.log().scans();
    Log::at(&new).wait_for_scans(3);
    assert_eq!(machine.log().scans(), scans);
    daemon.stop();
}

/// The options concern the terminal, not the log file.
fn quiet_and_verbose() {
    let machine = Machine::new().with("settings.log_level", "\"warn\"");
    let stderr_of = |option: &str| {
        let mut hog = Hog::new().start();
        let mut command = machine.command();
        command.args(["--once", option]);
        let output = said(command);
        assert_eq!(output.status, Some(0), "{output:?}");
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
        output.err
    };
    assert_eq!(stderr_of("--quiet"), "");
    let verbose = stderr_of("--verbose");
    assert!(verbose.contains(" - INFO - Scan complete"), "{verbose}");
    let records = machine.log().records();
    let kills = records
        .iter()
        .filter(|record| record.message.starts_with("Killing"));
    assert_eq!(kills.count(), 2);
    assert!(
        records.iter().all(|record| record.level == "WARNING"),
        "{records:?}"
    );
}

fn sighup_with_a_bad_configuration() {
    let machine = Machine::new();
    let mut daemon = machine.start();
    let log = machine.log();
    // All of it would be good but for one line, so nothing of it may come into force.
    let path = machine.write_config();
    let text = "[thresholds]\nram_gb_threshold = 1000.0\ncheck_intervall = 5\n";
    fs::write(&path, text).expect("a directory of ours");
    daemon.signal(libc::SIGHUP);
    let location = format!("{}:3:1", path.display());
    let error = log.wait_for_words(&[&location, "check_intervall", "check_interval"]);
    assert_eq!(error.level, "ERROR");
    still_kills_hogs(&machine, &mut daemon);
    // A good one is taken again.
    let mut machine = machine;
    machine.set("settings.dry_run", "true");
    machine.write_config();
    daemon.signal(libc::SIGHUP);
    let hog = Hog::new().start();
    log.wait_for_words(&["Would kill process: ", &format!("PID={},", hog.pid())]);
    assert!(hog.is_alive());
    daemon.stop();
}

fn sighup_with_a_missing_configuration() {
    let machine = Machine::new();
    let mut daemon = machine.start();
    let path = machine.path("config.toml");
    fs::remove_file(&path).expect("a directory of ours");
    daemon.signal(libc::SIGHUP);
    let name = path.display().to_string();
    machine.log().wait_for_any("the missing file", |record| {
        record.level == "ERROR" && record.message.contains(&name)
    });
    still_kills_hogs(&machine, &mut daemon);
    daemon.stop();
}

fn still_kills_hogs(machine: &Machine, daemon: &mut Daemon) {
    machine.log().wait_for_scans(2);
    let mut hog = Hog::new().start();
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    assert!(daemon.is_running());
}

/// The load of the machine can make this slower, never faster.
fn never_too_often() {
    let machine = Machine::new().with("thresholds.check_interval", "0.2");
    let start = Instant::now();
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(10);
    assert!(start.elapsed() >= Duration::from_millis(9 * 200));
    daemon.stop();
}

/// Scans that were missed, as on a suspended machine, are not made up for.
fn no_burst_after_a_pause() {
    let machine = Machine::new().with("thresholds.check_interval", "0.3");
    let mut daemon = machine.start();
    daemon.pause();
    let pause = Instant::now();
    until("several scans were missed", || {
        pause.elapsed() > Duration::from_secs(3)
    });
    let before = machine.log().scans();
    let start = Instant::now();
    daemon.resume();
    until("four more scans are complete", || {
        machine.log().scans() >= before + 4
    });
    // One at once, the next one perhaps soon, then one an interval.
    assert!(start.elapsed() >= Duration::from_millis(2 * 300));
    daemon.stop();
}

/// The longest interval: a timeout that is too large for poll(2)'s milliseconds would fail at once.
fn one_check_a_day() {
    let machine = Machine::new().with("thresholds.check_interval", "86400");
    let mut daemon = machine.start();
    assert_eq!(machine.log().scans(), 1);
    daemon.stop();
}

/// A daemon whose wall clock stands still at what [`set_clock`] says.
fn with_clock(machine: &Machine, seconds: u64) -> Daemon {
    set_clock(machine, seconds);
    let mut command = machine.command();
    command
        .env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        .env("LD_PRELOAD", FAKETIME)
        .env("FAKETIME_TIMESTAMP_FILE", machine.path("clock"))
        .env("FAKETIME_FMT", "%s")
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    machine.launch(command)
}

/// Sets the wall clock to so many seconds since 1970.
fn set_clock(machine: &Machine, seconds: u64) {
    let new = machine.path("clock.new");
    fs::write(&new, seconds.to_string()).expect("a directory of ours");
    fs::rename(new, machine.path("clock")).expect("a directory of ours");
}

/// Waits for a record with this time.
fn at_time(machine: &Machine, time: &str) {
    until(&format!("a record of {time}"), || {
        machine
            .log()
            .records()
            .iter()
            .any(|record| record.time == time)
    });
}

fn clock_that_jumps() {
    assert!(Path::new(FAKETIME).exists());
    let machine = Machine::new().with("thresholds.check_interval", "0.2");
    let mut daemon = with_clock(&machine, 1_767_225_600);
    at_time(&machine, "2026-01-01 01:00:00");
    for (clock, time) in [
        (1_735_689_600, "2025-01-01 01:00:00"),
        (1_798_761_600, "2027-01-01 01:00:00"),
        (946_684_800, "2000-01-01 01:00:00"),
    ] {
        set_clock(&machine, clock);
        at_time(&machine, time);
        let start = Instant::now();
        machine.log().wait_for_scans(5);
        assert!(
            // The first one may have been late, be it for the slack of the timer.
            start.elapsed() >= Duration::from_millis(4 * 190),
            "the rhythm is another clock's"
        );
        let mut hog = Hog::new().start();
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    }
    daemon.stop();
}

fn end_of_daylight_saving() {
    let machine = Machine::new();
    let mut daemon = with_clock(&machine, 1_761_440_399);
    at_time(&machine, "2025-10-26 02:59:59");
    set_clock(&machine, 1_761_440_400);
    at_time(&machine, "2025-10-26 02:00:00");
    daemon.stop();
}

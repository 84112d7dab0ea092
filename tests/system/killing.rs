//! How processes are killed: SIGTERM, SIGKILL after the grace period, and which processes get neither.

use crate::harness::confine::{Case, cases};
use crate::harness::files;
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::{Machine, run, said};

pub(crate) const CASES: &[Case] = cases![
    obeys_sigterm,
    ignores_sigterm,
    twenty_at_once,
    stopped,
    main_thread_has_exited,
    zombie_is_not_killed_again,
    by_share_of_memory,
    small_processes_stay,
    stopped_without_main_thread,
    dry_run_stays_after_a_reload,
    dry_run_signals_no_process,
    once,
    kill_limit,
    the_last_process_of_a_service,
];

/// `Killing process: ` and its siblings for a hog of root's.
fn about(what: &str, hog: &RunningHog) -> String {
    let pid = hog.pid();
    format!("{what}: PID={pid}, Name=hog, User=root, RAM=*.##GB (*.##%)")
}

fn ended(hog: &RunningHog, signal: &str) -> String {
    let pid = hog.pid();
    format!("Process ended: PID={pid}, Name=hog, Signal={signal}, After=*.##s")
}

fn obeys_sigterm() {
    let machine = Machine::new();
    let mut hog = Hog::new().mib(64).start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let log = machine.log();
    log.wait_for("INFO", &ended(&hog, "SIGTERM"));
    log.wait_for("INFO", "Scan complete. Scanned: *, Killed: 1");
    log.wait_for("INFO", "System Memory: *.#% used (*.##GB / *.##GB)");
    // 64 MiB and what any such process has beside it.
    let killing = log.wait_for("WARNING", &about("Killing process", &hog));
    assert!(killing.message.contains("RAM=0.06GB") || killing.message.contains("RAM=0.07GB"));
    let ended = log.wait_for("INFO", &ended(&hog, "SIGTERM")).message;
    assert!(
        ended.contains("Freed=0.06GB") || ended.contains("Freed=0.07GB"),
        "{ended}"
    );
    log.wait_for_scans(3);
    daemon.stop();
    assert_eq!(log.count("WARNING", &about("Killing process", &hog)), 1);
    assert_eq!(log.count("INFO", "Scan complete. Scanned: *, Killed: 1"), 1);
}

fn ignores_sigterm() {
    let machine = Machine::new().with("settings.term_timeout", "0.5");
    let mut hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    let log = machine.log();
    log.wait_for("INFO", &ended(&hog, "SIGKILL"));
    log.wait_for_scans(3);
    daemon.stop();
    let records = log.records();
    let index = |start: &str| {
        let found = records
            .iter()
            .filter(|record| record.message.starts_with(start));
        assert_eq!(found.count(), 1, "records that start with {start:?}");
        records
            .iter()
            .position(|record| record.message.starts_with(start))
    };
    let term = index("Killing process: ");
    let kill = index("Escalating to SIGKILL: ");
    let end = index("Process ended: ");
    assert!(term < kill && kill < end, "{records:?}");
}

fn twenty_at_once() {
    let machine = Machine::new().with("settings.term_timeout", "1");
    let start = |_| Hog::new().mib(24).ignores_sigterm().start();
    let mut hogs: Vec<RunningHog> = (0..20).map(start).collect();
    let mut daemon = machine.launch(machine.command());
    for hog in &mut hogs {
        assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    }
    let log = machine.log();
    for hog in &hogs {
        log.wait_for("WARNING", &about("Killing process", hog));
        log.wait_for("INFO", &ended(hog, "SIGKILL"));
    }
    daemon.stop();
    // One scan found them all, and all had their SIGTERM before the first SIGKILL.
    assert_eq!(
        log.count("INFO", "Scan complete. Scanned: *, Killed: 20"),
        1
    );
    let records = log.records();
    let kills = |record: &&_| starts(record, "Escalating to SIGKILL: ");
    let first = records
        .iter()
        .position(|record| starts(record, "Escalating"));
    let before = &records[..first.expect("an escalation")];
    assert_eq!(records.iter().filter(kills).count(), 20);
    assert_eq!(
        before
            .iter()
            .filter(|record| starts(record, "Killing "))
            .count(),
        20
    );
}

fn starts(record: &crate::harness::log_lines::Record, with: &str) -> bool {
    record.message.starts_with(with)
}

fn stopped() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    hog.stop();
    let mut daemon = machine.launch(machine.command());
    // With a grace period of minutes nothing but SIGCONT lets SIGTERM end it now.
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for("INFO", &ended(&hog, "SIGTERM"));
    daemon.stop();
}

/// The main thread's state says nothing of what the others do.
fn stopped_without_main_thread() {
    let machine = Machine::new();
    let mut hog = Hog::new().leader_exits().start();
    hog.stop();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for("INFO", &ended(&hog, "SIGTERM"));
    daemon.stop();
}

fn main_thread_has_exited() {
    let machine = Machine::new();
    let mut hog = Hog::new().leader_exits().start();
    assert_eq!(
        hog.state(),
        Some('Z'),
        "what a process without its main thread looks like"
    );
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let log = machine.log();
    log.wait_for("WARNING", &about("Killing process", &hog));
    log.wait_for("INFO", &ended(&hog, "SIGTERM"));
    daemon.stop();
}

fn zombie_is_not_killed_again() {
    let machine = Machine::new().with("settings.term_timeout", "3");
    let mut hog = Hog::new().start();
    let mut daemon = machine.launch(machine.command());
    hog.becomes_zombie();
    let log = machine.log();
    // Its end is seen although it is not reaped, and it is not killed again.
    log.wait_for("INFO", &ended(&hog, "SIGTERM"));
    // Longer than the grace period.
    log.wait_for_scans(35);
    daemon.stop();
    assert_eq!(log.count("WARNING", &about("Killing process", &hog)), 1);
    assert_eq!(log.count("INFO", &ended(&hog, "SIGTERM")), 1);
    assert!(
        !log.records()
            .iter()
            .any(|record| starts(record, "Escalating"))
    );
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
}

fn by_share_of_memory() {
    let total = std::fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let total = total
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<f64>().ok());
    let share_of_20_mib = 20.0 * 1024.0 * 100.0 / total.expect("MemTotal");
    let machine = Machine::new()
        .with("thresholds.ram_gb_threshold", "inf")
        .with(
            "thresholds.ram_percent_threshold",
            &format!("{share_of_20_mib:.9}"),
        );
    let mut hog = Hog::new().start();
    let small = Hog::new().mib(8).start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_scans(3);
    assert!(small.is_alive());
    daemon.stop();
}

fn small_processes_stay() {
    let machine = Machine::new();
    let small = Hog::new().mib(12).start();
    let mut daemon = machine.start();
    machine.log().wait_for_scans(5);
    assert!(small.is_alive());
    daemon.stop();
    let log = machine.log();
    let scans = log.scans();
    assert_eq!(
        log.count("INFO", "Scan complete. Scanned: *, Killed: 0"),
        scans
    );
    // pid 1, the hog, the daemon, and the two processes that read what can block.
    assert_eq!(
        log.count("INFO", "Scan complete. Scanned: 5, Killed: 0"),
        scans
    );
}

fn dry_run_signals_no_process() {
    for option in [true, false] {
        let mut machine = Machine::new().with("settings.term_timeout", "0");
        if !option {
            machine.set("settings.dry_run", "true");
        }
        let hog = Hog::new().start();
        let mut command = machine.command();
        command.args(option.then_some("--dry-run"));
        let mut daemon = machine.launch(command);
        let log = machine.log();
        log.wait_for("WARNING", &about("Would kill process", &hog));
        log.wait_for_scans(5);
        assert!(hog.is_alive());
        daemon.stop();
        assert!(!log.records().iter().any(|record| starts(record, "Killing")));
        let scans = log.scans();
        assert_eq!(
            log.count("INFO", "Scan complete. Scanned: *, Killed: 0"),
            scans
        );
    }
}

/// The option outlives every reload.
fn dry_run_stays_after_a_reload() {
    let machine = Machine::new();
    let mut command = machine.command();
    command.arg("--dry-run");
    let mut daemon = machine.launch(command);
    machine.log().wait_for_scans(1);
    daemon.signal(libc::SIGHUP);
    machine.log().wait_for_words(&["Configuration reloaded"]);
    let hog = Hog::new().start();
    machine
        .log()
        .wait_for("WARNING", &about("Would kill process", &hog));
    machine.log().wait_for_scans(3);
    assert!(hog.is_alive());
    daemon.stop();
}

fn once() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let mut command = machine.command();
    command.arg("--once");
    let output = said(command);
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let log = machine.log();
    assert_eq!(log.scans(), 1);
    assert_eq!(log.count("WARNING", &about("Killing process", &hog)), 1);
    assert_eq!(log.count("INFO", "Scan complete. Scanned: *, Killed: 1"), 1);
}

fn kill_limit() {
    let machine = Machine::new().with("settings.max_kills_per_minute", "2");
    let hogs: Vec<RunningHog> = (0..4).map(|_| Hog::new().start()).collect();
    let mut daemon = machine.launch(machine.command());
    let log = machine.log();
    log.wait_for("INFO", "Scan complete. Scanned: *, Killed: 2");
    log.wait_for_scans(5);
    let alive: Vec<&RunningHog> = hogs.iter().filter(|hog| hog.is_alive()).collect();
    assert_eq!(alive.len(), 2);
    for hog in alive {
        log.wait_for_words(&["Limit of 2 kills", &format!("PID={},", hog.pid())]);
    }
    daemon.stop();
}

/// A service of a user's own manager is one as well, and its name is that user's.
fn the_last_process_of_a_service() {
    let services = [
        ("system.slice/a.service", "a.service", ""),
        (
            "user.slice/user-1000.slice/user@1000.service/app.slice/b.service",
            "b.service",
            ", User=54321",
        ),
        ("user.slice/user-1000.slice/session-3.scope", "", ""),
    ];
    for (group, unit, user) in services {
        let machine = Machine::new();
        let mut hog = Hog::new().user(54321).start();
        files::be_of_unit(&machine, hog.pid(), group);
        let mut daemon = machine.start();
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
        let log = machine.log();
        log.wait_for("INFO", "Scan complete. Scanned: *, Killed: 1");
        daemon.stop();
        let left = format!("Unit has no process left: Unit={unit}{user}");
        let is_told = log.records().iter().any(|record| record.message == left);
        assert_eq!(is_told, !unit.is_empty(), "{group}: {:#?}", log.records());
    }
    let history = run(&["history"]).out;
    for unit in ["a.service", "b.service"] {
        assert!(
            history.contains(&format!(" {unit} has no process left")),
            "{history}"
        );
    }
    assert_eq!(
        history.matches("has no process left").count(),
        2,
        "{history}"
    );
}

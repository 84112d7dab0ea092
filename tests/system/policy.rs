//! Rules, times over a threshold, early warnings, restart loops and drop-ins, on real processes. The
//! rules are in drop-ins.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::{Machine, THRESHOLD_GB, said};
use crate::harness::memory::Memory;
use crate::harness::os::Stopped;
use crate::identity::{OPENING, interrupted};
use std::fs;

pub(crate) const CASES: &[Case] = cases![
    first_rule_decides,
    rule_by_executable,
    must_be_over_for_a_time,
    early_warning_once,
    restart_loop_waits,
    drop_in_is_reloaded,
    foreign_drop_in_is_rejected,
    measured_by_pss,
    over_its_threshold_while_memory_is_plentiful,
    memory_that_is_plentiful_before_the_signal,
    an_early_scan_when_memory_is_plentiful_no_longer,
];

fn count(machine: &Machine, level: &str, start: &str, hog: &RunningHog) -> usize {
    let start = format!("{start}PID={},", hog.pid());
    let records = machine.log().records();
    let about_it = |record: &&crate::harness::log_lines::Record| {
        record.level == level && record.message.starts_with(&start)
    };
    records.iter().filter(about_it).count()
}

fn first_rule_decides() {
    let machine = Machine::new();
    machine.drop_in(
        "rules.toml",
        "[[rule]]\ncmdline = \"*protected*\"\naction = \"protect\"\n\
         [[rule]]\ncmdline = \"*reported*\"\naction = \"warn\"\n\
         [[rule]]\nname = \"large\"\nram_gb_threshold = 1\n",
    );
    let protected = Hog::new().argv0("protected").start();
    let reported = Hog::new().argv0("reported").start();
    let large = Hog::new().comm("large").start();
    let mut killed = Hog::new().start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(killed.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_scans(5);
    daemon.stop();
    for hog in [&protected, &reported, &large] {
        assert!(hog.is_alive());
        assert_eq!(count(&machine, "WARNING", "Killing process: ", hog), 0);
    }
    assert_eq!(
        count(&machine, "INFO", "Protected process: ", &protected),
        1
    );
    let only = "Over its threshold, only reported: ";
    assert_eq!(count(&machine, "WARNING", only, &reported), 1);
}

fn rule_by_executable() {
    let machine = Machine::new();
    let exe = fs::read_link("/proc/self/exe").expect("ours");
    let exe = exe
        .file_name()
        .and_then(|name| name.to_str())
        .expect("UTF-8");
    // Whatever it calls itself: the link is what counts.
    let rule = format!("[[rule]]\nexe = \"*/{exe}\"\naction = \"protect\"\n");
    machine.drop_in("rules.toml", &rule);
    let hog = Hog::new().argv0("/usr/sbin/sshd").comm("sshd").start();
    let mut daemon = machine.start();
    machine.log().wait_for_scans(3);
    daemon.stop();
    assert!(hog.is_alive());
    assert_eq!(count(&machine, "INFO", "Protected process: ", &hog), 1);
}

fn must_be_over_for_a_time() {
    // The scans alone would come too late.
    let machine = Machine::new()
        .with("thresholds.sustained", "2")
        .with("thresholds.check_interval", "3600");
    let mut hog = Hog::new().start();
    let start = std::time::Instant::now();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    assert!(
        start.elapsed().as_secs_f64() >= 2.0,
        "{:?}",
        start.elapsed()
    );
    machine.log().wait_for_words(&["Process ended:"]);
    daemon.stop();
    let waits = "Over its threshold, will be killed in 2 s unless it shrinks: ";
    assert_eq!(count(&machine, "INFO", waits, &hog), 1);
    // The kill comes by a read of that process or, where one is due just then, by an early scan.
    assert!(machine.log().scans() <= 2);
}

fn early_warning_once() {
    let machine = Machine::new().with("thresholds.ram_gb_threshold", "0.06");
    let hog = Hog::new().mib(52).start();
    let mut daemon = machine.start();
    machine.log().wait_for_scans(5);
    daemon.stop();
    assert!(hog.is_alive());
    assert_eq!(count(&machine, "WARNING", "Near its threshold: ", &hog), 1);
}

fn restart_loop_waits() {
    // Where these tests run there may be no unit at all, and then no loop is to be seen.
    let own = fs::read_to_string("/proc/self/cgroup").expect("ours");
    let is_in_unit = own.lines().any(|line| {
        (line.starts_with("0::") || line.contains(":name=systemd:"))
            && !line.ends_with(":/")
            && !line.ends_with(".slice")
    });
    let machine = Machine::new();
    let mut daemon = machine.start();
    let mut first = Hog::new().start();
    assert_eq!(first.ended_by(), Some(libc::SIGTERM));
    let mut again = Hog::new().start();
    assert_eq!(again.ended_by(), Some(libc::SIGTERM));
    let waited = machine
        .log()
        .records()
        .iter()
        .any(|record| record.message.contains("Reason: restart loop, unit "));
    assert_eq!(waited, is_in_unit);
    daemon.stop();
}

fn drop_in_is_reloaded() {
    let machine = Machine::new();
    machine.drop_in(
        "50.toml",
        "[[rule]]\nname = \"hog\"\naction = \"protect\"\n",
    );
    let mut hog = Hog::new().start();
    let mut daemon = machine.start();
    machine.log().wait_for_scans(3);
    assert!(hog.is_alive());
    fs::remove_file(machine.path("config.d/50.toml")).expect("ours");
    daemon.signal(libc::SIGHUP);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let removed = "rule: name = \"hog\", action = \"protect\" removed";
    machine
        .log()
        .wait_for_words(&["Configuration changed:", removed]);
    daemon.stop();
}

fn foreign_drop_in_is_rejected() {
    let machine = Machine::new();
    machine.drop_in("theirs.toml", "[thresholds]\nram_gb_threshold = 0.001\n");
    let theirs = machine.path("config.d/theirs.toml");
    std::os::unix::fs::chown(&theirs, Some(1000), None).expect("root");
    let mut command = machine.command();
    command.arg("--once");
    let rejected = said(command);
    assert_eq!(rejected.status, Some(78), "{rejected:?}");
    let text = rejected.err;
    assert!(text.contains("theirs.toml belongs to uid 1000"), "{text}");
}

fn measured_by_pss() {
    // A process of its own shares nothing worth it: by PSS it is over as well, and the reason says so.
    let machine = Machine::new().with("thresholds.metric", "\"pss\"");
    let mut hog = Hog::new().start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let threshold = format!("ram_gb_threshold = {THRESHOLD_GB}GB (metric pss)");
    machine.log().wait_for_words(&["Reason:", &threshold]);
    daemon.stop();
}

fn over_its_threshold_while_memory_is_plentiful() {
    let memory = Memory::available(700);
    let machine = Machine::new()
        .with("thresholds.only_below_available_percent", "20")
        .with("system.action", "\"off\"");
    machine.drop_in(
        "rules.toml",
        "[[rule]]\nname = \"always\"\nonly_below_available_percent = 100\n",
    );
    let mut hog = Hog::new().start();
    let mut always = Hog::new().comm("always").start();
    let mut daemon = machine.start();
    assert_eq!(always.ended_by(), Some(libc::SIGTERM));
    let plentiful = "Over its threshold, memory is plentiful (68% available): ";
    let pid = format!("PID={},", hog.pid());
    let message = machine.log().wait_for_words(&[plentiful, &pid]).message;
    assert!(
        message.ends_with("Threshold: ram_gb_threshold = 0.02GB"),
        "{message}"
    );
    machine.log().wait_for_scans(5);
    assert!(hog.is_alive());
    assert_eq!(
        machine
            .log()
            .count_of("Over its threshold, memory is plentiful"),
        1
    );
    let said = machine.run(&["scan"]).out;
    assert!(
        said.contains(
            "plentiful  hog  (over ram_gb_threshold = 0.02GB, memory is plentiful (68% available))"
        ),
        "{said}"
    );
    assert!(said.contains("0 would be killed"), "{said}");
    let said = machine.run(&["explain", &hog.pid().to_string()]).out;
    assert!(
        said.contains("Verdict: it stays as long as memory is plentiful (68% available)"),
        "{said}"
    );
    assert!(
        said.contains("little memory available  no   0.68GB (68.36%) is not below 20.00% = 0.20GB"),
        "{said}"
    );
    assert!(said.contains("only_below_available_percent = 20"), "{said}");
    memory.set_available(150);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

/// Memory is plentiful again when the victim is held: it stays, and so does the member of a group.
fn memory_that_is_plentiful_before_the_signal() {
    let memory = Memory::available(100);
    let machine = || {
        Machine::new()
            .with("thresholds.only_below_available_percent", "20")
            .with("system.action", "\"off\"")
    };
    let of_group = machine().with("thresholds.ram_gb_threshold", "512");
    of_group.drop_in(
        "groups.toml",
        "[[group]]\nby = \"all\"\nname = \"hog\"\nmetric = \"rss\"\nram_gb_threshold = 0.02\n",
    );
    let hog = Hog::new().start();
    let pid = u64::from(hog.pid());
    for machine in [machine(), of_group] {
        memory.set_available(100);
        let holds_it = |stopped: &mut Stopped<'_>| stopped.arguments[0] == pid;
        interrupted(&machine, OPENING, holds_it, || memory.set_available(700));
        assert!(hog.is_alive());
        assert_eq!(machine.log().count_of("Killing process"), 0);
    }
}

/// The next regular scan is an hour away.
fn an_early_scan_when_memory_is_plentiful_no_longer() {
    let memory = Memory::available(700);
    let machine = Machine::new()
        .with("thresholds.only_below_available_percent", "20")
        .with("thresholds.check_interval", "3600")
        .with("system.action", "\"off\"");
    let mut hog = Hog::new().start();
    let mut daemon = machine.start();
    machine
        .log()
        .wait_for_words(&["Over its threshold, memory is plentiful"]);
    assert!(hog.is_alive());
    memory.set_available(150);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

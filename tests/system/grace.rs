//! Between SIGTERM and the end: the grace period, SIGKILL, and what survives that.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::{Daemon, LONG, Machine, said};
use crate::harness::os;

pub(crate) const CASES: &[Case] = cases![
    checks_go_on,
    none_at_all,
    once_waits_for_the_end,
    reload_that_protects,
    reload_that_shortens_it,
    daemon_stops,
    new_name_protects,
    survivor_of_sigkill,
];

fn count(machine: &Machine, what: &str, hog: &RunningHog) -> usize {
    let start = format!("{what}: PID={},", hog.pid());
    let records = machine.log().records();
    let about_it = |record: &&crate::harness::log_lines::Record| record.message.starts_with(&start);
    records.iter().filter(about_it).count()
}

fn wait_for(machine: &Machine, what: &str, hog: &RunningHog) {
    let pid = format!(" PID={},", hog.pid());
    machine.log().wait_for_words(&[what, &pid]);
}

fn checks_go_on() {
    let machine = Machine::new();
    let stubborn = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.launch(machine.command());
    wait_for(&machine, "Killing process:", &stubborn);
    machine.log().wait_for_scans(3);
    let mut late = Hog::new().start();
    assert_eq!(late.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_scans(3);
    daemon.stop();
    assert!(stubborn.is_alive(), "its grace period is {LONG} s");
    assert_eq!(count(&machine, "Killing process", &stubborn), 1);
}

fn none_at_all() {
    let machine = Machine::new().with("settings.term_timeout", "0");
    let mut hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    wait_for(&machine, "Process ended:", &hog);
    daemon.stop();
}

fn once_waits_for_the_end() {
    let machine = Machine::new().with("settings.term_timeout", "0.5");
    let mut hog = Hog::new().ignores_sigterm().start();
    let mut command = machine.command();
    command.arg("--once");
    let output = said(command);
    assert_eq!(output.status, Some(0), "{output:?}");
    assert!(!hog.is_alive());
    assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    assert_eq!(machine.log().scans(), 1);
    assert_eq!(count(&machine, "Process ended", &hog), 1);
}

/// The grace period, shortened by a reload, ends without a SIGKILL: the process is protected by now.
fn is_protected_by_reload(machine: &mut Machine, hog: &RunningHog, daemon: &mut Daemon) {
    machine.set("settings.term_timeout", "0.1");
    machine.write_config();
    daemon.signal(libc::SIGHUP);
    let cancelled = "Kill cancelled, the process is protected now:";
    wait_for(machine, cancelled, hog);
    machine.log().wait_for_scans(5);
    assert!(hog.is_alive());
    daemon.stop();
}

fn reload_that_protects() {
    let mut machine = Machine::new();
    let hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.start();
    wait_for(&machine, "Killing process:", &hog);
    machine.set("whitelist.names", r#"["hog"]"#);
    is_protected_by_reload(&mut machine, &hog, &mut daemon);
    assert_eq!(count(&machine, "Escalating to SIGKILL", &hog), 0);
}

fn reload_that_shortens_it() {
    let mut machine = Machine::new();
    let mut hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.start();
    wait_for(&machine, "Killing process:", &hog);
    machine.set("settings.term_timeout", "0.1");
    machine.write_config();
    daemon.signal(libc::SIGHUP);
    assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    daemon.stop();
}

/// It stops at once, however much of the grace period is left.
fn daemon_stops() {
    let machine = Machine::new();
    let hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.launch(machine.command());
    wait_for(&machine, "Killing process:", &hog);
    daemon.stop();
    assert!(hog.is_alive());
}

/// A process may become one that is protected, as by exec or prctl.
fn new_name_protects() {
    let mut machine = Machine::new().with("whitelist.names", r#"["precious"]"#);
    let mut hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.launch(machine.command());
    wait_for(&machine, "Killing process:", &hog);
    hog.rename("precious");
    is_protected_by_reload(&mut machine, &hog, &mut daemon);
}

/// A thread that is traced stays until its tracer has seen it end, and so does its process, whatever
/// it is sent.
fn survivor_of_sigkill() {
    let machine = Machine::new().with("settings.term_timeout", "0.2");
    let mut hog = Hog::new().with_second_thread().ignores_sigterm().start();
    let thread = hog.threads()[1];
    os::trace(thread);
    let mut daemon = machine.launch(machine.command());
    wait_for(&machine, "Escalating to SIGKILL:", &hog);
    wait_for(&machine, "Process survives SIGKILL", &hog);
    machine.log().wait_for_scans(5);
    assert_eq!(count(&machine, "Process ended", &hog), 0);
    let survives =
        |record: &&crate::harness::log_lines::Record| record.message.contains("survives SIGKILL");
    assert_eq!(machine.log().records().iter().filter(survives).count(), 1);
    os::see_end_of(thread);
    wait_for(&machine, "Process ended:", &hog);
    assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    machine.log().wait_for_scans(3);
    daemon.stop();
    assert_eq!(count(&machine, "Killing process", &hog), 1);
    assert_eq!(count(&machine, "Process ended", &hog), 1);
}

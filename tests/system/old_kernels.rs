//! The same behaviour on kernels without pidfds or process_mrelease: under a seccomp filter that
//! answers ENOSYS to them.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::log_lines::Record;
use crate::harness::machine::Machine;
use crate::harness::os;
use crate::identity::reuse_in_the_grace_period;

pub(crate) const CASES: &[Case] = cases![
    without_pidfd_open,
    without_pidfd_send_signal,
    without_process_mrelease,
    without_all_of_them,
    pid_reused_without_pidfd_open,
    pid_reused_without_all_of_them,
];

fn without_pidfd_open() {
    kills_all(&[OPEN]);
}

fn without_pidfd_send_signal() {
    kills_all(&[SEND]);
}

fn without_process_mrelease() {
    kills_all(&[RELEASE]);
}

fn without_all_of_them() {
    kills_all(&[OPEN, SEND, RELEASE]);
}

fn pid_reused_without_pidfd_open() {
    pid_reused(&[OPEN]);
}

fn pid_reused_without_all_of_them() {
    pid_reused(&[OPEN, SEND, RELEASE]);
}

const OPEN: libc::c_long = libc::SYS_pidfd_open;
const SEND: libc::c_long = libc::SYS_pidfd_send_signal;
const RELEASE: libc::c_long = libc::SYS_process_mrelease;

/// One of each kind is killed as on a new kernel, with the same records.
fn kills_all(missing: &[libc::c_long]) {
    // Enough for the obedient ones on a slow machine.
    let machine = Machine::new().with("settings.term_timeout", "5");
    let stopped = Hog::new().start();
    stopped.stop();
    let hogs = [
        (Hog::new().start(), "SIGTERM"),
        (Hog::new().leader_exits().start(), "SIGTERM"),
        (stopped, "SIGTERM"),
        (Hog::new().ignores_sigterm().start(), "SIGKILL"),
        (
            Hog::new().leader_exits().ignores_sigterm().start(),
            "SIGKILL",
        ),
    ];
    let small = Hog::new().mib(1).start();
    let mut command = machine.command();
    os::without_syscalls(&mut command, missing);
    let mut daemon = machine.launch(command);
    let log = machine.log();
    for (hog, signal) in &hogs {
        // Their ends are seen although they are not reaped.
        let start = format!(
            "Process ended: PID={}, Name=hog, Signal={signal}",
            hog.pid()
        );
        log.wait_for("INFO", &format!("{start}, After=*.##s"));
    }
    log.wait_for_scans(10);
    daemon.stop();
    for (mut hog, signal) in hogs {
        let escalated = signal == "SIGKILL";
        let number = if escalated {
            libc::SIGKILL
        } else {
            libc::SIGTERM
        };
        assert_eq!(hog.ended_by(), Some(number));
        let said = |what| said_of(what, &hog, &machine);
        assert_eq!(said("Killing process"), 1);
        assert_eq!(said("Process ended"), 1);
        assert_eq!(said("Escalating to SIGKILL"), usize::from(escalated));
    }
    assert!(small.is_alive());
    let records = log.records();
    let is_error = |record: &Record| record.level == "ERROR";
    assert!(!records.iter().any(is_error), "{records:?}");
}

fn said_of(what: &str, hog: &RunningHog, machine: &Machine) -> usize {
    let start = format!("{what}: PID={},", hog.pid());
    let records = machine.log().records();
    records
        .iter()
        .filter(|record| record.message.starts_with(&start))
        .count()
}

fn pid_reused(missing: &[libc::c_long]) {
    let machine = Machine::new().with("settings.term_timeout", "1");
    let bystander = reuse_in_the_grace_period(&machine, missing);
    assert!(bystander.is_alive());
}

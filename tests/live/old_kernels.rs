//! The same behaviour on kernels without pidfds or process_mrelease: under a seccomp filter that
//! answers ENOSYS to them.

use crate::confine::{Case, case};
use crate::hog::{Hog, RunningHog};
use crate::identity::reuse_in_the_grace_time;
use crate::machine::Machine;
use crate::os;

pub(crate) const CASES: &[Case] = &[
    case("old_kernels::without_pidfd_open", || ends_all(&[OPEN])),
    case("old_kernels::without_pidfd_send_signal", || {
        ends_all(&[SEND]);
    }),
    case("old_kernels::without_process_mrelease", || {
        ends_all(&[RELEASE]);
    }),
    case("old_kernels::without_all_of_them", || {
        ends_all(&[OPEN, SEND, RELEASE]);
    }),
    case("old_kernels::number_reused_without_pidfd_open", || {
        number_reused(&[OPEN]);
    }),
    case("old_kernels::number_reused_without_all_of_them", || {
        number_reused(&[OPEN, SEND, RELEASE]);
    }),
];

const OPEN: libc::c_long = libc::SYS_pidfd_open;
const SEND: libc::c_long = libc::SYS_pidfd_send_signal;
const RELEASE: libc::c_long = libc::SYS_process_mrelease;

/// One of each kind is ended as on a new kernel, with the same records.
fn ends_all(missing: &[libc::c_long]) {
    let machine = Machine::new().with("settings.term_timeout", "0.5");
    let obedient = Hog::new().start();
    let headless = Hog::new().leader_exits().start();
    let sleeping = Hog::new().start();
    sleeping.stop();
    let stubborn = Hog::new().ignores_sigterm().start();
    let small = Hog::new().mib(1).start();
    let mut command = machine.command();
    os::without_syscalls(&mut command, missing);
    let mut daemon = machine.launch(command);
    let log = machine.log();
    let expected = [
        (&obedient, "SIGTERM"),
        (&headless, "SIGTERM"),
        (&sleeping, "SIGTERM"),
        (&stubborn, "SIGKILL"),
    ];
    for (hog, signal) in expected {
        // Their ends are seen though nobody reaps them.
        let pid = hog.pid();
        log.wait_for(
            "INFO",
            &format!(
                "Process ended: PID={pid}, Name=hog, Signal={signal}, After=*.##s, Freed=*.##GB"
            ),
        );
    }
    log.wait_for_scans(10);
    daemon.stop();
    for (mut hog, signal) in [obedient, headless, sleeping, stubborn].into_iter().zip([
        libc::SIGTERM,
        libc::SIGTERM,
        libc::SIGTERM,
        libc::SIGKILL,
    ]) {
        assert_eq!(hog.ended_by(), Some(signal));
        assert_eq!(said_of("Killing process", &hog, &machine), 1);
        assert_eq!(said_of("Process ended", &hog, &machine), 1);
        let escalated = usize::from(signal == libc::SIGKILL);
        assert_eq!(said_of("Escalating to SIGKILL", &hog, &machine), escalated);
    }
    assert!(small.is_alive());
    let records = log.records();
    assert!(
        !records.iter().any(|record| record.level == "ERROR"),
        "{records:?}"
    );
}

fn said_of(what: &str, hog: &RunningHog, machine: &Machine) -> usize {
    let start = format!("{what}: PID={},", hog.pid());
    let records = machine.log().records();
    records
        .iter()
        .filter(|record| record.message.starts_with(&start))
        .count()
}

fn number_reused(missing: &[libc::c_long]) {
    let machine = Machine::new().with("settings.term_timeout", "0.3");
    let bystander = reuse_in_the_grace_time(&machine, missing);
    assert!(bystander.is_alive());
}

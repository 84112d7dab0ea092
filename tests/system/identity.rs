//! A number is not a process: whoever takes over a victim's number is never signalled.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::Machine;
use crate::harness::os::{self, Breakpoints, Stopped};

pub(crate) const CASES: &[Case] = cases![
    number_reused_before_sigkill,
    gone_before_it_was_opened,
    gone_before_the_signal,
    number_reused_before_it_was_opened,
    number_reused_before_the_signal,
    number_reused_before_a_signal_by_number,
];

/// The daemon doesn't run while the victim ends and its number passes to a bystander.
fn number_reused_before_sigkill() {
    let machine = Machine::new().with("settings.term_timeout", "1");
    let bystander = reuse_in_the_grace_time(&machine, &[]);
    assert!(bystander.is_alive());
}

/// Lets the number of a victim pass to a small process after SIGTERM and before SIGKILL, under a
/// daemon without the system calls `missing`; returns that process some scans later.
pub(crate) fn reuse_in_the_grace_time(machine: &Machine, missing: &[libc::c_long]) -> RunningHog {
    let mut victim = Hog::new().ignores_sigterm().start();
    let pid = victim.pid();
    let mut command = machine.command();
    os::without_syscalls(&mut command, missing);
    let mut daemon = machine.launch(command);
    let log = machine.log();
    log.wait_for_words(&["Killing process:", &format!("PID={pid},")]);
    daemon.pause();
    victim.end();
    // Of the same name, so that only the start time tells the two apart.
    let bystander = Hog::new().mib(1).start_as(pid);
    daemon.resume();
    log.wait_for_words(&["Process ended:", &format!("PID={pid},")]);
    log.wait_for_scans(15);
    daemon.stop();
    let records = log.records();
    let about_it = |start: &str| {
        let start = format!("{start}: PID={pid},");
        records
            .iter()
            .filter(|record| record.message.starts_with(&start))
            .count()
    };
    assert_eq!(
        (about_it("Killing process"), about_it("Process ended")),
        (1, 1)
    );
    bystander
}

/// Lets `meanwhile` happen while the daemon stands at the first system call of `at` that concerns the
/// hog, then waits for some scans.
fn interrupted(
    machine: &Machine,
    at: &[libc::c_long],
    concerns: impl Fn(&mut Stopped<'_>) -> bool,
    meanwhile: impl FnOnce(),
) {
    let mut command = machine.command();
    os::with_breakpoints(&mut command, at);
    let mut daemon = machine.launch(command);
    let breakpoints = Breakpoints::of(daemon.pid());
    loop {
        let mut stopped = breakpoints.hit();
        if concerns(&mut stopped) {
            meanwhile();
            break;
        }
    }
    breakpoints.ignore_all();
    machine.log().wait_for_scans(5);
    daemon.stop();
}

const OPENING: &[libc::c_long] = &[libc::SYS_pidfd_open];
const SIGNALLING: &[libc::c_long] = &[libc::SYS_pidfd_send_signal, libc::SYS_kill];

fn sends_sigterm(stopped: &mut Stopped<'_>) -> bool {
    stopped.arguments[1] == u64::from(libc::SIGTERM.unsigned_abs())
}

fn gone_before_it_was_opened() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let pid = u64::from(hog.pid());
    let its_own = |stopped: &mut Stopped<'_>| stopped.arguments[0] == pid;
    interrupted(&machine, OPENING, its_own, || hog.end());
    nothing_was_ended(&machine);
}

fn gone_before_the_signal() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    interrupted(&machine, SIGNALLING, sends_sigterm, || hog.end());
    nothing_was_ended(&machine);
}

/// The heir is over the threshold as well, but protected: only looking again can tell.
fn number_reused_before_it_was_opened() {
    let machine = Machine::new().with("whitelist.names", r#"["protected"]"#);
    let mut hog = Hog::new().start();
    let (pid, mut heir) = (hog.pid(), None);
    let its_own = |stopped: &mut Stopped<'_>| stopped.arguments[0] == u64::from(pid);
    interrupted(&machine, OPENING, its_own, || {
        hog.end();
        heir = Some(Hog::new().comm("protected").start_as(pid));
    });
    assert!(heir.is_some_and(|heir| heir.is_alive()));
    nothing_was_ended(&machine);
}

fn number_reused_before_the_signal() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let (pid, mut heir) = (hog.pid(), None);
    interrupted(&machine, SIGNALLING, sends_sigterm, || {
        hog.end();
        heir = Some(Hog::new().mib(1).start_as(pid));
    });
    assert!(heir.is_some_and(|heir| heir.is_alive()));
    nothing_was_ended(&machine);
}

/// The kernel turns out not to have the call, and the number has passed on when kill(2) is next.
fn number_reused_before_a_signal_by_number() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let (pid, mut heir) = (hog.pid(), None);
    let is_missing = |stopped: &mut Stopped<'_>| {
        stopped.is_missing = true;
        sends_sigterm(stopped)
    };
    interrupted(&machine, &SIGNALLING[..1], is_missing, || {
        hog.end();
        heir = Some(Hog::new().mib(1).start_as(pid));
    });
    assert!(heir.is_some_and(|heir| heir.is_alive()));
    nothing_was_ended(&machine);
}

/// A process that went by itself is no kill, no end, and nothing to complain about.
fn nothing_was_ended(machine: &Machine) {
    let log = machine.log();
    let scans = log.scans();
    assert_eq!(
        log.count("INFO", "Scan complete. Scanned: *, Killed: 0"),
        scans
    );
    for record in log.records() {
        // That a name is not what it seems is a warning, of one that lives.
        assert!(
            record.level == "INFO"
                || record.message.starts_with("Protected process: ")
                || !record.message.contains("PID="),
            "{record:?}"
        );
        assert!(!record.message.starts_with("Process ended"), "{record:?}");
    }
}

//! A PID is not a process: another process with a victim's PID is never sent a signal.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::Machine;
use crate::harness::memory::Memory;
use crate::harness::os::{self, Breakpoints, Stopped};

pub(crate) const CASES: &[Case] = cases![
    pid_reused_before_sigkill,
    gone_before_it_was_opened,
    gone_before_the_signal,
    gone_before_sigkill,
    gone_before_the_last_sigkill,
    pid_reused_before_it_was_opened,
    pid_reused_before_the_signal,
    pid_reused_before_a_signal_by_pid,
    pid_reused_in_a_shortage,
    the_whitelist_has_no_threads,
];

/// The daemon doesn't run while the victim ends and a bystander gets its PID.
fn pid_reused_before_sigkill() {
    let machine = Machine::new().with("settings.term_timeout", "1");
    let bystander = reuse_in_the_grace_period(&machine, &[]);
    assert!(bystander.is_alive());
}

/// Lets a small process have the PID of a victim after SIGTERM and before SIGKILL, under a
/// daemon without the system calls `missing`; returns that process some scans later.
pub(crate) fn reuse_in_the_grace_period(machine: &Machine, missing: &[libc::c_long]) -> RunningHog {
    let mut victim = Hog::new().ignores_sigterm().start();
    let pid = victim.pid();
    let mut command = machine.command();
    os::without_syscalls(&mut command, missing);
    let mut daemon = machine.launch(command);
    let log = machine.log();
    log.wait_for_words(&["Killing process:", &format!("PID={pid},")]);
    daemon.pause();
    victim.kill();
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
pub(crate) fn interrupted(
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

pub(crate) const OPENING: &[libc::c_long] = &[libc::SYS_pidfd_open];
const SIGNALLING: &[libc::c_long] = &[libc::SYS_pidfd_send_signal, libc::SYS_kill];

fn sends_sigterm(stopped: &mut Stopped<'_>) -> bool {
    stopped.arguments[1] == u64::from(libc::SIGTERM.unsigned_abs())
}

fn gone_before_it_was_opened() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let pid = u64::from(hog.pid());
    let its_own = |stopped: &mut Stopped<'_>| stopped.arguments[0] == pid;
    interrupted(&machine, OPENING, its_own, || hog.kill());
    nothing_was_killed(&machine);
}

fn gone_before_the_signal() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    interrupted(&machine, SIGNALLING, sends_sigterm, || hog.kill());
    nothing_was_killed(&machine);
}

fn sends_sigkill(stopped: &mut Stopped<'_>) -> bool {
    stopped.arguments[1] == u64::from(libc::SIGKILL.unsigned_abs())
}

/// What has ended right before SIGKILL was sent SIGTERM only, and survives nothing.
fn gone_before_sigkill() {
    let machine = Machine::new().with("settings.term_timeout", "0.2");
    let mut hog = Hog::new().ignores_sigterm().start();
    interrupted(&machine, SIGNALLING, sends_sigkill, || hog.kill());
    ended_by_sigterm(&machine);
}

/// The same of the last victim of `--once`, for which that waits.
fn gone_before_the_last_sigkill() {
    let machine = Machine::new().with("settings.term_timeout", "0.2");
    let mut hog = Hog::new().ignores_sigterm().start();
    let mut command = machine.command();
    command.arg("--once");
    os::with_breakpoints(&mut command, SIGNALLING);
    let mut daemon = machine.launch(command);
    let breakpoints = Breakpoints::of(daemon.pid());
    loop {
        let mut stopped = breakpoints.hit();
        if sends_sigkill(&mut stopped) {
            hog.kill();
            break;
        }
    }
    breakpoints.ignore_all();
    assert!(daemon.wait().success());
    ended_by_sigterm(&machine);
}

fn ended_by_sigterm(machine: &Machine) {
    let records = machine.log().records();
    let ended = records
        .iter()
        .filter(|record| record.message.starts_with("Process ended: "));
    let ended: Vec<_> = ended.collect();
    assert_eq!(ended.len(), 1, "{records:?}");
    assert!(ended[0].message.contains("Signal=SIGTERM"), "{ended:?}");
}

/// The next process with the PID is over the threshold as well, but protected: only a second read can tell.
fn pid_reused_before_it_was_opened() {
    let machine = Machine::new().with("whitelist.names", r#"["protected"]"#);
    let mut hog = Hog::new().start();
    let (pid, mut successor) = (hog.pid(), None);
    let its_own = |stopped: &mut Stopped<'_>| stopped.arguments[0] == u64::from(pid);
    interrupted(&machine, OPENING, its_own, || {
        hog.kill();
        successor = Some(Hog::new().comm("protected").start_as(pid));
    });
    assert!(successor.is_some_and(|successor| successor.is_alive()));
    nothing_was_killed(&machine);
}

fn pid_reused_before_the_signal() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let (pid, mut successor) = (hog.pid(), None);
    interrupted(&machine, SIGNALLING, sends_sigterm, || {
        hog.kill();
        successor = Some(Hog::new().mib(1).start_as(pid));
    });
    assert!(successor.is_some_and(|successor| successor.is_alive()));
    nothing_was_killed(&machine);
}

/// The kernel does not have the call, and another process has the PID when kill(2) follows.
fn pid_reused_before_a_signal_by_pid() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let (pid, mut successor) = (hog.pid(), None);
    let is_missing = |stopped: &mut Stopped<'_>| {
        stopped.is_missing = true;
        sends_sigterm(stopped)
    };
    interrupted(&machine, &SIGNALLING[..1], is_missing, || {
        hog.kill();
        successor = Some(Hog::new().mib(1).start_as(pid));
    });
    assert!(successor.is_some_and(|successor| successor.is_alive()));
    nothing_was_killed(&machine);
}

/// The guard has chosen a process, and another one has its PID when the signal is sent: neither that one, which is too
/// small to be chosen itself, nor any other is killed for it.
fn pid_reused_in_a_shortage() {
    let memory = Memory::available(700);
    let machine = Machine::new()
        .with("thresholds.ram_gb_threshold", "100")
        .with("system.action", "\"kill\"");
    let mut hog = Hog::new().mib(120).start();
    let (pid, mut successor) = (hog.pid(), None);
    memory.set_available(30);
    interrupted(&machine, SIGNALLING, sends_sigterm, || {
        hog.kill();
        successor = Some(Hog::new().mib(1).start_as(pid));
        memory.set_available(700);
    });
    assert!(successor.is_some_and(|successor| successor.is_alive()));
    machine
        .log()
        .wait_for_words(&["Memory is no longer short", "Killed: 0"]);
    for said in ["Killing process", "Process ended", "ERROR"] {
        assert_eq!(machine.log().count_of(said), 0, "{said}");
    }
}

/// A process that exited by itself is neither a kill nor an error.
fn nothing_was_killed(machine: &Machine) {
    let log = machine.log();
    let scans = log.scans();
    assert_eq!(
        log.count("INFO", "Scan complete. Scanned: *, Killed: 0"),
        scans
    );
    for record in log.records() {
        // A name that its executable does not confirm is a warning.
        assert!(
            record.level == "INFO"
                || record.message.starts_with("Protected process: ")
                || !record.message.contains("PID="),
            "{record:?}"
        );
        assert!(!record.message.starts_with("Process ended"), "{record:?}");
    }
}

/// The ID of a thread protects no process: the entry has no effect, and that is said.
fn the_whitelist_has_no_threads() {
    let mut hog = Hog::new().with_second_thread().start();
    let thread = hog.threads()[1];
    let machine = Machine::new().with("whitelist.pids", &format!("[1, {thread}]"));
    let mut daemon = machine.start();
    let told = format!("no process has PID {thread};");
    machine.log().wait_for_words(&["whitelist.pids: ", &told]);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

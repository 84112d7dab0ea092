//! The libc calls of the benchmark, kept apart from the daemon's own so that neither measures itself
//! with the other's code.
#![allow(unsafe_code, reason = "libc calls of the benchmark")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use libc::{c_int, clockid_t, pid_t};

fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn clock(id: clockid_t) -> io::Result<Duration> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a live timespec.
    check(unsafe { libc::clock_gettime(id, &raw mut time) })?;
    let number = |part: i64| u64::try_from(part).map_err(io::Error::other);
    Ok(Duration::from_secs(number(time.tv_sec)?) + Duration::from_nanos(number(time.tv_nsec)?))
}

/// The CPU time this process has used, user and system.
pub(crate) fn own_cpu_time() -> io::Result<Duration> {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// The CPU time that the process with number `pid` has used, user and system.
pub(crate) fn cpu_time_of(pid: u32) -> io::Result<Duration> {
    let mut id: clockid_t = 0;
    let pid = pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: `id` is a live clockid_t.
    match unsafe { libc::clock_getcpuclockid(pid, &raw mut id) } {
        0 => clock(id),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// The time since boot: the same in every process.
pub(crate) fn monotonic_time() -> io::Result<Duration> {
    clock(libc::CLOCK_MONOTONIC)
}

/// Lets a SIGINT, SIGTERM or SIGHUP end this process even where it is pid 1, to which the kernel does
/// not deliver a signal without a handler. Its processes end with it.
pub(crate) fn exit_on_interrupt() {
    extern "C" fn exit(_: c_int) {
        // SAFETY: _exit is async-signal-safe.
        unsafe { libc::_exit(130) }
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler only calls _exit.
        unsafe { libc::signal(signal, exit as extern "C" fn(c_int) as libc::sighandler_t) };
    }
}

/// The child's half of `die_with_parent`; async-signal-safe.
fn ask_to_die_with(parent: pid_t) -> io::Result<()> {
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    // The parent may have ended before the request.
    // SAFETY: no arguments.
    if unsafe { libc::getppid() } == parent {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

/// Makes the command's process end when this one does, however this one ends.
pub(crate) fn die_with_parent(command: &mut Command) -> &mut Command {
    // SAFETY: no arguments.
    let parent = unsafe { libc::getpid() };
    // SAFETY: between fork and exec the closure makes async-signal-safe calls only.
    unsafe { command.pre_exec(move || ask_to_die_with(parent)) }
}

/// Lets the command's process have the priority of the service, `Nice=-20`; without the permission its own.
pub(crate) fn with_priority(command: &mut Command) -> &mut Command {
    let raise = || {
        // SAFETY: integers only; async-signal-safe.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes one async-signal-safe call.
    unsafe { command.pre_exec(raise) }
}

/// Forks a process that sleeps until it is killed, and ends with this one at the latest.
pub(crate) fn fork_sleeper() -> io::Result<pid_t> {
    // SAFETY: no arguments.
    let parent = unsafe { libc::getpid() };
    // SAFETY: the benchmark has one thread, and the child makes async-signal-safe calls only.
    match check(unsafe { libc::fork() })? {
        0 => {
            let asked = ask_to_die_with(parent);
            // SAFETY: integers only; a handler inherited from the parent calls _exit.
            unsafe {
                while asked.is_ok() {
                    libc::pause();
                }
                libc::_exit(1)
            }
        }
        child => Ok(child),
    }
}

/// Kills and reaps a child. Its number can't have passed to another process: it is reaped here alone.
pub(crate) fn end_child(child: pid_t) {
    // SAFETY: integers and a null pointer, which waitpid allows.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}

/// Takes SIGTERM out of the hands of its default action, so that `next_sigterm` sees each.
pub(crate) fn refuse_sigterm() -> io::Result<()> {
    let set = sigterm_set();
    // SAFETY: `set` is initialised, and a null pointer is allowed for the old mask.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) })?;
    Ok(())
}

/// Sleeps until the next SIGTERM is sent to this process.
pub(crate) fn next_sigterm() {
    let set = sigterm_set();
    // SAFETY: `set` is initialised, and a null pointer is allowed for the details.
    while unsafe { libc::sigwaitinfo(&raw const set, std::ptr::null_mut()) } == -1 {}
}

fn sigterm_set() -> libc::sigset_t {
    // SAFETY: sigset_t is a C struct of integers, for which all zeros are valid; `set` is live.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        set
    }
}

/// A descriptor of a child that was not waited for.
pub(crate) fn pidfd_of(pid: u32) -> io::Result<OwnedFd> {
    let pid = pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: integers only; the descriptor is handed to its only owner.
    unsafe {
        let fd = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        let fd = check(c_int::try_from(fd).map_err(io::Error::other)?)?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Sleeps until the process has ended.
pub(crate) fn wait_for_end(pidfd: &OwnedFd) -> io::Result<()> {
    let mut entry = libc::pollfd {
        fd: pidfd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one live entry.
    check(unsafe { libc::poll(&raw mut entry, 1, -1) }).map(drop)
}

/// Sends SIGTERM.
pub(crate) fn terminate(pidfd: &OwnedFd) -> io::Result<()> {
    let null = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: integers and a null pointer, which is allowed.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            libc::SIGTERM,
            null,
            0,
        )
    };
    check(c_int::try_from(sent).map_err(io::Error::other)?).map(drop)
}

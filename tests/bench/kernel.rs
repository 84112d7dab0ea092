//! The libc calls of the benchmark, kept apart from the daemon's own so that neither measures itself
//! with the other's code.
#![allow(unsafe_code, reason = "libc calls of the benchmark")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use libc::{c_int, clockid_t, pid_t};

const PAGE: usize = 4096;

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

/// Memory that forked processes share, and count themselves in.
pub(crate) struct SharedMemory {
    pages: *mut u8,
    size: usize,
}

impl SharedMemory {
    pub(crate) fn create(size: usize) -> io::Result<Self> {
        let pages = map(size, libc::MAP_SHARED)?;
        Ok(Self { pages, size })
    }

    /// How many processes have touched all of it.
    pub(crate) fn users(&self) -> usize {
        self.counter().load(Ordering::SeqCst)
    }

    fn counter(&self) -> &AtomicUsize {
        // SAFETY: the mapping is aligned to a page, lives as long as this, and its first word is used as a counter
        // alone.
        unsafe { AtomicUsize::from_ptr(self.pages.cast()) }
    }
}

/// Zeroed memory, which lasts until this process ends.
fn map(size: usize, kind: c_int) -> io::Result<*mut u8> {
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let pages = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            kind | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if pages == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(pages.cast())
}

/// A process of a user that has some memory and sleeps; it is killed and waited for when this is dropped.
pub(crate) struct Member(pid_t);

impl Member {
    /// Forks it, with so many bytes of its own. It ends with this one at the latest.
    pub(crate) fn fork(uid: u32, private: usize, shared: &SharedMemory) -> io::Result<Self> {
        // SAFETY: no arguments.
        let parent = unsafe { libc::getpid() };
        // SAFETY: the benchmark has one thread, and the child makes async-signal-safe calls only.
        let child = check(unsafe { libc::fork() })?;
        if child == 0 {
            // SAFETY: integers only, and pages of live mappings; a change of the user makes the process belong to
            // root until it is dumpable again, and takes its wish to die with its parent.
            unsafe {
                let is_ready = libc::setuid(uid) == 0
                    && libc::prctl(libc::PR_SET_DUMPABLE, 1) == 0
                    && ask_to_die_with(parent).is_ok();
                if let Some(own) = map(private, libc::MAP_PRIVATE).ok().filter(|_| is_ready) {
                    for at in (0..private).step_by(PAGE) {
                        own.add(at).write_volatile(1);
                    }
                    for at in (PAGE..shared.size).step_by(PAGE) {
                        shared.pages.add(at).write_volatile(1);
                    }
                    shared.counter().fetch_add(1, Ordering::SeqCst);
                    loop {
                        libc::pause();
                    }
                }
                libc::_exit(1)
            }
        }
        Ok(Self(child))
    }

    pub(crate) fn pid(&self) -> pid_t {
        self.0
    }

    pub(crate) fn kill(&self) {
        // SAFETY: integers only.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        end_child(self.0);
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

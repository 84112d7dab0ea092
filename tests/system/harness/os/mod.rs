//! Every libc call and all `unsafe` of the system suite, behind small safe functions.

#![allow(unsafe_code, reason = "libc calls of the tests, here alone")]

mod hostile;
mod seccomp;
mod terminal;

pub(crate) use hostile::{
    clone_with_memory, fault_on, fork_copies, go_on_as_child, lead_session, lose_arguments,
    make_fuse, map_times, own_user_namespace, populate, rehearse_fork, serve_fuse,
};
pub(crate) use seccomp::{Breakpoints, Stopped, with_breakpoints, without_syscalls};
pub(crate) use terminal::{echoes_lines, hold_output, is_readable, open_terminal, with_terminal};

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The one gate from a libc return value to an error.
fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// From now on SIGTERM has no effect on this process.
pub(crate) fn ignore_sigterm() {
    // SAFETY: SIG_IGN installs no function that could be called.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
}

/// Ends the calling thread alone; the other threads of the process go on.
pub(crate) fn exit_this_thread() {
    // SAFETY: the thread's stack stays mapped, since it is not joined; no destructor matters to a hog.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// The effective user of this process.
pub(crate) fn effective_uid() -> u32 {
    // SAFETY: takes nothing, can't fail.
    unsafe { libc::geteuid() }
}

/// Of memory, in bytes.
pub(crate) fn page_size() -> u64 {
    // SAFETY: takes an integer.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).expect("Linux has pages")
}

/// Whether our child `pid` is over: its last thread is gone, or it was reaped already.
pub(crate) fn is_over(pid: u32) -> bool {
    // SAFETY: a C struct for which all zeros are valid.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: waitid writes one siginfo_t; WNOWAIT leaves the child unreaped.
    let result = unsafe { libc::waitid(libc::P_PID, pid, &raw mut found, flags) };
    // The signal number stays zero while there is nothing to report.
    result == -1 || found.si_signo != 0
}

/// Waits until our child `pid` is over, without reaping it; returns at once when it was reaped already.
pub(crate) fn wait_for_end_of(pid: u32) {
    // SAFETY: a C struct for which all zeros are valid.
    let mut found: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOWAIT;
    // SAFETY: waitid writes one siginfo_t; WNOWAIT leaves the child unreaped.
    let mut wait = || unsafe { libc::waitid(libc::P_PID, pid, &raw mut found, flags) };
    while let Err(error) = check(wait().into()) {
        if error.kind() != io::ErrorKind::Interrupted {
            assert_eq!(error.raw_os_error(), Some(libc::ECHILD), "{error}");
            return;
        }
    }
}

/// Sends `signal` to the process `pid`.
pub(crate) fn signal(pid: u32, signal: libc::c_int) {
    let pid = i32::try_from(pid).expect("the kernel's numbers fit");
    // SAFETY: kill takes two integers.
    let result = unsafe { libc::kill(pid, signal) };
    check(result.into()).unwrap_or_else(|error| panic!("kill({pid}, {signal}): {error}"));
}

/// Mounts `source` of type `kind` on `target`; an empty `kind` is for bind mounts and remounts.
pub(crate) fn mount(source: &Path, target: &Path, kind: &str, flags: libc::c_ulong, data: &str) {
    let text = |bytes: &[u8]| CString::new(bytes).expect("no NUL in what is mounted");
    let (source, target) = (source.as_os_str().as_bytes(), target.as_os_str().as_bytes());
    let (source, target, kind, data) = (
        text(source),
        text(target),
        text(kind.as_bytes()),
        text(data.as_bytes()),
    );
    // SAFETY: four NUL-terminated strings that live for the length of the call.
    let result = unsafe {
        libc::mount(
            source.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            data.as_ptr().cast(),
        )
    };
    check(result.into()).unwrap_or_else(|error| panic!("mount on {target:?}: {error}"));
}

/// Gives this test a network of its own, with the kernel's defaults for its sockets.
pub(crate) fn own_network() {
    // SAFETY: takes flags.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    check(result.into()).unwrap_or_else(|error| panic!("unshare: {error}"));
}

/// Gives this test System V shared memory of its own, which ends with it.
pub(crate) fn own_ipc() {
    // SAFETY: takes flags.
    let result = unsafe { libc::unshare(libc::CLONE_NEWIPC) };
    check(result.into()).unwrap_or_else(|error| panic!("unshare: {error}"));
}

/// A file that lies in memory only; its path holds while this process lives.
pub(crate) fn memory_file(name: &str, contents: &[u8]) -> PathBuf {
    let name = CString::new(name).expect("no NUL in a name");
    // SAFETY: a NUL-terminated string that lives for the length of the call.
    let result = unsafe { libc::memfd_create(name.as_ptr(), 0) };
    let path = |fd: &dyn AsRawFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
    let result = check(result.into()).unwrap_or_else(|error| panic!("memfd_create: {error}"));
    let fd = RawFd::try_from(result).expect("the kernel's numbers fit");
    // SAFETY: memfd_create just returned this descriptor, nothing else owns it.
    let mut file = unsafe { File::from_raw_fd(fd) };
    file.write_all(contents).expect("there is memory");
    // What can be written to can't be started, so that only this one is kept, and given to children.
    let kept = File::open(path(&file)).expect("a file of ours");
    // SAFETY: changes a flag of a descriptor that is open.
    unsafe { libc::fcntl(kept.as_raw_fd(), libc::F_SETFD, 0) };
    path(&kept.into_raw_fd()).into()
}

/// Makes a named pipe.
pub(crate) fn make_pipe(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).expect("no NUL in a path");
    // SAFETY: a NUL-terminated string that lives for the length of the call.
    let result = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    check(result.into()).unwrap_or_else(|error| panic!("mkfifo {name:?}: {error}"));
}

/// Becomes the tracer of the thread with this ID, which goes on as before.
pub(crate) fn trace(thread: u32) {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: PTRACE_SEIZE takes the number and options, and touches no memory of ours.
    let result = unsafe { libc::ptrace(libc::PTRACE_SEIZE, thread, nothing, nothing) };
    check(result).unwrap_or_else(|error| panic!("ptrace {thread}: {error}"));
}

/// Sees the end of a traced thread, which until then keeps its process from ending, or of a child.
pub(crate) fn see_end_of(thread: u32) {
    let thread = i32::try_from(thread).expect("the kernel's numbers fit");
    // SAFETY: no status is asked for.
    let result = unsafe { libc::waitpid(thread, std::ptr::null_mut(), libc::__WALL) };
    check(result.into()).unwrap_or_else(|error| panic!("wait for {thread}: {error}"));
}

/// Lets `command` have so many descriptors and no more.
pub(crate) fn with_descriptors(command: &mut Command, count: u64) {
    let limit = libc::rlimit {
        rlim_cur: count,
        rlim_max: count,
    };
    // SAFETY: between fork and exec only one system call is made, which reads one struct.
    unsafe {
        command.pre_exec(move || {
            check(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit).into()).map(drop)
        });
    }
}

/// Lets `command` write these bytes to this file before it becomes its program.
pub(crate) fn write_at_start(command: &mut Command, file: File, bytes: &'static [u8]) {
    // SAFETY: between fork and exec only one system call is made, which reads bytes that live for ever.
    unsafe {
        command.pre_exec(move || (&file).write_all(bytes));
    }
}

/// Locks a file, or fails at once where another holds its lock; it ends with the last copy of the descriptor.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    // SAFETY: takes a descriptor that is open, and flags.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    check(result.into()).map(drop)
}

/// Gives this process a session of its own, which competes with others of the machine as a whole (sched(7), autogroup),
/// with the highest priority, where that is permitted: what is tested waits for events, and not for other programs.
pub(crate) fn compete_as_session() {
    // SAFETY: setsid takes nothing; it fails for the leader of a group, whose session is that of others too.
    if unsafe { libc::setsid() } != -1 {
        // Not every kernel has the file.
        let _ = fs::write("/proc/self/autogroup", "-20");
    }
}

/// Gives this thread the highest priority, where that is permitted.
pub(crate) fn raise_priority() {
    // SAFETY: setpriority takes three integers.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
}

/// Lets `command` have the priority that its unit gives it, where that is permitted: else what it waits for on loaded
/// processors is not what it would wait for as a service.
pub(crate) fn with_priority(command: &mut Command) {
    // SAFETY: between fork and exec only one system call is made, on integers.
    unsafe {
        command.pre_exec(|| {
            raise_priority();
            Ok(())
        });
    }
}

/// Starts `command` without a standard error.
pub(crate) fn without_stderr(command: &mut Command) {
    // SAFETY: between fork and exec only one system call is made, on an integer.
    unsafe {
        command.pre_exec(|| check(libc::close(libc::STDERR_FILENO).into()).map(drop));
    }
}

/// Lets what this process becomes by exec have `fd` as its fourth descriptor, where systemd passes the first socket.
pub(crate) fn pass_as_fourth(fd: OwnedFd) {
    const FOURTH: libc::c_int = 3;
    let fd = fd.into_raw_fd();
    // SAFETY: changes descriptors by their numbers; this process uses no fourth one but, perhaps, `fd` itself, which
    // dup2 would leave as it is.
    let result = unsafe {
        if fd == FOURTH {
            libc::fcntl(fd, libc::F_SETFD, 0)
        } else {
            libc::dup2(fd, FOURTH)
        }
    };
    check(result.into()).unwrap_or_else(|error| panic!("dup2: {error}"));
}

/// Writes to `socket` until nothing more goes in; afterwards it blocks again.
pub(crate) fn fill(socket: &UnixStream) {
    socket.set_nonblocking(true).expect("a socket of ours");
    while (&*socket).write(&[b'.'; 4096]).is_ok() {}
    while (&*socket).write(b".").is_ok() {}
    socket.set_nonblocking(false).expect("a socket of ours");
}

//! One process, held so that what is read of it and what is sent to it concern the same process, even if another one
//! gets its PID later.

use super::{check, check_int, fs};
pub use crate::quantities::Signal;

use crate::quantities::{Pid, Uid};
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// An open directory /proc/PID: reads through it fail with ESRCH once its process is gone and reaped.
#[derive(Debug)]
pub struct ProcessDirectory {
    pid: Pid,
    directory: OwnedFd,
}

impl ProcessDirectory {
    /// Opens the directory of `pid` below an open proc root. Not with `O_PATH`: pidfd_send_signal
    /// rejects such a descriptor.
    ///
    /// # Errors
    /// ENOENT or ESRCH where there is no such process, EACCES or EPERM where it can't be seen.
    pub fn open(root: BorrowedFd<'_>, pid: Pid) -> io::Result<Self> {
        let mut name = [0; 11];
        // Ten digits and the final NUL always fit.
        let _ = write!(name.as_mut_slice(), "{pid}");
        let name = CStr::from_bytes_until_nul(&name).map_err(io::Error::other)?;
        Ok(Self {
            pid,
            directory: fs::open_directory_at(root, name)?,
        })
    }

    /// The PID it was opened by.
    pub fn pid(&self) -> Pid {
        self.pid
    }
}

impl AsFd for ProcessDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// A process that can be signalled and waited for.
#[derive(Debug)]
pub struct ProcessHandle {
    directory: ProcessDirectory,
    /// As [`open_pidfd`] has it.
    pidfd: Option<OwnedFd>,
}

impl ProcessHandle {
    /// Opens a pidfd beside the directory. Both are of one process if a read through the directory succeeds afterwards:
    /// the PID can't have been given to another process before that.
    pub fn new(directory: ProcessDirectory) -> Self {
        let pidfd = open_pidfd(directory.pid.get());
        Self { directory, pidfd }
    }

    /// Its directory below /proc.
    pub fn directory(&self) -> &ProcessDirectory {
        &self.directory
    }

    /// What poll(2) can wait on: readable when the last thread is gone, even if unreaped.
    pub fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// Sends `signal` to this very process. Where the kernel can't send by descriptor (before 5.1),
    /// it goes by PID after `is_same` has confirmed that the process still has it.
    ///
    /// # Errors
    /// ESRCH where the process has ended, EPERM where the kernel does not permit it.
    pub fn signal(&self, signal: Signal, is_same: &dyn Fn() -> bool) -> io::Result<()> {
        self.send(number(signal), is_same)
    }

    /// Lets a stopped process run again, so that it can take its SIGTERM.
    ///
    /// # Errors
    /// As [`ProcessHandle::signal`].
    pub fn resume(&self, is_same: &dyn Fn() -> bool) -> io::Result<()> {
        self.send(libc::SIGCONT, is_same)
    }

    /// Asks whether this process may be signalled, by sending it signal 0, which does nothing else.
    ///
    /// # Errors
    /// As [`ProcessHandle::signal`].
    pub fn ask_permission(&self, is_same: &dyn Fn() -> bool) -> io::Result<()> {
        self.send(0, is_same)
    }

    fn send(&self, signal: libc::c_int, is_same: &dyn Fn() -> bool) -> io::Result<()> {
        // pidfd_send_signal takes a directory of /proc as well, and is two versions older than pidfds.
        let target = self.pidfd().unwrap_or_else(|| self.directory.as_fd());
        // SAFETY: the descriptor is borrowed for the call; no siginfo is passed.
        let sent = check(unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                target.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        });
        match sent {
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                if !is_same() {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
                let pid = self.directory.pid.raw();
                // SAFETY: plain integers; a Pid is never 0 or negative.
                check_int(unsafe { libc::kill(pid, signal) }).map(drop)
            }
            sent => sent.map(drop),
        }
    }
}

/// Frees the memory of a process that was sent SIGKILL, at once and in this call (process_mrelease(2), Linux 5.15).
/// Waits for the lock of its memory.
///
/// # Errors
/// EINVAL while it still handles a SIGTERM, ESRCH where it has freed its memory itself.
pub(crate) fn reclaim(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed for the call.
    check(unsafe { libc::syscall(libc::SYS_process_mrelease, pidfd.as_raw_fd(), 0) }).map(drop)
}

/// Whether two processes have one and the same memory, as after clone(2) with CLONE_VM (kcmp(2)). False where that
/// can't be found out.
pub(crate) fn share_memory(one: Pid, other: Pid) -> bool {
    /// `KCMP_VM` of include/uapi/linux/kcmp.h.
    const VM: libc::c_int = 1;
    // SAFETY: plain integers.
    let order = unsafe { libc::syscall(libc::SYS_kcmp, one.raw(), other.raw(), VM, 0_u64, 0_u64) };
    order == 0
}

/// The user that has made this user namespace, an open `ns/user` of some process (ioctl_ns(2), Linux 4.11).
///
/// # Errors
/// ENOTTY before that version.
pub(crate) fn namespace_owner(namespace: BorrowedFd<'_>) -> io::Result<Uid> {
    /// `NS_GET_OWNER_UID` of include/uapi/linux/nsfs.h.
    const GET_OWNER: libc::Ioctl = 0xb704;
    let mut owner: libc::uid_t = 0;
    // SAFETY: the descriptor is borrowed for the call, and the integer is writable.
    check_int(unsafe { libc::ioctl(namespace.as_raw_fd(), GET_OWNER, &raw mut owner) })?;
    Ok(Uid::new(owner))
}

/// As the kernel numbers it.
const fn number(signal: Signal) -> libc::c_int {
    match signal {
        Signal::Terminate => libc::SIGTERM,
        Signal::Kill => libc::SIGKILL,
    }
}

/// What poll(2) finds readable when this process is over; None on kernels before 5.3, or where a seccomp
/// filter hides the call. Of the right process for a child of ours that was not waited for yet.
pub fn open_pidfd(pid: u32) -> Option<OwnedFd> {
    // SAFETY: plain integers.
    let opened = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) }).ok()?;
    let opened = libc::c_int::try_from(opened).ok()?;
    // SAFETY: pidfd_open just returned this descriptor, nothing else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(opened) })
}

/// Sends `signal` to all processes of a group that a child of this process leads, or led.
///
/// # Errors
/// ESRCH where the group has no process.
pub fn signal_group(leader: u32, signal: Signal) -> io::Result<()> {
    send_to_group(leader, number(signal))
}

/// Whether the group that a child of this process leads, or led, has processes.
pub fn group_exists(leader: u32) -> bool {
    send_to_group(leader, 0)
        .map_or_else(|error| error.raw_os_error() == Some(libc::EPERM), |()| true)
}

fn send_to_group(leader: u32, signal: libc::c_int) -> io::Result<()> {
    let group = libc::pid_t::try_from(leader).ok();
    // -1 would be all processes.
    let group = group.filter(|&group| group > 1);
    let group = group.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: plain integers.
    check_int(unsafe { libc::kill(-group, signal) }).map(drop)
}

/// Whether this PID is in use, seen or hidden, by a process or one of its threads.
pub fn exists(pid: Pid) -> bool {
    // SAFETY: plain integers; signal 0 does nothing, and a Pid is never 0 or negative.
    let asked = check_int(unsafe { libc::kill(pid.raw(), 0) });
    asked.map_or_else(|error| error.raw_os_error() == Some(libc::EPERM), |_| true)
}

/// A capability, by its bit in include/uapi/linux/capability.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Capability {
    /// CAP_KILL: signal every user's processes.
    Kill = 5,
    /// CAP_IPC_LOCK: lock any amount of memory.
    IpcLock = 14,
    /// CAP_SYS_PTRACE: read what is only for a process's own user.
    SysPtrace = 19,
}

/// Whether this process has this capability.
pub fn has_capability(capability: Capability) -> bool {
    /// The header and data of capget(2), version 3: 64 bits of capabilities in two halves.
    const VERSION_3: u32 = 0x2008_0522;
    let mut header = [VERSION_3, 0];
    let mut data = [0_u32; 6];
    // SAFETY: both arrays have the size and alignment of the kernel's structs and live for the call.
    let result =
        check(unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr()) });
    // The first word is the lower half of the effective set.
    result.is_ok()
        && data
            .first()
            .is_some_and(|effective| effective & (1 << capability as u32) != 0)
}

/// What shows this process what hidepid hides: for root only the capability can be missing.
pub fn against_hidepid() -> &'static str {
    if super::effective_uid() == Uid::ROOT {
        "it takes CAP_SYS_PTRACE"
    } else {
        "run as root"
    }
}

/// Whether this process may signal every user's processes.
pub fn may_signal_any() -> bool {
    has_capability(Capability::Kill)
}

/// Lets the timers of this thread end so much later, so that they end together with others; None for the usual 50 us.
pub(super) fn set_timer_slack(slack: Option<Duration>) {
    let nanoseconds = slack.map_or(0, |slack| slack.as_nanos());
    let nanoseconds = libc::c_ulong::try_from(nanoseconds).unwrap_or(0);
    // SAFETY: integers only; 0 restores what the thread began with. It can't fail.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanoseconds) };
}

//! System calls that are missing, or that a process is stopped at: seccomp filters.

use super::check;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

/// Lets `command` run under a seccomp filter that answers ENOSYS to the system calls `missing`, as
/// an older kernel does.
pub(crate) fn without_syscalls(command: &mut Command, missing: &[libc::c_long]) {
    let verdict = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let program = filter(missing, verdict);
    // SAFETY: between fork and exec only two system calls are made, on memory that was allocated before.
    unsafe { command.pre_exec(move || install(&program, 0).map(drop)) };
}

/// Where a program that runs under [`with_breakpoints`] keeps the listening end, for us to fetch.
const LISTENER: libc::c_int = 100;

/// Lets `command` stop at each of the system calls `at` until [`Breakpoints`] lets it go on.
pub(crate) fn with_breakpoints(command: &mut Command, at: &[libc::c_long]) {
    let program = filter(at, libc::SECCOMP_RET_USER_NOTIF);
    // SAFETY: as in `without_syscalls`; the new descriptor is moved to a number that exec keeps.
    unsafe {
        command.pre_exec(move || {
            let listener = install(&program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
            let listener = i32::try_from(listener).map_err(io::Error::other)?;
            check(libc::dup2(listener, LISTENER).into()).map(drop)
        });
    }
}

/// A classic BPF program that returns `verdict` for the system calls `numbers` and allows the rest.
fn filter(numbers: &[libc::c_long], verdict: u32) -> Vec<libc::sock_filter> {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let step = |code: u32, jt, jf, k| libc::sock_filter {
        code: u16::try_from(code).expect("an opcode has 16 bits"),
        jt,
        jf,
        k,
    };
    // The number is the first field of struct seccomp_data.
    let mut program = vec![step(LOAD, 0, 0, 0)];
    for &number in numbers {
        let number = u32::try_from(number).expect("a system call number");
        program.push(step(JUMP_IF_EQUAL, 0, 1, number));
        program.push(step(RETURN, 0, 0, verdict));
    }
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    program
}

fn install(program: &[libc::sock_filter], flags: libc::c_ulong) -> io::Result<libc::c_long> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: integers only.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())?;
    // SAFETY: the program lives for the length of the call; the kernel copies it.
    check(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::c_ulong::from(libc::SECCOMP_SET_MODE_FILTER),
            flags,
            &raw const program,
        )
    })
}

/// The other end of [`with_breakpoints`].
pub(crate) struct Breakpoints(OwnedFd);

impl Breakpoints {
    /// Of the running process `pid`, which was started through [`with_breakpoints`].
    pub(crate) fn of(pid: u32) -> Self {
        let fetch = || {
            // SAFETY: integers only; both calls return new descriptors that nothing else owns.
            unsafe {
                let process = check(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
                let process = OwnedFd::from_raw_fd(i32::try_from(process).expect("a descriptor"));
                let found = libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), LISTENER, 0);
                let found = i32::try_from(check(found)?).expect("a descriptor");
                io::Result::Ok(OwnedFd::from_raw_fd(found))
            }
        };
        Self(fetch().unwrap_or_else(|error| panic!("no seccomp listener in {pid}: {error}")))
    }

    /// Waits until the process stands at one of the system calls.
    pub(crate) fn hit(&self) -> Stopped<'_> {
        let limit = i32::try_from(crate::harness::machine::LIMIT.as_millis()).expect("a minute");
        self.next(limit)
            .expect("the process comes to the system call")
    }

    /// From now on the process is never stopped.
    pub(crate) fn ignore_all(self) {
        thread::spawn(move || while self.next(-1).is_some() {});
    }

    /// The next stop within so many milliseconds; None after them, and when the process is gone.
    fn next(&self, limit: i32) -> Option<Stopped<'_>> {
        let mut waiting = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd that lives for the length of the call.
        unsafe { libc::poll(&raw mut waiting, 1, limit) };
        if waiting.revents & libc::POLLIN == 0 {
            return None;
        }
        // SAFETY: a C struct of integers, for which all zeros are valid, as the kernel demands here.
        let mut found: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the request writes one struct seccomp_notif.
        let result = unsafe {
            libc::ioctl(
                self.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_RECV,
                &raw mut found,
            )
        };
        check(result.into()).ok()?;
        Some(Stopped {
            arguments: found.data.args,
            is_missing: false,
            id: found.id,
            breakpoints: self,
        })
    }
}

/// A process that waits at a system call; goes on when this is dropped.
pub(crate) struct Stopped<'a> {
    /// The call's arguments.
    pub(crate) arguments: [u64; 6],
    /// Let the call fail with ENOSYS, as if the kernel didn't have it.
    pub(crate) is_missing: bool,
    id: u64,
    breakpoints: &'a Breakpoints,
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let go_on = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).expect("one bit");
        let (error, flags) = if self.is_missing {
            (-libc::ENOSYS, 0)
        } else {
            (0, go_on)
        };
        let answer = libc::seccomp_notif_resp {
            id: self.id,
            val: 0,
            error,
            flags,
        };
        // SAFETY: the request reads one struct seccomp_notif_resp. Its failure means the process is gone.
        unsafe {
            libc::ioctl(
                self.breakpoints.0.as_raw_fd(),
                libc::SECCOMP_IOCTL_NOTIF_SEND,
                &raw const answer,
            )
        };
    }
}

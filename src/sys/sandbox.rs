//! What a process of this program may do no longer: capabilities, writing files, all system calls but a few. Each is
//! for the helper processes; what the kernel does not have is left out, and nothing else depends on it.
//!
//! Not for the daemon itself: inside of a Landlock domain a process may look at no process outside of it, whatever its
//! capabilities, and the daemon reads the executables of all.

use super::process::Capability;
use super::{check, check_int};
use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Gives up all capabilities of this process but those `kept`, as far as it has them, for good.
pub(crate) fn drop_capabilities(kept: &[Capability]) {
    /// As for capget(2).
    const VERSION_3: u32 = 0x2008_0522;
    let mask = kept
        .iter()
        .fold(0, |mask, &capability| mask | (1 << capability as u32));
    let mut header = [VERSION_3, 0];
    let mut data = [0_u32; 6];
    forbid_privileges();
    // SAFETY: both arrays have the size and alignment of the kernel's structs and live for the calls.
    unsafe {
        let known = libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr());
        if known == 0 {
            // Effective, permitted and inheritable, of the lower half and of the upper one.
            let [effective, permitted, ..] = data;
            let data = [effective & mask, permitted & mask, 0, 0, 0, 0];
            libc::syscall(libc::SYS_capset, header.as_mut_ptr(), data.as_ptr());
        }
    }
}

/// Landlock and seccomp filters require it.
fn forbid_privileges() {
    // SAFETY: plain integers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
}

/// From now on this process can open no file for writing, make, rename or remove none, and start no program (Landlock,
/// Linux 5.13). Whether the kernel does that.
pub(crate) fn forbid_writing() -> bool {
    restrict().is_ok()
}

/// The access to files that each version of Landlock knows, the bits of include/uapi/linux/landlock.h, without those
/// for reading.
const ACCESS: [u64; 5] = [
    0x1ff3, // execute, write; remove and make files and directories
    0x3ff3, // and move between directories
    0x7ff3, // and truncate
    0x7ff3, 0xfff3, // and ioctl of devices
];

fn restrict() -> io::Result<()> {
    const CREATE: libc::c_long = 444;
    const RESTRICT: libc::c_long = 446;
    const VERSION: libc::c_ulong = 1;
    // SAFETY: asks for a number only.
    let version = check(unsafe {
        libc::syscall(CREATE, std::ptr::null::<libc::c_void>(), 0_usize, VERSION)
    })?;
    let index = usize::try_from(version).unwrap_or(1).clamp(1, ACCESS.len()) - 1;
    let access: u64 = ACCESS.get(index).copied().unwrap_or_default();
    // SAFETY: the kernel reads one integer, and returns a new descriptor that nothing else owns.
    let rules = unsafe {
        let rules = check(libc::syscall(
            CREATE,
            &raw const access,
            size_of::<u64>(),
            0_u64,
        ))?;
        OwnedFd::from_raw_fd(libc::c_int::try_from(rules).map_err(io::Error::other)?)
    };
    forbid_privileges();
    // SAFETY: plain integers.
    check(unsafe { libc::syscall(RESTRICT, rules.as_raw_fd(), 0_u64) }).map(drop)
}

/// From now on every system call of this process fails with EPERM that is not needed to answer a question by reading a
/// file: nothing can be opened for writing, signalled or started. On other machines than x86-64 and arm64 nothing
/// changes.
pub(crate) fn allow_reading_only() -> bool {
    let Some(architecture) = ARCHITECTURE else {
        return false;
    };
    let mut steps = [RETURN_ERROR; 4 + 2 * CALLS.len() + 5];
    let written = filter(architecture, &mut steps);
    forbid_privileges();
    let program = libc::sock_fprog {
        len: u16::try_from(written).unwrap_or(0),
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the program lives for the call; the kernel copies it.
    check_int(unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const program,
        )
    })
    .is_ok()
}

/// `AUDIT_ARCH_*` of this machine, include/uapi/linux/audit.h.
const ARCHITECTURE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xc000_003e)
} else if cfg!(target_arch = "aarch64") {
    Some(0xc000_00b7)
} else {
    None
};

/// What is allowed beside openat(2) for reading: packets, reading, memory, and the end.
const CALLS: [libc::c_long; 21] = [
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_recvmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_ppoll,
    libc::SYS_process_mrelease,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

const ALLOW: libc::sock_filter = step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW);
const RETURN_ERROR: libc::sock_filter = step(
    libc::BPF_RET | libc::BPF_K,
    0,
    0,
    libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs(),
);

#[allow(clippy::cast_possible_truncation, reason = "an opcode has 16 bits")]
const fn step(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

/// Writes the program; how many steps it has.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "of constants that fit"
)]
fn filter(architecture: u32, steps: &mut [libc::sock_filter]) -> usize {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const IS_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const HAS_BIT: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
    const WRITING: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;
    let load = |offset: usize| step(LOAD, 0, 0, offset as u32);
    let number = offset_of!(libc::seccomp_data, nr);
    // The lower half of the third argument; both machines are little-endian.
    let flags = offset_of!(libc::seccomp_data, args) + 2 * size_of::<u64>();
    let head = [
        load(offset_of!(libc::seccomp_data, arch)),
        step(IS_EQUAL, 1, 0, architecture),
        RETURN_ERROR,
        load(number),
    ];
    let calls = CALLS
        .iter()
        .flat_map(|&call| [step(IS_EQUAL, 0, 1, call as u32), ALLOW]);
    let tail = [
        step(IS_EQUAL, 0, 3, libc::SYS_openat as u32),
        load(flags),
        step(HAS_BIT, 1, 0, WRITING),
        ALLOW,
    ];
    // What is not written is RETURN_ERROR.
    let all = head.into_iter().chain(calls).chain(tail);
    let written = steps
        .iter_mut()
        .zip(all)
        .map(|(to, step)| *to = step)
        .count();
    (written + 1).min(steps.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::helper::{self, Helper};
    use std::fs;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::time::Duration;

    /// What one process can do after each step, as text.
    fn answers(serve: fn(BorrowedFd<'_>)) -> String {
        let helper = Helper::spawn(c"sandbox-test", serve).unwrap();
        assert!(helper::wait(helper.as_fd(), Duration::from_secs(60)).unwrap());
        let mut buffer = [0; 64];
        let (text, _) = helper::receive(helper.as_fd(), &mut buffer).unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    fn can_read() -> bool {
        fs::File::open("/etc/passwd").is_ok()
    }

    fn can_write() -> bool {
        fs::OpenOptions::new().write(true).open("/dev/null").is_ok()
    }

    #[test]
    fn nothing_can_be_written_any_more() {
        let answer = answers(|socket| {
            let before = can_write();
            let text = format!(
                "{} {before} {} {}",
                forbid_writing(),
                can_read(),
                can_write()
            );
            let _ = helper::send(socket, text.as_bytes(), None, true);
        });
        if answer.starts_with("false") {
            println!("skipped: this kernel has no Landlock");
        } else {
            assert_eq!(answer, "true true true false");
        }
    }

    #[test]
    fn only_reading_is_possible() {
        let answer = answers(|socket| {
            let is_allowed = allow_reading_only();
            // SAFETY: signal 0 does nothing.
            let signalled = unsafe { libc::syscall(libc::SYS_kill, libc::getpid(), 0) };
            let text = [is_allowed, can_read(), can_write(), signalled == 0];
            let _ = helper::send(
                socket,
                &text.map(|is| if is { b'y' } else { b'n' }),
                None,
                true,
            );
        });
        if ARCHITECTURE.is_some() {
            assert_eq!(answer, "yynn");
        }
    }

    #[test]
    fn capabilities_are_gone() {
        let answer = answers(|socket| {
            drop_capabilities(&[]);
            let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with("CapEff:"));
            let _ = helper::send(socket, line.unwrap_or_default().as_bytes(), None, true);
        });
        assert_eq!(answer, "CapEff:\t0000000000000000");
    }
}

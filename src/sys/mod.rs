//! Every libc call and all `unsafe` of the project, behind small safe functions. Knows no type of the directories above
//! it but those in [`crate::quantities`] and [`crate::escape`].

#![allow(unsafe_code, reason = "here and nowhere else")]

pub mod clock;
#[cfg(test)]
pub(crate) mod counting;
#[cfg(test)]
pub(crate) mod fnmatch;
pub(crate) mod fs;
pub(crate) mod helper;
pub mod inherited;
pub(crate) mod keys;
pub(crate) mod memory;
pub mod poll;
pub(crate) mod pressure;
pub mod process;
mod regular_file;
pub(crate) mod sandbox;
pub mod script;
pub mod signals;
pub mod terminal;
pub mod trust;
pub mod users;
pub mod writable;

use crate::quantities::{Now, StartTime, Uid};
use std::io;
use std::time::{Duration, Instant, SystemTime};

/// The one gate from a libc return value to an error: -1 means that `errno` has it.
fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The same for calls that return an `int`.
fn check_int(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Bytes in a page of memory, the unit of /proc/PID/statm.
pub fn page_size() -> u64 {
    // SAFETY: sysconf only reads a constant.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // POSIX lets sysconf fail in general; Linux always knows its page size.
    u64::try_from(size).unwrap_or(4096)
}

/// Clock ticks a second, the unit of start times in /proc/PID/stat.
pub fn ticks_per_second() -> u64 {
    // SAFETY: as above.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).unwrap_or(100)
}

/// The effective user of this process.
pub fn effective_uid() -> Uid {
    // SAFETY: geteuid can't fail and has no arguments.
    Uid::new(unsafe { libc::geteuid() })
}

/// The name of this machine.
pub fn host_name() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is live and one byte longer than what is written, so that a NUL ends it.
    let result = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(0);
    let name = name.get(..end).filter(|_| result == 0).unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// Whether the service manager has started this process: as its child, and with an invocation id.
pub fn parent_is_manager() -> bool {
    // SAFETY: getppid can't fail and has no arguments.
    let parent = unsafe { libc::getppid() };
    parent == 1 && std::env::var_os("INVOCATION_ID").is_some()
}

/// The time that sd_notify(3) wants with a reload: CLOCK_MONOTONIC since boot.
pub fn monotonic_clock() -> Duration {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// The CPU time this process has used, its own and the kernel's for it.
pub fn cpu_time() -> Duration {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// The time since boot, suspended times included: the start times in /proc/PID/stat count from there.
pub fn boot_clock() -> Duration {
    read_clock(libc::CLOCK_BOOTTIME)
}

/// All clocks at this moment.
pub fn now() -> Now {
    let (ticks, since_boot) = (ticks_per_second(), boot_clock());
    let part = u64::from(since_boot.subsec_nanos()) * ticks / 1_000_000_000;
    Now {
        monotonic: Instant::now(),
        since_boot,
        ticks: StartTime(since_boot.as_secs() * ticks + part),
        wall: SystemTime::now(),
    }
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the struct is writable; the clocks always exist.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

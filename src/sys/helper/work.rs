//! What of the time in which a helper is waited for is its own. Touches the files of the helper below /proc.

use crate::sys::fs;
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How much a helper has worked, and how long it was ready to and waited for a processor (CONFIG_SCHED_INFO). No heap
/// allocation.
#[derive(Debug)]
pub(crate) struct Work {
    schedstat: OwnedFd,
    pid: libc::pid_t,
    /// In all, when it was waited for last: nanoseconds of /proc/PID/schedstat.
    used: Duration,
    delayed: Duration,
}

impl Work {
    /// Fails where the kernel does not say.
    pub(super) fn of(pid: libc::pid_t) -> io::Result<Self> {
        Ok(Self {
            schedstat: open(pid, "schedstat")?,
            pid,
            used: Duration::ZERO,
            delayed: Duration::ZERO,
        })
    }

    /// It is waited for from now on.
    pub(crate) fn begin(&mut self) {
        (self.used, self.delayed) = self.read().unwrap_or_default();
    }

    /// What of the time `waited` since then, in which it gave no answer, was work, or a wait for anything but a
    /// processor: that is caused by what the helper was asked for, and the rest by others. All of it where the kernel
    /// does not say.
    pub(crate) fn own(&self, waited: Duration) -> Duration {
        let Some((used, delayed)) = self.read() else {
            return waited;
        };
        if self.is_ready() {
            // The delay that goes on is not counted yet, nor is that of a group over its quota (Linux 6.18).
            used.saturating_sub(self.used).min(waited)
        } else {
            waited.saturating_sub(delayed.saturating_sub(self.delayed))
        }
    }

    fn read(&self) -> Option<(Duration, Duration)> {
        let mut buffer = [0; 128];
        let text = fs::read_again(self.schedstat.as_fd(), &mut buffer).ok()?;
        let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
        let mut next = || words.next()?.parse().ok().map(Duration::from_nanos);
        Some((next()?, next()?))
    }

    /// Whether it runs, or would if it had a processor.
    fn is_ready(&self) -> bool {
        let mut buffer = [0; 512];
        let read = open(self.pid, "stat").and_then(|stat| fs::read_on(stat.as_fd(), &mut buffer));
        let text = buffer.get(..read.unwrap_or(0)).unwrap_or_default();
        let state = text.rsplit(|&byte| byte == b')').next();
        state.is_some_and(|state| state.starts_with(b" R"))
    }
}

/// Opens a file of this process.
fn open(pid: libc::pid_t, file: &str) -> io::Result<OwnedFd> {
    let mut path = [0; 40];
    write!(path.as_mut_slice(), "/proc/{pid}/{file}\0")?;
    let path = CStr::from_bytes_until_nul(&path).map_err(io::Error::other)?;
    fs::open_file(path)
}

#[cfg(test)]
mod tests {
    use crate::sys::counting::ALLOCATIONS;
    use crate::sys::helper::Helper;
    use std::os::fd::BorrowedFd;
    use std::time::Duration;

    fn spin(_: BorrowedFd<'_>) {
        loop {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn what_a_helper_waits_for_a_processor_is_not_its_own_time() {
        let hour = Duration::from_secs(3600);
        let helper = Helper::spawn(c"spin", spin).unwrap();
        let mut work = helper.work().unwrap();
        work.begin();
        // It was ready all the time, and has worked for less.
        while work.own(hour).is_zero() {
            std::thread::yield_now();
        }
        let allocated = ALLOCATIONS.get();
        assert!(work.own(hour) < hour / 2);
        assert!(helper.work().is_some());
        // It is read before a signal, where there may be no memory left.
        assert_eq!(ALLOCATIONS.get(), allocated);
        let before = work.read().unwrap().0;
        work.begin();
        assert!(work.used >= before);
        // It waits, and for no processor.
        helper.pause();
        while work.is_ready() {
            std::thread::yield_now();
        }
        assert!(work.own(hour) > hour / 2);
    }
}

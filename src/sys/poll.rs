//! Sleeping in poll(2), the daemon's one way to wait.

use super::{check_int, process};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A wait of [`LONG`] or more may end so much later, together with what else wakes the processor up.
const SLACK: Duration = Duration::from_millis(4);
const LONG: Duration = Duration::from_millis(100);

/// Descriptors to wait on; the memory is kept between two waits.
#[derive(Debug, Default)]
pub struct Poll {
    entries: Vec<libc::pollfd>,
    is_urgent: bool,
    /// Whether a wait may end late by [`SLACK`].
    is_slack: bool,
}

impl Poll {
    /// Waits on so many descriptors without a heap allocation.
    pub fn with_capacity(descriptors: usize) -> Self {
        Self {
            entries: Vec::with_capacity(descriptors),
            is_urgent: false,
            is_slack: false,
        }
    }

    /// Waits until one of `descriptors` is readable or `timeout` has passed; for ever without one. A signal that
    /// interrupts it ends the wait as well.
    ///
    /// # Errors
    /// Where the kernel has no memory, or with more descriptors than RLIMIT_NOFILE.
    pub fn wait<'f>(
        &mut self,
        descriptors: impl Iterator<Item = BorrowedFd<'f>>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.wait_for(descriptors, None, timeout)
    }

    /// The same until a moment, and until `urgent` has something exceptional to report (POLLPRI).
    ///
    /// # Errors
    /// As [`Poll::wait`].
    pub fn wait_until<'f>(
        &mut self,
        descriptors: impl Iterator<Item = BorrowedFd<'f>>,
        urgent: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let timeout = deadline.map(|then| then.saturating_duration_since(Instant::now()));
        let is_slack = timeout.is_none_or(|timeout| timeout >= LONG);
        if is_slack != self.is_slack {
            process::set_timer_slack(is_slack.then_some(SLACK));
            self.is_slack = is_slack;
        }
        self.wait_for(descriptors, urgent, timeout)
    }

    fn wait_for<'f>(
        &mut self,
        descriptors: impl Iterator<Item = BorrowedFd<'f>>,
        urgent: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.entries.clear();
        self.entries.extend(descriptors.map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        }));
        self.entries.extend(urgent.map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLPRI,
            revents: 0,
        }));
        let timeout = timeout.map(|timeout| libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        // SAFETY: entries and timeout live for the call; the length is theirs.
        let result = check_int(unsafe {
            libc::ppoll(
                self.entries.as_mut_ptr(),
                self.entries.len() as libc::nfds_t,
                timeout
                    .as_ref()
                    .map_or(std::ptr::null(), std::ptr::from_ref),
                std::ptr::null(),
            )
        });
        let last = urgent.and_then(|_| self.entries.last());
        self.is_urgent = last.is_some_and(|last| last.revents & libc::POLLPRI != 0);
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result.map(drop),
        }
    }

    /// Whether the descriptor with this index in the last wait was ready.
    pub fn is_ready(&self, index: usize) -> bool {
        self.entries
            .get(index)
            .is_some_and(|entry| entry.revents != 0)
    }

    /// Whether the urgent descriptor of the last wait had something to report.
    pub fn is_urgent(&self) -> bool {
        self.is_urgent
    }
}

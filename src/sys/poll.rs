//! The one place where the daemon sleeps.

use super::check_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Descriptors to wait on; the memory is kept between two waits.
#[derive(Debug, Default)]
pub struct Poll {
    entries: Vec<libc::pollfd>,
}

impl Poll {
    /// Waits until one of `descriptors` is readable or `timeout` has passed; for ever without one.
    /// A signal that interrupts it ends the wait as well.
    pub fn wait<'f>(
        &mut self,
        descriptors: impl Iterator<Item = BorrowedFd<'f>>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        self.entries.clear();
        self.entries.extend(descriptors.map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
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
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result.map(drop),
        }
    }

    /// Whether the descriptor at this place of the last wait was ready.
    pub fn is_ready(&self, index: usize) -> bool {
        self.entries
            .get(index)
            .is_some_and(|entry| entry.revents != 0)
    }
}

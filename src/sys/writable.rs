//! Waiting with a timeout until a descriptor takes data, by poll(2).

use super::check;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Whether `fd` takes data, or has an error that a write will show, within `timeout`.
///
/// # Errors
/// Where poll(2) fails, which only a kernel without memory has.
pub fn wait_writable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut polled = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    let milliseconds = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    loop {
        // SAFETY: one live pollfd; poll keeps nothing.
        let ready = unsafe { libc::poll(&raw mut polled, 1, milliseconds) };
        match check(ready.into()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(|ready| ready > 0),
        }
    }
}

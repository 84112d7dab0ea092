//! The terminal that a command writes to.

use super::check_int;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Columns and lines of the terminal behind `fd`; None where it is none, or does not know.
pub fn size(fd: BorrowedFd<'_>) -> Option<(usize, usize)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the struct is what TIOCGWINSZ fills, and lives for the call.
    check_int(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) }).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

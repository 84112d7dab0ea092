//! The terminal that a command writes to, and those of others.

use super::check_int;
use crate::quantities::Uid;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::mem::offset_of;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Columns and lines of the terminal behind `fd`; None where it is no terminal, or does not know its size.
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

/// A terminal, open to write a message on.
#[derive(Debug)]
pub struct Terminal {
    file: File,
    /// The user it belongs to.
    pub owner: Uid,
    /// Whether its owner takes messages: mesg(1).
    pub takes_messages: bool,
}

impl Terminal {
    /// Opens the terminal at `path`: it does not become that of this process, and is never waited for.
    ///
    /// # Errors
    /// Where it can't be opened, or is no terminal.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)?;
        let status = file.metadata()?;
        if !status.file_type().is_char_device() || !file.is_terminal() {
            return Err(io::Error::other("not a terminal"));
        }
        Ok(Self {
            owner: Uid::new(status.uid()),
            takes_messages: status.mode() & libc::S_IWGRP != 0,
            file,
        })
    }

    /// Writes as much of `text` as the terminal takes at once. One that was stopped takes nothing.
    ///
    /// # Errors
    /// Where it takes nothing.
    pub fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.file.write(text)
    }
}

/// Whether colour is wanted there: only on a terminal that has it, and never with `NO_COLOR`.
pub fn wants_colour(out: &impl IsTerminal) -> bool {
    out.is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The size of a record of utmp(5) as the C library has it.
pub const UTMP_RECORD: usize = size_of::<libc::utmpx>();
/// The bytes of a record that hold its type, in the order of the machine.
pub const UTMP_TYPE: Range<usize> =
    offset_of!(libc::utmpx, ut_type)..offset_of!(libc::utmpx, ut_type) + 2;
/// The bytes of a record that hold the name of the terminal, filled up with NUL.
pub const UTMP_LINE: Range<usize> =
    offset_of!(libc::utmpx, ut_line)..offset_of!(libc::utmpx, ut_line) + 32;
/// The type of a session, as opposed to a boot, a login prompt or a session that is over.
pub const UTMP_SESSION: i16 = libc::USER_PROCESS;

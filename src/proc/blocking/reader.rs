//! The helper process itself, and the packets between it and this program. Touches the files of a process that can
//! block; allocates nothing.

use crate::sys::helper::{self, Helper};
use crate::sys::process::{Capability, reclaim};
use crate::sys::sandbox;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// What is read of a file at most. A single argument has 128 KiB at most (MAX_ARG_STRLEN); what is longer is doubt.
pub(super) const LARGEST: usize = 128 * 1024;
/// Before the text of an answer: the number of its request and an error number, 0 for none.
pub(super) const HEADER: usize = 8;

/// What the helper can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::proc) enum Request {
    Cmdline,
    SmapsRollup,
    Reclaim,
}

impl Request {
    const ALL: [(Self, &'static CStr); 3] = [
        (Self::Cmdline, c"cmdline"),
        (Self::SmapsRollup, c"smaps_rollup"),
        (Self::Reclaim, c""),
    ];

    pub(super) fn file(self) -> &'static CStr {
        let found = Self::ALL.iter().find(|(request, _)| *request == self);
        found.map_or(c"", |(_, file)| file)
    }
}

/// A helper that was started and not used yet.
#[derive(Debug)]
pub struct Reader(pub(super) Helper);

impl Reader {
    /// Starts it, so that it need not be started when memory is short; and before this program has touched the memory
    /// that it will need: a fork(2) makes it a copy on write.
    ///
    /// # Errors
    /// Where there can be no further process: then what it would read can't be read.
    pub fn start() -> io::Result<Self> {
        Helper::spawn(c"monitor-reader", serve).map(Self)
    }
}

/// The number of the request and the error number of an answer; None where there is no answer.
pub(super) fn header_of(answer: &[u8]) -> Option<(u32, i32)> {
    let (number, rest) = answer.split_first_chunk::<4>()?;
    let errno = rest.first_chunk::<4>()?;
    Some((u32::from_ne_bytes(*number), i32::from_ne_bytes(*errno)))
}

/// The helper itself: answers each request, one after another. Allocates nothing, since it may be forked from a program
/// with several threads.
#[allow(clippy::large_stack_arrays, reason = "of a stack of its own")]
fn serve(socket: BorrowedFd<'_>) {
    // Of the daemon's privileges it needs one: smaps_rollup and process_mrelease are for a process's own user.
    sandbox::drop_capabilities(&[Capability::SysPtrace]);
    sandbox::allow_reading_only();
    let mut packet = [0; 8];
    let mut answer = [0; HEADER + LARGEST];
    loop {
        let Ok((packet, Some(descriptor))) = helper::receive(socket, &mut packet) else {
            return;
        };
        let Some((&kind, number)) = packet.split_first() else {
            return;
        };
        let mut all = Request::ALL.iter();
        let Some((request, file)) = all.find(|(request, _)| *request as u8 == kind) else {
            return;
        };
        if *request == Request::Reclaim {
            // It only speeds up what the kernel does anyway.
            let _ = reclaim(descriptor.as_fd());
            continue;
        }
        let Some((header, text)) = answer.split_at_mut_checked(HEADER) else {
            return;
        };
        let (errno, length) = match helper::read_whole(descriptor.as_fd(), file, text) {
            Ok(text) => (0, text.len()),
            Err(error) => (error.raw_os_error().unwrap_or(libc::EIO), 0),
        };
        let fields = number.iter().copied().chain(errno.to_ne_bytes());
        for (target, byte) in header.iter_mut().zip(fields) {
            *target = byte;
        }
        let answer = answer.get(..HEADER + length).unwrap_or_default();
        if helper::send(socket, answer, None, true).is_err() {
            return;
        }
    }
}

//! Reading the files of one process through its open directory, so that all of them are about the same process, and
//! telling a process that has ended from one that can't be read. Touches these files only; no heap allocation.

use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::{fmt, io};

/// Enough for a path, and for every file that is read with one read(2). What fills it is not taken for the whole.
pub(super) const BUFFER: usize = 4096;

/// More than any file has that is read in pieces: status with the 65,536 groups that a process can be in takes 720 KiB.
const LONGEST: usize = 1 << 20;

/// The file of a process's directory that could not be read or understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name below /proc/PID; empty for the directory itself.
    pub file: &'static str,
    /// The error number; None where the text has an unexpected format.
    pub errno: Option<i32>,
}

impl Unreadable {
    pub(super) fn new(file: &'static str, error: &io::Error) -> Self {
        let errno = error.raw_os_error();
        Self { file, errno }
    }

    /// A file that is longer than what is read of it: doubt, as the rest may say something else.
    pub(super) const fn too_long(file: &'static str) -> Self {
        let errno = Some(libc::EFBIG);
        Self { file, errno }
    }

    /// A file that takes the lock of the process's memory, and was not read in time.
    pub(super) const fn late(file: &'static str) -> Self {
        let errno = Some(libc::ETIME);
        Self { file, errno }
    }

    /// Whether there was no answer in time: the process holds the lock of its memory, or others have used up the time.
    pub fn is_late(self) -> bool {
        self.errno == Some(libc::ETIME)
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Some(libc::EFBIG) => write!(f, "{}: too long", self.file),
            Some(libc::ETIME) => write!(f, "{}: no answer in time", self.file),
            Some(errno) => write!(f, "{}: {}", self.file, io::Error::from_raw_os_error(errno)),
            None => write!(f, "{}: unexpected format", self.file),
        }
    }
}

/// Why a file gave no value.
pub(super) enum Failure {
    /// The process has ended meanwhile.
    Gone,
    Unreadable(Unreadable),
}

impl Failure {
    /// Of reading this file.
    pub(super) fn new(file: &'static str, error: &io::Error) -> Self {
        if is_gone(error) {
            Self::Gone
        } else {
            Self::Unreadable(Unreadable::new(file, error))
        }
    }

    pub(super) fn unexpected(file: &'static str) -> Self {
        Self::Unreadable(Unreadable { file, errno: None })
    }
}

/// Whether this error means that the process has ended, which is normal.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH))
}

/// The text of a file, which is shorter than `buffer`.
pub(super) fn read<'b>(
    directory: &ProcessDirectory,
    file: &'static CStr,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Failure> {
    let capacity = buffer.len();
    let text = fs::read_at(directory.as_fd(), file, buffer);
    match text {
        Ok(text) if text.len() < capacity => Ok(text),
        Ok(_) => Err(Failure::Unreadable(Unreadable::too_long(name(file)))),
        Err(error) => Err(Failure::new(name(file), &error)),
    }
}

/// Visits the lines of a file that can be longer than any buffer, read in pieces: the kernel makes its text at the
/// first read and hands on the rest of it, so that it is of one moment. A line that is longer than a piece is left out.
pub(super) fn each_line(
    directory: &ProcessDirectory,
    file: &'static CStr,
    mut visit: impl FnMut(&[u8]),
) -> Result<(), Failure> {
    let failure = |error: io::Error| Failure::new(name(file), &error);
    let opened = fs::open_file_at(directory.as_fd(), file).map_err(failure)?;
    // The longest line that is wanted is a path with its control group hierarchy's name before it.
    let mut buffer = [0; 2 * BUFFER];
    let (mut length, mut total, mut is_skipping) = (0, 0, false);
    loop {
        if length == buffer.len() {
            (length, is_skipping) = (0, true);
        }
        let rest = buffer.get_mut(length..).unwrap_or_default();
        let read = fs::read_on(opened.as_fd(), rest).map_err(failure)?;
        if read == 0 {
            break;
        }
        (length, total) = (length + read, total + read);
        if total > LONGEST {
            return Err(Failure::Unreadable(Unreadable::too_long(name(file))));
        }
        let text = buffer.get(..length).unwrap_or_default();
        let mut start = 0;
        while let Some(end) = text.iter().skip(start).position(|&byte| byte == b'\n') {
            if !std::mem::take(&mut is_skipping) {
                visit(text.get(start..start + end).unwrap_or_default());
            }
            start += end + 1;
        }
        buffer.copy_within(start..length, 0);
        length -= start;
    }
    if length > 0 && !is_skipping {
        visit(buffer.get(..length).unwrap_or_default());
    }
    Ok(())
}

/// The name of a file for a message.
fn name(file: &'static CStr) -> &'static str {
    file.to_str().unwrap_or_default()
}

/// What could be read, or why not; fails only where the process has ended.
pub(super) fn unless_gone<T>(read: Result<T, Failure>) -> Result<Result<T, Unreadable>, Failure> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Unreadable(unreadable)) => Ok(Err(unreadable)),
        Err(Failure::Gone) => Err(Failure::Gone),
    }
}

/// `NUMBER/file` as a C string in `buffer`; None for what is not a number.
pub(super) fn path<'b>(number: &CStr, file: &[u8], buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let number = number.to_bytes();
    if !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (start, rest) = buffer.split_at_mut_checked(number.len())?;
    start.copy_from_slice(number);
    let (end, rest) = rest.split_at_mut_checked(file.len())?;
    end.copy_from_slice(file);
    *rest.first_mut()? = 0;
    CStr::from_bytes_until_nul(buffer).ok()
}

/// The first answer that one of the threads has; None where none has.
pub(super) fn ask_threads<T>(
    directory: &ProcessDirectory,
    ask: impl Fn(BorrowedFd<'_>, &CStr) -> Option<T>,
) -> Option<T> {
    let tasks = fs::open_directory_at(directory.as_fd(), c"task").ok()?;
    let mut entries = [0; BUFFER];
    loop {
        let threads = fs::read_entries(tasks.as_fd(), &mut entries).ok()?;
        if threads.is_empty() {
            return None;
        }
        for thread in threads {
            if let Some(answer) = ask(tasks.as_fd(), thread) {
                return Some(answer);
            }
        }
    }
}

/// The directory of a thread that has not exited; None where there is none.
pub(super) fn live_thread(directory: &ProcessDirectory) -> Option<OwnedFd> {
    ask_threads(directory, |tasks, thread| {
        let mut buffer = [0; 32];
        fs::read_link_at(tasks, path(thread, b"/exe", &mut buffer)?, &mut [0; 1]).ok()?;
        fs::open_directory_at(tasks, thread).ok()
    })
}

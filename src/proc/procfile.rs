//! Reading the files of one process through its open directory, so that all of them are about the same process, and
//! telling a process that has ended from one that can't be read. Touches these files only; no heap allocation.

use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::{fmt, io};

/// Enough for every file read here: the longest is status, about 1.5 KiB.
pub(super) const BUFFER: usize = 4096;

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
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
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
    pub(super) fn unexpected(file: &'static str) -> Self {
        Self::Unreadable(Unreadable { file, errno: None })
    }
}

/// Whether this error means that the process has ended, which is normal.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH))
}

/// The text of a file, as far as `buffer` holds.
pub(super) fn read<'b>(
    directory: &ProcessDirectory,
    file: &'static CStr,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Failure> {
    fs::read_at(directory.as_fd(), file, buffer).map_err(|error| {
        if is_gone(&error) {
            Failure::Gone
        } else {
            Failure::Unreadable(Unreadable::new(file.to_str().unwrap_or_default(), &error))
        }
    })
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
        fs::status_at(tasks, path(thread, b"/exe", &mut buffer)?).ok()?;
        fs::open_directory_at(tasks, thread).ok()
    })
}

//! The memory of one process, by each metric. Touches the files of its directory; no heap allocation.

use super::procfile::{self, BUFFER, Failure, Unreadable};
use super::{ProcRoot, parse};
use crate::quantities::Bytes;
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::ffi::CStr;
use std::os::fd::AsFd;

/// RSS by statm. A process whose main thread has exited shows zeros there while its other threads run on; they share
/// one address space, so that the first of them that has one counts for it.
pub(super) fn rss(root: &ProcRoot, directory: &ProcessDirectory) -> Result<Bytes, Failure> {
    let mut buffer = [0; 256];
    let text = procfile::read(directory, c"statm", &mut buffer)?;
    let (size, mut resident) = parse::statm(text).ok_or(Failure::unexpected("statm"))?;
    if size == 0 {
        resident = thread_resident(directory).unwrap_or(0);
    }
    Ok(Bytes::from_pages(resident, root.page_size()))
}

fn thread_resident(directory: &ProcessDirectory) -> Option<u64> {
    procfile::ask_threads(directory, |tasks, thread| {
        let (mut path, mut buffer) = ([0; 32], [0; 256]);
        let path = procfile::path(thread, b"/statm", &mut path)?;
        match parse::statm(fs::read_at(tasks, path, &mut buffer).ok()?) {
            Some((1.., resident)) => Some(resident),
            _ => None,
        }
    })
}

/// PSS by smaps_rollup; None where the main thread has exited. It costs 25 us for a small process and grows with its
/// page tables, so RSS, which is never less, decides first whether it is needed.
pub(super) fn pss(directory: &ProcessDirectory) -> Option<Result<Bytes, Unreadable>> {
    let mut buffer = [0; BUFFER];
    match procfile::read(directory, c"smaps_rollup", &mut buffer) {
        Ok(text) => Some(parse::amount(text, b"Pss").ok_or(Unreadable {
            file: "smaps_rollup",
            errno: None,
        })),
        Err(Failure::Gone) => None,
        Err(Failure::Unreadable(unreadable)) => Some(Err(unreadable)),
    }
}

/// Memory that no file backs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anonymous {
    pub(super) resident: Bytes,
    pub(super) swapped: Bytes,
}

impl Anonymous {
    /// From the text of status; None before Linux 4.5, and where the main thread has exited.
    pub(super) fn parse(status: &[u8]) -> Option<Self> {
        let resident = parse::amount(status, b"RssAnon")?;
        let swapped = parse::amount(status, b"VmSwap").unwrap_or(Bytes::ZERO);
        Some(Self { resident, swapped })
    }

    /// From the status file at `path` below the root; None if it can't be read.
    pub(super) fn read(root: &ProcRoot, path: &CStr) -> Option<Self> {
        let mut buffer = [0; BUFFER];
        Self::parse(fs::read_at(root.as_fd(), path, &mut buffer).ok()?)
    }

    pub(super) fn sum(self) -> Bytes {
        self.resident.saturating_add(self.swapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_memory_counts_what_was_swapped_out() {
        let status = b"Name:\tx\nVmRSS:\t 9 kB\nRssAnon:\t 3 kB\nVmSwap:\t 4 kB\n";
        let sum = |status: &[u8]| Anonymous::parse(status).map(Anonymous::sum);
        assert_eq!(sum(status), Some(Bytes::from_kib(7)));
        assert_eq!(sum(b"RssAnon:\t 3 kB\n"), Some(Bytes::from_kib(3)));
        assert_eq!(sum(b"VmSwap:\t 4 kB\n"), None);
    }
}

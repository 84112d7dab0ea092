//! The memory of one process, by each metric. Touches the files of its directory; no heap allocation.

use super::blocking::{Blocking, Request};
use super::parse::Status;
use super::procfile::{self, Failure, Unreadable};
use super::{ProcRoot, parse};
use crate::quantities::{Bytes, ProcessKey};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;

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
pub(super) fn pss(
    directory: &ProcessDirectory,
    key: ProcessKey,
    blocking: &Blocking,
) -> Option<Result<Bytes, Unreadable>> {
    let mut text = Vec::new();
    match blocking.read(directory, key, Request::SmapsRollup, &mut text) {
        Ok(()) => Some(parse::amount(&text, b"Pss").ok_or(Unreadable {
            file: "smaps_rollup",
            errno: None,
        })),
        Err(Failure::Gone) => None,
        Err(Failure::Unreadable(unreadable)) => Some(Err(unreadable)),
    }
}

/// The memory of a process that no file backs: what it has in RAM, in swap and in reserved huge pages; None before
/// Linux 4.5, and where the main thread has exited.
pub(super) fn anonymous(status: &Status) -> Option<Bytes> {
    let rest = [status.swapped, status.huge];
    let rest = rest.into_iter().flatten();
    status
        .anonymous
        .map(|resident| rest.fold(resident, Bytes::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_memory_counts_what_was_swapped_out_and_huge_pages() {
        let sum = |text: &[u8]| anonymous(&parse::status(text));
        let text = b"Name:\tx\nVmRSS:\t 9 kB\nRssAnon:\t 3 kB\nVmSwap:\t 4 kB\n";
        assert_eq!(sum(text), Some(Bytes::from_kib(7)));
        let text = b"RssAnon:\t 3 kB\nHugetlbPages:\t 2048 kB\n";
        assert_eq!(sum(text), Some(Bytes::from_kib(2051)));
        assert_eq!(sum(b"VmSwap:\t 4 kB\n"), None);
    }
}

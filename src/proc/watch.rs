//! The single reads between two scans: /proc/meminfo and the statm of a few processes, through descriptors that stay
//! open, so that each costs one pread(2) (1 us; 5 us for meminfo) and needs no further descriptor.

use super::procfile::BUFFER;
use super::{Error, Levels, ProcRoot, parse};
use crate::quantities::{Bytes, Pid};
use crate::sys::fs;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

/// How far a watched process may grow before it is worth a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// The resident memory that it may have.
    pub rss: Bytes,
    /// Whether a scan is certain to find it over its threshold beyond that; otherwise it only may.
    pub is_certain: bool,
}

/// One watched process: the descriptor stays bound to it, even if another process has its PID later.
#[derive(Debug)]
struct Watched {
    pid: Pid,
    statm: OwnedFd,
    ceiling: Ceiling,
    /// When it was added.
    base: Bytes,
    /// At the last tick.
    rss: Bytes,
}

/// A watched process at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchedNow {
    /// Its PID, as long as it exists.
    pub pid: Pid,
    /// How far it may grow.
    pub ceiling: Ceiling,
    /// Its resident memory now.
    pub rss: Bytes,
    /// The same at the tick before.
    pub before: Bytes,
    /// The same when it was added.
    pub base: Bytes,
}

/// The processes that are watched, and the machine's memory as a whole.
#[derive(Debug)]
pub struct Watch {
    meminfo: OwnedFd,
    page_size: u64,
    watched: Vec<Watched>,
}

impl Watch {
    /// How many processes can be watched. An open statm holds a kernel buffer of 4 KiB that is charged to the service,
    /// so this is 128 KiB.
    pub const CAPACITY: usize = 32;

    /// Of no process yet.
    ///
    /// # Errors
    /// Where meminfo can't be opened.
    pub fn new(root: &ProcRoot) -> Result<Self, Error> {
        let meminfo = fs::open_file_at(root.as_fd(), c"meminfo").map_err(|source| Error::Read {
            path: root.path_of("meminfo"),
            source,
        })?;
        Ok(Self {
            meminfo,
            page_size: root.page_size(),
            watched: Vec::with_capacity(Self::CAPACITY),
        })
    }

    /// The machine's memory; None for both if it can't be read.
    pub fn levels(&self) -> Levels {
        let mut buffer = [0; BUFFER];
        let text = fs::read_again(self.meminfo.as_fd(), &mut buffer).ok();
        let text = text.filter(|text| text.len() < BUFFER);
        text.map_or_else(Levels::default, parse::levels)
    }

    /// Watches only those of which that holds.
    pub fn retain(&mut self, mut is_kept: impl FnMut(Pid) -> bool) {
        self.watched.retain(|watched| is_kept(watched.pid));
    }

    /// How many processes are watched.
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether no process is watched.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Watches this process, which has `rss` now, as well. Where there is no capacity left, those nearest to their
    /// ceilings are watched: returns how far the other one is from its own, and None where all are watched.
    pub fn add(
        &mut self,
        root: &ProcRoot,
        pid: Pid,
        rss: Bytes,
        ceiling: Ceiling,
    ) -> Option<Bytes> {
        let headroom = ceiling.rss.saturating_sub(rss);
        let mut unwatched = None;
        if self.watched.len() >= Self::CAPACITY {
            let all = self.watched.iter().enumerate();
            let headrooms = all.map(|(index, watched)| (watched.headroom(), index));
            let (farthest, index) = headrooms.max()?;
            if farthest <= headroom {
                return Some(headroom);
            }
            self.watched.swap_remove(index);
            unwatched = Some(farthest);
        }
        // One that can't be opened has ended.
        let statm = open_statm(root, pid);
        self.watched.extend(statm.map(|statm| Watched {
            pid,
            statm,
            ceiling,
            base: rss,
            rss,
        }));
        unwatched
    }

    /// Reads all of them. Those that have ended are no longer watched.
    pub fn tick(&mut self, mut visit: impl FnMut(WatchedNow)) {
        let page_size = self.page_size;
        self.watched.retain_mut(|watched| {
            let Some(rss) = watched.read_rss(page_size) else {
                return false;
            };
            let before = std::mem::replace(&mut watched.rss, rss);
            visit(WatchedNow {
                pid: watched.pid,
                ceiling: watched.ceiling,
                rss,
                before,
                base: watched.base,
            });
            true
        });
    }
}

impl Watched {
    fn headroom(&self) -> Bytes {
        self.ceiling.rss.saturating_sub(self.rss)
    }

    /// None when it has ended, or shows no memory because its main thread has.
    fn read_rss(&self, page_size: u64) -> Option<Bytes> {
        let mut buffer = [0; 256];
        let text = fs::read_again(self.statm.as_fd(), &mut buffer).ok()?;
        match parse::statm(text)? {
            (0, _) => None,
            (_, pages) => Some(Bytes::from_pages(pages, page_size)),
        }
    }
}

/// The open statm of a process; None if it has ended or can't be opened.
fn open_statm(root: &ProcRoot, pid: Pid) -> Option<OwnedFd> {
    let mut path = [0; 32];
    // Ten digits, the file's name and the final NUL always fit.
    write!(path.as_mut_slice(), "{pid}/statm").ok()?;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    fs::open_file_at(root.as_fd(), path).ok()
}

//! A look between two scans: /proc/meminfo and the statm of a few processes, through descriptors that
//! stay open, so that each costs one pread(2) (1 us; 5 us for meminfo) and needs no further descriptor.

use super::{Error, Levels, ProcRoot, parse, process};
use crate::quantities::{Bytes, Pid};
use crate::sys::fs;
use std::os::fd::{AsFd, OwnedFd};

/// How far a watched process may grow before it is worth a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// So much resident memory it may have.
    pub limit: Bytes,
    /// Whether a scan finds it over its threshold then; otherwise that is no more than a suspicion.
    pub is_sure: bool,
}

/// One watched process: the descriptor stays bound to it, whoever has its number later.
#[derive(Debug)]
struct Watched {
    statm: OwnedFd,
    bound: Bound,
    /// At the last look.
    rss: Bytes,
}

/// The processes that are watched, and the machine's memory as a whole.
#[derive(Debug)]
pub struct Watch {
    meminfo: OwnedFd,
    page_size: u64,
    watched: Vec<Watched>,
}

impl Watch {
    /// So many can be watched. An open statm holds a kernel buffer of 4 KiB that counts for the service,
    /// so this is 128 KiB.
    pub const PLACES: usize = 32;

    /// Of processes below this root; nobody yet.
    pub fn new(root: &ProcRoot) -> Result<Self, Error> {
        let meminfo = fs::open_file_at(root.as_fd(), c"meminfo").map_err(|source| Error::Read {
            path: root.path_of("meminfo"),
            source,
        })?;
        Ok(Self {
            meminfo,
            page_size: root.page_size(),
            watched: Vec::with_capacity(Self::PLACES),
        })
    }

    /// The machine's memory; nothing of it if it can't be read.
    pub fn levels(&self) -> Levels {
        let mut buffer = [0; 4096];
        fs::read_again(self.meminfo.as_fd(), &mut buffer)
            .map_or_else(|_| Levels::default(), parse::levels)
    }

    /// Watches nobody any more.
    pub fn clear(&mut self) {
        self.watched.clear();
    }

    /// Whether there is no place left.
    pub fn is_full(&self) -> bool {
        self.watched.len() >= Self::PLACES
    }

    /// How many are watched.
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether nobody is watched.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Watches this process, which has `rss` now, as well; whether that is possible.
    pub fn add(&mut self, root: &ProcRoot, pid: Pid, rss: Bytes, bound: Bound) -> bool {
        let statm = process::open_statm(root, pid).filter(|_| !self.is_full());
        let is_added = statm.is_some();
        self.watched
            .extend(statm.map(|statm| Watched { statm, bound, rss }));
        is_added
    }

    /// Looks at all of them: `visit` gets the bound of each, what it has now, and what it had at the look
    /// before. Those who have ended are no longer watched.
    pub fn look(&mut self, mut visit: impl FnMut(Bound, Bytes, Bytes)) {
        let page_size = self.page_size;
        self.watched.retain_mut(|watched| {
            let Some(rss) = watched.read_rss(page_size) else {
                return false;
            };
            visit(watched.bound, rss, watched.rss);
            watched.rss = rss;
            true
        });
    }
}

impl Watched {
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

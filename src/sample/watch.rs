//! A look between two scans: /proc/meminfo and the statm of a few processes, through descriptors that
//! stay open, so that each costs one pread(2) (1 us; 5 us for meminfo) and needs no further descriptor.

use super::{Error, ProcRoot, detail, parse};
use crate::sys::fs;
use crate::units::{Bytes, Pid};
use std::os::fd::{AsFd, OwnedFd};

/// An open statm holds a kernel buffer of 4 KiB that counts for the service, so this is 128 KiB.
const PLACES: usize = 32;

/// One watched process: the descriptor stays bound to it, whoever has its number later.
#[derive(Debug)]
struct Watched {
    pid: Pid,
    statm: OwnedFd,
    limit: Bytes,
}

/// What a look at the watched processes found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// One of them is over its limit.
    None,
    /// The nearest can grow by this much; None when nobody is watched.
    Left(Option<Bytes>),
}

/// The processes that are watched, and the machine's memory as a whole.
#[derive(Debug)]
pub struct Watch {
    meminfo: OwnedFd,
    page_size: u64,
    watched: Vec<Watched>,
}

impl Watch {
    /// Of processes below this root; nobody yet.
    pub fn new(root: &ProcRoot) -> Result<Self, Error> {
        let meminfo = fs::open_file_at(root.as_fd(), c"meminfo").map_err(|source| Error::Read {
            path: root.path_of("meminfo"),
            source,
        })?;
        Ok(Self {
            meminfo,
            page_size: root.page_size(),
            watched: Vec::with_capacity(PLACES),
        })
    }

    /// Memory in use by processes: what one of them grows by is in it. None if it can't be read.
    pub fn occupied(&self) -> Option<Bytes> {
        let mut buffer = [0; 4096];
        parse::occupied(fs::read_again(self.meminfo.as_fd(), &mut buffer).ok()?)
    }

    /// Watches nobody any more.
    pub fn clear(&mut self) {
        self.watched.clear();
    }

    /// Whether there is no place left.
    pub fn is_full(&self) -> bool {
        self.watched.len() >= PLACES
    }

    /// How many are watched.
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether nobody is watched.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Watches this process as well; whether that is possible.
    pub fn add(&mut self, root: &ProcRoot, pid: Pid, limit: Bytes) -> bool {
        if self.is_full() {
            return false;
        }
        let statm = detail::open_statm(root, pid);
        self.watched
            .extend(statm.map(|statm| Watched { pid, statm, limit }));
        self.watched.last().is_some_and(|last| last.pid == pid)
    }

    /// Looks at all of them; those who have ended are no longer watched.
    pub fn look(&mut self) -> Room {
        let mut is_over = false;
        let mut least = None;
        self.watched.retain(|watched| {
            let Some(rss) = watched.rss(self.page_size) else {
                return false;
            };
            is_over |= rss > watched.limit;
            let room = watched.limit.saturating_sub(rss);
            least = Some(least.map_or(room, |least: Bytes| least.min(room)));
            true
        });
        if is_over {
            Room::None
        } else {
            Room::Left(least)
        }
    }
}

impl Watched {
    /// None when it has ended, or shows no memory because its main thread has.
    fn rss(&self, page_size: u64) -> Option<Bytes> {
        let mut buffer = [0; 256];
        let text = fs::read_again(self.statm.as_fd(), &mut buffer).ok()?;
        match parse::statm(text)? {
            (0, _) => None,
            (_, pages) => Some(Bytes::from_pages(pages, page_size)),
        }
    }
}

//! The sizes of all processes, for groups of them: kept only where a group could be over its threshold. Pure.

use crate::quantities::{Bytes, Metric, Pid};
use std::cmp::Reverse;

/// So many processes are kept: 2.5 MiB. The memory of further ones counts as unknown.
const CAPACITY: usize = 65_536;
/// So many of those whose main thread has exited.
const LEADERS: usize = 64;

/// A process that may be a member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessSize {
    /// Its resident memory.
    pub rss: Bytes,
    /// Its PID when it was seen.
    pub pid: Pid,
    /// Its PSS, as far as it was wanted.
    pub pss: Pss,
    /// Its memory that no file backs, in RAM and in swap, as far as it was wanted.
    pub anonymous: Bytes,
}

impl ProcessSize {
    /// Its memory by this metric; None where it is not known.
    pub fn by(&self, metric: Metric) -> Option<Bytes> {
        match (metric, self.pss) {
            (Metric::Rss, _) => Some(self.rss),
            (Metric::Anon, _) => Some(self.anonymous),
            (Metric::Pss, Pss::Known(pss)) => Some(pss),
            (Metric::Pss, Pss::Ended) => Some(Bytes::ZERO),
            (Metric::Pss, Pss::Unread | Pss::Kept(_) | Pss::Unreadable | Pss::NoTime) => None,
        }
    }

    /// Whether its PSS was not read since it was seen.
    pub fn is_unread(&self) -> bool {
        matches!(self.pss, Pss::Unread | Pss::Kept(_))
    }
}

/// The PSS of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pss {
    /// It was not read.
    #[default]
    Unread,
    /// It was not read now. It was so much at an earlier scan, and what the process has resident is as it was then; but
    /// others may share less or more of it by now.
    Kept(Bytes),
    /// It is so much; or so much is anonymous, where the process can keep it from being read.
    Known(Bytes),
    /// It can't be read.
    Unreadable,
    /// The process has ended.
    Ended,
    /// There is no time left to read it.
    NoTime,
}

/// The sizes that a walk has seen.
#[derive(Clone, Debug, Default)]
pub struct Sizes {
    is_wanted: bool,
    all: Vec<ProcessSize>,
    /// Processes whose main thread has exited.
    pub(super) leaders: Vec<Pid>,
    total: Bytes,
}

impl Sizes {
    /// Whether the next walks are to keep them. Where not, they have no memory from then on.
    pub fn want(&mut self, is_wanted: bool) {
        if self.is_wanted && !is_wanted {
            *self = Self::default();
        }
        self.is_wanted = is_wanted;
    }

    /// Whether they are kept.
    pub fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.leaders.clear();
        self.total = Bytes::ZERO;
    }

    /// Keeps the size of a process.
    pub fn offer(&mut self, pid: Pid, rss: Bytes) {
        self.add(pid, rss, Pss::Unread);
    }

    /// The same where its PSS is known, or can't be known.
    pub(super) fn add(&mut self, pid: Pid, rss: Bytes, pss: Pss) {
        if !self.is_wanted {
            return;
        }
        self.total = self.total.saturating_add(rss);
        if self.all.len() < CAPACITY {
            self.all.push(ProcessSize {
                rss,
                pid,
                pss,
                anonymous: Bytes::ZERO,
            });
        }
    }

    pub(super) fn offer_leader(&mut self, pid: Pid) {
        if self.is_wanted && self.leaders.len() < LEADERS {
            self.leaders.push(pid);
        }
    }

    /// The resident memory of all, those that were not kept as well.
    pub fn total(&self) -> Bytes {
        self.total
    }

    /// Puts the largest first.
    pub fn sort(&mut self) {
        self.all
            .sort_unstable_by_key(|sized| (Reverse(sized.rss), sized.pid));
    }

    /// Those that are kept.
    pub fn all(&self) -> &[ProcessSize] {
        &self.all
    }

    /// The one with this index.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut ProcessSize> {
        self.all.get_mut(index)
    }
}

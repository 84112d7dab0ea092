//! What one scan of all processes found. Pure.

use super::largest::Largest;
use super::parse::SystemMemory;
use super::process::Process;
use super::procfile::Unreadable;
use super::sizes::Sizes;
use crate::quantities::Bytes;

/// What one scan of all processes found. Its memory is kept between two scans.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The machine's memory when the scan began.
    pub memory: SystemMemory,
    /// How many processes there were, kernel threads included.
    pub scanned: usize,
    /// What those have resident together that are younger than the last scan of all; shared memory counts in each.
    pub young: Bytes,
    /// The processes whose size can't be read.
    pub unreadable: UnreadableProcesses,
    /// The processes over the sieve, in detail, the largest first.
    pub near: Vec<Process>,
    /// The largest of those that are not over it, but over an eighth of it.
    pub below: Largest,
    /// The largest of all with more than a MiB.
    pub largest: Largest,
    /// The sizes of all of them, where groups want them.
    pub sizes: Sizes,
}

impl Snapshot {
    /// Empty, and with capacity for so many processes over the sieve.
    pub fn with_capacity(near: usize) -> Self {
        Self {
            near: Vec::with_capacity(near),
            ..Self::default()
        }
    }

    /// All processes that can't be read: neither their size nor, of those over the sieve, the rest.
    pub fn all_unreadable(&self) -> UnreadableProcesses {
        let mut all = self.unreadable;
        let near = self.near.iter().filter_map(|process| process.facts.err());
        near.for_each(|unreadable| all.add(unreadable));
        all
    }
}

/// How many processes can't be read, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreadableProcesses {
    /// How many there are.
    pub count: usize,
    /// Why the first of them can't be read; None where there is none.
    pub first: Option<Unreadable>,
}

impl UnreadableProcesses {
    pub(super) fn add(&mut self, unreadable: Unreadable) {
        self.count += 1;
        self.first.get_or_insert(unreadable);
    }
}

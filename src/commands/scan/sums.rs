//! What the processes of each user and of each control group have together. Pure.

use crate::quantities::Bytes;
use std::collections::HashMap;

/// The processes of a user or a control group, in one scan or at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) bytes: Bytes,
    pub(super) processes: usize,
}

impl Sum {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            processes: self.processes + other.processes,
        }
    }
}

/// By the names of users, or the paths of control groups.
pub(super) type Sums = HashMap<Vec<u8>, Sum>;

/// Adds a process to what its user or its control group has in this scan.
pub(super) fn add(sums: &mut Sums, name: &[u8], bytes: Bytes) {
    if !sums.contains_key(name) {
        sums.insert(name.to_vec(), Sum::default());
    }
    if let Some(sum) = sums.get_mut(name) {
        let processes = 1;
        *sum = sum.and(Sum { bytes, processes });
    }
}

/// Keeps the highest of each, of those before and of this scan.
pub(super) fn keep_highest(highest: &mut Sums, scan: Sums) {
    for (name, sum) in scan {
        let kept = highest.entry(name).or_default();
        if sum.bytes > kept.bytes {
            *kept = sum;
        }
    }
}

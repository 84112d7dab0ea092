//! The PSS that was read of members, kept from scan to scan: to read it costs ten times what the walk over the
//! processes does, and what a process has resident mostly stays as it is. Pure.
//!
//! It is not proof. A fork shares a process's memory, and the end of one that shares it, or a write, takes that back:
//! both change its PSS and not what it has resident. So nothing is killed for what was kept. And no group is taken for
//! within its threshold for long because of it: each value is read anew after `PERIOD` scans, where it is still
//! needed, and all are where the processes of the machine share less memory than they did.

use crate::proc::{ProcessSize, Pss};
use crate::quantities::{Bytes, Pid};

/// Each scan takes one of so many values for too old.
pub(super) const PERIOD: u32 = 16;
/// What was read in so many scans is taken together at most, where one of them had no time for all.
const ROUND: u32 = 32;
/// The values are too old where less memory is shared than before, by this part of the lowest threshold.
const TOLERATED: u64 = 16;

#[derive(Clone, Copy, Debug)]
struct Value {
    pid: Pid,
    /// It is of the scans that go on.
    is_new: bool,
    rss: Bytes,
    pss: Bytes,
}

/// What was read of processes at earlier scans.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By PID.
    values: Vec<Value>,
    /// Counts the scans.
    turn: u32,
    /// For how many scans what was read has been taken together.
    round: u32,
    /// Whether the next scan goes on with what this one has read.
    goes_on: bool,
    /// What all processes had resident that others had as well, when it was most.
    shared: Bytes,
}

impl Kept {
    /// A scan begins, in which the processes have so much resident in all, and so much of it is not the same;
    /// `threshold` is the lowest one. None where that is not known.
    pub(super) fn begin(
        &mut self,
        total: Bytes,
        occupied: Option<Bytes>,
        threshold: Option<Bytes>,
    ) {
        self.turn = self.turn.wrapping_add(1);
        self.round = if std::mem::take(&mut self.goes_on) {
            self.round + 1
        } else {
            0
        };
        if self.round == 0 || self.round > ROUND {
            self.round = 0;
            self.values
                .iter_mut()
                .for_each(|value| value.is_new = false);
        }
        let (Some(occupied), Some(threshold)) = (occupied, threshold) else {
            return;
        };
        let shared = total.saturating_sub(occupied);
        let tolerated = Bytes::new(threshold.get() / TOLERATED);
        if shared.saturating_add(tolerated) < self.shared {
            self.values.clear();
            self.shared = shared;
        }
        self.shared = self.shared.max(shared);
    }

    /// What is known of the PSS of this process, which was not read now.
    pub(super) fn of(&self, size: &ProcessSize) -> Pss {
        let found = self
            .values
            .binary_search_by_key(&size.pid, |value| value.pid);
        let value = found.ok().and_then(|index| self.values.get(index));
        // One that has changed since is read again.
        let Some(value) = value.filter(|value| value.rss == size.rss) else {
            return Pss::Unread;
        };
        let is_old = size.pid.get().wrapping_add(self.turn) % PERIOD == 0;
        match (value.is_new, is_old) {
            (true, _) => Pss::Known(value.pss),
            (false, false) => Pss::Kept(value.pss),
            (false, true) => Pss::Unread,
        }
    }

    /// Keeps what was read of these.
    pub(super) fn keep(&mut self, sizes: &[ProcessSize]) {
        self.values.clear();
        let value = |size: &ProcessSize| {
            let (pss, is_new) = match size.pss {
                Pss::Known(pss) => (pss, true),
                Pss::Kept(pss) => (pss, false),
                _ => return None,
            };
            Some(Value {
                pid: size.pid,
                is_new,
                rss: size.rss,
                pss,
            })
        };
        let count = sizes.iter().filter_map(value).count();
        // Exactly, since there may be as many as processes.
        self.values.reserve_exact(count);
        self.values.extend(sizes.iter().filter_map(value));
        self.values.sort_unstable_by_key(|value| value.pid);
    }

    /// The next scan goes on with what was read.
    pub(super) fn go_on(&mut self) {
        self.goes_on = true;
    }
}

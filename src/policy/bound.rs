//! How far a process may grow before the next scan is worth bringing forward. Pure.

use super::Policy;
use crate::proc::{Bound, Process, SystemMemory};
use crate::quantities::{Bytes, Metric};

impl Policy {
    /// Up to what resident memory nothing is asked of this process; None for one of which nothing is asked
    /// then either, because it is protected, can't be judged, or is over its threshold and left alone.
    /// `waits` says that it is over and to be ended, but not yet.
    pub fn bound(&self, process: &Process, memory: &SystemMemory, waits: bool) -> Option<Bound> {
        let facts = process.facts.as_ref().ok()?;
        if self.protection(process, facts).is_some() || self.rule_protection(process).is_some() {
            return None;
        }
        let limits = self.limits(process);
        let measured = process.memory().ok()?;
        let threshold = limits.thresholds.lowest(memory.total);
        // Another metric than RSS grows by no more than RSS does, but for what is swapped out or no
        // longer shared.
        let (room, is_sure) = if measured <= threshold {
            let room = threshold.saturating_sub(measured);
            (room, limits.metric == Metric::Rss)
        } else if waits {
            // Until it has more than is left, which no wait outlasts.
            (half(memory.available?.saturating_sub(process.rss))?, true)
        } else {
            return None;
        };
        let limit = process.rss.saturating_add(room);
        Some(Bound { limit, is_sure })
    }
}

/// What one takes is no longer left. None where there is nothing.
fn half(bytes: Bytes) -> Option<Bytes> {
    (bytes > Bytes::ZERO).then(|| Bytes::new(bytes.get() / 2))
}

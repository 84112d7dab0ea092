//! When a scan that may be in vain may be made. No number of suspicions makes it blind: whatever happened before, none waits
//! for more than [`LONGEST_REST`]. Pure: times are handed in.

use super::{Calls, Extent};
use std::time::{Duration, Instant};

/// Doubt is paid for with so many times the CPU time of a scan in vain, 0.125% of a core, as long as [`CREDIT`] and
/// [`LONGEST_REST`] allow.
const PRICE: u32 = 800;

/// The credit, so that several processes that grow one after another are scanned for: 20 s are 25 ms of CPU time, ten
/// scans of 500 processes.
const CREDIT: Duration = Duration::from_secs(20);

/// The price where no process is known that explains what was taken: 5% of a core, while that goes on.
const URGENT_PRICE: u32 = 20;

/// The longest time that any scan is put off.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// What the scans in vain have cost so far.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Until when doubt is paid for; further ahead than the credit, it waits.
    paid_until: Instant,
    few_from: Instant,
    all_from: Instant,
}

impl Budget {
    /// Nothing is owed.
    pub fn new(now: Instant) -> Self {
        Self {
            paid_until: now,
            few_from: now,
            all_from: now,
        }
    }

    /// A scan that took so much CPU time was in vain.
    pub fn spend(&mut self, extent: Extent, cost: Duration, now: Instant) {
        let paid_until = self.paid_until.max(now) + cost.saturating_mul(PRICE).min(CREDIT * 2);
        self.paid_until = paid_until.min(now + CREDIT + LONGEST_REST);
        let rest = now + cost.saturating_mul(URGENT_PRICE).min(LONGEST_REST);
        match extent {
            Extent::Few => self.few_from = rest,
            Extent::All => self.all_from = rest,
        }
    }

    /// What is called for now; None where nothing is, or it waits.
    pub fn extent(&self, calls: Calls, now: Instant) -> Option<Extent> {
        if calls.evidence.is_some() {
            return calls.evidence;
        }
        let is_due = (calls.young && now >= self.few_from)
            || (calls.old && now >= self.all_from)
            || (calls.doubtful && now >= self.doubtful_from());
        is_due.then_some(Extent::Few)
    }

    /// Whether after a scan of a few in vain all are to be read.
    pub fn wants_all(&self, calls: Calls, now: Instant) -> bool {
        (calls.old && now >= self.all_from) || (calls.doubtful && now >= self.doubtful_from())
    }

    /// Until when what is called for waits at the longest; None where nothing is.
    pub fn next(&self, calls: Calls) -> Option<Instant> {
        let young = calls.young.then_some(self.few_from);
        let old = calls.old.then_some(self.all_from);
        let doubtful = calls.doubtful.then(|| self.doubtful_from());
        [young, old, doubtful].into_iter().flatten().min()
    }

    fn doubtful_from(&self) -> Instant {
        self.paid_until
            .checked_sub(CREDIT)
            .unwrap_or(self.paid_until)
    }
}

//! When a scan that may be in vain may be made. No number of speculations makes it blind: whatever happened before,
//! none waits for more than [`LONGEST_REST`]. Pure: times are handed in.

use super::{Calls, Extent};
use std::time::{Duration, Instant};

/// A scan on doubt alone that was in vain uses up the budget for so many times its CPU time: 0.125% of a core, within
/// [`CREDIT`] and [`LONGEST_REST`].
const REST_FACTOR: u32 = 800;

/// The credit, so that several processes that grow one after another are scanned for: 20 s are 25 ms of CPU time, ten
/// scans of 500 processes.
const CREDIT: Duration = Duration::from_secs(20);

/// The factor where no process is known that explains what was taken: 5% of a core, as long as that lasts.
const URGENT_REST_FACTOR: u32 = 20;

/// The longest time that any scan is put off.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The CPU time for scans that may be in vain, and how much of it is used.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Until when the budget is used up; where that is further ahead than the credit, a scan on doubt waits.
    used_until: Instant,
    few_from: Instant,
    all_from: Instant,
    /// Since when there has been doubt.
    doubtful_since: Option<Instant>,
    /// How long doubt waits for a scan of all, by the cost of the last one.
    rest_of_all: Duration,
}

impl Budget {
    /// Nothing of it is used.
    pub fn new(now: Instant) -> Self {
        Self {
            used_until: now,
            few_from: now,
            all_from: now,
            doubtful_since: None,
            rest_of_all: Duration::ZERO,
        }
    }

    /// The speculation was right: as new, but for what a scan of all is known to cost.
    pub fn renew(&mut self, now: Instant) {
        *self = Self {
            rest_of_all: self.rest_of_all,
            ..Self::new(now)
        };
    }

    /// What a tick calls for: from now on, where it is doubt.
    pub fn note(&mut self, calls: Calls, now: Instant) {
        // Without closures, which no rehearsal calls: their page may be missing then.
        self.doubtful_since = match self.doubtful_since {
            _ if !calls.doubtful => None,
            Some(since) if since < now => Some(since),
            _ => Some(now),
        };
    }

    /// A scan that took so much CPU time was in vain.
    pub fn spend(&mut self, extent: Extent, cost: Duration, now: Instant) {
        let used_until =
            self.used_until.max(now) + cost.saturating_mul(REST_FACTOR).min(CREDIT * 2);
        self.used_until = used_until.min(now + CREDIT + LONGEST_REST);
        let rest = cost.saturating_mul(URGENT_REST_FACTOR).min(LONGEST_REST);
        match extent {
            Extent::Few => self.few_from = now + rest,
            Extent::All => (self.all_from, self.rest_of_all) = (now + rest, rest),
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

    /// Whether after a scan of a few in vain all are to be read. For doubt they are not at once: mostly it is the one
    /// process that explains it that crosses its threshold meanwhile, and the daemon would be busy with the others
    /// (5,000 take 27 ms).
    pub fn wants_all(&self, calls: Calls, now: Instant) -> bool {
        (calls.old && now >= self.all_from)
            || (calls.doubtful && now >= self.credit_from().max(self.lasted_from()))
    }

    /// Until when what is called for waits at the longest; None where nothing is.
    pub fn next(&self, calls: Calls) -> Option<Instant> {
        let young = calls.young.then_some(self.few_from);
        let old = calls.old.then_some(self.all_from);
        let doubtful_from = self.doubtful_from();
        let doubtful = calls.doubtful.then_some(doubtful_from);
        [young, old, doubtful].into_iter().flatten().min()
    }

    /// When doubt calls for a scan of a few.
    fn doubtful_from(&self) -> Instant {
        self.credit_from()
            .max(self.few_from.min(self.lasted_from()))
    }

    /// When there has been doubt for so long that all are to be read.
    fn lasted_from(&self) -> Instant {
        self.doubtful_since
            .map_or(self.all_from, |since| since + self.rest_of_all)
    }

    fn credit_from(&self) -> Instant {
        self.used_until
            .checked_sub(CREDIT)
            .unwrap_or(self.used_until)
    }
}

//! How long all work has waited for memory within the last ten seconds, from the kernel's total (PSI "full"): its own
//! averages come 2 s late and go on for 20 s after the end. Pure.

use crate::quantities::Now;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time that is looked back on.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// A total is kept for each of these.
const BUCKET: Duration = Duration::from_millis(100);

/// So many of them, and one, are in the window.
const BUCKETS: usize = 101;

/// Where no work has waited within the window, the total is read so often: it gains no more than that meanwhile, which
/// is the smallest stall_seconds, and a tick mostly is one read.
const QUIET_WAIT: Duration = Duration::from_millis(500);

/// After a resume everything is read back, and all work waits for it, with no shortage at all.
const RESUMING: Duration = Duration::from_secs(30);

/// CLOCK_BOOTTIME has gained so much on CLOCK_MONOTONIC where the machine was suspended.
const SUSPENDED: Duration = Duration::from_secs(1);

/// The totals of the last ten seconds.
#[derive(Clone, Debug)]
pub struct Stall {
    totals: VecDeque<(Instant, Duration)>,
    /// Both clocks at the last reading.
    clocks: Option<(Instant, Duration)>,
    ignored_until: Option<Instant>,
    /// When the total was read last.
    read: Option<Instant>,
}

impl Default for Stall {
    fn default() -> Self {
        Self {
            totals: VecDeque::with_capacity(BUCKETS + 1),
            clocks: None,
            ignored_until: None,
            read: None,
        }
    }
}

impl Stall {
    /// Whether the total is to be read now; `is_quiet` where none was gained within the window.
    pub(super) fn is_due(&mut self, is_quiet: bool, now: Instant) -> bool {
        let was_now = |then| now.saturating_duration_since(then) < QUIET_WAIT;
        let is_due = !is_quiet || !self.read.is_some_and(was_now);
        if is_due {
            self.read = Some(now);
        }
        is_due
    }

    /// Takes a reading of the total; what it has gained within the window, and zero after a resume. None where the
    /// kernel has no total.
    pub fn note(&mut self, total: Option<Duration>, now: &Now) -> Option<Duration> {
        let time = now.monotonic;
        if let Some((monotonic, since_boot)) = self.clocks.replace((time, now.since_boot)) {
            let awake = time.saturating_duration_since(monotonic);
            let passed = now.since_boot.saturating_sub(since_boot);
            if passed.saturating_sub(awake) >= SUSPENDED {
                self.clear();
                self.ignored_until = Some(time + RESUMING);
            }
        }
        let total = total?;
        let is_old = |then: Instant| time.saturating_duration_since(then) > WINDOW;
        while self.totals.front().is_some_and(|(then, _)| is_old(*then)) {
            self.totals.pop_front();
        }
        let is_due = |last: &(Instant, Duration)| time.saturating_duration_since(last.0) >= BUCKET;
        if self.totals.back().is_none_or(is_due) && self.totals.len() < BUCKETS {
            self.totals.push_back((time, total));
        }
        if self.ignored_until.is_some_and(|until| time < until) {
            return Some(Duration::ZERO);
        }
        let first = self.totals.front().map_or(total, |(_, first)| *first);
        Some(total.saturating_sub(first))
    }

    /// Forgets what was gained so far.
    pub(super) fn clear(&mut self) {
        self.totals.clear();
    }
}

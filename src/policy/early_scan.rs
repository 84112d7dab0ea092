//! When the next tick is due: how far the nearest process is from its threshold, and how soon the fastest possible
//! growth could take it there. What a tick calls for, and when the CPU budget allows a speculative scan. Pure.

mod budget;
mod growth;
#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use growth::{Growth, Taken};

use super::criteria::Policy;
use super::verdict::Verdict;
use crate::proc::{Ceiling, Process, SystemMemory};
use crate::quantities::{Bytes, Metric, Now};
use std::time::Duration;

/// The shortest time between two ticks on a machine with much memory available. A tick costs 10 us, so this is
/// 0.01% of a core, and a process that crosses its threshold waits 50 ms on average.
pub const SHORTEST: Duration = Duration::from_millis(100);

/// The same where little memory is available: 0.1% of a core, and 60 MiB that the fastest growth can take.
const SHORTEST_IN_NEED: Duration = Duration::from_millis(10);

/// The longest time. At one tick a second the cost is 0.001% of a core: a longer time would save nothing. It bounds
/// what a growth that is faster than [`FASTEST`] can gain.
const LONGEST: Duration = Duration::from_secs(1);

/// Bytes a second by which the fastest process can grow. Measured on two cores of a cloud machine:
/// 1.1 GiB/s a core with pages of 4 KiB, 2.1 GiB/s with huge pages. This is six cores at the first
/// rate, three at the second; earlyoom assumes the same.
pub(super) const FASTEST: u64 = 6 << 30;

/// The same of one thread, which is all that most programs use to take memory.
const USUAL: u64 = 2 << 30;

/// In the shortest time between two ticks the fastest growth takes this part of what is available: the rest is for the
/// scan, the signal, and the exit of the victim.
const PART: u64 = 4;

/// The shortest time after which a tick is repeated because something grows towards its threshold at a speed that was
/// seen. It takes a few of these to catch a process within 10 ms of crossing instead of 50 on average.
pub const SOONEST: Duration = Duration::from_millis(10);

/// The same where little memory is available: 0.5% of a core, and only while something grows.
const SOONEST_IN_NEED: Duration = Duration::from_millis(2);

/// What grows by more bytes a second has the next tick when it is expected to cross: within [`SOONEST`] it would take
/// further megabytes.
const FAST: u64 = 256 << 20;

/// Ticks take no more than one part in so many of a core, be it a slow one or an emulated one, where they cost a
/// hundred times as much. It keeps the quota of the unit for the scan that they call for.
const SHARE: u32 = 50;

/// Which processes a scan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Those that are younger than the last scan of all, and the watched ones that may be over their thresholds.
    Few,
    /// All that /proc lists.
    All,
}

/// What calls for a scan. Evidence is never put off; speculation has a [`Budget`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// A watched process is over its threshold; or so much memory was lost that all processes are looked at.
    pub evidence: Option<Extent>,
    /// Memory was taken that no watched process explains: a young one may have it.
    pub young: bool,
    /// And none that was looked at does either: an old one that is not watched may have it.
    pub old: bool,
    /// Memory was taken that others explain, if what they show is theirs alone; or a watched process may be over its
    /// threshold by another metric than RSS; or tasks wait for memory.
    pub doubtful: bool,
}

/// What a tick has read, added up; and what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Since the tick before.
    elapsed: Duration,
    shortest: Duration,
    soonest: Duration,
    /// The same for what grows fast and is about to cross.
    soonest_of_fast: Duration,
    /// In which the fastest growth takes a part of what is available; None where that is not known.
    part: Option<Duration>,
    calls: Calls,
    wait: Duration,
}

impl Tick {
    /// A tick `elapsed` after the one before, where one costs `cost` of CPU time, on a machine with so much memory
    /// available; None where that is not known.
    pub fn after(elapsed: Duration, cost: Duration, available: Option<Bytes>) -> Self {
        let affordable = cost.saturating_mul(SHARE).min(SHORTEST);
        let part = available.map(|bytes| at_the_fastest(Bytes::new(bytes.get() / PART)));
        let within = |least: Duration, most: Duration| {
            let time = part.map_or(most, |part| part.min(most));
            time.max(least).max(affordable)
        };
        Self {
            elapsed,
            shortest: within(SHORTEST_IN_NEED, SHORTEST),
            soonest: within(SOONEST_IN_NEED, SOONEST),
            soonest_of_fast: SOONEST_IN_NEED.max(affordable),
            part,
            calls: Calls::default(),
            wait: LONGEST,
        }
    }

    /// A watched process has `rss` now and had `before` at the tick before; whether it may be over its threshold.
    pub fn add_watched(&mut self, ceiling: Ceiling, rss: Bytes, before: Bytes) -> bool {
        let is_over = rss > ceiling.rss;
        if is_over && ceiling.is_certain {
            self.calls.evidence.get_or_insert(Extent::Few);
        }
        self.calls.doubtful |= is_over && !ceiling.is_certain;
        self.add(ceiling.rss.saturating_sub(rss), rss.saturating_sub(before));
        is_over
    }

    /// Tasks wait for memory: what grows may be swapped out meanwhile, which hides its growth.
    pub const fn add_pressure(&mut self) {
        self.calls.doubtful = true;
    }

    /// Of the memory that the processes have, so much was taken since the last scan of a few, and `risen` of it since
    /// the tick before; the nearest process that may have it is `nearest` below its threshold.
    pub fn add_young(&mut self, nearest: Bytes, taken: &Taken, risen: Bytes) {
        self.calls.young |= taken.unexplained >= nearest;
        self.calls.doubtful |= taken.all >= nearest;
        self.add(nearest.saturating_sub(taken.unexplained), risen);
    }

    /// The same since the last scan of all.
    pub fn add_old(&mut self, nearest: Bytes, taken: &Taken, risen: Bytes) {
        self.calls.old |= taken.unexplained >= nearest;
        self.calls.doubtful |= taken.all >= nearest;
        self.add(nearest.saturating_sub(taken.unexplained), risen);
    }

    /// So much memory is available, and `at_scan` was at the last scan. When half of that is gone, what took it is
    /// worth a scan, be it swapped out or hidden by what other processes freed. Each further scan comes after a further
    /// half, so they are few.
    pub fn add_available(&mut self, available: Bytes, at_scan: Bytes) {
        let half = Bytes::new(at_scan.get() / 2);
        if available < half {
            self.calls.evidence = Some(Extent::All);
        }
        self.add(available.saturating_sub(half), Bytes::ZERO);
    }

    /// So much of MemTotal is available, and a process over its threshold is killed below `below`. It may be taken by
    /// any process.
    pub fn add_plenty(&mut self, available: Bytes, below: Bytes) {
        if available < below {
            self.calls.evidence = Some(Extent::All);
        }
        self.add(available.saturating_sub(below), Bytes::ZERO);
    }

    /// Something is `headroom` below its threshold, and has grown by `risen` since the tick before.
    fn add(&mut self, headroom: Bytes, risen: Bytes) {
        // An unusual growth crosses a little unseen where it takes no more than a part of what is available meanwhile.
        let usual = self.part.map(|part| at(USUAL, headroom).min(part));
        let unseen = at_the_fastest(headroom).max(usual.unwrap_or_default());
        self.wait = self.wait.min(unseen.max(self.shortest));
        if risen > Bytes::ZERO {
            let elapsed = self.elapsed.as_micros();
            let microseconds =
                elapsed.saturating_mul(headroom.get().into()) / u128::from(risen.get());
            let to_time = |time| u64::try_from(time).map_or(LONGEST, Duration::from_micros);
            // It may get more CPU time from now on: at twice the speed.
            let at_twice = to_time(microseconds / 2);
            let wait = if at_twice < self.soonest && self.is_fast(risen) {
                to_time(microseconds).clamp(self.soonest_of_fast, self.soonest)
            } else {
                at_twice.max(self.soonest)
            };
            self.wait = self.wait.min(wait);
        }
    }

    /// Whether so much since the tick before is fast.
    fn is_fast(&self, risen: Bytes) -> bool {
        self.elapsed < at(FAST, risen)
    }

    /// What calls for a scan.
    pub const fn calls(&self) -> Calls {
        self.calls
    }

    /// The time to the next tick, where nothing calls for a scan.
    pub const fn wait(&self) -> Duration {
        self.wait
    }
}

/// How soon the fastest growth takes so much.
fn at_the_fastest(bytes: Bytes) -> Duration {
    at(FASTEST, bytes)
}

/// How soon so much is taken at so many bytes a second.
fn at(speed: u64, bytes: Bytes) -> Duration {
    Duration::from_micros(bytes.get().saturating_mul(1_000_000) / speed)
}

/// The headroom of the processes that are not watched, of which the nearest has `nearest`. Never less than a quarter of
/// the sieve: where more processes than can be watched are near their thresholds, each small growth would call for a
/// scan.
pub fn unwatched(sieve: Bytes, nearest: Bytes) -> Bytes {
    nearest.max(Bytes::new((sieve.get() / 4).max(1)))
}

impl Policy {
    /// Below how much available memory a process over its threshold that stays now is killed; None for any other one.
    pub fn killed_below(
        &self,
        process: &Process,
        memory: &SystemMemory,
        now: &Now,
    ) -> Option<Bytes> {
        match self.judge(process, memory, now) {
            Verdict::Plentiful(..) => Some(self.criteria(process).plenty_from(memory.total)),
            Verdict::Within | Verdict::Protected(_) | Verdict::Breach(_) => None,
        }
    }

    /// Up to what resident memory a scan would do nothing about this process. None for one about which it would do
    /// nothing beyond that either, because it is protected, can't be read, or is over its threshold and stays.
    /// `is_delayed` says that it is over its threshold and its kill is delayed.
    pub fn ceiling(
        &self,
        process: &Process,
        memory: &SystemMemory,
        is_delayed: bool,
        now: &Now,
    ) -> Option<Ceiling> {
        if self.protection(process, memory, now).is_some() {
            return None;
        }
        let criteria = self.criteria(process);
        let measured = process.memory().ok()?;
        let threshold = criteria.thresholds.lowest(memory.total);
        // Another metric than RSS grows by no more than RSS does, except by what is swapped out or no longer shared.
        let is_plenty = criteria.plenty(memory).is_some();
        let (headroom, is_certain) = if measured <= threshold {
            let headroom = threshold.saturating_sub(measured);
            (headroom, criteria.metric == Metric::Rss && !is_plenty)
        } else if is_plenty {
            // Until less is available than its rule wants, and what it takes is no longer available.
            let available = memory.available?;
            let left = available.saturating_sub(criteria.plenty_from(memory.total));
            (left, false)
        } else if is_delayed {
            // Until it has more than is available, which ends every delay: what it takes is no longer available.
            let available = memory.available?.saturating_sub(process.rss);
            let half = Bytes::new(available.get() / 2);
            (Some(half).filter(|_| available > Bytes::ZERO)?, true)
        } else {
            return None;
        };
        let rss = process.rss.saturating_add(headroom);
        Some(Ceiling { rss, is_certain })
    }
}

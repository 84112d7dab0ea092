//! When to look again: how far the nearest process is from its threshold, and how soon the fastest
//! possible growth could take it there. Pure, like the rest of the policy.

use crate::proc::Bound;
use crate::quantities::Bytes;
use std::time::Duration;

/// The shortest time between two ticks on a machine with memory to spare. A tick costs 10 us, so this is
/// 0.01% of a core, and a process that crosses its threshold waits 50 ms on average.
pub const SHORTEST: Duration = Duration::from_millis(100);

/// The same where little memory is left: 0.1% of a core, and 60 MiB that the fastest growth can take.
const SHORTEST_IN_NEED: Duration = Duration::from_millis(10);

/// The longest. At one tick a second the cost is 0.001% of a core: a longer time would save nothing.
/// It bounds what a growth that is faster than [`FASTEST`] can gain.
const LONGEST: Duration = Duration::from_secs(1);

/// Bytes a second by which the fastest process can grow. Measured on two cores of a cloud machine:
/// 1.1 GiB/s a core with pages of 4 KiB, 2.1 GiB/s with huge pages. This is six cores at the first
/// rate, three at the second; earlyoom assumes the same.
const FASTEST: u64 = 6 << 30;

/// In the shortest time between two ticks the fastest growth takes this part of what is left: the rest is
/// for the scan, the signal, and the end of whoever gets it.
const PART: u64 = 4;

/// The shortest time after which a tick is repeated because something nears its threshold at a speed that
/// was seen. It takes a few of these to catch a process within 10 ms of crossing instead of 50 on average.
pub const SOONEST: Duration = Duration::from_millis(10);

/// The same where little memory is left: 0.5% of a core, and only while something grows.
const SOONEST_IN_NEED: Duration = Duration::from_millis(2);

/// Ticks take no more than this part of a core, be it a slow one or an emulated one, where they cost a
/// hundred times as much. It keeps the quota of the unit for the scan that they call for.
const SHARE: u32 = 50;

/// What a tick sees, added up; and what is to follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Since the tick before.
    elapsed: Duration,
    shortest: Duration,
    soonest: Duration,
    is_crossed: bool,
    is_possible: bool,
    wait: Duration,
}

/// What to do after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Scan now: a watched process is over its threshold.
    Crossed,
    /// Scan now: one that is not watched could be.
    Possible,
    /// Look again after this time.
    Tick(Duration),
}

impl Tick {
    /// A tick so long after the one before, where one costs so much CPU time, on a machine that has so much
    /// memory left.
    pub fn after(elapsed: Duration, cost: Duration, left: Option<Bytes>) -> Self {
        let affordable = cost.saturating_mul(SHARE).min(SHORTEST);
        let part = left.map(|left| at_the_fastest(Bytes::new(left.get() / PART)));
        let within = |least: Duration, most: Duration| {
            let time = part.map_or(most, |part| part.min(most));
            time.max(least).max(affordable)
        };
        Self {
            elapsed,
            shortest: within(SHORTEST_IN_NEED, SHORTEST),
            soonest: within(SOONEST_IN_NEED, SOONEST),
            is_crossed: false,
            is_possible: false,
            wait: LONGEST,
        }
    }

    /// A watched process has `rss` now, had `before` at the tick before, and is bound by `bound`.
    pub fn add_watched(&mut self, bound: Bound, rss: Bytes, before: Bytes) {
        let is_over = rss > bound.limit;
        self.is_crossed |= is_over && bound.is_sure;
        self.is_possible |= is_over;
        self.add(bound.limit.saturating_sub(rss), rss.saturating_sub(before));
    }

    /// The processes' memory has grown by `growth` since the last scan and by `risen` of it since the tick
    /// before; `unwatched` is how far the nearest is from its threshold that is not watched.
    pub fn add_unwatched(&mut self, unwatched: Bytes, growth: Bytes, risen: Bytes) {
        self.is_possible |= growth >= unwatched;
        self.add(unwatched.saturating_sub(growth), risen);
    }

    /// The machine has `left`, and had `at_scan` at the last scan. Half of that is gone: whoever took it is
    /// worth a scan, be it swapped out or hidden by what others gave back. Since each further one comes
    /// after a further half, they are few.
    pub fn add_left(&mut self, left: Bytes, at_scan: Bytes) {
        let half = Bytes::new(at_scan.get() / 2);
        self.is_crossed |= left < half;
        self.add(left.saturating_sub(half), Bytes::ZERO);
    }

    /// Something can grow by `room`, and has grown by `risen` since the tick before.
    fn add(&mut self, room: Bytes, risen: Bytes) {
        self.wait = self.wait.min(at_the_fastest(room).max(self.shortest));
        if risen > Bytes::ZERO {
            let elapsed = self.elapsed.as_micros();
            let microseconds = elapsed.saturating_mul(room.get().into());
            // It may get its turn more often from now on: at twice the speed.
            let microseconds = microseconds / u128::from(risen.get()) / 2;
            let at_this_speed = u64::try_from(microseconds).map_or(LONGEST, Duration::from_micros);
            self.wait = self.wait.min(at_this_speed.max(self.soonest));
        }
    }

    /// What to do.
    pub const fn next(self) -> Next {
        if self.is_crossed {
            Next::Crossed
        } else if self.is_possible {
            Next::Possible
        } else {
            Next::Tick(self.wait)
        }
    }
}

/// How soon the fastest growth takes so much.
fn at_the_fastest(room: Bytes) -> Duration {
    Duration::from_micros(room.get().saturating_mul(1_000_000) / FASTEST)
}

/// The headroom of processes that are not watched, of which the nearest can grow by `room`. Never less
/// than a quarter of the sieve: where more processes than can be watched are near their thresholds, each
/// small growth would call for a scan.
pub fn unwatched(sieve: Bytes, room: Bytes) -> Bytes {
    room.max(Bytes::new((sieve.get() / 4).max(1)))
}

#[cfg(test)]
mod tests;

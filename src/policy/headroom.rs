//! When to look again: how far the nearest process is from its threshold, and how soon the fastest
//! possible growth could take it there. Pure, like the rest of the policy.

use crate::units::Bytes;
use std::time::Duration;

/// The shortest time between two ticks. A tick costs 10 us, so this is 0.01% of a core, and a process
/// that crosses its threshold waits 50 ms on average.
pub const SHORTEST: Duration = Duration::from_millis(100);

/// The longest. At one tick a second the cost is 0.001% of a core: a longer time would save nothing.
/// It bounds what a growth that is faster than [`FASTEST`] can gain.
const LONGEST: Duration = Duration::from_secs(1);

/// Bytes a second by which the fastest process can grow. Measured on two cores of a cloud machine:
/// 1.1 GiB/s a core with pages of 4 KiB, 2.1 GiB/s with huge pages. This is six cores at the first
/// rate, three at the second; earlyoom assumes the same.
const FASTEST: u64 = 6 << 30;

/// The shortest time after which a tick is repeated because something nears its threshold at a speed that
/// was seen. It takes a few of these to catch a process within 10 ms of crossing instead of 50 on average.
pub const SOONEST: Duration = Duration::from_millis(10);

/// What a tick sees, added up; and what is to follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Since the tick before.
    elapsed: Duration,
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
    /// A tick so long after the one before.
    pub const fn after(elapsed: Duration) -> Self {
        Self {
            elapsed,
            is_crossed: false,
            is_possible: false,
            wait: LONGEST,
        }
    }

    /// A watched process has `rss` now, had `before` at the tick before, and may have `limit`.
    pub fn add_watched(&mut self, limit: Bytes, rss: Bytes, before: Bytes) {
        self.is_crossed |= rss > limit;
        self.add(limit.saturating_sub(rss), rss.saturating_sub(before));
    }

    /// The processes' memory has grown by `growth` since the last scan and by `risen` of it since the tick
    /// before; `unwatched` is how far the nearest is from its threshold that is not watched.
    pub fn add_unwatched(&mut self, unwatched: Bytes, growth: Bytes, risen: Bytes) {
        self.is_possible |= growth >= unwatched;
        self.add(unwatched.saturating_sub(growth), risen);
    }

    /// Something can grow by `room`, and has grown by `risen` since the tick before.
    fn add(&mut self, room: Bytes, risen: Bytes) {
        let milliseconds = room.get().saturating_mul(1_000) / FASTEST;
        let at_the_fastest = Duration::from_millis(milliseconds).max(SHORTEST);
        self.wait = self.wait.min(at_the_fastest);
        if risen > Bytes::ZERO {
            let microseconds = self.elapsed.as_micros() * u128::from(room.get());
            // It may get its turn more often from now on: at twice the speed.
            let microseconds = microseconds / u128::from(risen.get()) / 2;
            let at_this_speed = u64::try_from(microseconds).map_or(LONGEST, Duration::from_micros);
            self.wait = self.wait.min(at_this_speed.max(SOONEST));
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

/// The headroom of processes that are not watched, the largest of which has `largest`. Never less than
/// a quarter of the sieve: where more processes than can be watched are near their thresholds, each
/// small growth would call for a scan.
pub fn unwatched(sieve: Bytes, largest: Bytes) -> Bytes {
    let least = Bytes::new((sieve.get() / 4).max(1));
    sieve.saturating_sub(largest).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mib(mib: u64) -> Bytes {
        Bytes::from_kib(mib * 1024)
    }

    const fn tick(milliseconds: u64) -> Next {
        Next::Tick(Duration::from_millis(milliseconds))
    }

    #[test]
    fn looks_again_before_the_fastest_growth_can_cross() {
        let cases = [
            // limit, rss -> next
            (2_000, 2_000, tick(100)),
            (2_000, 2_001, Next::Crossed),
            (2_000, 1_999, tick(100)),
            (2_000, 464, tick(250)),
            (2_000, 976, tick(166)),
            (100_000, 0, tick(1_000)),
        ];
        for (limit, rss, next) in cases {
            let mut watched = Tick::after(SHORTEST);
            watched.add_watched(mib(limit), mib(rss), mib(rss));
            assert_eq!(watched.next(), next, "{limit} {rss}");
            let mut unwatched = Tick::after(SHORTEST);
            unwatched.add_unwatched(mib(limit + 1), mib(rss), Bytes::ZERO);
            let next = match next {
                Next::Crossed => Next::Possible,
                next => next,
            };
            assert_eq!(unwatched.next(), next, "{limit} {rss}");
        }
        assert_eq!(Tick::after(SHORTEST).next(), tick(1_000));
        let mut largest = Tick::after(SHORTEST);
        largest.add_unwatched(Bytes::new(u64::MAX), Bytes::ZERO, Bytes::new(1));
        assert_eq!(largest.next(), tick(1_000));
    }

    #[test]
    fn looks_again_when_something_crosses_at_the_speed_that_was_seen() {
        for (room, risen, next) in [
            (200, 100, 100),
            (100, 100, 50),
            (50, 100, 25),
            (1, 100, 10),
            (0, 100, 10),
            // Slower than the shortest time.
            (50, 2, 100),
            (3_072, 100, 500),
        ] {
            let mut watched = Tick::after(SHORTEST);
            watched.add_watched(mib(4_000), mib(4_000 - room), mib(4_000 - room - risen));
            assert_eq!(watched.next(), tick(next), "{room} {risen}");
            let mut unwatched = Tick::after(SHORTEST);
            unwatched.add_unwatched(mib(4_000), mib(3_999 - room), mib(risen));
            let expected = if room == 0 { 10 } else { next };
            let Next::Tick(wait) = unwatched.next() else {
                panic!("{room} {risen}");
            };
            assert!(
                wait.as_millis().abs_diff(u128::from(expected)) <= 1,
                "{room} {risen}"
            );
        }
    }

    #[test]
    fn the_nearest_decides() {
        let mut tick_of_many = Tick::after(SHORTEST);
        for room in [4_000, 1_536, 3_000] {
            tick_of_many.add_watched(mib(room), Bytes::ZERO, Bytes::ZERO);
        }
        assert_eq!(tick_of_many.next(), tick(250));
        tick_of_many.add_unwatched(mib(1), mib(1), Bytes::ZERO);
        assert_eq!(tick_of_many.next(), Next::Possible);
        tick_of_many.add_watched(mib(1), mib(2), mib(2));
        assert_eq!(tick_of_many.next(), Next::Crossed);
    }

    #[test]
    fn a_crowd_near_its_threshold_leaves_a_quarter_of_it() {
        for (sieve, largest, expected) in [
            (mib(1_600), mib(200), mib(1_400)),
            (mib(1_600), mib(1_200), mib(400)),
            (mib(1_600), mib(1_599), mib(400)),
            (mib(1_600), mib(3_000), mib(400)),
            (Bytes::ZERO, Bytes::ZERO, Bytes::new(1)),
        ] {
            assert_eq!(unwatched(sieve, largest), expected);
        }
    }
}

//! When to look again: how far the nearest process is from its threshold, and how soon the fastest
//! possible growth could take it there. Pure, like the rest of the policy.

use crate::sample::Room;
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

/// What a tick saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// How far the watched processes are from their thresholds.
    pub watched: Room,
    /// What the processes' memory has grown by since the last scan, from its lowest point. None when it is
    /// unknown, or not to count for now.
    pub growth: Option<Bytes>,
    /// How far the nearest process is from its threshold that is not watched.
    pub unwatched: Bytes,
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
    /// What to do.
    pub fn next(self) -> Next {
        let Room::Left(watched) = self.watched else {
            return Next::Crossed;
        };
        let unwatched = self
            .growth
            .map(|growth| self.unwatched.saturating_sub(growth));
        if unwatched == Some(Bytes::ZERO) {
            return Next::Possible;
        }
        let nearest = [watched, unwatched].into_iter().flatten().min();
        Next::Tick(nearest.map_or(LONGEST, shortest_time_to_grow))
    }
}

/// The headroom of processes that are not watched, the largest of which has `largest`. Never less than
/// a quarter of the sieve: where more processes than can be watched are near their thresholds, each
/// small growth would call for a scan.
pub fn unwatched(sieve: Bytes, largest: Bytes) -> Bytes {
    let least = Bytes::new((sieve.get() / 4).max(1));
    sieve.saturating_sub(largest).max(least)
}

fn shortest_time_to_grow(room: Bytes) -> Duration {
    let milliseconds = room.get().saturating_mul(1_000) / FASTEST;
    Duration::from_millis(milliseconds).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mib(mib: u64) -> Bytes {
        Bytes::from_kib(mib * 1024)
    }

    #[test]
    fn looks_again_before_the_fastest_growth_can_cross() {
        let tick = |milliseconds| Next::Tick(Duration::from_millis(milliseconds));
        let cases = [
            // watched, growth, unwatched -> next
            (Room::None, None, mib(2_000), Next::Crossed),
            (Room::None, Some(mib(9_000)), mib(2_000), Next::Crossed),
            (
                Room::Left(None),
                Some(mib(2_000)),
                mib(2_000),
                Next::Possible,
            ),
            (
                Room::Left(Some(mib(1))),
                Some(mib(2_001)),
                mib(2_000),
                Next::Possible,
            ),
            (Room::Left(None), Some(mib(1_999)), mib(2_000), tick(100)),
            (Room::Left(None), Some(Bytes::ZERO), mib(1_536), tick(250)),
            (Room::Left(None), Some(mib(768)), mib(1_536), tick(125)),
            (
                Room::Left(Some(mib(1_024))),
                Some(Bytes::ZERO),
                mib(1_536),
                tick(166),
            ),
            (
                Room::Left(Some(mib(9_000))),
                Some(Bytes::ZERO),
                mib(1_536),
                tick(250),
            ),
            (
                Room::Left(Some(Bytes::ZERO)),
                Some(Bytes::ZERO),
                mib(1_536),
                tick(100),
            ),
            // Growth does not count or can't be read: only those who are watched do.
            (Room::Left(Some(mib(1_536))), None, mib(1), tick(250)),
            (Room::Left(None), None, mib(1), tick(1_000)),
            (
                Room::Left(None),
                Some(Bytes::ZERO),
                mib(100_000),
                tick(1_000),
            ),
            (
                Room::Left(None),
                Some(Bytes::ZERO),
                Bytes::new(u64::MAX),
                tick(1_000),
            ),
        ];
        for (watched, growth, unwatched, next) in cases {
            let tick = Tick {
                watched,
                growth,
                unwatched,
            };
            assert_eq!(tick.next(), next, "{tick:?}");
        }
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

//! How fast what is left of the memory falls. Pure.

use crate::quantities::Bytes;
use std::time::{Duration, Instant};

/// A fall is measured over no less: two readings of the same moment say nothing.
const SHORTEST: Duration = Duration::from_millis(20);

/// And over no more, where there are readings enough: a fall that is over does not count.
const LONGEST: Duration = Duration::from_millis(250);

const READINGS: usize = 32;

/// What was left at the last readings, in a ring.
#[derive(Clone, Debug, Default)]
pub(super) struct Speed {
    readings: [Option<(Instant, Bytes)>; READINGS],
    next: usize,
}

impl Speed {
    /// Takes a reading; the bytes a second by which it falls, zero where it does not.
    pub(super) fn note(&mut self, left: Bytes, now: Instant) -> Bytes {
        let all = self.readings.iter().flatten();
        let age = |then: Instant| now.saturating_duration_since(then);
        let usable = all.filter(|(then, _)| age(*then) >= SHORTEST);
        let recent = usable.clone().filter(|(then, _)| age(*then) <= LONGEST);
        let oldest_recent = recent.min_by_key(|(then, _)| *then);
        let before = oldest_recent.or_else(|| usable.max_by_key(|(then, _)| *then));
        let speed = before.map_or(Bytes::ZERO, |(then, before)| {
            let fallen = u128::from(before.saturating_sub(left).get());
            let microseconds = age(*then).as_micros().max(1);
            let speed = fallen * 1_000_000 / microseconds;
            Bytes::new(u64::try_from(speed).unwrap_or(u64::MAX))
        });
        if let Some(slot) = self.readings.get_mut(self.next) {
            *slot = Some((now, left));
        }
        self.next = (self.next + 1) % READINGS;
        speed
    }

    /// Forgets all: what a victim has freed is no growth, and what is taken afterwards counts from there.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

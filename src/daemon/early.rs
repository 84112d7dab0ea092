//! Early scan: a look between two checks that costs a few system calls, and brings a scan forward
//! exactly when some process could have crossed its threshold.

use crate::policy::{Next, Policy, Tick, headroom};
use crate::sample::{Error, Sampler, Snapshot, Watch};
use crate::sys::pressure::Pressure;
use crate::units::Bytes;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A scan on suspicion that ends nobody is not followed by the next one before so many times its own
/// CPU time: however busy the machine is, they take 0.25% of a core. A watched process that crosses its
/// threshold is no suspicion.
const REST: u32 = 400;

/// What is known since the last scan.
#[derive(Debug)]
pub(super) struct Early {
    watch: Watch,
    pressure: Option<Pressure>,
    /// The lowest point of the processes' memory since the last scan.
    lowest: Option<Bytes>,
    /// How far the nearest process is from its threshold that is not watched.
    unwatched: Bytes,
    next_tick: Instant,
    /// Suspicion counts for nothing before.
    rests_until: Instant,
}

impl Early {
    /// Watches nobody before the first [`Early::renew`]; and why there is no word of pressure.
    pub(super) fn new(sampler: &Sampler, now: Instant) -> Result<(Self, io::Result<()>), Error> {
        let (pressure, refused) = match Pressure::watch() {
            Ok(pressure) => (Some(pressure), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let early = Self {
            watch: Watch::new(sampler.root())?,
            pressure,
            lowest: None,
            unwatched: Bytes::new(u64::MAX),
            next_tick: now + headroom::SHORTEST,
            rests_until: now,
        };
        Ok((early, refused))
    }

    /// What reports the kernel's word of memory pressure.
    pub(super) fn pressure(&self) -> Option<BorrowedFd<'_>> {
        self.pressure.as_ref().map(AsFd::as_fd)
    }

    /// When to look again.
    pub(super) fn next_tick(&self) -> Instant {
        self.next_tick
    }

    /// Looks; whether it is time for a scan. Under pressure what grows may be swapped out meanwhile,
    /// which hides its growth, so that a scan it is.
    pub(super) fn calls_for_scan(&mut self, is_pressed: bool, now: Instant) -> bool {
        let occupied = self.watch.occupied();
        if let (Some(lowest), Some(occupied)) = (&mut self.lowest, occupied) {
            *lowest = occupied.min(*lowest);
        }
        let growth = occupied
            .zip(self.lowest)
            .map(|(occupied, lowest)| occupied.saturating_sub(lowest));
        let is_resting = now < self.rests_until;
        let tick = Tick {
            watched: self.watch.look(),
            growth: growth.filter(|_| !is_resting),
            unwatched: self.unwatched,
        };
        match tick.next() {
            Next::Crossed | Next::Possible => true,
            Next::Tick(wait) => {
                self.next_tick = now + wait;
                if is_resting {
                    self.next_tick = self.next_tick.min(self.rests_until);
                }
                is_pressed && !is_resting
            }
        }
    }

    /// Takes over what a scan saw. `cost` is its CPU time where it was brought forward and ended nobody.
    pub(super) fn renew(
        &mut self,
        policy: &Policy,
        sampler: &Sampler,
        snapshot: &mut Snapshot,
        cost: Option<Duration>,
        now: Instant,
    ) {
        self.watch.clear();
        let mut largest = snapshot.below.passed_over();
        for &(pid, rss) in snapshot.below.sorted() {
            if self.watch.is_full() {
                largest = largest.max(rss);
                break;
            }
            let process = sampler.look(pid);
            let limit = process.and_then(|process| policy.limit(&process, &snapshot.memory));
            if limit.is_some_and(|limit| !self.watch.add(sampler.root(), pid, limit)) {
                largest = largest.max(rss);
            }
        }
        self.unwatched = headroom::unwatched(policy.sieve(&snapshot.memory), largest);
        self.lowest = self.watch.occupied();
        if let Some(cost) = cost {
            self.rests_until = now + cost * REST;
        }
        if self.calls_for_scan(false, now) {
            self.next_tick = now;
        }
    }
}

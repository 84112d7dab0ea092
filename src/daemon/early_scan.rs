//! Early scan: a look between two checks that costs a few system calls, and brings a scan forward
//! exactly when some process could have crossed its threshold.

use crate::policy::{Next, OverSince, Policy, Tick, early_scan};
use crate::proc::{Bound, Error, Levels, Process, Sampler, Snapshot, Watch};
use crate::quantities::{Bytes, Pid};
use crate::sys;
use crate::sys::pressure::Pressure;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A scan on suspicion that ends nobody is paid for with so many times its CPU time: however busy the
/// machine is, such scans take 0.125% of a core. A watched process that crosses its threshold is no
/// suspicion.
const PRICE: u32 = 800;
/// On credit, so that several that grow one after another find it awake: 20 s are 25 ms of CPU time, ten
/// scans of 500 processes.
const CREDIT: Duration = Duration::from_secs(20);

/// A process that could be watched, what it has, and up to what it is of no interest.
type Candidate = (Pid, Bytes, Bound);

/// What is known since the last scan.
#[derive(Debug)]
pub(super) struct Early {
    watch: Watch,
    pressure: Option<Pressure>,
    /// The processes' memory at the last tick, where it can be read.
    occupied: Option<Bytes>,
    /// Its lowest point since the last scan.
    lowest: Bytes,
    /// What was left at the first tick after the last scan.
    left: Option<Bytes>,
    /// How far the nearest process is from its threshold that is not watched.
    unwatched: Bytes,
    /// Who could be watched; its memory is kept.
    candidates: Vec<Candidate>,
    ticked: Instant,
    /// The daemon's CPU time then: what it has used since is what a tick costs, with all that comes with
    /// being awake.
    used: Duration,
    next_tick: Instant,
    /// Until when the scans on suspicion so far are paid for; further ahead than the credit, suspicion
    /// counts for nothing.
    paid_until: Instant,
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
            occupied: None,
            lowest: Bytes::new(u64::MAX),
            left: None,
            unwatched: Bytes::new(u64::MAX),
            candidates: Vec::with_capacity(2 * Watch::PLACES),
            ticked: now,
            used: sys::cpu_time(),
            next_tick: now + early_scan::SHORTEST,
            paid_until: now,
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

    /// Looks at once: somebody has ended and given back memory, from which growth counts now, and what is
    /// started again right away must not hide in it.
    pub(super) fn look_now(&mut self, now: Instant) {
        self.next_tick = now;
        self.left = None;
    }

    /// Looks; whether it is time for a scan. Under pressure what grows may be swapped out meanwhile,
    /// which hides its growth, so that a scan it is.
    pub(super) fn calls_for_scan(&mut self, is_pressed: bool, now: Instant) -> bool {
        let Levels { occupied, left } = self.watch.levels();
        let elapsed = now.saturating_duration_since(self.ticked);
        let used = sys::cpu_time();
        let mut tick = Tick::after(elapsed, used.saturating_sub(self.used), left);
        (self.ticked, self.used) = (now, used);
        let is_resting = self.paid_until > now + CREDIT;
        self.watch.look(|bound, rss, before| {
            if bound.is_sure || !is_resting {
                tick.add_watched(bound, rss, before);
            }
        });
        if let Some(occupied) = occupied {
            let before = self.occupied.replace(occupied).unwrap_or(occupied);
            self.lowest = self.lowest.min(occupied);
            if !is_resting {
                let growth = occupied.saturating_sub(self.lowest);
                tick.add_unwatched(self.unwatched, growth, occupied.saturating_sub(before));
            }
        }
        if let Some(left) = left {
            tick.add_left(left, *self.left.get_or_insert(left));
        }
        match tick.next() {
            Next::Crossed | Next::Possible => true,
            Next::Tick(wait) => {
                self.next_tick = now + wait;
                if let Some(rested) = self.paid_until.checked_sub(CREDIT).filter(|_| is_resting) {
                    self.next_tick = self.next_tick.min(rested);
                }
                is_pressed && !is_resting
            }
        }
    }

    /// Takes over what a scan saw. `cost` is its CPU time where it was brought forward and ended nobody.
    pub(super) fn renew(
        &mut self,
        (policy, timed): (&Policy, &OverSince),
        sampler: &Sampler,
        snapshot: &mut Snapshot,
        cost: Option<Duration>,
        now: Instant,
    ) {
        self.choose(policy, timed, sampler, snapshot);
        (self.occupied, self.lowest) = (None, Bytes::new(u64::MAX));
        self.left = None;
        (self.ticked, self.used) = (now, sys::cpu_time());
        let is_over = self.calls_for_scan(false, Instant::now());
        if let Some(cost) = cost {
            self.paid_until = self.paid_until.max(now) + cost * PRICE;
            // Who made it necessary may be watched only now: another look shows how fast it grows.
            self.next_tick = self.next_tick.min(now + early_scan::SOONEST);
        } else {
            // The suspicion that led here was right.
            self.paid_until = now;
        }
        if is_over {
            self.next_tick = now;
        }
    }

    /// Chooses whom to watch: those who can grow by the least.
    fn choose(
        &mut self,
        policy: &Policy,
        timed: &OverSince,
        sampler: &Sampler,
        snapshot: &mut Snapshot,
    ) {
        let memory = &snapshot.memory;
        self.watch.clear();
        self.candidates.clear();
        let candidate = |process: &Process| {
            let waits = process.key().is_some_and(|key| timed.until(key).is_some());
            let bound = policy.bound(process, memory, waits)?;
            Some((process.pid, process.rss, bound))
        };
        self.candidates
            .extend(snapshot.near.iter().filter_map(candidate));
        let sieve = policy.sieve(memory);
        let mut unwatched = sieve.saturating_sub(snapshot.below.passed_over());
        for &(pid, rss) in snapshot.below.sorted() {
            if self.candidates.len() >= Watch::PLACES {
                unwatched = unwatched.min(sieve.saturating_sub(rss));
                break;
            }
            self.candidates
                .extend(sampler.look(pid).as_ref().and_then(candidate));
        }
        let room = |&(_, rss, bound): &Candidate| bound.limit.saturating_sub(rss);
        self.candidates.sort_unstable_by_key(room);
        for candidate in &self.candidates {
            let &(pid, rss, bound) = candidate;
            if !self.watch.add(sampler.root(), pid, rss, bound) {
                unwatched = unwatched.min(room(candidate));
            }
        }
        self.unwatched = early_scan::unwatched(sieve, unwatched);
    }
}

#[cfg(test)]
mod tests;

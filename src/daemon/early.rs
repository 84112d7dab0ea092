//! Early scan: a look between two checks that costs a few system calls, and brings a scan forward
//! exactly when some process could have crossed its threshold.

use crate::policy::{Next, Policy, Tick, headroom};
use crate::sample::{Error, Sampler, Snapshot, Watch};
use crate::sys::pressure::Pressure;
use crate::units::Bytes;
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

/// What is known since the last scan.
#[derive(Debug)]
pub(super) struct Early {
    watch: Watch,
    pressure: Option<Pressure>,
    /// The processes' memory at the last tick, where it can be read.
    occupied: Option<Bytes>,
    /// Its lowest point since the last scan.
    lowest: Bytes,
    /// How far the nearest process is from its threshold that is not watched.
    unwatched: Bytes,
    ticked: Instant,
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
            unwatched: Bytes::new(u64::MAX),
            ticked: now,
            next_tick: now + headroom::SHORTEST,
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
    }

    /// Looks; whether it is time for a scan. Under pressure what grows may be swapped out meanwhile,
    /// which hides its growth, so that a scan it is.
    pub(super) fn calls_for_scan(&mut self, is_pressed: bool, now: Instant) -> bool {
        let mut tick = Tick::after(now.saturating_duration_since(self.ticked));
        self.ticked = now;
        self.watch
            .look(|limit, rss, before| tick.add_watched(limit, rss, before));
        let is_resting = self.paid_until > now + CREDIT;
        if let Some(occupied) = self.watch.occupied() {
            let before = self.occupied.replace(occupied).unwrap_or(occupied);
            self.lowest = self.lowest.min(occupied);
            if !is_resting {
                let growth = occupied.saturating_sub(self.lowest);
                tick.add_unwatched(self.unwatched, growth, occupied.saturating_sub(before));
            }
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
            if limit.is_some_and(|limit| !self.watch.add(sampler.root(), pid, rss, limit)) {
                largest = largest.max(rss);
            }
        }
        self.unwatched = headroom::unwatched(policy.sieve(&snapshot.memory), largest);
        (self.occupied, self.lowest) = (None, Bytes::new(u64::MAX));
        self.ticked = now;
        let is_over = self.calls_for_scan(false, Instant::now());
        if let Some(cost) = cost {
            self.paid_until = self.paid_until.max(now) + cost * PRICE;
            // Who made it necessary may be watched only now: another look shows how fast it grows.
            self.next_tick = self.next_tick.min(now + headroom::SOONEST);
        } else {
            // The suspicion that led here was right.
            self.paid_until = now;
        }
        if is_over {
            self.next_tick = now;
        }
    }
}

//! Early scan: a tick between two scans that costs a few system calls, and brings a scan forward exactly when some
//! process could have crossed its threshold. Touches /proc/meminfo, the statm of a few processes, and
//! PSI.

use super::scan::Machine;
use crate::config::Config;
use crate::events::{Event, Reporter};
use crate::policy::{Next, OverSince, Policy, Tick, early_scan};
use crate::proc::{Ceiling, Error, Levels, Process, Sampler, Watch};
use crate::quantities::{Bytes, Now, Pid};
use crate::sys;
use crate::sys::pressure::Pressure;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Speculative scans have a CPU budget: one that kills nothing is paid for with so many times its CPU time, so that they
/// take 0.125% of a core however busy the machine is. A watched process that crosses its threshold is no speculation.
const PRICE: u32 = 800;
/// The credit, so that several processes that grow one after another are scanned for: 20 s are 25 ms of CPU time, ten
/// scans of 500 processes.
const CREDIT: Duration = Duration::from_secs(20);

/// A process that could be watched, its RSS, and up to where a scan would do nothing about it.
type Candidate = (Pid, Bytes, Ceiling);

/// Switches early scan on or off, as configured, and reports what the kernel can't do. Where scans are made as often as
/// the quickest tick there is none.
pub(super) fn set(
    early: &mut Option<EarlyScan>,
    config: &Config,
    sampler: &Sampler,
    reporter: &mut Reporter,
    now: &Now,
) {
    if !config.early_scan || config.check_interval <= early_scan::SHORTEST {
        *early = None;
    } else if early.is_none() {
        match EarlyScan::new(sampler, now.monotonic) {
            Ok((new, notifies)) => {
                *early = Some(new);
                if let Err(error) = notifies {
                    reporter.emit(&Event::FeatureUnavailable("PSI notifications", &error));
                }
            }
            Err(error) => reporter.emit(&Event::ScanFailed(&error)),
        }
    }
}

/// What is known since the last scan.
#[derive(Debug)]
pub(super) struct EarlyScan {
    watch: Watch,
    pressure: Option<Pressure>,
    /// The processes' memory at the last tick, where it can be read.
    occupied: Option<Bytes>,
    /// Its lowest level since the last scan.
    lowest: Bytes,
    /// What was available at the first tick after the last scan.
    available: Option<Bytes>,
    /// How far the nearest process that is not watched is from its threshold.
    unwatched: Bytes,
    /// Below so much available memory a process that is over its threshold is killed; None where there is none such.
    killed_below: Option<Bytes>,
    /// The processes that could be watched; the memory is kept.
    candidates: Vec<Candidate>,
    ticked: Instant,
    /// The daemon's CPU time then: what it has used since is what a tick costs, with all that comes with
    /// being awake.
    used: Duration,
    next_tick: Instant,
    /// Until when the speculative scans so far are paid for; further ahead than the credit, none is made.
    paid_until: Instant,
}

impl EarlyScan {
    /// Watches no process before the first [`EarlyScan::renew`]. Also returns why PSI does not notify of pressure. Fails
    /// where meminfo can't be opened.
    pub(super) fn new(sampler: &Sampler, now: Instant) -> Result<(Self, io::Result<()>), Error> {
        let (pressure, notifies) = match Pressure::watch() {
            Ok(pressure) => (Some(pressure), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let early = Self {
            watch: Watch::new(sampler.root())?,
            pressure,
            occupied: None,
            lowest: Bytes::new(u64::MAX),
            available: None,
            unwatched: Bytes::new(u64::MAX),
            killed_below: None,
            candidates: Vec::with_capacity(2 * Watch::CAPACITY),
            ticked: now,
            used: sys::cpu_time(),
            next_tick: now + early_scan::SHORTEST,
            paid_until: now,
        };
        Ok((early, notifies))
    }

    /// The PSI trigger; None where the kernel has none.
    pub(super) fn pressure(&self) -> Option<BorrowedFd<'_>> {
        self.pressure.as_ref().map(AsFd::as_fd)
    }

    /// When the next tick is due.
    pub(super) fn next_tick(&self) -> Instant {
        self.next_tick
    }

    /// Ticks at once: a process has ended and freed memory, from which growth counts now, and what is started again
    /// right away must not hide in it.
    pub(super) fn tick_at_once(&mut self, now: Instant) {
        self.next_tick = now;
        self.available = None;
    }

    /// No tick for a while.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.next_tick = self.next_tick.max(now + early_scan::SHORTEST);
    }

    /// A tick; whether it calls for a scan. Under pressure what grows may be swapped out meanwhile, which hides its
    /// growth, so that pressure calls for one as well. The levels are read where they were not read already.
    pub(super) fn tick(&mut self, is_pressed: bool, levels: Option<&Levels>, now: Instant) -> bool {
        let Levels {
            occupied,
            available,
            available_memory,
            ..
        } = levels.copied().unwrap_or_else(|| self.watch.levels());
        let elapsed = now.saturating_duration_since(self.ticked);
        let used = sys::cpu_time();
        let mut tick = Tick::after(elapsed, used.saturating_sub(self.used), available);
        (self.ticked, self.used) = (now, used);
        let is_resting = self.paid_until > now + CREDIT;
        self.watch.tick(|ceiling, rss, before| {
            if ceiling.is_certain || !is_resting {
                tick.add_watched(ceiling, rss, before);
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
        if let Some(available) = available {
            tick.add_available(available, *self.available.get_or_insert(available));
        }
        if let Some((available, below)) = available_memory.zip(self.killed_below) {
            tick.add_plenty(available, below);
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

    /// Begins again after a scan that began at `scanned`. `cost` is its CPU time where it was speculative and killed
    /// nothing.
    pub(super) fn renew(
        &mut self,
        policy: &Policy,
        over: &OverSince,
        machine: &mut Machine,
        cost: Option<Duration>,
        (scanned, now): (Instant, &Now),
    ) {
        self.choose(policy, over, machine, now);
        (self.occupied, self.lowest) = (None, Bytes::new(u64::MAX));
        self.available = None;
        (self.ticked, self.used) = (scanned, sys::cpu_time());
        let is_over = self.tick(false, None, now.monotonic);
        if let Some(cost) = cost {
            self.paid_until = self.paid_until.max(scanned) + cost * PRICE;
            // The process that made it necessary may be watched only now: a tick shows how fast it grows.
            self.next_tick = self.next_tick.min(scanned + early_scan::SOONEST);
        } else {
            // The speculation was right.
            self.paid_until = scanned;
        }
        if is_over {
            self.next_tick = scanned;
        }
    }

    /// Chooses the processes to watch: those with the least headroom.
    fn choose(&mut self, policy: &Policy, over: &OverSince, machine: &mut Machine, now: &Now) {
        let (sampler, snapshot) = (&machine.sampler, &mut machine.snapshot);
        let memory = &snapshot.memory;
        self.watch.clear();
        self.candidates.clear();
        let near = snapshot.near.iter();
        let killed_below = near.filter_map(|process| policy.killed_below(process, memory, now));
        self.killed_below = killed_below.max();
        let candidate = |process: &Process| {
            let is_delayed = process.key().is_some_and(|key| over.until(key).is_some());
            let ceiling = policy.ceiling(process, memory, is_delayed, now)?;
            Some((process.pid, process.rss, ceiling))
        };
        self.candidates
            .extend(snapshot.near.iter().filter_map(candidate));
        let sieve = policy.sieve(memory);
        let mut unwatched = sieve.saturating_sub(snapshot.below.passed_over());
        for &(pid, rss) in snapshot.below.sorted() {
            if self.candidates.len() >= Watch::CAPACITY {
                unwatched = unwatched.min(sieve.saturating_sub(rss));
                break;
            }
            self.candidates
                .extend(sampler.read(policy, pid).as_ref().and_then(candidate));
        }
        let headroom = |&(_, rss, ceiling): &Candidate| ceiling.rss.saturating_sub(rss);
        self.candidates.sort_unstable_by_key(headroom);
        for candidate in &self.candidates {
            let &(pid, rss, ceiling) = candidate;
            if !self.watch.add(sampler.root(), pid, rss, ceiling) {
                unwatched = unwatched.min(headroom(candidate));
            }
        }
        self.unwatched = early_scan::unwatched(sieve, unwatched);
    }
}

#[cfg(test)]
mod tests;

//! Early scan: a tick between two scans that costs a few system calls, and brings a scan forward exactly when some
//! process could have crossed its threshold. Touches /proc/meminfo, the statm of a few processes, and PSI.

use super::scan::Machine;
use crate::config::Config;
use crate::events::{Event, Reporter};
use crate::policy::early_scan::{self, Budget, Calls, Growth};
use crate::policy::{Extent, OverSince, Policy, Tick};
use crate::proc::{Ceiling, Error, Levels, Process, Sampler, Watch};
use crate::quantities::{Bytes, Now, Pid};
use crate::sys;
use crate::sys::pressure::Pressure;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

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

/// How often it is noted which PIDs were given: the kernel does not give all of them in so short a time.
const NOTED_EVERY: Duration = Duration::from_millis(500);

/// What is known since the last scan.
#[derive(Debug)]
pub(super) struct EarlyScan {
    watch: Watch,
    pressure: Option<Pressure>,
    /// The processes' memory at the last tick, where it can be read.
    occupied: Option<Bytes>,
    /// What was taken of it since the last scan of all, and of a few.
    since_all: Growth,
    since_few: Growth,
    /// What was available at the first tick after the last scan.
    available: Option<Bytes>,
    /// How far the nearest process that is not watched is from its threshold, of the old and of the young ones.
    nearest_old: Bytes,
    nearest_young: Bytes,
    /// What the young ones had at the last scan of a few.
    young: Bytes,
    /// Below so much available memory a process that is over its threshold is killed; None where there is none such.
    killed_below: Option<Bytes>,
    /// The processes that could be watched; the memory is kept.
    candidates: Vec<Candidate>,
    ticked: Instant,
    /// The daemon's CPU time then: what it has used since is what a tick costs, with all that comes with
    /// being awake.
    used: Duration,
    /// When it was noted last which PIDs were given.
    pids_noted: Instant,
    next_tick: Instant,
    budget: Budget,
    /// What the last tick called for.
    calls: Calls,
    /// Whether PSI has notified of pressure since the last scan of all.
    is_pressed: bool,
}

impl EarlyScan {
    /// Watches no process before the first [`EarlyScan::renew`]. Also returns why PSI does not notify of pressure.
    /// Fails where meminfo can't be opened.
    pub(super) fn new(sampler: &Sampler, now: Instant) -> Result<(Self, io::Result<()>), Error> {
        let (pressure, notifies) = match Pressure::watch() {
            Ok(pressure) => (Some(pressure), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let early = Self {
            watch: Watch::new(sampler.root())?,
            pressure,
            occupied: None,
            since_all: Growth::default(),
            since_few: Growth::default(),
            available: None,
            nearest_old: Bytes::new(u64::MAX),
            nearest_young: Bytes::new(u64::MAX),
            young: Bytes::ZERO,
            killed_below: None,
            candidates: Vec::with_capacity(2 * Watch::CAPACITY),
            ticked: now,
            used: sys::cpu_time(),
            pids_noted: now,
            next_tick: now + early_scan::SHORTEST,
            budget: Budget::new(now),
            calls: Calls::default(),
            is_pressed: false,
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

    /// A tick, and the scan that it calls for; None where that can wait. The processes that a scan of a few has to read
    /// are noted in the machine. The levels are read where they were not read already.
    pub(super) fn tick(
        &mut self,
        machine: &mut Machine,
        is_pressed: bool,
        levels: Option<&Levels>,
        now: Instant,
    ) -> Option<Extent> {
        if now.saturating_duration_since(self.pids_noted) >= NOTED_EVERY {
            machine.sampler.note_last_pid();
            self.pids_noted = now;
        }
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
        machine.wanted.clear();
        let mut known = self.young;
        self.watch.tick(|watched| {
            known = known.saturating_add(watched.rss.saturating_sub(watched.base));
            if tick.add_watched(watched.ceiling, watched.rss, watched.before) {
                machine.wanted.push(watched.pid);
            }
        });
        if let Some(occupied) = occupied {
            let before = self.occupied.replace(occupied).unwrap_or(occupied);
            let risen = occupied.saturating_sub(before);
            let taken = self.since_few.note(occupied, known);
            tick.add_young(self.nearest_young, &taken, risen);
            let taken = self.since_all.note(occupied, known);
            tick.add_old(self.nearest_old, &taken, risen);
        }
        if let Some(available) = available {
            tick.add_available(available, *self.available.get_or_insert(available));
        }
        if let Some((available, below)) = available_memory.zip(self.killed_below) {
            tick.add_plenty(available, below);
        }
        self.is_pressed |= is_pressed;
        if self.is_pressed {
            tick.add_pressure();
        }
        self.calls = tick.calls();
        self.budget.note(self.calls, now);
        self.next_tick = now + tick.wait();
        if let Some(due) = self.budget.next(self.calls) {
            self.next_tick = self.next_tick.min(due.max(now));
        }
        self.budget.extent(self.calls, now)
    }

    /// Whether what the last tick called for can't wait and may be of a process that a scan of a few does not read.
    pub(super) fn wants_all(&self, now: Instant) -> bool {
        self.budget.wants_all(self.calls, now)
    }

    /// Begins again after a scan that began at `scanned`. `cost` is its CPU time where it was early and killed nothing.
    pub(super) fn renew(
        &mut self,
        policy: &Policy,
        over: &OverSince,
        machine: &mut Machine,
        (extent, cost): (Extent, Option<Duration>),
        (scanned, now): (Instant, &Now),
    ) {
        self.choose(policy, over, machine, extent, now);
        self.since_few = Growth::default();
        self.young = machine.few.young;
        if extent == Extent::All {
            self.since_all = Growth::default();
            self.young = Bytes::ZERO;
            self.available = None;
            self.is_pressed = false;
        }
        self.occupied = None;
        match cost {
            Some(cost) => self.budget.spend(extent, cost, scanned),
            // The speculation was right.
            None => self.budget.renew(scanned),
        }
        (self.ticked, self.used) = (scanned, sys::cpu_time());
        let is_called = self.tick(machine, false, None, now.monotonic).is_some();
        if cost.is_some() {
            // The process that made it necessary may be watched only now: a tick shows how fast it grows. It shows
            // nothing at once, however long the scan took.
            self.next_tick = self.next_tick.min(now.monotonic + early_scan::SOONEST);
        }
        if is_called {
            self.next_tick = scanned;
        }
    }

    /// Chooses the processes to watch among those that were read: the ones with the least headroom.
    fn choose(
        &mut self,
        policy: &Policy,
        over: &OverSince,
        machine: &mut Machine,
        extent: Extent,
        now: &Now,
    ) {
        let is_all = extent == Extent::All;
        let is_read = |pid| is_all || machine.is_few(pid);
        self.watch.retain(|pid| !is_read(pid));
        self.candidates.clear();
        let memory = &machine.snapshot.memory;
        let near = machine.snapshot.near.iter();
        let killed_below = near.filter_map(|process| policy.killed_below(process, memory, now));
        self.killed_below = killed_below.max();
        let candidate = |process: &Process| {
            let is_delayed = process.key().is_some_and(|key| over.until(key).is_some());
            let ceiling = policy.ceiling(process, memory, is_delayed, now)?;
            Some((process.pid, process.rss, ceiling))
        };
        let near = machine.snapshot.near.iter();
        self.candidates.extend(
            near.filter(|process| is_read(process.pid))
                .filter_map(candidate),
        );
        let sieve = policy.sieve(memory);
        let below = match extent {
            Extent::All => &mut machine.snapshot.below,
            Extent::Few => &mut machine.few.below,
        };
        let mut unwatched = sieve.saturating_sub(below.passed_over());
        for &(pid, rss) in below.sorted() {
            if self.candidates.len() >= Watch::CAPACITY {
                unwatched = unwatched.min(sieve.saturating_sub(rss));
                break;
            }
            let read = machine.sampler.read(policy, pid);
            self.candidates.extend(read.as_ref().and_then(candidate));
        }
        self.candidates
            .sort_unstable_by_key(|&(_, rss, ceiling)| ceiling.rss.saturating_sub(rss));
        let mut left_out = Bytes::new(u64::MAX);
        for &(pid, rss, ceiling) in &self.candidates {
            let other = self.watch.add(machine.sampler.root(), pid, rss, ceiling);
            left_out = left_out.min(other.unwrap_or(left_out));
        }
        self.nearest_young = early_scan::unwatched(sieve, unwatched.min(left_out));
        self.nearest_old = if is_all {
            self.nearest_young
        } else {
            self.nearest_old.min(early_scan::unwatched(sieve, left_out))
        };
    }
}

#[cfg(test)]
mod tests;

//! The scans in the daemon's loop: which one is made, its signals, and its reports after them. Touches what the daemon
//! has; decides nothing.

use super::judged::ScanKind;
use super::main_loop::Daemon;
use super::report::{Lines, Reports};
use super::scan;
use crate::config::DryRun;
use crate::events::Event;
use crate::policy::Extent;
use crate::proc::{self, Levels};
use crate::quantities::{Now, ProcessKey};
use crate::sys;
use std::collections::HashSet;
use std::time::Instant;

impl Daemon<'_> {
    /// An early scan: first where growth can be, of all only if that finds nothing to be killed. Whether it killed.
    pub(super) fn scan_early(&mut self, extent: Extent, now: &Now) -> bool {
        if self.scan(ScanKind::Early, Extent::Few, now) {
            return true;
        }
        let early = self.early.as_ref();
        let wants_all = extent == Extent::All
            || self.machine.is_incomplete
            || early.is_none_or(|early| early.wants_all(sys::now().monotonic));
        wants_all && self.scan(ScanKind::Early, Extent::All, &sys::now())
    }

    /// One scan; whether it is one to be reported, which an early one that kills nothing is not. A scan that fails is
    /// reported, and the next one is made all the same.
    pub(super) fn scan(&mut self, kind: ScanKind, extent: Extent, now: &Now) -> bool {
        let before = sys::cpu_time();
        let scanned = self.scan_and_report(kind, extent, now);
        if let Err(error) = &scanned {
            self.reporter.emit(&Event::ScanFailed(error));
        }
        let is_in_vain = kind == ScanKind::Early && (scanned.is_err() || self.outcome.killed == 0);
        if let Some(early) = &mut self.early {
            let cost = is_in_vain.then(|| sys::cpu_time().saturating_sub(before));
            let (over, machine) = (&self.victims.ledger.over, &mut self.machine);
            let times = (now.monotonic, &sys::now());
            early.renew(&self.policy, over, machine, (extent, cost), times);
        }
        !is_in_vain
    }

    pub(super) fn scan_and_report(
        &mut self,
        kind: ScanKind,
        extent: Extent,
        now: &Now,
    ) -> Result<(), proc::Error> {
        let is_regular = kind == ScanKind::Regular && extent == Extent::All;
        let is_calm = is_regular && !self.victims.ledger.is_short;
        self.groups
            .prepare(&mut self.machine, &self.policy, is_calm);
        self.scan_and_signal(extent, now)?;
        if is_regular {
            let mut context = scan::Context {
                policy: &self.policy,
                victims: &mut self.victims,
                now,
            };
            self.groups.scan(&mut self.machine, &mut context);
            self.machine.tally.killed += self.groups.killed;
        }
        let took = sys::now().monotonic - now.monotonic;
        self.machine.add_words(&mut self.victims);
        self.groups.add_words(&self.machine, &mut self.victims);
        self.outcome = self.machine.outcome((kind, extent), took);
        if extent == Extent::All && std::mem::take(&mut self.is_dry_run_new) {
            let over = self.would_be_killed();
            let cause = self.policy.config.dry_run_cause().unwrap_or_default();
            let cause = cause.as_str();
            self.reporter.emit(&Event::DryRun(DryRun { cause, over }));
        }
        let mut reports = Reports {
            reporter: &mut self.reporter,
            ledger: &mut self.victims.ledger,
            policy: &mut self.policy,
            now,
            lines: Lines::default(),
        };
        let (machine, exemptions) = (&mut self.machine, &mut self.exemptions);
        reports.scan(&self.outcome, machine, exemptions, &mut self.groups);
        Ok(())
    }

    /// How many processes a dry run keeps from being killed: over thresholds of their own, for their groups, and for
    /// the machine as a whole.
    pub(super) fn would_be_killed(&self) -> usize {
        let is_due = |key: &ProcessKey| {
            let mut judged = self.machine.judged();
            judged.any(|(process, judged)| process.key() == Some(*key) && judged.counts().1)
        };
        let guard = self.guard.iter();
        let of_shortage = guard.flat_map(|guard| guard.would_be.iter().copied());
        let of_shortage = of_shortage.filter(|key| self.machine.sampler.is_still(*key));
        let all: HashSet<ProcessKey> = self
            .groups
            .watch
            .would_be_killed()
            .chain(of_shortage)
            .collect();
        self.outcome.due + all.iter().filter(|key| !is_due(key)).count()
    }

    /// The part of a scan that is urgent.
    pub(super) fn scan_and_signal(&mut self, extent: Extent, now: &Now) -> Result<(), proc::Error> {
        self.exemptions
            .read(&mut self.policy, &self.machine.sampler);
        let mut context = scan::Context {
            policy: &self.policy,
            victims: &mut self.victims,
            now,
        };
        self.machine.scan(extent, &mut context)
    }

    /// The scan that can't wait: where a victim has ended, of what it has forked and of those that wait for its end;
    /// else what a tick calls for, where one is due or PSI notified of pressure. None where there is none.
    pub(super) fn early_scan_due(
        &mut self,
        levels: Option<&Levels>,
        now: Instant,
    ) -> Option<Extent> {
        if std::mem::take(&mut self.is_rescan_due) {
            return Some(self.machine.after_end());
        }
        let is_pressed = self.victims.is_pressed();
        let is_short = self.victims.ledger.is_short;
        let early = self.early.as_mut()?;
        if is_short {
            // A scan waits for processes, and the guard must not wait: only pressure calls for one.
            early.postpone(now);
        }
        if is_pressed || now >= early.next_tick() {
            early.tick(&mut self.machine, is_pressed, levels, now)
        } else {
            None
        }
    }
}

//! The guard of the machine as a whole: reads what says that memory is short, finds the processes that may be killed
//! for it, and signals those that the policy chooses. Nothing that waits for another process stands before a signal,
//! and nothing is allocated. Touches /proc and sends signals; reports none of its orders.

use super::candidates::{Candidates, Context, standing};
use super::scan::Machine;
use super::victims::{self, Victims};
use crate::config::{Config, System, SystemAction};
use crate::events::{Event, Reporter};
use crate::kill::{SignalOutcome, Signaller};
use crate::policy::system_guard::{
    Candidate, Choice, Level, MOST, Need, Progress, Reading, Shortage, ShortageStanding, Step, Why,
    choose,
};
use crate::policy::{Breach, Policy, Stage, Threshold, Victim};
use crate::proc::{OtherMemory, Process, Sampler, SystemFiles, SystemReading};
use crate::quantities::{Bytes, Now, ProcessKey};
use crate::sys;
use std::time::{Duration, Instant};

mod rehearsal;
#[cfg(test)]
mod tests;

/// So many processes that can't be killed are left alone in the rest of a shortage.
const SET_ASIDE: usize = 32;

/// What was sent SIGTERM for a threshold and has not ended after so long, the usual grace period, is not waited for
/// when memory gets short.
const ADOPTED: Duration = Duration::from_secs(5);

/// A victim of an order, for the reports.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) process: Process,
    pub(super) candidate: Candidate,
    pub(super) breach: Breach,
    pub(super) outcome: SignalOutcome,
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderOutcome {
    /// So many were signalled.
    Signalled(usize),
    /// Nothing was signalled, as this is a dry run.
    DryRun,
    /// Nothing was signalled: victims of other orders are ending, and give enough.
    Awaited,
    /// There is no candidate.
    NoCandidate,
    /// Those that were chosen have ended or shrunk or can't be signalled, or memory is enough again.
    Changed,
}

#[derive(Debug)]
pub(super) struct SystemGuard {
    files: SystemFiles,
    pub(super) shortage: Shortage,
    /// The victims that are waited for.
    pub(super) victims: Vec<ProcessKey>,
    set_aside: Vec<ProcessKey>,
    candidates: Candidates,
    /// Those that would have been killed in this shortage, but for a dry run.
    pub(super) would_be: Vec<ProcessKey>,
    /// The victims of the last order, until they are reported.
    pub(super) orders: Vec<Ordered>,
    pub(super) why: Why,
}

/// Switches the guard on or off, as configured, and reports what the kernel can't do.
pub(super) fn set(
    guard: &mut Option<SystemGuard>,
    config: &Config,
    sampler: &Sampler,
    reporter: &mut Reporter,
    now: &Now,
) {
    if config.system.action == SystemAction::Off {
        *guard = None;
        reporter.metrics().forget_system();
    } else if guard.is_none() {
        match SystemFiles::open(sampler.root()) {
            Ok(files) => {
                if let Some(error) = files.pressure_error() {
                    reporter.emit(&Event::FeatureUnavailable("stall times (PSI)", error));
                }
                *guard = Some(SystemGuard::new(files, now));
            }
            Err(error) => reporter.emit(&Event::ScanFailed(&error)),
        }
    } else if let Some(guard) = guard {
        guard.reconfigure();
    }
}

impl SystemGuard {
    pub(super) fn new(files: SystemFiles, now: &Now) -> Self {
        Self {
            files,
            shortage: Shortage::new(now.monotonic),
            victims: Vec::with_capacity(victims::MOST),
            set_aside: Vec::with_capacity(SET_ASIDE),
            candidates: Candidates::new(now),
            would_be: Vec::with_capacity(MOST),
            orders: Vec::with_capacity(MOST),
            why: Why::Most,
        }
    }

    /// Another configuration is in force: which rule matches a process, and what a dry run has reported, was by the
    /// previous one.
    fn reconfigure(&mut self) {
        self.candidates.forget();
        self.would_be.clear();
        self.shortage.reconsider();
    }

    pub(super) fn level(&self) -> &Level {
        self.shortage.level()
    }

    /// Reads the machine; what was read, which early scans need as well, and what is due then.
    pub(super) fn tick(
        &mut self,
        config: &Config,
        victims: &Victims,
        now: &Now,
    ) -> (SystemReading, Step) {
        let began = sys::cpu_time();
        let read = self.read(now);
        let cost = sys::cpu_time().saturating_sub(began);
        (read, self.step(&config.system, victims, (&read, cost), now))
    }

    fn read(&mut self, now: &Now) -> SystemReading {
        if self.shortage.is_stall_due(now.monotonic) {
            self.files.read()
        } else {
            self.files.read_levels()
        }
    }

    /// What is due after what was read, which took so much CPU time.
    fn step(
        &mut self,
        config: &System,
        victims: &Victims,
        (read, cost): (&SystemReading, Duration),
        now: &Now,
    ) -> Step {
        let Some(reading) = Reading::of(read) else {
            return Step::Rest;
        };
        let progress = self.progress(victims);
        let shortage = &mut self.shortage;
        let step = shortage.tick(config, &reading, progress, cost, now);
        match step {
            Step::SetAside => self.set_aside(),
            Step::Over { .. } => {
                self.set_aside.clear();
                self.would_be.clear();
            }
            _ => {}
        }
        step
    }

    fn progress(&mut self, victims: &Victims) -> Progress {
        let mut progress = Progress::default();
        let ledger = &victims.ledger;
        self.victims.retain(|key| ledger.is_victim(*key));
        for victim in ledger.victims() {
            if self.victims.contains(&victim.key) {
                progress.left += 1;
                let killed = match victim.stage {
                    Stage::Terminating => {
                        progress.terminating += 1;
                        continue;
                    }
                    Stage::Killed(then) => then,
                    Stage::Surviving => victim.terminated,
                };
                progress.killed = progress.killed.max(Some(killed));
            }
        }
        progress
    }

    fn set_aside(&mut self) {
        for key in self.victims.drain(..) {
            if self.set_aside.len() < SET_ASIDE {
                self.set_aside.push(key);
            }
        }
    }

    /// The need of the machine as it was read last.
    fn need(&self) -> Need {
        let level = *self.level();
        let before = self.candidates.before.left;
        let need = Need::new(level.total, level.floor, level.left, before);
        Need {
            wanted: need.wanted.saturating_add(level.growth()),
            ..need
        }
    }

    /// The process that would be the first victim now; None where there is none.
    pub(super) fn first(&mut self, context: &mut Context<'_>) -> Option<Process> {
        self.candidates.gather(&self.set_aside, context);
        let choice = choose(&self.candidates.all, &self.need())?;
        let first = choice.victims().next()?;
        let glance = context
            .machine
            .sampler
            .glance(context.policy, first.key.pid);
        glance.map(|glance| glance.process)
    }

    /// Chooses victims and signals them.
    pub(super) fn order(&mut self, context: &mut Context<'_>) -> OrderOutcome {
        self.orders.clear();
        if self.adopts(context.victims, context.now.monotonic) {
            return OrderOutcome::Awaited;
        }
        self.candidates.gather(&self.set_aside, context);
        let Some(choice) = choose(&self.candidates.all, &self.need()) else {
            return OrderOutcome::NoCandidate;
        };
        if !self.is_still_short() {
            return OrderOutcome::Changed;
        }
        let Some(threshold) = self.level().trigger else {
            return OrderOutcome::Changed;
        };
        self.victims.clear();
        self.signal(&choice, threshold, context, None)
    }

    /// Whether processes that were sent SIGTERM for their thresholds are ending, and give what is wanted: they are
    /// victims of this shortage then, for which no other process is killed before they have ended.
    fn adopts(&mut self, victims: &Victims, now: Instant) -> bool {
        let is_ending = |victim: &Victim| match victim.stage {
            Stage::Terminating => now.saturating_duration_since(victim.terminated) < ADOPTED,
            // One that is blocked is set aside after a while.
            Stage::Killed(_) => true,
            Stage::Surviving => false,
        };
        let set_aside = &self.set_aside;
        let all = victims.ledger.victims().iter();
        let ending = all.filter(|victim| is_ending(victim) && !set_aside.contains(&victim.key));
        self.victims.clear();
        let mut given = Bytes::ZERO;
        for victim in ending.filter(|victim| !victim.is_sharer) {
            self.victims.push(victim.key);
            given = given.saturating_add(victim.process.rss);
        }
        given > Bytes::ZERO && given >= self.need().wanted
    }

    /// Whether memory is still short after all processes were read, which takes a while on a large machine.
    fn is_still_short(&mut self) -> bool {
        let Level {
            grown_floor,
            trigger,
            ..
        } = *self.level();
        let is_stalled = matches!(trigger, Some(Threshold::Stall(_)));
        let left = self.files.read_levels().left;
        is_stalled || left.is_none_or(|left| left < grown_floor)
    }

    /// Signals these; in a rehearsal with a signaller that sends nothing.
    fn signal(
        &mut self,
        choice: &Choice,
        threshold: Threshold,
        context: &mut Context<'_>,
        rehearsal: Option<Signaller>,
    ) -> OrderOutcome {
        self.why = choice.why;
        let (mut signalled, mut is_dry_run) = (0, false);
        for candidate in choice.victims() {
            let Some(ordered) =
                self.signal_one(candidate, threshold, context, (signalled == 0, rehearsal))
            else {
                continue;
            };
            match ordered.outcome {
                SignalOutcome::Sent => signalled += 1,
                SignalOutcome::DryRun => is_dry_run = true,
                SignalOutcome::Gone => {}
                SignalOutcome::NotPermitted | SignalOutcome::Failed(_) => {
                    if self.set_aside.len() < SET_ASIDE {
                        self.set_aside.push(candidate.key);
                    }
                }
            }
            if self.orders.len() < MOST {
                self.orders.push(ordered);
            }
        }
        match signalled {
            0 if is_dry_run => OrderOutcome::DryRun,
            0 => OrderOutcome::Changed,
            _ => OrderOutcome::Signalled(signalled),
        }
    }

    /// Holds a process, and signals it if it is still what was chosen. None where it is not.
    fn signal_one(
        &mut self,
        candidate: &Candidate,
        threshold: Threshold,
        context: &mut Context<'_>,
        (is_first, rehearsal): (bool, Option<Signaller>),
    ) -> Option<Ordered> {
        let Context {
            policy,
            machine,
            victims,
            now,
        } = context;
        let key = candidate.key;
        machine.may_signal(Some(key)).then_some(())?;
        let held = machine.sampler.hold_at_a_glance(*policy, key.pid);
        let (mut glance, handle) = held.filter(|(held, _)| held.process.key() == Some(key))?;
        let ratio = self.candidates.recall(&mut glance);
        let is_protected = match standing(policy, machine, &glance, now) {
            ShortageStanding::Candidate(_) => false,
            ShortageStanding::Protected(_) => rehearsal.is_none(),
        };
        if is_protected || glance.gives(ratio).get() < candidate.gives.get() / 2 {
            return None;
        }
        let mut process = glance.process;
        let facts = process.facts.ok()?;
        if let Some(rule_match) = &mut process.details.rule_match {
            // Whatever the doubt is about, it does not protect.
            rule_match.doubt = None;
        }
        let breach = policy.shortage_breach(&process, threshold, &machine.snapshot.memory);
        let sampler = &machine.sampler;
        let is_same = || sampler.is_still(key);
        let signaller = rehearsal.unwrap_or_else(|| Victims::signaller(policy));
        let outcome = signaller.terminate(&handle, facts.state, &is_same);
        if matches!(outcome, SignalOutcome::Sent) {
            // A unit that is started again is no reason to wait in a shortage.
            let ledger = &mut victims.ledger;
            let _ = ledger.record_ordered_kill(key, &process, breach, (is_first, now));
            victims.hold(key, handle);
            self.victims.push(key);
        }
        Some(Ordered {
            process,
            candidate: *candidate,
            breach,
            outcome,
        })
    }

    /// Sends SIGKILL to the victims.
    pub(super) fn escalate(
        &self,
        victims: &mut Victims,
        context: &victims::Context<'_>,
        reporter: &mut Reporter,
    ) {
        victims.kill_now(&self.victims, context, reporter);
    }

    pub(super) fn other_memory(&self) -> OtherMemory {
        self.files.other_memory()
    }

    /// What the machine has lost since the last regular scan, and how long ago that was.
    pub(super) fn lost(&self, now: Instant) -> (Bytes, Duration) {
        let before = &self.candidates.before;
        let lost = before.left.saturating_sub(self.level().left);
        (lost, now.saturating_duration_since(before.at))
    }

    /// What was found at the last order.
    pub(super) fn candidates(&self) -> &Candidates {
        &self.candidates
    }

    /// A regular scan has read the machine: what is taken from now on counts from there.
    pub(super) fn note_scan(&mut self, policy: &Policy, machine: &mut Machine, now: &Now) {
        let (left, least) = (self.level().left, self.need().least);
        self.candidates.note_scan(left, machine, now);
        if !self.shortage.is_short() {
            self.candidates.learn(least, policy, machine, now);
        }
    }
}

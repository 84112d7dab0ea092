//! One scan: all processes are read, the decision about each of those near a threshold is made once and kept beside
//! it, and SIGTERM is sent to the victims. Touches /proc and sends signals; reports nothing, so that no log and no user
//! database keeps a signal waiting.

use super::victims::Victims;
use crate::kill::{SignalOutcome, Signaller};
use crate::policy::{Decision, Ledger, Policy, RestartLoop};
use crate::proc::{Error, Process, Sampler, Snapshot, SystemMemory};
use crate::quantities::{Now, Percent, ProcessKey};
use std::time::Duration;

/// What was decided about a process near a threshold.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) decision: Decision,
    /// What is still to be reported; None once it was, or where there is nothing.
    pub(super) report: Option<Report>,
}

/// What is to be reported of a process.
#[allow(clippy::large_enum_variant)] // a unit's name in an array costs no allocation
#[derive(Debug)]
pub(super) enum Report {
    /// The decision.
    Decision,
    /// The outcome of SIGTERM, and the restart loop that its unit is in.
    Signal(SignalOutcome, Option<RestartLoop>),
}

/// Why a scan is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanKind {
    /// The check interval is over.
    Regular,
    /// A process may have crossed its threshold since the last scan. It is reported only if it kills something.
    Early,
}

/// The result of a scan in numbers: whatever is said of it later is from here.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanOutcome {
    pub(super) kind: ScanKind,
    /// How long it took, with its signals.
    pub(super) took: Duration,
    pub(super) memory: SystemMemory,
    /// How many processes there were.
    pub(super) scanned: usize,
    /// How many of them are over a threshold and not protected.
    pub(super) over: usize,
    /// How many were sent SIGTERM.
    pub(super) killed: usize,
}

impl ScanOutcome {
    /// Before the first scan.
    pub(super) fn none() -> Self {
        Self {
            kind: ScanKind::Regular,
            took: Duration::ZERO,
            memory: SystemMemory::default(),
            scanned: 0,
            over: 0,
            killed: 0,
        }
    }
}

/// What is read of the machine, and decided. The memory is kept between two scans.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) sampler: Sampler,
    pub(super) snapshot: Snapshot,
    /// The decision about each process of `snapshot.near`, with the same index.
    judged: Vec<Judged>,
    /// The one process that may be signalled, and is judged; None for all.
    only: Option<ProcessKey>,
}

impl Machine {
    /// So many processes near their thresholds cost no heap allocation.
    pub(super) fn with_capacity(near: usize, sampler: Sampler, only: Option<ProcessKey>) -> Self {
        Self {
            sampler,
            snapshot: Snapshot::with_capacity(near),
            judged: Vec::with_capacity(near),
            only,
        }
    }

    /// Forgets the processes of the last scan.
    pub(super) fn forget(&mut self) {
        self.snapshot.near.clear();
        self.judged.clear();
    }

    /// The processes near their thresholds, each with the decision about it: as it was read or, of a victim, as it was
    /// held.
    pub(super) fn judged(&self) -> impl Iterator<Item = (&Process, &Judged)> {
        self.snapshot.near.iter().zip(&self.judged)
    }

    /// The same, to take what is to be reported.
    pub(super) fn judged_mut(&mut self) -> impl Iterator<Item = (&Process, &mut Judged)> {
        self.snapshot.near.iter().zip(&mut self.judged)
    }

    /// All that is urgent: a scan, the decisions, the signals. Allocates nothing in the steady state, so that it works
    /// when there is no memory left. Fails where /proc can't be read.
    pub(super) fn scan(
        &mut self,
        policy: &Policy,
        ledger: &mut Ledger,
        victims: &mut Victims,
        now: &Now,
    ) -> Result<(), Error> {
        self.forget();
        if let Err(error) = self.sampler.scan(policy, &mut self.snapshot) {
            self.forget();
            return Err(error);
        }
        let mut judge = Judge {
            policy,
            sampler: &self.sampler,
            memory: &self.snapshot.memory,
            ledger,
            victims,
            only: self.only,
            now,
        };
        let near = self.snapshot.near.iter_mut();
        self.judged.extend(near.map(|process| judge.judge(process)));
        Ok(())
    }

    /// A scan, and to this process itself everything that is done to a victim, but for the signal. Leaves nothing behind
    /// but its code, stack and heap in memory.
    pub(super) fn rehearse(&mut self, policy: &Policy, now: &Now) {
        // The first scan reports an error.
        let _ = self.sampler.scan(policy, &mut self.snapshot);
        let (mut ledger, mut victims) = (Ledger::with_capacity(1), Victims::with_capacity(1));
        let mut judge = Judge {
            policy,
            sampler: &self.sampler,
            memory: &self.snapshot.memory,
            ledger: &mut ledger,
            victims: &mut victims,
            only: None,
            now,
        };
        let held = self.sampler.hold(policy, policy.own);
        let Some((mut process, handle)) = held else {
            return;
        };
        let _ = judge.judge(&mut process);
        // Anything is over 0% of a threshold.
        let breach = policy.breach(&process, self.snapshot.memory.total, Percent::new(0.0));
        if let (Ok(facts), Some(key), Some(breach)) = (process.facts, process.key(), breach) {
            let is_same = || self.sampler.is_still(key);
            let _ = Signaller::DryRun.terminate(&handle, facts.state, &is_same);
            ledger.record_kill(key, process, breach, now);
            victims.hold(key, handle);
        }
    }

    /// The last scan in numbers.
    pub(super) fn outcome(&self, kind: ScanKind, took: Duration) -> ScanOutcome {
        let count = |is_meant: fn(&Judged) -> bool| {
            let all = self.judged.iter();
            all.filter(|judged| is_meant(judged)).count()
        };
        ScanOutcome {
            kind,
            took,
            memory: self.snapshot.memory,
            scanned: self.snapshot.scanned,
            over: count(|judged| judged.decision.is_over()),
            killed: count(|judged| {
                matches!(judged.report, Some(Report::Signal(SignalOutcome::Sent, _)))
            }),
        }
    }

    /// Reads the processes whose kill is delayed, where that is due, and decides again. Whether there was one.
    pub(super) fn read_delayed(
        &mut self,
        policy: &Policy,
        ledger: &mut Ledger,
        victims: &mut Victims,
        now: &Now,
    ) -> bool {
        if ledger.over.due(now.monotonic).is_none() {
            return false;
        }
        // Whether the machine is short of memory counts now, not at the last scan.
        if let Ok(memory) = self.sampler.memory() {
            self.snapshot.memory = memory;
        }
        let near = &mut self.snapshot.near;
        while let Some(key) = ledger.over.due(now.monotonic) {
            if let Some(index) = near.iter().position(|process| process.key() == Some(key)) {
                near.remove(index);
                self.judged.remove(index);
            }
            let process = self.sampler.read(policy, key.pid);
            let Some(mut process) = process.filter(|process| process.key() == Some(key)) else {
                ledger.over.forget(key);
                continue;
            };
            let mut judge = Judge {
                policy,
                sampler: &self.sampler,
                memory: &self.snapshot.memory,
                ledger,
                victims,
                only: self.only,
                now,
            };
            self.judged.push(judge.judge(&mut process));
            near.push(process);
        }
        true
    }
}

/// What a decision about a process needs, and what it changes.
struct Judge<'j> {
    policy: &'j Policy,
    sampler: &'j Sampler,
    memory: &'j SystemMemory,
    ledger: &'j mut Ledger,
    victims: &'j mut Victims,
    only: Option<ProcessKey>,
    now: &'j Now,
}

impl Judge<'_> {
    /// Decides about one process, and carries that out.
    fn judge(&mut self, process: &mut Process) -> Judged {
        let key = process.key();
        let is_judged = self.only.is_none() || self.only == key;
        let decision = if is_judged {
            self.decide(process)
        } else {
            Decision::Leave
        };
        let mut judged = Judged {
            decision,
            report: None,
        };
        // Without an identity it is protected, and nothing can be remembered of it.
        let Some(key) = key.filter(|_| is_judged) else {
            return judged;
        };
        let now = self.now.monotonic;
        let until = match decision {
            Decision::Delay(_, _, until) => Some(until),
            _ => None,
        };
        if let Decision::Delay(..) | Decision::Terminate(_) | Decision::KillLimitReached(_) =
            decision
        {
            self.ledger.over.record(key, now, until);
            self.ledger.record_near(key, now);
        } else {
            self.ledger.over.forget(key);
        }
        match decision {
            Decision::Leave => {}
            Decision::Await { .. } => self.ledger.record_rss(key, process.rss),
            Decision::Warn(_) => {
                let is_due = self.ledger.record_near(key, now);
                judged.report = is_due.then_some(Report::Decision);
            }
            Decision::Protected(_) | Decision::Delay(..) | Decision::KillLimitReached(_) => {
                judged.report = Some(Report::Decision);
            }
            Decision::Terminate(_) => self.terminate(key, process, &mut judged),
        }
        judged
    }

    /// Reads the process again once it is held, decides again, and signals that very process. Does nothing if it has
    /// ended, and its PID may be another process's.
    fn terminate(&mut self, key: ProcessKey, process: &mut Process, judged: &mut Judged) {
        let Some((held, handle)) = self.sampler.hold(self.policy, key.pid) else {
            return;
        };
        if held.key() != Some(key) {
            return;
        }
        *process = held;
        let decision = self.decide(process);
        judged.decision = decision;
        match (decision, process.facts) {
            (Decision::Terminate(breach), Ok(facts)) => {
                let is_same = || self.sampler.is_still(key);
                let outcome =
                    Victims::signaller(self.policy).terminate(&handle, facts.state, &is_same);
                let mut found = None;
                if matches!(outcome, SignalOutcome::Sent) {
                    found = self.ledger.record_kill(key, *process, breach, self.now);
                    self.victims.hold(key, handle);
                }
                judged.report = Some(Report::Signal(outcome, found));
            }
            // Only of a process that is held it is known which unit it belongs to.
            (Decision::Delay(_, _, until), _) => {
                self.ledger
                    .over
                    .record(key, self.now.monotonic, Some(until));
                judged.report = Some(Report::Decision);
            }
            _ => {}
        }
    }

    fn decide(&self, process: &Process) -> Decision {
        self.policy
            .decide(process, self.memory, self.ledger, self.now)
    }
}

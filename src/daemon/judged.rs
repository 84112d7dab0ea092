//! What a scan has decided, and what of it is still to be reported. Pure.

use crate::kill::SignalOutcome;
use crate::policy::{Decision, Extent, Repeated};
use crate::proc::{Process, SystemMemory};
use crate::quantities::Bytes;
use std::time::Duration;

/// What was decided about a process near a threshold.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) decision: Decision,
    /// What is still to be reported; None once it was, or where there is nothing.
    pub(super) report: Option<Report>,
}

impl Judged {
    /// Whether it was sent SIGTERM.
    pub(super) fn is_killed(&self) -> bool {
        matches!(self.report, Some(Report::Signal(SignalOutcome::Sent, _)))
    }

    /// Whether it is over a threshold and not protected; and whether it does not stay because memory is plentiful.
    pub(super) fn counts(&self) -> (bool, bool) {
        let is_over = self.decision.is_over();
        let is_plentiful = matches!(self.decision, Decision::Plentiful(..));
        (is_over, is_over && !is_plentiful)
    }
}

/// Whether a kill waits for the limit of kills in a minute, and until the process has been over its threshold long
/// enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limits {
    Hold,
    Lifted,
}

/// What is to be reported of a process.
#[allow(
    clippy::large_enum_variant,
    reason = "a unit's name in an array costs no allocation"
)]
#[derive(Debug)]
pub(super) enum Report {
    /// What was decided, and not done: protected, near, delayed, plentiful, over the limit of kills.
    Decision,
    /// The outcome of SIGTERM, and what comes back as often as it is killed.
    Signal(SignalOutcome, Option<Repeated>),
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
    pub(super) extent: Extent,
    /// How long it took, with its signals.
    pub(super) took: Duration,
    pub(super) memory: SystemMemory,
    /// How many processes there were at the last scan of all.
    pub(super) processes: usize,
    /// How many of them it has read.
    pub(super) scanned: usize,
    /// How many of them are over a threshold and not protected.
    pub(super) over: usize,
    /// How many of those do not stay because memory is plentiful.
    pub(super) due: usize,
    /// How many were sent SIGTERM.
    pub(super) killed: usize,
}

impl ScanOutcome {
    /// Before the first scan.
    pub(super) fn none() -> Self {
        Self {
            kind: ScanKind::Regular,
            extent: Extent::All,
            took: Duration::ZERO,
            memory: SystemMemory::default(),
            processes: 0,
            scanned: 0,
            over: 0,
            due: 0,
            killed: 0,
        }
    }
}

/// The processes of a scan in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) over: usize,
    pub(super) due: usize,
    pub(super) killed: usize,
    pub(super) postponed: usize,
    pub(super) unlisted: usize,
    /// Sent SIGTERM because they share their memory with one that is killed.
    pub(super) sharers: usize,
    /// The same in this scan alone, be it one of a few processes.
    pub(super) sharers_now: usize,
}

/// The largest by anonymous memory of the processes over their thresholds, where the limit of kills protects it.
#[derive(Default)]
pub(super) struct LargestAtLimit {
    process: Option<(Process, Judged)>,
    memory: Bytes,
}

impl LargestAtLimit {
    pub(super) fn look_at(&mut self, process: &Process, judged: &Judged) {
        let memory = process.anonymous();
        if !judged.decision.is_over() || memory < self.memory {
            return;
        }
        self.memory = memory;
        self.process = match judged.decision {
            Decision::KillLimitReached(_) => {
                let decision = judged.decision;
                let report = None;
                Some((*process, Judged { decision, report }))
            }
            _ => None,
        };
    }

    /// None where it was killed, or is killed later.
    pub(super) fn largest(self) -> Option<(Process, Judged)> {
        self.process
    }
}

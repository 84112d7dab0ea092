//! One scan: all processes are read, the decision about each of those near a threshold is made once and kept beside
//! it, and SIGTERM is sent to the victims. Touches /proc and sends signals; reports nothing, so that no log and no user
//! database keeps a signal waiting.

use super::judged::{Judged, LargestAtLimit, Limits, Report, ScanKind, ScanOutcome, Tally};
use super::victims::Victims;
use crate::kill::Signaller;
use crate::policy::{Decision, Extent, Policy};
use crate::proc::{Error, KernelKills, Process, Sampler, Snapshot, Unreadable, Watch};
use crate::quantities::{Now, Percent, Pid, ProcessKey};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// So many processes are kept in full, the largest ones: whatever is near its threshold beside them is read, decided
/// about and killed, and then only counted. 28,000 processes that share 60 MB took 110 MB before.
const KEPT: usize = 64;
/// The same for those that are to be watched or killed.
const KEPT_AT_MOST: usize = 4 * KEPT;

/// So many processes whose kill is delayed are read before the clock is looked at.
const BATCH: usize = 64;
/// For so long they are read in one turn of the loop: thousands take longer.
const BUDGET_FOR_DELAYED: Duration = Duration::from_millis(50);

/// What decisions need beside the machine, and what they change.
pub(super) struct Context<'c> {
    pub(super) policy: &'c Policy,
    pub(super) victims: &'c mut Victims,
    pub(super) now: &'c Now,
}

/// What is read of the machine, and decided. The memory is kept between two scans.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) sampler: Sampler,
    pub(super) snapshot: Snapshot,
    /// What the last scan of a few found; its processes near their thresholds are with the others.
    pub(super) few: Snapshot,
    /// The processes that a scan of a few reads beside the young ones.
    pub(super) wanted: Vec<Pid>,
    /// Whether a scan of a few has left to one of all what can only be decided beside all others.
    pub(super) is_incomplete: bool,
    /// When the last scan of all began.
    pub(super) listed: Option<Instant>,
    /// The decision about each process of `snapshot.near`, with the same index.
    judged: Vec<Judged>,
    pub(super) tally: Tally,
    /// What was last reported of processes that are only counted.
    pub(super) more: [usize; 3],
    /// Why a process could not be read in the last scan of all.
    pub(super) unreadable: Option<Unreadable>,
    pub(super) kernel_kills: KernelKills,
    /// The one process that may be signalled, and is judged; None for all.
    pub(super) only: Option<ProcessKey>,
}

impl Machine {
    /// So many processes near their thresholds cost no heap allocation.
    pub(super) fn with_capacity(near: usize, sampler: Sampler, only: Option<ProcessKey>) -> Self {
        Self {
            kernel_kills: KernelKills::new(sampler.root()),
            sampler,
            snapshot: Snapshot::with_capacity(near),
            few: Snapshot::default(),
            wanted: Vec::with_capacity(Watch::CAPACITY),
            is_incomplete: false,
            listed: None,
            judged: Vec::with_capacity(near),
            tally: Tally::default(),
            more: [0; 3],
            unreadable: None,
            only,
        }
    }

    /// How many processes are to be killed when the victims before them have ended, since no more are held at once.
    pub(super) fn postponed(&self) -> usize {
        self.tally.postponed
    }

    /// How many processes something was to be reported of beside those that were kept.
    pub(super) fn unlisted(&self) -> usize {
        self.tally.unlisted
    }

    /// Whether only one process may be signalled.
    pub(super) fn is_confined(&self) -> bool {
        self.only.is_some()
    }

    /// Whether this process may be signalled, whatever is decided.
    pub(super) fn may_signal(&self, key: Option<ProcessKey>) -> bool {
        !self.is_confined() || self.only == key
    }

    /// How many processes this scan sent SIGTERM because they share their memory with one that is killed.
    pub(super) fn sharers_now(&self) -> usize {
        self.tally.sharers_now
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

    /// Whether a scan of a few reads this process.
    pub(super) fn is_few(&self, pid: Pid) -> bool {
        self.wanted.contains(&pid) || self.sampler.is_young(pid)
    }

    /// A victim has ended: what is scanned then. All where some could not be signalled, or share a memory with others;
    /// else the young ones, among which is what it has forked, and those that are over their thresholds.
    pub(super) fn after_end(&mut self) -> Extent {
        self.wanted.clear();
        if self.tally.postponed > 0 || self.tally.sharers > 0 {
            return Extent::All;
        }
        let all = self.snapshot.near.iter().zip(&self.judged);
        let over = all.filter(|(_, judged)| judged.decision.is_over());
        let pids = over.map(|(process, _)| process.pid);
        self.wanted.extend(pids.take(Watch::CAPACITY));
        Extent::Few
    }

    /// Finds the processes near their thresholds, and forgets what was decided about them before.
    fn list(&mut self, extent: Extent, policy: &Policy, now: &Now) -> Result<(), Error> {
        self.is_incomplete = false;
        (self.tally.killed, self.tally.sharers_now) = (0, 0);
        if extent == Extent::All {
            self.listed = Some(now.monotonic);
            self.forget();
            self.tally = Tally::default();
            return self.sampler.list(policy, &mut self.snapshot);
        }
        self.sampler.list_few(policy, &self.wanted, &mut self.few)?;
        self.snapshot.memory = self.few.memory;
        // Both have the same indices, and no more of either are looked at than there are of both.
        let mut index = self.snapshot.near.len().min(self.judged.len());
        while index > 0 {
            index -= 1;
            let near = self.snapshot.near.get(index);
            if near.is_some_and(|process| self.is_few(process.pid)) {
                self.snapshot.near.remove(index);
                let judged = self.judged.remove(index);
                let (over, due) = judged.counts();
                self.tally.over -= usize::from(over).min(self.tally.over);
                self.tally.due -= usize::from(due).min(self.tally.due);
            }
        }
        Ok(())
    }

    /// All that is urgent: a scan, the decisions, the signals. Allocates nothing in the steady state, so that it works
    /// when there is no memory left. Fails where /proc can't be read.
    pub(super) fn scan(&mut self, extent: Extent, context: &mut Context<'_>) -> Result<(), Error> {
        self.list(extent, context.policy, context.now)?;
        let before = self.tally;
        let mut at_limit = LargestAtLimit::default();
        let mut index = 0;
        while index < self.sampler.candidates() {
            // One of them is decided about, and what is done to it is done to all.
            let sharers = self.sampler.gather_sharers(index);
            if let Some(mut process) = self.sampler.candidate(context.policy, index) {
                let judged = self.judge(&mut process, context);
                let is_killed = judged.is_killed();
                at_limit.look_at(&process, &judged);
                self.keep(&process, judged);
                if let Some(key) = process.key().filter(|_| is_killed && sharers > 0) {
                    context.victims.ledger.record_sharers_of(key);
                    self.terminate_sharers(index + 1..=index + sharers, context);
                }
            }
            index += 1 + sharers;
        }
        // The limit is there against mistakes, not to shelter the one process that has it all.
        if let Some((mut process, mut judged)) = at_limit.largest() {
            let (policy, ledger) = (context.policy, &context.victims.ledger);
            let key = process.key();
            let is_above = policy.is_above_limit(&process, ledger, context.now);
            if let Some(key) = key.filter(|_| is_above) {
                if extent == Extent::Few {
                    // Another one may be larger.
                    self.is_incomplete = true;
                } else {
                    self.terminate(key, &mut process, &mut judged, context, Limits::Lifted);
                    self.keep(&process, judged);
                }
            }
        }
        if extent == Extent::Few {
            // How many are not listed is counted by scans of all.
            self.tally.unlisted = before.unlisted;
        }
        Ok(())
    }

    /// Counts a process, and keeps it in full if it is one of the largest, or has to be watched or reported.
    fn keep(&mut self, process: &Process, judged: Judged) {
        let tally = &mut self.tally;
        let (is_over, is_due) = judged.counts();
        tally.over += usize::from(is_over);
        tally.due += usize::from(is_due);
        let is_signalled = matches!(judged.report, Some(Report::Signal(..)));
        tally.killed += usize::from(judged.is_killed());
        let is_watched = matches!(judged.decision, Decision::Warn(_) | Decision::Delay(..));
        let kept = self.snapshot.near.len();
        let capacity = if is_watched { KEPT_AT_MOST } else { KEPT };
        if kept < capacity || is_signalled {
            self.snapshot.near.push(*process);
            self.judged.push(judged);
        } else if judged.report.is_some() {
            tally.unlisted += 1;
        }
    }

    /// The signals are sent: what the log says of the processes can be read now, as it may take a while.
    pub(super) fn add_words(&mut self, victims: &mut Victims) {
        let Self {
            sampler,
            snapshot,
            judged,
            ..
        } = self;
        let is_reported = |judged: &Judged| judged.report.is_some();
        sampler.begin_words();
        for (process, judged) in snapshot.near.iter().zip(&*judged) {
            let is_signalled = matches!(judged.report, Some(Report::Signal(..)));
            let is_known = |key| victims.ledger.is_known(key);
            if is_reported(judged) && !is_signalled && !process.key().is_some_and(is_known) {
                sampler.ask_name(process);
            }
        }
        for (process, judged) in snapshot.near.iter_mut().zip(&*judged) {
            if is_reported(judged) {
                sampler.add_words(process);
            }
            if let (Some(Report::Signal(..)), Some(key)) = (&judged.report, process.key()) {
                victims.ledger.record_words(key, process);
            }
        }
    }

    /// Reads the processes whose kill is delayed and that are due, and decides about them again.
    pub(super) fn read_delayed(&mut self, mut context: Context<'_>) {
        // Whether the machine is short of memory counts now, not at the last scan.
        if let Ok(memory) = self.sampler.memory() {
            self.snapshot.memory = memory;
        }
        let (now, began) = (context.now.monotonic, Instant::now());
        let mut keys = [None; BATCH];
        loop {
            keys.fill(None);
            for (to, key) in keys.iter_mut().zip(context.victims.ledger.over.due(now)) {
                *to = Some(key);
            }
            for key in keys.iter().flatten() {
                self.read_one_delayed(*key, &mut context);
            }
            // The others are due at the next turn, after what is due for victims.
            let is_last = keys.last().is_none_or(Option::is_none);
            if is_last || began.elapsed() >= BUDGET_FOR_DELAYED {
                return;
            }
        }
    }

    fn read_one_delayed(&mut self, key: ProcessKey, context: &mut Context<'_>) {
        let is_it = |(process, _): (&Process, &Judged)| process.key() == Some(key);
        let index = self.judged().position(is_it);
        if let Some(index) = index {
            self.snapshot.near.remove(index);
            self.judged.remove(index);
        }
        let process = self.sampler.read(context.policy, key.pid);
        let Some(mut process) = process.filter(|process| process.key() == Some(key)) else {
            context.victims.ledger.over.forget(key);
            return;
        };
        let judged = self.judge(&mut process, context);
        let is_signalled = matches!(judged.report, Some(Report::Signal(..)));
        if is_signalled || index.is_some() || self.snapshot.near.len() < KEPT_AT_MOST {
            self.snapshot.near.push(process);
            self.judged.push(judged);
        }
    }

    /// A scan, and to this process itself everything that is done to a victim, but for the signal. Leaves nothing
    /// behind but its code, stack and heap in memory.
    pub(super) fn rehearse(&mut self, policy: &Policy, now: &Now) {
        // The first scan reports an error.
        let _ = self.sampler.list(policy, &mut self.snapshot);
        // As many as a scan keeps, however many there are.
        let few = 0..self.sampler.candidates().min(KEPT);
        let read = few.filter_map(|index| self.sampler.candidate(policy, index));
        self.snapshot.near.extend(read);
        let Some((mut process, handle)) = self.sampler.hold(policy, policy.own) else {
            return;
        };
        let victims = &mut Victims::with_capacity(1);
        let mut context = Context {
            policy,
            victims,
            now,
        };
        let mut judged = self.judge(&mut process, &mut context);
        // This process is protected, so that it gets no signal.
        if let Some(key) = process.key() {
            self.terminate(key, &mut process, &mut judged, &mut context, Limits::Hold);
        }
        // Anything is over 0% of a threshold.
        let breach = policy.breach(&process, self.snapshot.memory.total, Percent::new(0.0));
        self.sampler.ask_words(&process, &handle, true);
        self.sampler.rehearse_package_manager(&process, &handle);
        if let (Ok(facts), Some(key), Some(breach)) = (process.facts, process.key(), breach) {
            let is_same = || self.sampler.is_still(key);
            let outcome = Signaller::DryRun.terminate(&handle, facts.state, &is_same);
            // The signal that does nothing takes the way of the others.
            let _ = handle.ask_permission(&is_same);
            // The second one is compared with the first, as one kill is with those before it; and what has another
            // parent than PID 1 with its siblings.
            let mut worker = process;
            if let Ok(facts) = &mut worker.facts {
                facts.parent = Pid::new(2);
            }
            for _ in 0..2 {
                victims.ledger.record_kill(key, worker, breach, now);
            }
            let (memory, ledger) = (&self.snapshot.memory, &victims.ledger);
            black_box(policy.is_limit_reached(&process, memory, ledger, now));
            victims.hold(key, handle);
            self.forget();
            let judged = Judged {
                decision: Decision::Terminate(breach),
                report: Some(Report::Signal(outcome, None)),
            };
            LargestAtLimit::default().look_at(&process, &judged);
            self.keep(&process, judged);
            self.add_words(victims);
        }
        // What a scan of a few finds replaces what was kept before.
        self.wanted.push(policy.own);
        let _ = self.list(Extent::Few, policy, now);
        self.wanted.clear();
        self.tally = Tally::default();
    }

    /// The last scan in numbers.
    pub(super) fn outcome(
        &self,
        (kind, extent): (ScanKind, Extent),
        took: Duration,
    ) -> ScanOutcome {
        let scanned = match extent {
            Extent::All => self.snapshot.scanned,
            Extent::Few => self.few.scanned,
        };
        ScanOutcome {
            kind,
            extent,
            took,
            memory: self.snapshot.memory,
            processes: self.snapshot.scanned,
            scanned,
            over: self.tally.over,
            due: self.tally.due,
            killed: self.tally.killed,
        }
    }
}

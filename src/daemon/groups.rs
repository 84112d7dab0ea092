//! Groups at a regular scan: sums up their memory, and does what the policy says of those over their thresholds.
//! Touches /proc; reports nothing, so that no log keeps a signal waiting.

use super::group_reader::Reader;
use super::scan::{Context, Machine};
use super::victims::Victims;
use crate::kill::SignalOutcome;
use crate::policy::groups::{GroupStanding, GroupStep, GroupSum, GroupWatch, SaidOfGroup, Sums};
use crate::policy::{Breach, Policy, Repeated};
use crate::proc::{Process, Sizes};
use crate::quantities::Bytes;
use std::time::{Duration, Instant};

/// So long groups are summed up in a scan; the rest is read in the next one. Most scans need a small part of it.
const BUDGET: Duration = Duration::from_millis(40);
/// Where it was not enough the next one has twice as much, up to 40 ms for each second between scans, and this: the
/// loop does nothing else meanwhile. 30,000 processes that are matched by name take 0.3 s.
const LONGEST: Duration = Duration::from_secs(1);
/// After so many scans in a row that could not tell of each group, this is reported.
const PATIENCE: u32 = 5;

/// What is to be reported of a group.
#[allow(
    clippy::large_enum_variant,
    reason = "a process in an array costs no allocation"
)]
#[derive(Debug)]
pub(super) enum GroupReport {
    /// It is over its threshold.
    Over(GroupSum, GroupStep),
    /// So are others, and all their members are protected.
    Protected(GroupSum),
    /// The limit of kills protects this member.
    KillLimit(Process, Breach),
    /// A member was signalled.
    Signal(Signalled),
    /// For some time it could not be told of each: the groups of so many of so many processes are known.
    Unknown(usize, usize),
}

/// A member that was signalled, and how that went.
#[derive(Debug)]
pub(super) struct Signalled {
    pub(super) sum: GroupSum,
    pub(super) process: Process,
    pub(super) breach: Breach,
    pub(super) outcome: SignalOutcome,
    pub(super) repeated: Option<Repeated>,
}

/// The groups over their thresholds, and what was done about them.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) sums: Sums,
    pub(super) watch: GroupWatch,
    pub(super) reports: Vec<GroupReport>,
    /// How many members the last scan has sent SIGTERM.
    pub(super) killed: usize,
    /// What all processes have resident, shared memory once, as it was before this scan.
    occupied: Option<Bytes>,
    /// How long the next scan may sum up.
    budget: Duration,
    /// How many scans in a row could not tell of each group.
    incomplete: u32,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            sums: Sums::default(),
            watch: GroupWatch::default(),
            reports: Vec::new(),
            killed: 0,
            occupied: None,
            budget: BUDGET,
            incomplete: 0,
        }
    }
}

impl Groups {
    /// Another configuration is in force.
    pub(super) fn forget(&mut self) {
        self.watch.forget();
        self.sums.clear();
        (self.budget, self.incomplete) = (BUDGET, 0);
    }

    /// Before a scan: whether it is to keep the sizes of all processes. Without a group nothing is read for that, and
    /// in a shortage nothing that waits for another process: the guard acts then.
    pub(super) fn prepare(&mut self, machine: &mut Machine, policy: &Policy, is_wanted: bool) {
        let is_wanted = is_wanted && !policy.config.groups.is_empty() && !machine.is_confined();
        let is_wanted = is_wanted && {
            let (levels, memory) = (machine.sampler.levels(), machine.sampler.memory());
            self.occupied = levels.occupied;
            memory.is_ok_and(|memory| policy.may_groups_be_over(&memory, levels.occupied, None))
        };
        machine.snapshot.sizes.want(is_wanted);
    }

    /// After a regular scan: sums up the groups where it has kept the sizes of processes, and signals members where
    /// that is due.
    pub(super) fn scan(&mut self, machine: &mut Machine, context: &mut Context<'_>) {
        self.killed = 0;
        self.reports.clear();
        let now = context.now.monotonic;
        let mut sizes = std::mem::take(&mut machine.snapshot.sizes);
        if sizes.is_wanted() {
            self.judge(machine, &mut sizes, context);
        } else {
            self.sums.clear();
        }
        let ledger = &context.victims.ledger;
        // While memory is short no group is looked at.
        let is_unknown = ledger.is_short || self.sums.is_incomplete();
        self.watch.forget_unseen(is_unknown, ledger, now);
        self.note_incomplete(&sizes, context.policy);
        machine.snapshot.sizes = sizes;
    }

    fn note_incomplete(&mut self, sizes: &Sizes, policy: &Policy) {
        if !self.sums.is_incomplete() {
            (self.budget, self.incomplete) = (BUDGET, 0);
            return;
        }
        let share = BUDGET.saturating_mul(
            u32::try_from(policy.config.check_interval.as_secs()).unwrap_or(u32::MAX),
        );
        let longest = share.clamp(BUDGET, LONGEST);
        self.budget = self.budget.saturating_mul(2).min(longest);
        self.incomplete = self.incomplete.saturating_add(1);
        if self.incomplete == PATIENCE {
            let (known, of) = self.sums.known(sizes);
            self.reports.push(GroupReport::Unknown(known, of));
        }
    }

    fn judge(&mut self, machine: &mut Machine, sizes: &mut Sizes, context: &mut Context<'_>) {
        let (policy, memory) = (context.policy, machine.snapshot.memory);
        let until = Instant::now() + self.budget;
        let mut reader = Reader::until(&machine.sampler, policy, until);
        self.sums
            .sum(policy, sizes, &memory, self.occupied, &mut reader);
        for index in 0..self.sums.all().len() {
            let Some(mut sum) = self.sums.all().get(index).copied() else {
                break;
            };
            let mut step = self.step(&sum, machine, context);
            if self.needs_proof(&sum, step, policy) {
                let mut reader = Reader::until(&machine.sampler, policy, until);
                self.sums.prove(index, policy, sizes, &mut reader);
                sum = self.sums.all().get(index).copied().unwrap_or(sum);
                step = self.step(&sum, machine, context);
            }
            let Some(step) = step else { continue };
            if self.watch.is_first(&sum, SaidOfGroup::Over) {
                self.reports.push(GroupReport::Over(sum, step));
            }
            if step == GroupStep::Kill && sum.is_proven {
                self.kill(index, &sum, machine, sizes, context);
            }
        }
        self.sums.keep(sizes);
    }

    fn step(
        &mut self,
        sum: &GroupSum,
        machine: &Machine,
        context: &Context<'_>,
    ) -> Option<GroupStep> {
        let (memory, ledger) = (&machine.snapshot.memory, &context.victims.ledger);
        // What is not proven is not the beginning of anything.
        let is_new = !self.watch.is_said(sum, SaidOfGroup::Over);
        if is_new && sum.standing == GroupStanding::Over && !sum.is_proven {
            return None;
        }
        self.watch
            .step(sum, context.policy, memory, ledger, context.now)
    }

    /// Whether it matters that this group likely is over its threshold: it was not before, or members are killed now.
    fn needs_proof(&self, sum: &GroupSum, step: Option<GroupStep>, policy: &Policy) -> bool {
        let is_likely = sum.standing == GroupStanding::Over && !sum.is_proven;
        let is_known = self.watch.is_said(sum, SaidOfGroup::Over);
        // What would be killed is said once.
        let is_over = policy.config.dry_run && self.watch.is_said(sum, SaidOfGroup::DryRun);
        is_likely && (!is_known || (step == Some(GroupStep::Kill) && !is_over))
    }

    /// The signals are sent: adds what the log says of the processes.
    pub(super) fn add_words(&mut self, machine: &Machine, victims: &mut Victims) {
        for report in &mut self.reports {
            if let GroupReport::Signal(signalled) = report {
                let process = &mut signalled.process;
                machine.sampler.add_words(process);
                if let Some(key) = process.key() {
                    victims.ledger.record_words(key, process);
                }
            }
        }
    }
}

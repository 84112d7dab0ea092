//! Groups at a regular scan: sums up their memory, and signals the members that the policy chooses. Touches /proc and sends
//! signals; reports nothing, so that no log keeps a signal waiting.

use super::group_order::Order;
use super::group_reader::{Reader, sum_up};
use super::scan::{Context, Machine};
use super::victims::Victims;
use crate::config::GroupKill;
use crate::kill::SignalOutcome;
use crate::policy::groups::{GroupStep, GroupSum, GroupWatch, MemberReader, SaidOfGroup, Sums};
use crate::policy::{Breach, Policy, Repeated};
use crate::proc::{Process, Seen, Sizes};
use crate::quantities::{Bytes, Metric, Pid, ProcessKey, StartTime};
use std::time::Duration;

/// So long groups are summed up in a scan; the rest is read in the next one. Most scans need a small part of it.
const BUDGET: Duration = Duration::from_millis(40);
/// The same where members are chosen, which comes before a kill only.
const BUDGET_FOR_CHOICE: Duration = Duration::from_millis(500);
/// The same where all are to be signalled: what is not found then has lost its parent by the next scan.
const BUDGET_FOR_ALL: Duration = Duration::from_secs(1);
/// How often all members of a group are signalled at once: what they have forked meanwhile is signalled as well.
const ROUNDS: usize = 3;
/// So many members are reported one by one.
const REPORTED: usize = 256;

/// A member, and its memory by the metric of the group where that is known.
type MemberSize = (Pid, Option<Bytes>);

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
    /// The limit of kills spares this member.
    KillLimit(Process, Breach),
    /// A member was signalled.
    Signal(Signalled),
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
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) sums: Sums,
    watch: GroupWatch,
    pub(super) reports: Vec<GroupReport>,
    /// How many members the last scan has sent SIGTERM.
    pub(super) killed: usize,
}

impl Groups {
    /// Another configuration is in force.
    pub(super) fn forget(&mut self) {
        self.watch.forget();
    }

    /// Before a scan: whether it is to keep the sizes of all processes. Without a group nothing is read for that.
    pub(super) fn prepare(machine: &mut Machine, policy: &Policy, is_wanted: bool) {
        let is_wanted = is_wanted && !policy.config.groups.is_empty() && !machine.is_confined();
        let is_wanted = is_wanted && {
            let (levels, memory) = (machine.sampler.levels(), machine.sampler.memory());
            memory.is_ok_and(|memory| policy.may_groups_be_over(&memory, levels.occupied, None))
        };
        machine.snapshot.sizes.want(is_wanted);
    }

    /// After a scan that has kept them: sums up the groups, and signals members where that is due.
    pub(super) fn scan(&mut self, machine: &mut Machine, context: &mut Context<'_>) {
        self.killed = 0;
        self.reports.clear();
        let now = context.now.monotonic;
        // In a shortage the guard acts, and nothing that waits for another process is read.
        if context.victims.ledger.is_short {
            return;
        }
        let mut sizes = std::mem::take(&mut machine.snapshot.sizes);
        if sizes.is_wanted() {
            self.judge(machine, &mut sizes, context);
        } else {
            self.sums.clear();
        }
        self.watch.forget_unseen(now);
        machine.snapshot.sizes = sizes;
    }

    fn judge(&mut self, machine: &mut Machine, sizes: &mut Sizes, context: &mut Context<'_>) {
        let (policy, memory) = (context.policy, machine.snapshot.memory);
        sum_up(
            &mut self.sums,
            policy,
            &machine.sampler,
            sizes,
            &memory,
            BUDGET,
        );
        for index in 0..self.sums.all().len() {
            let Some(sum) = self.sums.all().get(index).copied() else {
                return;
            };
            let ledger = &context.victims.ledger;
            let step = self.watch.step(&sum, policy, &memory, ledger, context.now);
            let Some(step) = step else { continue };
            if self.watch.is_first(&sum, SaidOfGroup::Over) {
                self.reports.push(GroupReport::Over(sum, step));
            }
            if step == GroupStep::Kill {
                self.kill(index, &sum, machine, sizes, context);
            }
        }
    }

    fn kill(
        &mut self,
        index: usize,
        sum: &GroupSum,
        machine: &mut Machine,
        sizes: &mut Sizes,
        context: &mut Context<'_>,
    ) {
        let policy = context.policy;
        let Some(group) = policy.group(sum) else {
            return;
        };
        // What would be killed is said once.
        if policy.config.dry_run && !self.watch.is_first(sum, SaidOfGroup::DryRun) {
            return;
        }
        let (kill, mut is_any) = (group.kill, false);
        match kill {
            GroupKill::Largest => {
                let sampler = &machine.sampler;
                let mut reader = Reader::new(sampler, policy, BUDGET_FOR_CHOICE);
                let mut is_candidate = |pid| is_candidate(pid, machine, context);
                let largest =
                    self.sums
                        .largest(index, policy, sizes, &mut reader, &mut is_candidate);
                if let Some((pid, memory)) = largest {
                    is_any = true;
                    let member = (pid, Some(memory));
                    self.signal(&mut Order::of(sum, context.now), member, machine, context);
                }
            }
            GroupKill::Newest => {
                let members = self.members(index, machine, sizes, context);
                let mut newest: Option<(StartTime, Pid, Option<Bytes>)> = None;
                for (pid, memory) in members {
                    let key = machine.sampler.identify(pid).ok().flatten();
                    let is_newer = |key: &ProcessKey| {
                        newest
                            .is_none_or(|(start, pid, _)| (key.start_time, key.pid) > (start, pid))
                    };
                    let key = key.filter(is_newer);
                    if let Some(key) = key.filter(|_| is_candidate(pid, machine, context)) {
                        newest = Some((key.start_time, pid, memory));
                    }
                }
                if let Some((_, pid, memory)) = newest {
                    is_any = true;
                    let order = &mut Order::of(sum, context.now);
                    self.signal(order, (pid, memory), machine, context);
                }
            }
            GroupKill::All => is_any = self.kill_all(index, sum, machine, sizes, context),
        }
        if !is_any && self.watch.is_first(sum, SaidOfGroup::Protected) {
            self.reports.push(GroupReport::Protected(*sum));
        }
    }

    /// Signals every member that nothing protects; whether there is one.
    fn kill_all(
        &mut self,
        index: usize,
        sum: &GroupSum,
        machine: &mut Machine,
        sizes: &mut Sizes,
        context: &mut Context<'_>,
    ) -> bool {
        let mut order = Order::of(sum, context.now);
        let mut found = self.members(index, machine, sizes, context);
        let (policy, sampler) = (context.policy, &machine.sampler);
        let mut reader = Reader::new(sampler, policy, BUDGET_FOR_ALL);
        for (pid, _) in &found {
            let key = sampler.identify(*pid).ok().flatten();
            let is_member = self.sums.is_member(sum, *pid, policy, &mut reader);
            order.confirmed.extend(key.filter(|_| is_member));
        }
        let mut is_any = false;
        for _ in 0..ROUNDS {
            let before = order.pids.len();
            for member in found {
                if is_candidate(member.0, machine, context) {
                    is_any = true;
                    self.signal(&mut order, member, machine, context);
                }
            }
            if order.pids.len() == before {
                break;
            }
            found = self.newborn(&order, machine, context.policy);
        }
        is_any
    }

    /// The members that are there now and were not signalled.
    fn newborn(
        &mut self,
        order: &Order,
        machine: &mut Machine,
        policy: &Policy,
    ) -> Vec<MemberSize> {
        let mut pids = Vec::new();
        // Where they can't be listed those of before were signalled.
        let _ = machine.sampler.walk(|pid, seen| {
            if matches!(seen, Seen::Rss(_)) && !order.pids.contains(&pid) {
                pids.push(pid);
            }
        });
        let sampler = &machine.sampler;
        let mut reader = Reader::new(sampler, policy, BUDGET_FOR_ALL);
        let is_newborn = |pid: &Pid| {
            !reader.is_time_over()
                && (self.sums.is_member(&order.sum, *pid, policy, &mut reader)
                    || order.is_meant(sampler.read(policy, *pid).as_ref()))
        };
        pids.retain(is_newborn);
        pids.into_iter().map(|pid| (pid, None)).collect()
    }

    fn members(
        &mut self,
        index: usize,
        machine: &Machine,
        sizes: &mut Sizes,
        context: &Context<'_>,
    ) -> Vec<MemberSize> {
        let policy = context.policy;
        let group = self.sums.all().get(index).and_then(|sum| policy.group(sum));
        let metric = group.map_or(Metric::Rss, |group| group.metric);
        let mut members = Vec::new();
        let time = match group.map(|group| group.kill) {
            Some(GroupKill::All) => BUDGET_FOR_ALL,
            _ => BUDGET_FOR_CHOICE,
        };
        let mut reader = Reader::new(&machine.sampler, policy, time);
        self.sums
            .each_member(index, policy, sizes, &mut reader, &mut |size| {
                members.push((size.pid, size.by(metric)));
            });
        members
    }

    /// Holds a member, decides again, and sends it SIGTERM. An order counts once for the limit of kills, and none is given
    /// where the group is within its threshold by now.
    fn signal(
        &mut self,
        order: &mut Order,
        (pid, memory): MemberSize,
        machine: &mut Machine,
        context: &mut Context<'_>,
    ) {
        let Context {
            policy,
            victims,
            now,
        } = context;
        let (sampler, sum, is_first) = (&machine.sampler, order.sum, order.pids.is_empty());
        let sum = &sum;
        let Ok(handle) = sampler.open(pid) else {
            return;
        };
        let Some(process) = sampler.read_held(*policy, &handle) else {
            return;
        };
        let (Some(key), Ok(facts)) = (process.key(), process.facts) else {
            return;
        };
        if is_first {
            sampler.ask_words(&process, &handle, false);
            sampler.wait_for_words(key);
        }
        let system = sampler.memory().unwrap_or(machine.snapshot.memory);
        let mut reader = Reader::new(sampler, policy, BUDGET);
        let is_still_so = (order.is_meant(Some(&process))
            || self.sums.is_member(sum, pid, policy, &mut reader))
            && policy.protection(&process, &system, now).is_none()
            && (!is_first
                || policy.is_group_still_over(
                    sum,
                    memory.unwrap_or(process.rss),
                    process.rss,
                    system.total,
                ));
        let group = policy.group(sum);
        let is_plentiful = group.is_some_and(|group| policy.group_plenty(group, &system).is_some());
        let breach = policy.group_breach(sum, (&process, memory), system.total);
        let Some(breach) = breach.filter(|_| is_still_so && !is_plentiful) else {
            return;
        };
        if is_first && policy.is_limit_reached(&process, &system, &victims.ledger, now) {
            if self.watch.is_first(sum, SaidOfGroup::KillLimit) {
                self.reports.push(GroupReport::KillLimit(process, breach));
            }
            return;
        }
        let is_same = || sampler.is_still(key);
        let outcome = Victims::signaller(policy).terminate(&handle, facts.state, &is_same);
        let is_sent = matches!(outcome, SignalOutcome::Sent);
        let mut repeated = None;
        if is_sent {
            self.killed += 1;
            order.add(pid, &facts);
            // What can't be held is found by the next scan, if it is still there.
            if victims.has_capacity() {
                repeated = victims.ledger.record_kill(key, process, breach, now);
                if !is_first {
                    victims.ledger.join_last();
                }
                victims.hold(key, handle);
                self.watch.record_kill(sum, key);
            }
        }
        let is_failure = matches!(
            outcome,
            SignalOutcome::NotPermitted | SignalOutcome::Failed(_)
        );
        let is_said = is_failure && !self.watch.is_first(sum, SaidOfGroup::NotSignalled);
        if self.reports.len() < REPORTED && !is_said {
            self.reports.push(GroupReport::Signal(Signalled {
                sum: *sum,
                process,
                breach,
                outcome,
                repeated,
            }));
        }
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

/// Whether a process may be killed: nothing protects it, and it is no victim already.
fn is_candidate(pid: Pid, machine: &Machine, context: &Context<'_>) -> bool {
    let Context {
        policy,
        victims,
        now,
    } = context;
    let process = machine.sampler.read(*policy, pid);
    process.is_some_and(|process| {
        let is_done = |key| victims.ledger.is_victim(key) || victims.ledger.has_ended(key);
        process.key().is_some_and(|key| !is_done(key))
            && policy
                .protection(&process, &machine.snapshot.memory, now)
                .is_none()
    })
}

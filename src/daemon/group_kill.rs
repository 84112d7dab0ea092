//! Members of a group that are killed: which, and their signals. Touches /proc and sends signals; reports nothing, so
//! that no log keeps a signal waiting.

use super::group_reader::Reader;
use super::groups::{GroupReport, Groups, Signalled};
use super::judged::Judged;
use super::scan::{Context, Machine};
use super::victims::Victims;
use crate::config::GroupKill;
use crate::kill::SignalOutcome;
use crate::policy::groups::{
    GroupSum, MemberChoice, MemberReader, Members, Obstacle, Order, SaidOfGroup, most_by,
};
use crate::policy::{Decision, Policy, Stage};
use crate::proc::{Process, Seen, Sizes};
use crate::quantities::{Bytes, Metric, Pid, StartTime};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// So long members are chosen for, which comes before a kill only.
const BUDGET: Duration = Duration::from_millis(500);
/// So long all of them are found and signalled; what is left is done by a later scan, but for a tree, of which there
/// may be nothing left to be found by.
const BUDGET_FOR_ALL: Duration = Duration::from_secs(2);
/// How often all members of a group are signalled at once: what they have forked meanwhile is signalled as well.
const ROUNDS: usize = 3;
/// So many members are reported one by one.
const REPORTED: usize = 256;

/// A member, and its memory by the metric of the group where that is known.
type MemberSize = (Pid, Option<Bytes>);

/// Whether a member was found that nothing protects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Member,
    /// It can't be told in this scan.
    Later,
    None,
}

impl Groups {
    pub(super) fn kill(
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
        let ending = &self.ending(machine, context);
        let mut given_back = self.sums.memory_of(index, sizes, ending);
        let mut sum = *sum;
        if policy.config.dry_run {
            // What a dry run keeps from being killed gives nothing back, so that no later scan would tell.
            let mut reader = Reader::new(&machine.sampler, policy, BUDGET);
            self.sums
                .read_on(index, given_back, policy, sizes, &mut reader);
            given_back = self.sums.memory_of(index, sizes, ending);
            sum = self.sums.all().get(index).copied().unwrap_or(sum);
        }
        let sum = &sum;
        if !policy.is_group_over_without(sum, given_back, machine.snapshot.memory.total) {
            self.watch.note_enough(sum);
            return;
        }
        // What would be killed is said once.
        if policy.config.dry_run && !self.watch.is_first(sum, SaidOfGroup::DryRun) {
            return;
        }
        self.sums.forget_parents();
        self.watch.note_obstacle(sum, None);
        let found = match group.kill {
            GroupKill::All => self.kill_all(index, machine, sizes, (context, ending)),
            one => self.kill_one(index, one, machine, sizes, (context, ending)),
        };
        if found == Found::None {
            self.watch.note_obstacle(sum, Some(Obstacle::Protected));
        }
        if found == Found::None && self.watch.is_first(sum, SaidOfGroup::Protected) {
            self.reports.push(GroupReport::Protected(*sum));
        }
    }

    /// Signals the largest or the newest member.
    fn kill_one(
        &mut self,
        index: usize,
        kill: GroupKill,
        machine: &Machine,
        sizes: &mut Sizes,
        (context, ending): (&mut Context<'_>, &HashSet<Pid>),
    ) -> Found {
        let policy = context.policy;
        let mut reader = Reader::new(&machine.sampler, policy, BUDGET);
        let members = &mut GroupMembers {
            machine,
            context,
            ending,
        };
        let choice = self
            .sums
            .choose(index, kill, policy, sizes, &mut reader, members);
        let MemberChoice::Member(pid, memory) = choice else {
            return if choice == MemberChoice::Later {
                Found::Later
            } else {
                Found::None
            };
        };
        if let Some(sum) = self.sums.all().get(index).copied() {
            if self.is_still_over(index, sizes, ending, machine, policy) {
                let order = &mut Order::of(&sum, context.now);
                self.signal(order, (pid, memory), machine, context);
            }
        }
        Found::Member
    }

    /// Signals every member that nothing protects.
    fn kill_all(
        &mut self,
        index: usize,
        machine: &mut Machine,
        sizes: &mut Sizes,
        (context, ending): (&mut Context<'_>, &HashSet<Pid>),
    ) -> Found {
        let policy = context.policy;
        let Some(sum) = &self.sums.all().get(index).copied() else {
            return Found::None;
        };
        let until = Instant::now() + BUDGET_FOR_ALL;
        let mut order = Order::of(sum, context.now);
        let mut reader = Reader::until(&machine.sampler, policy, until);
        let mut members = self.members(index, policy, sizes, &mut reader);
        for (pid, _) in &members {
            if reader.is_time_over() {
                break;
            }
            let key = machine.sampler.identify(*pid).ok().flatten();
            let is_member = self.sums.is_member(sum, *pid, policy, &mut reader);
            order.confirmed.extend(key.filter(|_| is_member));
        }
        if !self.is_still_over(index, sizes, ending, machine, policy) {
            return Found::Member;
        }
        let mut found = Found::None;
        for round in 1..=ROUNDS {
            let before = order.pids.len();
            for member in members {
                // The first one is signalled however long it took to find it.
                if Instant::now() >= until && found == Found::Member {
                    return found;
                }
                let candidates = &mut GroupMembers {
                    machine,
                    context,
                    ending,
                };
                if candidates.may_be_killed(member.0) {
                    found = Found::Member;
                    self.signal(&mut order, member, machine, context);
                }
            }
            if order.pids.len() == before || round == ROUNDS {
                break;
            }
            members = self.newborn(&order, machine, policy, until);
        }
        found
    }

    /// As [`Sums::is_still_over`], by what the members have now; of those that there is no time for, as they were.
    fn is_still_over(
        &self,
        index: usize,
        sizes: &Sizes,
        ending: &HashSet<Pid>,
        machine: &Machine,
        policy: &Policy,
    ) -> bool {
        let until = Instant::now() + BUDGET;
        let mut most = |pid, metric| {
            if Instant::now() >= until {
                return Bytes::new(u64::MAX);
            }
            let process = machine.sampler.read(policy, pid);
            process.map_or(Bytes::ZERO, |process| most_by(&process, metric))
        };
        self.sums.is_still_over(index, sizes, ending, &mut most)
    }

    /// The members that are there now and were not signalled.
    fn newborn(
        &mut self,
        order: &Order,
        machine: &mut Machine,
        policy: &Policy,
        until: Instant,
    ) -> Vec<MemberSize> {
        let mut pids = Vec::new();
        // Where they can't be listed those of before were signalled.
        let _ = machine.sampler.walk(|pid, seen| {
            if matches!(seen, Seen::Rss(_)) && !order.pids.contains(&pid) {
                pids.push(pid);
            }
        });
        self.sums.forget_parents();
        let mut reader = Reader::until(&machine.sampler, policy, until);
        pids.retain(|pid| {
            !reader.is_time_over()
                && (self.sums.is_member(&order.sum, *pid, policy, &mut reader) || {
                    let process = machine.sampler.read(policy, *pid);
                    is_meant(order, process.as_ref(), machine, policy)
                })
        });
        pids.into_iter().map(|pid| (pid, None)).collect()
    }

    /// Those that are killed already, or in a dry run would be, for thresholds of their own or for other groups.
    fn ending(&self, machine: &Machine, context: &Context<'_>) -> HashSet<Pid> {
        let victims = context.victims.ledger.victims().iter();
        let victims = victims.filter(|victim| victim.stage != Stage::Surviving);
        let mut ending: HashSet<Pid> = victims.map(|victim| victim.key.pid).collect();
        if context.policy.config.dry_run {
            let is_due = |judged: &Judged| matches!(judged.decision, Decision::Terminate(_));
            let due = machine.judged().filter(|(_, judged)| is_due(judged));
            ending.extend(due.map(|(process, _)| process.pid));
            ending.extend(self.watch.would_be_killed().map(|key| key.pid));
        }
        ending
    }

    fn members(
        &mut self,
        index: usize,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut Reader<'_>,
    ) -> Vec<MemberSize> {
        let group = self.sums.all().get(index).and_then(|sum| policy.group(sum));
        let metric = group.map_or(Metric::Rss, |group| group.metric);
        let mut members = Vec::new();
        self.sums
            .each_member(index, policy, sizes, reader, &mut |size| {
                members.push((size.pid, size.by(metric)));
            });
        members
    }

    /// Holds a member, decides again, and sends it SIGTERM. An order counts once for the limit of kills.
    fn signal(
        &mut self,
        order: &mut Order,
        (pid, memory): MemberSize,
        machine: &Machine,
        context: &mut Context<'_>,
    ) {
        let Context {
            policy,
            victims,
            now,
        } = context;
        let (sampler, is_first) = (&machine.sampler, order.pids.is_empty());
        let Some((process, handle)) = sampler.hold(*policy, pid) else {
            return;
        };
        let Some(key) = process.key() else { return };
        // As in a scan: before it is decided, not between the decision and the signal.
        sampler.ask_words(&process, &handle, Machine::wants_share(&process));
        sampler.wait_for_words(key);
        let Some(process) = sampler.read_held(*policy, &handle) else {
            return;
        };
        let Ok(facts) = process.facts else { return };
        let system = sampler.memory().unwrap_or(machine.snapshot.memory);
        let sum = &order.sum;
        let mut reader = Reader::new(sampler, policy, BUDGET);
        let is_member = is_meant(order, Some(&process), machine, policy)
            || self.sums.is_member(sum, pid, policy, &mut reader);
        let group = policy.group(sum);
        let is_plentiful = group.is_some_and(|group| policy.group_plenty(group, &system).is_some());
        let is_protected = policy.protection(&process, &system, now).is_some();
        let breach = policy.group_breach(sum, (&process, memory), system.total);
        let Some(breach) = breach.filter(|_| is_member && !is_plentiful && !is_protected) else {
            return;
        };
        if is_first && policy.is_limit_reached(&process, &system, &victims.ledger, now) {
            self.watch.note_obstacle(sum, Some(Obstacle::KillLimit));
            if self.watch.is_first(sum, SaidOfGroup::KillLimit) {
                self.reports.push(GroupReport::KillLimit(process, breach));
            }
            return;
        }
        let is_same = || sampler.is_still(key);
        let outcome = Victims::signaller(policy).terminate(&handle, facts.state, &is_same);
        let sum = *sum;
        let mut repeated = None;
        match outcome {
            SignalOutcome::Sent => {
                self.killed += 1;
                order.add(pid, &facts);
                // What can't be held is found by the next scan, if it is still there.
                if victims.has_capacity() {
                    let ledger = &mut victims.ledger;
                    repeated = ledger.record_ordered_kill(key, &process, breach, (is_first, now));
                    victims.hold(key, handle);
                    self.watch.record_kill(&sum, key);
                }
            }
            SignalOutcome::DryRun => self.watch.record_dry_run(&sum, key),
            SignalOutcome::Gone | SignalOutcome::NotPermitted | SignalOutcome::Failed(_) => {}
        }
        let is_failure = matches!(
            outcome,
            SignalOutcome::NotPermitted | SignalOutcome::Failed(_)
        );
        let is_said = is_failure && !self.watch.is_first(&sum, SaidOfGroup::NotSignalled);
        if self.reports.len() < REPORTED && !is_said {
            self.reports.push(GroupReport::Signal(Signalled {
                sum,
                process,
                breach,
                outcome,
                repeated,
            }));
        }
    }
}

/// As [`Order::is_meant`]; not what has ended or can't be read.
fn is_meant(order: &Order, process: Option<&Process>, machine: &Machine, policy: &Policy) -> bool {
    let session_of = |pid| {
        let parent = machine.sampler.read(policy, pid)?;
        Some(parent.facts.ok()?.session)
    };
    process.is_some_and(|process| order.is_meant(process, &session_of))
}

/// Tells of members whether they may be killed.
struct GroupMembers<'c, 'd> {
    machine: &'c Machine,
    context: &'c Context<'d>,
    /// Those that are killed already, or in a dry run would be.
    ending: &'c HashSet<Pid>,
}

impl Members for GroupMembers<'_, '_> {
    fn may_be_killed(&mut self, pid: Pid) -> bool {
        let Context {
            policy,
            victims,
            now,
        } = self.context;
        let process = self.machine.sampler.read(*policy, pid);
        process.is_some_and(|process| {
            let is_done = |key| victims.ledger.is_victim(key) || victims.ledger.has_ended(key);
            process.key().is_some_and(|key| !is_done(key))
                && !self.ending.contains(&pid)
                && policy
                    .protection(&process, &self.machine.snapshot.memory, now)
                    .is_none()
        })
    }

    fn started(&mut self, pid: Pid) -> Option<StartTime> {
        let key = self.machine.sampler.identify(pid).ok().flatten();
        key.map(|key| key.start_time)
    }
}

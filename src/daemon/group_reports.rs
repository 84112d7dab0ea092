//! What is reported of groups, after the signals, and what `status` and the metrics have of them. Touches the log;
//! decides nothing.

use super::groups::{GroupReport, Groups, Signalled};
use super::report::Reports;
use super::scan::Machine;
use crate::escape::Escaped;
use crate::events::{Event, GroupEvent, GroupGauge, GroupMemory, GroupName, GroupNote, Reporter};
use crate::policy::Policy;
use crate::policy::groups::{GroupKey, GroupStanding, GroupStep, GroupSum, Obstacle};
use crate::quantities::{Bytes, Now, Percent};
use crate::state::status::{GroupOver, GroupState};
use crate::sys::clock::unix_seconds;
use std::cmp::Reverse;

/// So many groups have a series of their own in the metrics: the largest.
const SERIES: usize = 20;
/// So many groups over their thresholds are in the status.
const LISTED: usize = 64;

impl Reports<'_> {
    /// Reports what the last scan did about groups.
    pub(super) fn groups(&mut self, groups: &mut Groups, total: Bytes) {
        for report in groups.reports.drain(..) {
            let event = match report {
                GroupReport::Over(sum, step) => {
                    let note = match step {
                        GroupStep::Warn => GroupNote::Warn,
                        GroupStep::Plentiful(share) => GroupNote::Plentiful(share),
                        GroupStep::Delay(_) | GroupStep::Await | GroupStep::Kill => GroupNote::None,
                    };
                    self.about(&sum, total, |memory| GroupEvent::Over(memory, note));
                    continue;
                }
                GroupReport::Protected(sum) => {
                    self.about(&sum, total, GroupEvent::Protected);
                    continue;
                }
                GroupReport::KillLimit(process, breach) => {
                    self.kill_limit(&process, &breach);
                    continue;
                }
                GroupReport::Signal(signalled) => {
                    self.signalled(&signalled, total);
                    continue;
                }
                GroupReport::Unknown(known, of) => GroupEvent::Unknown { known, of },
            };
            self.reporter.emit(&Event::Group(event));
        }
    }

    fn about<'p>(
        &'p mut self,
        sum: &'p GroupSum,
        total: Bytes,
        event: impl FnOnce(GroupMemory<'p>) -> GroupEvent<'p>,
    ) {
        if let Some(memory) = GroupMemory::of(self.policy, sum, total) {
            self.reporter.emit(&Event::Group(event(memory)));
        }
    }

    fn signalled(&mut self, signalled: &Signalled, total: Bytes) {
        let Signalled {
            sum,
            process,
            breach,
            outcome,
            repeated,
        } = signalled;
        let Some(group) = self.policy.group(sum).cloned() else {
            return;
        };
        let name = GroupName::of(group.label(), sum);
        let memory = GroupMemory {
            name,
            members: sum.members,
            memory: sum.bounds.known,
            share: Percent::share(sum.bounds.known, total),
        };
        let reason = Event::Group(GroupEvent::Reason(process, breach, name, group.kill));
        self.signal(process, breach, outcome, (&reason, Some(memory)));
        self.repeated(repeated.as_ref());
    }
}

/// What is done about a group over its threshold, and from when on.
fn state(groups: &Groups, sum: &GroupSum, now: &Now) -> (GroupState, Option<u64>) {
    let Some((step, obstacle)) = groups.watch.last_step(sum) else {
        return (GroupState::default(), None);
    };
    let state = match step {
        GroupStep::Kill => match obstacle {
            None => GroupState::Kill,
            Some(Obstacle::Protected) => GroupState::Protected,
            Some(Obstacle::KillLimit) => GroupState::Limited,
        },
        GroupStep::Warn => GroupState::Warn,
        GroupStep::Await => GroupState::Ending,
        GroupStep::Plentiful(_) => GroupState::Plentiful,
        GroupStep::Delay(until) => {
            let left = until.saturating_duration_since(now.monotonic);
            return (GroupState::Delay, Some(unix_seconds(now.wall + left)));
        }
    };
    (state, None)
}

/// The name of the process that a group by tree begins with, as the log has it.
fn program(sum: &GroupSum, machine: &Machine, policy: &Policy) -> Option<String> {
    let GroupKey::Tree(key) = sum.key else {
        return None;
    };
    let process = machine.sampler.read(policy, key.pid)?;
    let facts = process.facts.as_ref().ok();
    let facts = facts.filter(|_| process.key() == Some(key))?;
    Some(Escaped(facts.name.as_bytes()).to_string())
}

/// Writes the groups for `status` and the metrics, after a regular scan.
pub(super) fn note(
    reporter: &mut Reporter,
    groups: &Groups,
    machine: &Machine,
    policy: &Policy,
    now: &Now,
) {
    let total = machine.snapshot.memory.total;
    if policy.config.groups.is_empty() {
        reporter.status().groups.clear();
        reporter.metrics().note_groups(Vec::new());
        return;
    }
    let is_over = |sum: &&GroupSum| sum.standing == GroupStanding::Over;
    let over = groups.sums.all().iter().filter(is_over).take(LISTED);
    let over = over.filter_map(|sum| {
        let group = policy.group(sum)?;
        let memory = sum.bounds.likely();
        let (threshold, threshold_bytes) = policy.group_threshold(group, memory, total)?;
        let (state, until) = state(groups, sum, now);
        Some(GroupOver {
            group: reporter.group(&GroupName::of(group.label(), sum)),
            members: sum.members,
            bytes: memory.get(),
            threshold: threshold.to_string(),
            threshold_bytes: threshold_bytes.get(),
            action: group.action,
            state,
            until,
            program: program(sum, machine, policy),
        })
    });
    let over = over.collect();
    reporter.status().groups = over;
    if reporter.metrics().is_wanted() {
        let mut sums: Vec<&GroupSum> = groups.sums.all().iter().collect();
        sums.sort_by_key(|sum| Reverse(sum.bounds.members()));
        let mut gauges: Vec<GroupGauge> = Vec::with_capacity(SERIES);
        for sum in sums {
            let Some(group) = policy.group(sum) else {
                continue;
            };
            let name = reporter.group(&GroupName::of(group.label(), sum));
            let (bytes, is_over) = (sum.bounds.members(), sum.standing == GroupStanding::Over);
            // Units of one name, in other slices, are one series.
            if let Some(gauge) = gauges.iter_mut().find(|gauge| gauge.group == name) {
                gauge.bytes = gauge.bytes.saturating_add(bytes);
                gauge.is_over |= is_over;
            } else if gauges.len() < SERIES {
                gauges.push(GroupGauge {
                    group: name,
                    bytes,
                    is_over,
                });
            }
        }
        reporter.metrics().note_groups(gauges);
    }
}

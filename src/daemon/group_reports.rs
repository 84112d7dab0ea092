//! What is reported of groups, after the signals, and what `status` and the metrics have of them. Touches the log; decides
//! nothing.

use super::groups::{GroupReport, Groups, Signalled};
use super::report::Reports;
use crate::config::GroupKill;
use crate::events::{Event, GroupEvent, GroupGauge, GroupMemory, GroupName, GroupNote, Reporter};
use crate::policy::Policy;
use crate::policy::groups::{GroupStanding, GroupStep, GroupSum};
use crate::quantities::{Bytes, Percent};
use crate::state::status::GroupOver;
use std::cmp::Reverse;

/// So many groups have a series of their own in the metrics: the largest.
const SERIES: usize = 20;
/// So many groups over their thresholds are in the status.
const LISTED: usize = 64;

impl Reports<'_> {
    /// Reports what the last scan did about groups.
    pub(super) fn groups(&mut self, groups: &mut Groups, total: Bytes) {
        for report in groups.reports.drain(..) {
            match report {
                GroupReport::Over(sum, step) => {
                    let note = match step {
                        GroupStep::Warn => GroupNote::Warn,
                        GroupStep::Plentiful(share) => GroupNote::Plentiful(share),
                        GroupStep::Delay(_) | GroupStep::Await | GroupStep::Kill => GroupNote::None,
                    };
                    if let Some(memory) = memory_of(self.policy, &sum, total) {
                        let event = GroupEvent::Over(memory, note);
                        self.reporter.emit(&Event::Group(event));
                    }
                }
                GroupReport::Protected(sum) => {
                    if let Some(memory) = memory_of(self.policy, &sum, total) {
                        let event = GroupEvent::Protected(memory);
                        self.reporter.emit(&Event::Group(event));
                    }
                }
                GroupReport::KillLimit(process, breach) => {
                    self.kill_limit(&process, &breach);
                }
                GroupReport::Signal(signalled) => self.signalled(&signalled),
            }
        }
    }

    fn signalled(&mut self, signalled: &Signalled) {
        let Signalled {
            sum,
            process,
            breach,
            outcome,
            repeated,
        } = signalled;
        let kill = self
            .policy
            .group(sum)
            .map_or(GroupKill::default(), |group| group.kill);
        let label = self
            .policy
            .group(sum)
            .map_or("", |group| group.label())
            .to_owned();
        let name = name_of(&label, sum);
        let reason = Event::Group(GroupEvent::Reason(process, breach, name, kill));
        self.signal(process, breach, outcome, &reason);
        self.repeated(repeated.as_ref());
    }
}

fn name_of<'n>(label: &'n str, sum: &'n GroupSum) -> GroupName<'n> {
    GroupName {
        number: sum.group + 1,
        label,
        key: sum.key,
        unit: &sum.unit,
    }
}

fn memory_of<'n>(policy: &'n Policy, sum: &'n GroupSum, total: Bytes) -> Option<GroupMemory<'n>> {
    let memory = sum.bounds.known;
    Some(GroupMemory {
        name: name_of(policy.group(sum)?.label(), sum),
        members: sum.members,
        memory,
        share: Percent::share(memory, total),
    })
}

/// Writes the groups for `status` and the metrics, after a regular scan.
pub(super) fn note(reporter: &mut Reporter, groups: &Groups, policy: &Policy, total: Bytes) {
    if policy.config.groups.is_empty() {
        reporter.status().groups.clear();
        reporter.metrics().note_groups(Vec::new());
        return;
    }
    let is_over = |sum: &&GroupSum| sum.standing == GroupStanding::Over;
    let over = groups.sums.all().iter().filter(is_over).take(LISTED);
    let over = over.filter_map(|sum| {
        let group = policy.group(sum)?;
        let memory = sum.bounds.known;
        let (threshold, threshold_bytes) = policy.group_threshold(group, memory, total)?;
        Some(GroupOver {
            group: reporter.group(&name_of(group.label(), sum)),
            members: sum.members,
            bytes: memory.get(),
            threshold: threshold.to_string(),
            threshold_bytes: threshold_bytes.get(),
            action: group.action.name().to_owned(),
        })
    });
    let over = over.collect();
    reporter.status().groups = over;
    if reporter.metrics().is_wanted() {
        let mut sums: Vec<&GroupSum> = groups.sums.all().iter().collect();
        sums.sort_by_key(|sum| Reverse(sum.bounds.members()));
        let largest = sums.into_iter().take(SERIES);
        let gauges = largest.filter_map(|sum| {
            let group = policy.group(sum)?;
            Some(GroupGauge {
                group: reporter.group(&name_of(group.label(), sum)),
                bytes: sum.bounds.members(),
                is_over: sum.standing == GroupStanding::Over,
            })
        });
        let gauges = gauges.collect();
        reporter.metrics().note_groups(gauges);
    }
}

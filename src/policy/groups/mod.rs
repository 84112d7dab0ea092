//! Groups of processes: which one a process belongs to, whether a group is over its threshold, and what is done then.
//! Pure.

mod bounds;
mod choice;
mod kept;
mod membership;
mod order;
mod outlook;
mod proof;
mod sums;
#[cfg(test)]
mod tests;
mod watch;

pub use bounds::{Bounds, GroupStanding, GroupSum};
pub use choice::{MemberChoice, Members};
pub use membership::{GroupKey, MemberReader, unit_of};
pub use order::Order;
pub use outlook::GroupOutlook;
pub use sums::Sums;
pub use watch::{GroupStep, GroupWatch, Obstacle, SaidOfGroup};

use super::criteria::{Criteria, Policy};
use super::verdict::{Breach, OverGroup, Threshold};
use crate::config::{Group, GroupBy};
use crate::proc::{MemberFiles, Process, SystemMemory, Wanted};
use crate::quantities::{Bytes, Metric, Percent};

impl Policy {
    /// The `[[group]]` of a sum; None where another configuration is in force by now.
    pub fn group(&self, sum: &GroupSum) -> Option<&Group> {
        self.config.groups.get(sum.group)
    }

    /// What the members of a group together must not exceed, by which metric, and for how long.
    pub fn group_criteria(&self, group: &Group) -> Criteria {
        let general = self.general();
        Criteria {
            thresholds: group.thresholds,
            metric: group.metric,
            sustained: group.sustained.unwrap_or(general.sustained),
            only_below_available: group
                .only_below_available
                .unwrap_or(general.only_below_available),
            ..general
        }
    }

    /// The threshold of a group that so much memory is over, and in bytes; the percentage where it is over both.
    pub fn group_threshold(
        &self,
        group: &Group,
        memory: Bytes,
        total: Bytes,
    ) -> Option<(Threshold, Bytes)> {
        Threshold::both(group.thresholds, total).find(|(_, bytes)| memory > *bytes)
    }

    /// Why a member with so much memory by the group's metric, where that is known, is killed; None where the group is
    /// not over its threshold.
    pub fn group_breach(
        &self,
        sum: &GroupSum,
        (process, memory): (&Process, Option<Bytes>),
        total: Bytes,
    ) -> Option<Breach> {
        let group = self.group(sum)?;
        let metric = memory.map_or(Metric::Rss, |_| group.metric);
        let memory = memory.unwrap_or(process.rss);
        let (threshold, threshold_bytes) = self.group_threshold(group, sum.bounds.known, total)?;
        Some(Breach {
            rss: process.rss,
            rss_share: Percent::share(process.rss, total),
            metric,
            memory,
            share: Percent::share(memory, total),
            threshold,
            threshold_bytes,
            rule: None,
            group: Some(OverGroup {
                number: sum.group + 1,
                metric: group.metric,
            }),
            sustained: self.group_criteria(group).sustained,
            term_timeout: self.criteria(process).term_timeout,
        })
    }

    /// Whether a group stays over its threshold when so much of it is given back.
    pub fn is_group_over_without(&self, sum: &GroupSum, ending: Bytes, total: Bytes) -> bool {
        self.group(sum).is_some_and(|group| {
            sum.bounds.known.saturating_sub(ending) > group.thresholds.lowest(total)
        })
    }

    /// The share that is available where that is so much that a group over its threshold stays.
    pub fn group_plenty(&self, group: &Group, memory: &SystemMemory) -> Option<Percent> {
        self.group_criteria(group).plenty(memory)
    }

    /// Whether any group can be over its threshold, with so much memory in all address spaces and in swap; `rss` is the
    /// sum of all RSS, None where that is not known yet.
    pub fn may_groups_be_over(
        &self,
        memory: &SystemMemory,
        occupied: Option<Bytes>,
        rss: Option<Bytes>,
    ) -> bool {
        self.config.groups.iter().any(|group| {
            let most = match group.metric {
                // Shared memory is in it once, as in the sum of all PSS.
                Metric::Pss => occupied.into_iter().chain(rss).min(),
                Metric::Rss | Metric::Anon => rss,
            };
            let swapped = match group.metric {
                Metric::Rss => Bytes::ZERO,
                Metric::Pss | Metric::Anon => memory.swap_used(),
            };
            let threshold = group.thresholds.lowest(memory.total);
            most.is_none_or(|most| most.saturating_add(swapped) > threshold)
        })
    }

    /// What has to be read of a process to find out its groups.
    pub fn member_files(&self) -> MemberFiles {
        let groups = &self.config.groups;
        let is_tree = groups.iter().any(|group| group.by() == GroupBy::Tree);
        let has_name = groups.iter().any(|group| group.matcher.name.is_some());
        let is_anonymous = groups.iter().any(|group| group.metric == Metric::Anon);
        MemberFiles {
            wanted: if is_tree || has_name {
                Wanted::Facts
            } else if is_anonymous {
                Wanted::Memory
            } else {
                Wanted::User
            },
            exe: groups.iter().any(|group| group.matcher.exe.is_some()),
            cgroup: groups.iter().any(|group| group.matcher.unit.is_some()),
        }
    }
}

/// The most that a process can have by this metric: its PSS is not more than what it has resident, or has anonymous and
/// in swap, which stands in for it.
pub fn most_by(process: &Process, metric: Metric) -> Bytes {
    match metric {
        Metric::Rss => process.rss,
        Metric::Anon => process.anonymous(),
        Metric::Pss => process.rss.max(process.anonymous()),
    }
}

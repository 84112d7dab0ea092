//! Which members of a group are chosen, and what is known of one process. Pure but for what the given reader reads.

use super::bounds::GroupSum;
use super::membership::{GroupKey, MemberReader};
use super::sums::Sums;
use crate::config::GroupKill;
use crate::policy::Policy;
use crate::proc::{ProcessSize, Pss, Sizes};
use crate::quantities::{Bytes, Metric, Pid, StartTime};
use std::collections::HashSet;

/// Which member is to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChoice {
    /// This one, with so much memory by the metric of the group, where that is known.
    Member(Pid, Option<Bytes>),
    /// It can't be told yet: what may have more could not be read in time.
    Later,
    /// None: all of them are protected, or have no memory.
    None,
}

/// What has to be known of a member before it is killed.
pub trait Members {
    /// Whether nothing protects it, and it is no victim already.
    fn may_be_killed(&mut self, pid: Pid) -> bool;
    /// When it was started; None where it has ended, or can't be read.
    fn started(&mut self, pid: Pid) -> Option<StartTime>;
}

impl Sums {
    /// The one member that is killed, by `kill`: the newest of those that may be, or that with most memory.
    pub fn choose(
        &mut self,
        sum: usize,
        kill: GroupKill,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut dyn MemberReader,
        members: &mut dyn Members,
    ) -> MemberChoice {
        if kill == GroupKill::Newest {
            self.newest(sum, policy, sizes, reader, members)
        } else {
            let mut is_candidate = |pid| members.may_be_killed(pid);
            self.largest(sum, policy, sizes, reader, &mut is_candidate)
        }
    }

    fn newest(
        &mut self,
        sum: usize,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut dyn MemberReader,
        members: &mut dyn Members,
    ) -> MemberChoice {
        let metric = self.metric(sum).unwrap_or(Metric::Rss);
        let mut all = Vec::new();
        self.each_member(sum, policy, sizes, reader, &mut |size| {
            all.push((size.pid, size.by(metric)));
        });
        let mut newest: Option<((StartTime, Pid), Option<Bytes>)> = None;
        for (pid, memory) in all {
            if reader.is_time_over() {
                return MemberChoice::Later;
            }
            let age = members.started(pid).map(|start| (start, pid));
            let age = age.filter(|age| newest.is_none_or(|(newest, _)| *age > newest));
            if let Some(age) = age.filter(|_| members.may_be_killed(pid)) {
                newest = Some((age, memory));
            }
        }
        newest.map_or(MemberChoice::None, |((_, pid), memory)| {
            MemberChoice::Member(pid, memory)
        })
    }

    /// The member with most memory of those that are candidates.
    pub fn largest(
        &mut self,
        sum: usize,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut dyn MemberReader,
        is_candidate: &mut dyn FnMut(Pid) -> bool,
    ) -> MemberChoice {
        let Some(metric) = self.metric(sum) else {
            return MemberChoice::None;
        };
        let mut best: Option<(Pid, Bytes)> = None;
        let most = |best: &Option<(Pid, Bytes)>| best.map_or(Bytes::ZERO, |(_, most)| most);
        let mut at = 0;
        loop {
            let Some(link) = self.links.get(at).copied() else {
                // A process whose groups are not known may have more.
                let next = sizes.all().get(self.next);
                if next.is_none_or(|next| next.rss <= most(&best)) {
                    break;
                }
                if reader.is_time_over() {
                    return MemberChoice::Later;
                }
                self.attribute(policy, sizes, reader);
                continue;
            };
            at += 1;
            let size = sizes.get_mut(link.member as usize);
            let Some(size) = size.filter(|_| usize::from(link.sum) == sum) else {
                continue;
            };
            let is_wanted = metric == Metric::Pss && size.is_unread();
            if is_wanted && size.rss > most(&best) {
                match reader.pss(size.pid) {
                    Pss::NoTime => {
                        // What was read until now need not be read again.
                        self.kept.go_on();
                        return MemberChoice::Later;
                    }
                    pss => size.pss = pss,
                }
            }
            let memory = size.by(metric).unwrap_or_default();
            if memory > most(&best) && is_candidate(size.pid) {
                best = Some((size.pid, memory));
            }
        }
        best.map_or(MemberChoice::None, |(pid, memory)| {
            MemberChoice::Member(pid, Some(memory))
        })
    }

    /// Finds out the groups of all processes, as far as there is time, and hands the members of this one to `take`, the
    /// largest first.
    pub fn each_member(
        &mut self,
        sum: usize,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut dyn MemberReader,
        take: &mut dyn FnMut(&ProcessSize),
    ) {
        while !reader.is_time_over() && self.attribute(policy, sizes, reader) {}
        let own = self
            .links
            .iter()
            .filter(|link| usize::from(link.sum) == sum);
        for link in own {
            if let Some(size) = sizes.all().get(link.member as usize) {
                take(size);
            }
        }
    }

    /// What the members with these PIDs had when they were summed up, at most.
    pub fn memory_of(&self, sum: usize, sizes: &Sizes, pids: &HashSet<Pid>) -> Bytes {
        let metric = self.metric(sum).unwrap_or(Metric::Rss);
        let own = self
            .links
            .iter()
            .filter(|link| usize::from(link.sum) == sum);
        let own = own.filter_map(|link| sizes.all().get(link.member as usize));
        let own = own.filter(|size| pids.contains(&size.pid));
        let own = own.map(|size| size.by(metric).unwrap_or(size.rss));
        own.fold(Bytes::ZERO, Bytes::saturating_add)
    }

    /// Whether this group still is over its threshold without the members with these PIDs: where others have ended or
    /// shrunk since it was summed up, no member is killed for what they had. `most` says how much a process has now at
    /// most, by a metric. Asks for the largest ones, as far as that decides.
    pub fn is_still_over(
        &self,
        sum: usize,
        sizes: &Sizes,
        without: &HashSet<Pid>,
        most: &mut dyn FnMut(Pid, Metric) -> Bytes,
    ) -> bool {
        let Some(own) = self.all.get(sum) else {
            return false;
        };
        let Some(traits) = self.traits.get(own.group) else {
            return false;
        };
        let metric = traits.metric;
        let links = self.links.iter();
        let members = links.filter(|link| usize::from(link.sum) == sum);
        let members = members.filter_map(|link| sizes.all().get(link.member as usize));
        let mut known = Bytes::ZERO;
        for size in members.filter(|size| !without.contains(&size.pid)) {
            let had = size.by(metric).unwrap_or_default();
            if had > Bytes::ZERO {
                known = known.saturating_add(had.min(most(size.pid, metric)));
            }
            if known > traits.threshold {
                return true;
            }
        }
        false
    }

    /// The parents of processes are read anew from now on: those of before may have ended.
    pub fn forget_parents(&mut self) {
        self.tree.clear();
    }

    /// Whether a process is a member of this group, with the parents as they were read since they were forgotten.
    pub fn is_member(
        &mut self,
        sum: &GroupSum,
        pid: Pid,
        policy: &Policy,
        reader: &mut dyn MemberReader,
    ) -> bool {
        let mut groups = self.groups_of(pid, policy, reader).into_iter();
        groups.any(|found| found == (sum.group, sum.key))
    }

    /// The groups of one process: their indices and keys.
    pub fn groups_of(
        &mut self,
        pid: Pid,
        policy: &Policy,
        reader: &mut dyn MemberReader,
    ) -> Vec<(usize, GroupKey)> {
        self.found.clear();
        self.tree.groups_of(pid, policy, reader, &mut self.found);
        let found = self.found.iter();
        found.map(|found| (found.group, found.key)).collect()
    }
}

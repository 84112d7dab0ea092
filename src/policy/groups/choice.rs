//! Which members of a group are chosen, and what is known of one process. Pure but for what the given reader reads.

use super::bounds::GroupSum;
use super::membership::{GroupKey, MemberReader};
use super::sums::Sums;
use crate::policy::Policy;
use crate::proc::{ProcessSize, Pss, Sizes};
use crate::quantities::{Bytes, Metric, Pid};

impl Sums {
    /// The member with most memory of those that are candidates; None where there is none.
    pub fn largest(
        &mut self,
        sum: usize,
        policy: &Policy,
        sizes: &mut Sizes,
        reader: &mut dyn MemberReader,
        is_candidate: &mut dyn FnMut(Pid) -> bool,
    ) -> Option<(Pid, Bytes)> {
        let metric = self.metric(sum)?;
        let mut best: Option<(Pid, Bytes)> = None;
        let most = |best: &Option<(Pid, Bytes)>| best.map_or(Bytes::ZERO, |(_, most)| most);
        let mut at = 0;
        loop {
            let Some(link) = self.links.get(at).copied() else {
                // A process whose groups are not known may have more.
                let next = sizes.all().get(self.next);
                let may_have_more = next.is_some_and(|next| next.rss > most(&best));
                if may_have_more && !reader.is_time_over() && self.attribute(policy, sizes, reader)
                {
                    continue;
                }
                return best;
            };
            at += 1;
            let size = sizes.get_mut(link.member as usize);
            let Some(size) = size.filter(|_| usize::from(link.sum) == sum) else {
                continue;
            };
            if metric == Metric::Pss && size.rss > most(&best) && size.pss == Pss::Unread {
                size.pss = reader.pss(size.pid);
            }
            let memory = size.by(metric).unwrap_or_default();
            if memory > most(&best) && is_candidate(size.pid) {
                best = Some((size.pid, memory));
            }
        }
    }

    /// Finds out the groups of all processes, and hands the members of this one to `take`, the largest first.
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

    /// Whether a process is still a member of this group, as it is read now.
    pub fn is_member(
        &mut self,
        sum: &GroupSum,
        pid: Pid,
        policy: &Policy,
        reader: &mut dyn MemberReader,
    ) -> bool {
        self.tree.clear();
        self.found.clear();
        self.tree.groups_of(pid, policy, reader, &mut self.found);
        let mut found = self.found.iter();
        found.any(|found| (found.group, found.key) == (sum.group, sum.key))
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

//! What is done about groups as they are now: which members would be killed next, or why none would be. Pure but for
//! what the given reader reads.

use super::bounds::GroupStanding;
use super::choice::{MemberChoice, Members};
use super::membership::MemberReader;
use super::sums::Sums;
use crate::config::{GroupAction, GroupKill};
use crate::policy::Policy;
use crate::proc::{Sizes, SystemMemory};
use crate::quantities::{Percent, Pid, StartTime};
use std::collections::HashSet;

/// What is done about a group.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupOutlook {
    /// It is within its threshold.
    Within,
    /// Whether it is over its threshold can't be told.
    Unknown,
    /// It is only reported.
    Warn,
    /// Nothing as long as so much of the memory is available.
    Plentiful(Percent),
    /// Nothing: without what is killed for other thresholds it is within its own.
    Ending,
    /// These members are killed.
    Kill(Vec<Pid>),
    /// Which member has most, or is the newest, can't be told in time.
    Later,
    /// Every member is protected.
    Protected,
}

impl Sums {
    /// What is done about each group as it was summed up, whatever was done before. Of `ending`, which are killed for
    /// thresholds of their own, no member is chosen again, and the next group goes without what the one before it
    /// kills.
    pub fn outlooks(
        &mut self,
        policy: &Policy,
        sizes: &mut Sizes,
        memory: &SystemMemory,
        reader: &mut dyn MemberReader,
        members: &mut dyn Members,
        mut ending: HashSet<Pid>,
    ) -> Vec<GroupOutlook> {
        let mut outlooks = Vec::with_capacity(self.all().len());
        for sum in 0..self.all().len() {
            let machine = (&mut *sizes, memory);
            let outlook = self.outlook(sum, policy, machine, reader, members, &ending);
            if let GroupOutlook::Kill(pids) = &outlook {
                ending.extend(pids);
            }
            outlooks.push(outlook);
        }
        outlooks
    }

    fn outlook(
        &mut self,
        index: usize,
        policy: &Policy,
        (sizes, memory): (&mut Sizes, &SystemMemory),
        reader: &mut dyn MemberReader,
        members: &mut dyn Members,
        ending: &HashSet<Pid>,
    ) -> GroupOutlook {
        let sum = self.all().get(index).copied();
        let Some((sum, group)) = sum.and_then(|sum| Some((sum, policy.group(&sum)?))) else {
            return GroupOutlook::Within;
        };
        match sum.standing {
            GroupStanding::Within => return GroupOutlook::Within,
            GroupStanding::Open => return GroupOutlook::Unknown,
            GroupStanding::Over => {}
        }
        if group.action == GroupAction::Warn {
            return GroupOutlook::Warn;
        }
        if let Some(share) = policy.group_plenty(group, memory) {
            return GroupOutlook::Plentiful(share);
        }
        let given_back = self.memory_of(index, sizes, ending);
        if !policy.is_group_over_without(&sum, given_back, memory.total) {
            return GroupOutlook::Ending;
        }
        let members = &mut Others { members, ending };
        if group.kill == GroupKill::All {
            let mut all = Vec::new();
            self.each_member(index, policy, sizes, reader, &mut |size| {
                if members.may_be_killed(size.pid) {
                    all.push(size.pid);
                }
            });
            return if all.is_empty() {
                GroupOutlook::Protected
            } else {
                GroupOutlook::Kill(all)
            };
        }
        match self.choose(index, group.kill, policy, sizes, reader, members) {
            MemberChoice::Member(pid, _) => GroupOutlook::Kill(vec![pid]),
            MemberChoice::Later => GroupOutlook::Later,
            MemberChoice::None => GroupOutlook::Protected,
        }
    }
}

/// The members that are not killed anyway.
struct Others<'o> {
    members: &'o mut dyn Members,
    ending: &'o HashSet<Pid>,
}

impl Members for Others<'_> {
    fn may_be_killed(&mut self, pid: Pid) -> bool {
        !self.ending.contains(&pid) && self.members.may_be_killed(pid)
    }

    fn started(&mut self, pid: Pid) -> Option<StartTime> {
        self.members.started(pid)
    }
}

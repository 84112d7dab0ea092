//! The groups of processes as they are now, for the commands that show them. Sends no signal.

use super::group_row::GroupRow;
use crate::daemon::group_reader::Reader;
use crate::policy::groups::{Members, Sums};
use crate::policy::{Policy, Verdict};
use crate::proc::{Process, Sampler, Snapshot, SystemMemory};
use crate::quantities::{Now, Pid, StartTime};
use crate::users::UserNames;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// So long a command reads for groups in all, their sums and what would be killed for them; then it shows what it
/// knows.
const TIME: Duration = Duration::from_secs(2);

/// The groups of a scan, and the processes that would be killed for them.
#[derive(Debug, Default)]
pub(crate) struct GroupsNow {
    /// Those closest to their thresholds first.
    pub(crate) rows: Vec<GroupRow>,
    /// Those that would be killed next.
    pub(crate) victims: HashMap<Pid, GroupVictim>,
}

/// Why a process would be killed for a group.
#[derive(Clone, Debug)]
pub(crate) struct GroupVictim {
    /// The number of the `[[group]]`, from 1.
    pub(crate) number: usize,
    /// `the largest of group users/ann over ram_gb_threshold = 50.00GB`.
    pub(crate) reason: String,
}

/// Before a scan: whether it is to keep the sizes that groups want.
pub(crate) fn prepare(policy: &Policy, snapshot: &mut Snapshot) {
    snapshot.sizes.want(!policy.config.groups.is_empty());
}

/// The processes of a scan of all.
struct Near<'n> {
    policy: &'n Policy,
    memory: SystemMemory,
    now: &'n Now,
    processes: HashMap<Pid, &'n Process>,
}

impl<'n> Near<'n> {
    fn of(
        policy: &'n Policy,
        processes: &'n [Process],
        memory: SystemMemory,
        now: &'n Now,
    ) -> Self {
        let processes = processes.iter().map(|process| (process.pid, process));
        Self {
            policy,
            memory,
            now,
            processes: processes.collect(),
        }
    }

    /// Those that are killed for thresholds of their own.
    fn over(&self) -> HashSet<Pid> {
        let over = self.processes.values().filter(|process| {
            let verdict = self.policy.judge(process, &self.memory, self.now);
            matches!(verdict, Verdict::Breach(_))
        });
        over.map(|process| process.pid).collect()
    }
}

impl Members for Near<'_> {
    fn may_be_killed(&mut self, pid: Pid) -> bool {
        let process = self.processes.get(&pid);
        let protection =
            |process: &&&Process| self.policy.protection(process, &self.memory, self.now);
        process.is_some_and(|process| protection(&process).is_none())
    }

    fn started(&mut self, pid: Pid) -> Option<StartTime> {
        Some(self.processes.get(&pid)?.key()?.start_time)
    }
}

/// All groups that a scan of all processes has found, and what would be killed for them; the rows of those groups alone
/// that `only` belongs to, where it is given.
pub(crate) fn read(
    policy: &Policy,
    sampler: &Sampler,
    snapshot: &mut Snapshot,
    users: &mut UserNames,
    now: &Now,
    only: Option<&HashSet<Pid>>,
) -> GroupsNow {
    if policy.config.groups.is_empty() {
        return GroupsNow::default();
    }
    sampler.begin_turn();
    let mut sums = Sums::thorough();
    let memory = snapshot.memory;
    let mut sizes = std::mem::take(&mut snapshot.sizes);
    let mut reader = Reader::new(sampler, policy, TIME);
    sums.sum(policy, &mut sizes, &memory, None, &mut reader);
    let mut near = Near::of(policy, &snapshot.near, memory, now);
    let over = near.over();
    let outlooks = sums.outlooks(policy, &mut sizes, &memory, &mut reader, &mut near, over);
    let count = sums.all().len();
    let mut has_wanted = |index| {
        let Some(only) = only else { return true };
        let mut has_one = false;
        sums.each_member(index, policy, &mut sizes, &mut reader, &mut |size| {
            has_one |= only.contains(&size.pid);
        });
        has_one
    };
    let is_wanted: Vec<_> = (0..count).map(&mut has_wanted).collect();
    let names = RefCell::new(std::mem::take(users));
    let mut found = GroupsNow::default();
    for ((sum, outlook), is_wanted) in sums.all().iter().zip(&outlooks).zip(is_wanted) {
        let Some(row) = GroupRow::new(policy, (sum, outlook), snapshot, &names) else {
            continue;
        };
        let group = policy.group(sum);
        let threshold =
            group.and_then(|group| policy.group_threshold(group, sum.bounds.known, memory.total));
        let victim = GroupVictim {
            number: row.number,
            reason: row.reason(threshold.map(|(threshold, _)| threshold)),
        };
        let victims = row.victims.iter().map(|pid| (*pid, victim.clone()));
        found.victims.extend(victims);
        if is_wanted {
            found.rows.push(row);
        }
    }
    (*users, snapshot.sizes) = (names.into_inner(), sizes);
    found.rows.sort_by(|one, other| {
        let by_share = other.threshold_percent.total_cmp(&one.threshold_percent);
        by_share.then_with(|| {
            (Reverse(one.members), &one.group).cmp(&(Reverse(other.members), &other.group))
        })
    });
    found
}

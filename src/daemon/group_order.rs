//! Members of a group that are signalled together. Pure.

use crate::policy::groups::{GroupKey, GroupSum};
use crate::proc::{Facts, Name, Process};
use crate::quantities::{Now, Pid, ProcessKey, StartTime, Uid};
use std::collections::HashSet;

/// So many users, names and sessions of members are remembered while all of them are signalled.
const KINDS: usize = 64;
/// Members that are signalled together.
pub(super) struct Order {
    pub(super) sum: GroupSum,
    /// When that began.
    since: StartTime,
    pub(super) pids: HashSet<Pid>,
    /// Those that were members before the first of them was signalled: with the end of a parent its children are of its tree
    /// no longer.
    pub(super) confirmed: HashSet<ProcessKey>,
    /// Users, names and sessions of those that were signalled.
    kinds: Vec<(Uid, Name, Pid)>,
}

impl Order {
    /// Of one member.
    pub(super) fn of(sum: &GroupSum, now: &Now) -> Self {
        Self {
            sum: *sum,
            since: now.ticks,
            pids: HashSet::new(),
            confirmed: HashSet::new(),
            kinds: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, pid: Pid, facts: &Facts) {
        self.pids.insert(pid);
        let kind = facts
            .session
            .map(|session| (facts.uid, facts.name, session));
        if let Some(kind) = kind.filter(|kind| !self.kinds.contains(kind)) {
            if self.kinds.len() < KINDS {
                self.kinds.push(kind);
            }
        }
    }

    /// Whether this process was a member when the order began, or, in a tree, a member has forked it before it was signalled:
    /// with the end of that member it is of its tree no longer.
    pub(super) fn is_meant(&self, process: Option<&Process>) -> bool {
        let key = process.and_then(Process::key);
        if key.is_some_and(|key| self.confirmed.contains(&key)) {
            return true;
        }
        let facts = process.and_then(|process| process.facts.as_ref().ok());
        let is_tree = matches!(self.sum.key, GroupKey::Tree(_));
        facts.filter(|_| is_tree).is_some_and(|facts| {
            let is_child = facts
                .parent
                .is_some_and(|parent| self.pids.contains(&parent));
            // Of an orphan only what a fork does not change says whose it was.
            let is_orphan = || {
                let kind = facts
                    .session
                    .map(|session| (facts.uid, facts.name, session));
                kind.is_some_and(|kind| self.kinds.contains(&kind))
            };
            facts.start_time >= self.since && (is_child || is_orphan())
        })
    }
}

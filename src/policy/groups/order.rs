//! Members of a group that are signalled together. Pure.

use super::bounds::GroupSum;
use super::membership::GroupKey;
use crate::proc::{Facts, Name, Process};
use crate::quantities::{Now, Pid, ProcessKey, StartTime, Uid};
use std::collections::HashSet;

/// So many users, names and sessions of members are remembered while all of them are signalled.
const KINDS: usize = 64;

/// Members that are signalled together.
#[derive(Debug)]
pub struct Order {
    /// Their group.
    pub sum: GroupSum,
    /// When that began.
    since: StartTime,
    /// Those that were signalled.
    pub pids: HashSet<Pid>,
    /// Those that were members before the first of them was signalled: with the end of a parent its children are of its
    /// tree no longer.
    pub confirmed: HashSet<ProcessKey>,
    /// Users, names and sessions of those that were signalled.
    kinds: Vec<(Uid, Name, Pid)>,
}

impl Order {
    /// Begins now.
    pub fn of(sum: &GroupSum, now: &Now) -> Self {
        Self {
            sum: *sum,
            since: now.ticks,
            pids: HashSet::new(),
            confirmed: HashSet::new(),
            kinds: Vec::new(),
        }
    }

    /// This process was signalled.
    pub fn add(&mut self, pid: Pid, facts: &Facts) {
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

    /// Whether this process was a member when the order began, or, in a tree, a member has forked it before it was
    /// signalled: with the end of that member it is of its tree no longer. `session_of` is the session of a process;
    /// None where it can't be read.
    pub fn is_meant(
        &self,
        process: &Process,
        session_of: &dyn Fn(Pid) -> Option<Option<Pid>>,
    ) -> bool {
        let (Some(key), Ok(facts)) = (process.key(), &process.facts) else {
            return false;
        };
        let is_tree = matches!(self.sum.key, GroupKey::Tree(_));
        self.confirmed.contains(&key)
            || (is_tree
                && facts.start_time >= self.since
                && (self.is_child(facts) || self.is_orphan(key, facts, session_of)))
    }

    fn is_child(&self, facts: &Facts) -> bool {
        facts
            .parent
            .is_some_and(|parent| self.pids.contains(&parent))
    }

    /// A fork changes neither user nor name nor session. What has these of a member, and a parent of another session,
    /// has lost the one that forked it: a process that lives has its children in its own session, but for the leaders
    /// of new ones.
    fn is_orphan(
        &self,
        key: ProcessKey,
        facts: &Facts,
        session_of: &dyn Fn(Pid) -> Option<Option<Pid>>,
    ) -> bool {
        let Some(session) = facts.session.filter(|leader| *leader != key.pid) else {
            return false;
        };
        // A parent outside of the pid namespace is of no session in it.
        let of_parent = facts.parent.map_or(Some(None), session_of);
        self.kinds.contains(&(facts.uid, facts.name, session))
            && of_parent.is_some_and(|other| other != Some(session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::groups::{Bounds, GroupStanding};
    use crate::policy::tests::{at, process};
    use std::time::Instant;

    fn forked(pid: u32, parent: u32, session: u32) -> Process {
        let mut process = process(pid);
        if let Ok(facts) = &mut process.facts {
            facts.parent = Pid::new(parent);
            facts.session = Pid::new(session);
            facts.start_time = at(Instant::now()).ticks;
        }
        process
    }

    #[test]
    fn what_a_member_has_forked_is_meant_and_its_twins_are_not() {
        let root = process(2).key().unwrap();
        let sum = GroupSum {
            group: 0,
            key: GroupKey::Tree(root),
            unit: Name::new(b""),
            members: 1,
            bounds: Bounds::NONE,
            standing: GroupStanding::Over,
            is_proven: true,
            cursor: 0,
        };
        let mut order = Order::of(&sum, &at(Instant::now()));
        let member = forked(3, 2, 2);
        order.add(Pid::new(3).unwrap(), member.facts.as_ref().unwrap());
        // 1 is a reaper of no session, 9 of another one; 2 lives and is of the session of the members.
        let session_of = |pid: Pid| match pid.get() {
            1 => Some(None),
            2 => Some(Pid::new(2)),
            9 => Some(Pid::new(9)),
            _ => None,
        };
        let is_meant = |process: &Process| order.is_meant(process, &session_of);
        assert!(is_meant(&forked(4, 3, 2)), "its child");
        assert!(is_meant(&forked(4, 1, 2)), "an orphan");
        assert!(is_meant(&forked(4, 9, 2)), "an orphan of a reaper");
        assert!(!is_meant(&forked(4, 2, 2)), "whose parent lives");
        assert!(!is_meant(&forked(4, 8, 2)), "whose parent can't be read");
        assert!(!is_meant(&forked(4, 1, 9)), "of another session");
        assert!(!is_meant(&forked(4, 9, 4)), "the leader of a new session");
        let mut before = forked(4, 3, 2);
        before.facts.as_mut().unwrap().start_time = StartTime(0);
        assert!(!is_meant(&before), "it was there before");
    }
}

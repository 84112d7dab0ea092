//! The descendants of victims: a process that forks before its grace period is over, and exits, would never be sent
//! SIGKILL. What it has forked inherits its deadline. Pure: times are handed in.

use crate::proc::{Name, Process, Unit};
use crate::quantities::{Bytes, Now, Pid, ProcessKey, StartTime, Uid};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many victims are remembered, the oldest of which is forgotten first.
const CAPACITY: usize = 128;
/// How long after its SIGTERM a victim is remembered: longer than any of its descendants has to be found.
const REMEMBERED: Duration = Duration::from_secs(600);

/// So many ticks after the end of a victim what is started in the same control group may still descend from it: a
/// second, since USER_HZ is 100 on every architecture that this runs on.
const GAP: u64 = 100;

/// A victim, and while it lived after its SIGTERM.
#[derive(Clone, Copy, Debug)]
struct Ancestor {
    key: ProcessKey,
    uid: Uid,
    name: Name,
    /// Its unit or control group: no user can leave that for another but within what is the user's.
    unit: Option<Unit>,
    rss: Bytes,
    /// When the first of its line was sent SIGTERM.
    terminated: Instant,
    from: StartTime,
    /// None while it lives.
    until: Option<StartTime>,
}

/// The victims of the last minutes.
#[derive(Clone, Debug, Default)]
pub(super) struct Lineage(VecDeque<Ancestor>);

impl Lineage {
    pub(super) fn with_capacity(victims: usize) -> Self {
        Self(VecDeque::with_capacity(victims.min(CAPACITY)))
    }

    /// A process was sent SIGTERM at `now`, the first of its line at `terminated`.
    pub(super) fn add(
        &mut self,
        key: ProcessKey,
        process: &Process,
        terminated: Instant,
        now: &Now,
    ) {
        let Ok(facts) = &process.facts else { return };
        let is_old = |own: &Ancestor| now.monotonic.duration_since(own.terminated) >= REMEMBERED;
        while self.0.len() >= CAPACITY || self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
        self.0.push_back(Ancestor {
            key,
            uid: facts.uid,
            name: facts.name,
            unit: process.details.unit,
            rss: process.rss,
            terminated,
            from: now.ticks,
            until: None,
        });
    }

    /// A victim has ended.
    pub(super) fn end(&mut self, key: ProcessKey, now: &Now) {
        if let Some(own) = self.0.iter_mut().find(|own| own.key == key) {
            own.until = Some(now.ticks);
        }
    }

    /// The kill of a victim was cancelled.
    pub(super) fn forget(&mut self, key: ProcessKey) {
        self.0.retain(|own| own.key != key);
    }

    /// Whether this was a victim that has ended.
    pub(super) fn has_ended(&self, key: ProcessKey) -> bool {
        self.0
            .iter()
            .any(|own| own.key == key && own.until.is_some())
    }

    /// Whether this process can descend from a victim, by what is known of it before it is held.
    pub(super) fn may_be_heir(&self, process: &Process, now: &Now) -> bool {
        self.0.iter().any(|own| own.may_be_ancestor(process, now))
    }

    /// When the victim that this process descends from was sent SIGTERM; None where it descends from none. Its parent
    /// is a victim, or it has user and control group of one and was started while that one lived after its SIGTERM:
    /// what a service manager starts again, it starts after the exit.
    pub(super) fn inherited(
        &self,
        process: &Process,
        unit: Option<&Unit>,
        now: &Now,
    ) -> Option<Instant> {
        let parent = process.facts.as_ref().ok()?.parent;
        let mut all = self.0.iter();
        let own = all.find(|own| own.is_ancestor(process, parent, unit, now))?;
        Some(own.terminated)
    }
}

impl Ancestor {
    /// What it forked may have forked again and ended before it was seen. A copy has its size from the beginning; what
    /// is started anew needs time to grow. In a system service the service manager may have started it.
    fn gap(&self, started: StartTime, now: &Now) -> u64 {
        let is_young = now.ticks.0.saturating_sub(started.0) <= 2 * GAP;
        if is_young && !self.unit.is_some_and(|unit| unit.is_system_service()) {
            GAP
        } else {
            0
        }
    }

    fn may_be_ancestor(&self, process: &Process, now: &Now) -> bool {
        let Ok(facts) = &process.facts else {
            return false;
        };
        facts.uid == self.uid
            && facts.start_time >= self.from
            && self
                .until
                .is_none_or(|until| facts.start_time.0 <= until.0 + self.gap(facts.start_time, now))
    }

    fn is_ancestor(
        &self,
        process: &Process,
        parent: Option<Pid>,
        unit: Option<&Unit>,
        now: &Now,
    ) -> bool {
        let Ok(facts) = &process.facts else {
            return false;
        };
        let is_child = self.until.is_none() && parent == Some(self.key.pid);
        // Where it has no unit, or began after the end of this one, only its name tells it from what has nothing to do
        // with it.
        let is_within = self.until.is_none_or(|until| facts.start_time <= until);
        let is_sure = (unit.is_some() && is_within) || facts.name == self.name;
        let own = self.unit.as_ref();
        let is_same = unit.map(|unit| unit.name) == own.map(|own| own.name) && is_sure;
        // A user's service manager lets a process move to another unit of that user. What continues a victim has its
        // memory, which is not so for what the user has started meanwhile.
        let is_moved = own.is_some_and(|own| own.is_of_user)
            && unit.is_some_and(|unit| unit.is_of_user)
            && is_within
            && process.rss.get() >= self.rss.get() / 2;
        self.may_be_ancestor(process, now) && (is_child || is_same || is_moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{at, process};

    fn started(pid: u32, ticks: u64, parent: u32) -> Process {
        let mut process = process(pid);
        let facts = process.facts.as_mut().unwrap();
        facts.start_time = StartTime(ticks);
        facts.parent = Pid::new(parent);
        process.details.unit = Unit::of_cgroup(b"/system.slice/a.service");
        process
    }

    #[test]
    fn what_a_victim_forks_inherits_its_deadline_and_what_starts_after_it_does_not() {
        let start = Instant::now();
        let mut lineage = Lineage::default();
        let mut victim = started(5, 1, 1);
        // The clock of start times is at 10.
        lineage.add(victim.key().unwrap(), &victim, start, &at(start));
        let inherited = |lineage: &Lineage, process: Process| {
            lineage.inherited(&process, process.details.unit.as_ref(), &at(start))
        };
        assert_eq!(inherited(&lineage, started(6, 10, 5)), Some(start));
        assert_eq!(
            inherited(&lineage, started(6, 10, 1)),
            Some(start),
            "reparented"
        );
        assert_eq!(inherited(&lineage, started(6, 9, 5)), None, "forked before");
        let mut other = started(6, 10, 1);
        other.details.unit = Unit::of_cgroup(b"/lxc/session-2.scope");
        assert_eq!(inherited(&lineage, other), None);
        let mut now = at(start);
        now.ticks = StartTime(20);
        lineage.end(victim.key().unwrap(), &now);
        assert_eq!(inherited(&lineage, started(6, 20, 1)), Some(start));
        assert_eq!(
            inherited(&lineage, started(6, 21, 1)),
            None,
            "started again"
        );
        // A PID can be another process's by then.
        assert_eq!(inherited(&lineage, started(6, 21, 5)), None);
        assert!(lineage.may_be_heir(&started(6, 15, 1), &at(start)));
        assert!(!lineage.may_be_heir(&started(6, 21, 1), &at(start)));
        // Outside of services nothing starts it again, and what it forked may have forked and ended meanwhile.
        let mut lineage = Lineage::default();
        victim.details.unit = Unit::of_cgroup(b"/lxc/a.service");
        lineage.add(victim.key().unwrap(), &victim, start, &at(start));
        lineage.end(victim.key().unwrap(), &now);
        assert_eq!(inherited(&lineage, started(6, 21, 1)), Some(start));
        assert_eq!(inherited(&lineage, started(6, 20 + GAP + 1, 1)), None);
    }

    #[test]
    fn one_that_moves_to_another_unit_of_its_user_inherits_with_the_memory_alone() {
        let start = Instant::now();
        let mut lineage = Lineage::default();
        let started = |pid, path: &[u8], mib: u64| {
            let mut process = started(pid, 10, 1);
            process.facts.as_mut().unwrap().name = Name::new(path);
            process.details.unit = Unit::of_cgroup(path);
            process.rss = Bytes::new(mib << 20);
            process
        };
        let session = b"/user.slice/user-1000.slice/session-1.scope";
        let victim = started(5, session, 200);
        lineage.add(victim.key().unwrap(), &victim, start, &at(start));
        let inherited = |process: Process| {
            lineage.inherited(&process, process.details.unit.as_ref(), &at(start))
        };
        let other = b"/user.slice/user-1000.slice/user@1000.service/app.slice/run-r7.scope";
        assert_eq!(inherited(started(6, other, 190)), Some(start));
        assert_eq!(inherited(started(6, other, 90)), None);
        assert_eq!(
            inherited(started(6, b"/system.slice/cron.service", 190)),
            None
        );
    }
}

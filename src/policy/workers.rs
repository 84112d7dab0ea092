//! Workers that their parent starts again as often as they are killed: the pool is what has to be looked at, and it is
//! said once. Pure: times are handed in.

use crate::proc::{Name, Process};
use crate::quantities::{Now, Pid, StartTime};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many pools are remembered, the oldest of which is forgotten first.
const CAPACITY: usize = 64;
/// Workers that were killed longer ago do not count.
const QUIET: Duration = Duration::from_secs(600);
/// From so many on that came back, it is said.
const ENOUGH: u32 = 2;

/// A parent whose workers are killed.
#[derive(Clone, Copy, Debug)]
struct Pool {
    parent: Pid,
    name: Name,
    last: Instant,
    ticks: StartTime,
    returned: u32,
}

/// Workers of one parent that came back and were killed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// Their parent.
    pub parent: Pid,
    /// Their name.
    pub name: Name,
    /// How many were killed after they had come back.
    pub kills: u32,
}

/// The parents whose workers were killed within the last minutes.
#[derive(Clone, Debug, Default)]
pub(super) struct Pools(VecDeque<Pool>);

impl Pools {
    pub(super) fn with_capacity(pools: usize) -> Self {
        Self(VecDeque::with_capacity(pools.min(CAPACITY)))
    }

    /// A process was sent SIGTERM. Returns its pool when it has come back often enough, once. What is killed at the
    /// same time has not come back; and what pid 1 has adopted has no parent that would start it again.
    pub(super) fn record(&mut self, process: &Process, now: &Now) -> Option<Workers> {
        let facts = process.facts.as_ref().ok()?;
        let parent = facts.parent.filter(|&parent| parent != Pid::INIT)?;
        let (name, last, ticks) = (facts.name, now.monotonic, now.ticks);
        self.0
            .retain(|pool| last.saturating_duration_since(pool.last) < QUIET);
        let own = |pool: &&mut Pool| pool.parent == parent && pool.name == name;
        let Some(pool) = self.0.iter_mut().find(own) else {
            if self.0.len() >= CAPACITY {
                self.0.pop_front();
            }
            let returned = 0;
            self.0.push_back(Pool {
                parent,
                name,
                last,
                ticks,
                returned,
            });
            return None;
        };
        if facts.start_time < pool.ticks {
            return None;
        }
        pool.returned = pool.returned.saturating_add(1);
        (pool.last, pool.ticks) = (last, ticks);
        let kills = pool.returned;
        (kills == ENOUGH).then_some(Workers {
            parent,
            name,
            kills,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{at, process};

    #[test]
    fn a_pool_is_reported_once_when_its_workers_keep_coming_back() {
        let start = Instant::now();
        let mut pools = Pools::default();
        let mut record = |pid, started, ticks| {
            let mut worker = process(pid);
            let facts = worker.facts.as_mut().unwrap();
            (facts.parent, facts.start_time) = (Pid::new(40), StartTime(started));
            let mut now = at(start);
            now.ticks = StartTime(ticks);
            pools.record(&worker, &now).map(|workers| workers.kills)
        };
        // All of a pool at once.
        assert_eq!(record(50, 1, 10), None);
        assert_eq!(record(51, 1, 10), None);
        // Then what came back.
        assert_eq!(record(52, 11, 20), None);
        assert_eq!(record(53, 11, 20), None);
        assert_eq!(record(54, 21, 30), Some(2));
        assert_eq!(record(55, 31, 40), None);
    }
}

//! Since when processes have been over their thresholds: a single read below starts the time again. Pure: times are
//! handed in.

use crate::quantities::ProcessKey;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The time between two reads of a process whose kill is delayed: its time over the threshold is exact to a second, and
/// a fall below it in between is seen.
const INTERVAL: Duration = Duration::from_secs(1);

/// So many processes are remembered; a further one is taken for one that has just crossed its threshold.
const CAPACITY: usize = 16_384;

/// The processes that were over a threshold when they were last read.
#[derive(Clone, Debug, Default)]
pub struct OverSince {
    over: HashMap<ProcessKey, Over>,
}

#[derive(Clone, Copy, Debug)]
struct Over {
    since: Instant,
    seen: Instant,
    /// When it is killed if it is still over then; None where its kill is not delayed.
    until: Option<Instant>,
}

impl OverSince {
    /// So many processes cost no heap allocation.
    pub fn with_capacity(processes: usize) -> Self {
        Self {
            over: HashMap::with_capacity(processes),
        }
    }

    /// Since when this process has been over; None where it is not.
    pub fn since(&self, key: ProcessKey) -> Option<Instant> {
        Some(self.over.get(&key)?.since)
    }

    /// When this process is killed; None where that is not delayed.
    pub fn until(&self, key: ProcessKey) -> Option<Instant> {
        self.over.get(&key)?.until
    }

    /// A process is over; `until` is when it is killed, None where that is not delayed.
    pub fn record(&mut self, key: ProcessKey, now: Instant, until: Option<Instant>) {
        if let Some(over) = self.over.get_mut(&key) {
            (over.seen, over.until) = (now, until);
        } else if self.over.len() < CAPACITY {
            let (since, seen) = (now, now);
            self.over.insert(key, Over { since, seen, until });
        }
    }

    /// A process is no longer over, or has ended.
    pub fn forget(&mut self, key: ProcessKey) {
        self.over.remove(&key);
    }

    /// After a scan at `now`: a process that was not seen over then is below, or has ended.
    pub fn forget_unseen(&mut self, now: Instant) {
        self.over.retain(|_, over| over.seen == now);
    }

    /// When the next of the processes whose kill is delayed is due to be read; None where there is none.
    pub fn next_read(&self) -> Option<Instant> {
        self.over.values().filter_map(Over::next_read).min()
    }

    /// Those that are due to be read now.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = ProcessKey> {
        let is_due = move |over: &Over| over.next_read().is_some_and(|then| then <= now);
        let all = self.over.iter();
        all.filter(move |(_, over)| is_due(over))
            .map(|(&key, _)| key)
    }
}

impl Over {
    fn next_read(&self) -> Option<Instant> {
        let next = self.seen + INTERVAL;
        // One that is overdue is not read again at once.
        self.until.map(|until| {
            if until > self.seen {
                next.min(until)
            } else {
                next
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::{Pid, StartTime};

    fn key(pid: u32, start: u64) -> ProcessKey {
        ProcessKey {
            pid: Pid::new(pid).unwrap(),
            start_time: StartTime(start),
        }
    }

    #[test]
    fn a_read_below_starts_the_time_again() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut over = OverSince::default();
        over.record(key(5, 1), at(0), Some(at(10)));
        over.record(key(5, 1), at(3), Some(at(10)));
        assert_eq!(over.since(key(5, 1)), Some(at(0)));
        assert_eq!(over.until(key(5, 1)), Some(at(10)));
        // Another process with its PID is another one.
        assert_eq!(over.since(key(5, 2)), None);
        over.forget_unseen(at(3));
        assert_eq!(over.since(key(5, 1)), Some(at(0)));
        over.forget_unseen(at(4));
        assert_eq!(over.since(key(5, 1)), None);
        over.record(key(5, 1), at(5), Some(at(15)));
        assert_eq!(over.since(key(5, 1)), Some(at(5)));
    }

    #[test]
    fn delayed_ones_are_read_each_second_and_when_their_time_comes() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut over = OverSince::default();
        assert_eq!(over.next_read(), None);
        over.record(key(5, 1), at(0), None);
        assert_eq!(over.next_read(), None);
        over.record(key(6, 1), at(0), Some(at(1500)));
        assert_eq!(over.next_read(), Some(at(1000)));
        assert_eq!(over.due(at(999)).next(), None);
        assert_eq!(over.due(at(1000)).next(), Some(key(6, 1)));
        over.record(key(6, 1), at(1000), Some(at(1500)));
        assert_eq!(over.due(at(1000)).next(), None);
        assert_eq!(over.next_read(), Some(at(1500)));
        over.forget(key(6, 1));
        assert_eq!(over.next_read(), None);
    }
}

//! Since when processes have been over their thresholds: one look below starts it anew. Times are
//! handed in.

use crate::quantities::ProcessKey;
use std::time::{Duration, Instant};

/// So often those who wait for their end are looked at, so that the time over a threshold is kept to
/// a second and a fall below it in between is seen.
const LOOK: Duration = Duration::from_secs(1);

/// The processes that were over a threshold when they were last looked at.
#[derive(Clone, Debug, Default)]
pub struct OverSince {
    over: Vec<Over>,
}

#[derive(Clone, Copy, Debug)]
struct Over {
    key: ProcessKey,
    since: Instant,
    seen: Instant,
    /// When it is to be ended if it is still over then; None where nothing is waited for.
    until: Option<Instant>,
}

impl OverSince {
    /// With room for so many processes from the start.
    pub fn with_capacity(processes: usize) -> Self {
        Self {
            over: Vec::with_capacity(processes),
        }
    }

    /// Since when this process has been over.
    pub fn since(&self, key: ProcessKey) -> Option<Instant> {
        self.find(key).map(|over| over.since)
    }

    /// When it is to be ended, where that is waited for.
    pub fn until(&self, key: ProcessKey) -> Option<Instant> {
        self.find(key)?.until
    }

    /// A process is over; `until` says when it is to be ended.
    pub fn record(&mut self, key: ProcessKey, now: Instant, until: Option<Instant>) {
        match self.over.iter_mut().find(|over| over.key == key) {
            Some(over) => (over.seen, over.until) = (now, until),
            None => self.over.push(Over {
                key,
                since: now,
                seen: now,
                until,
            }),
        }
    }

    /// A process is no longer over, or gone.
    pub fn forget(&mut self, key: ProcessKey) {
        self.over.retain(|over| over.key != key);
    }

    /// After a look at everybody at `now`: who was not seen over then is below, or gone.
    pub fn forget_unseen(&mut self, now: Instant) {
        self.over.retain(|over| over.seen == now);
    }

    /// Those whose end is waited for.
    pub fn waiting(&self) -> impl Iterator<Item = ProcessKey> {
        let waiting = self.over.iter().filter(|over| over.until.is_some());
        waiting.map(|over| over.key)
    }

    /// When the next look at one of those who wait is due.
    pub fn next_look(&self) -> Option<Instant> {
        self.over.iter().filter_map(Over::look).min()
    }

    /// One who is to be looked at now.
    pub fn due(&self, now: Instant) -> Option<ProcessKey> {
        let is_due = |over: &&Over| over.look().is_some_and(|then| then <= now);
        self.over.iter().find(is_due).map(|over| over.key)
    }

    fn find(&self, key: ProcessKey) -> Option<&Over> {
        self.over.iter().find(|over| over.key == key)
    }
}

impl Over {
    fn look(&self) -> Option<Instant> {
        let next = self.seen + LOOK;
        // What is overdue waits for a look all the same: no more than one at a time.
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
    fn one_look_below_starts_it_anew() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timed = OverSince::default();
        timed.record(key(5, 1), at(0), Some(at(10)));
        timed.record(key(5, 1), at(3), Some(at(10)));
        assert_eq!(timed.since(key(5, 1)), Some(at(0)));
        assert_eq!(timed.until(key(5, 1)), Some(at(10)));
        // Another process with its number is another one.
        assert_eq!(timed.since(key(5, 2)), None);
        timed.forget_unseen(at(3));
        assert_eq!(timed.since(key(5, 1)), Some(at(0)));
        timed.forget_unseen(at(4));
        assert_eq!(timed.since(key(5, 1)), None);
        timed.record(key(5, 1), at(5), Some(at(15)));
        assert_eq!(timed.since(key(5, 1)), Some(at(5)));
    }

    #[test]
    fn those_who_wait_are_looked_at_each_second_and_when_their_time_comes() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut timed = OverSince::default();
        assert_eq!(timed.next_look(), None);
        timed.record(key(5, 1), at(0), None);
        assert_eq!(timed.next_look(), None);
        timed.record(key(6, 1), at(0), Some(at(1500)));
        assert_eq!(timed.next_look(), Some(at(1000)));
        assert_eq!(timed.due(at(999)), None);
        assert_eq!(timed.due(at(1000)), Some(key(6, 1)));
        timed.record(key(6, 1), at(1000), Some(at(1500)));
        assert_eq!(timed.due(at(1000)), None);
        assert_eq!(timed.next_look(), Some(at(1500)));
        timed.forget(key(6, 1));
        assert_eq!(timed.next_look(), None);
    }
}

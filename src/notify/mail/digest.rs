//! What the next mail contains and when it is sent: the events of a minute together, and after a failure with a growing
//! backoff. Pure.

use crate::queue::Task;
use std::time::{Duration, Instant};

/// Events in a mail; more are counted.
const CAPACITY: usize = 1000;
/// Between two attempts.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// The events that wait.
#[derive(Debug)]
pub(super) struct Digest {
    /// From the first event to the mail, and from the first failure to the next attempt.
    interval: Duration,
    pub(super) tasks: Vec<Task>,
    /// Events beyond the capacity.
    pub(super) more: usize,
    due: Option<Instant>,
    failures: u32,
}

impl Digest {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            tasks: Vec::new(),
            more: 0,
            due: None,
            failures: 0,
        }
    }

    pub(super) fn add(&mut self, task: Task, now: Instant) {
        self.due.get_or_insert(now + self.interval);
        if self.tasks.len() < CAPACITY {
            self.tasks.push(task);
        } else {
            self.more += 1;
        }
    }

    /// How many events wait.
    pub(super) fn events(&self) -> usize {
        self.tasks.len() + self.more
    }

    /// How long until the mail is due; None while there is none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        Some(self.due?.saturating_duration_since(now))
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.wait(now).is_some_and(|wait| wait.is_zero())
    }

    /// Forgets what was sent or rejected; whether an attempt had failed before.
    pub(super) fn clear(&mut self) -> bool {
        let had_failed = self.failures > 0;
        *self = Self::new(self.interval);
        had_failed
    }

    /// Keeps what could not be sent for the next attempt; whether this is the first failure.
    pub(super) fn postpone(&mut self, now: Instant) -> bool {
        let factor = 2_u32.saturating_pow(self.failures);
        let backoff = self.interval.saturating_mul(factor);
        self.due = Some(now + backoff.min(LONGEST_BACKOFF));
        self.failures += 1;
        self.failures == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_a_minute_are_one_mail() {
        let mut digest = Digest::new(Duration::from_secs(60));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(digest.wait(start), None);
        digest.add(Task::of(r#"{"event":"killing"}"#), at(0));
        digest.add(Task::of(r#"{"event":"ended"}"#), at(50));
        assert_eq!(digest.wait(at(50)), Some(Duration::from_secs(10)));
        assert!(!digest.is_due(at(59)) && digest.is_due(at(60)));
        assert_eq!(digest.tasks.len(), 2);
        assert!(!digest.clear());
        assert!(digest.tasks.is_empty() && digest.wait(at(60)).is_none());
    }

    #[test]
    fn it_is_bounded_and_backs_off() {
        let mut digest = Digest::new(Duration::from_secs(60));
        let mut now = Instant::now();
        for _ in 0..CAPACITY + 5 {
            digest.add(Task::of(r#"{"event":"killing"}"#), now);
        }
        assert_eq!((digest.tasks.len(), digest.more), (CAPACITY, 5));
        let mut waits = Vec::new();
        for attempt in 0..6 {
            assert_eq!(digest.postpone(now), attempt == 0);
            let wait = digest.wait(now).unwrap();
            waits.push(wait.as_secs() / 60);
            now += wait;
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        assert!(digest.clear());
        assert_eq!(digest.more, 0);
    }
}

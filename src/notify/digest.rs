//! What a mail will say, and when it is to be sent: the events of a minute together, and after a failure
//! less and less often. Pure.

use super::task::Task;
use std::time::{Duration, Instant};

/// As many events are in a mail at most.
const MOST: usize = 1000;
/// Between two attempts at most.
const SELDOM: Duration = Duration::from_secs(15 * 60);

/// The events that wait.
#[derive(Debug)]
pub(super) struct Digest {
    /// From the first event to the mail, and from the first failure to the next attempt.
    every: Duration,
    pub(super) tasks: Vec<Task>,
    /// How many more there were.
    pub(super) more: usize,
    due: Option<Instant>,
    failures: u32,
}

impl Digest {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            every,
            tasks: Vec::new(),
            more: 0,
            due: None,
            failures: 0,
        }
    }

    /// Adds one.
    pub(super) fn add(&mut self, task: Task, now: Instant) {
        self.due.get_or_insert(now + self.every);
        if self.tasks.len() < MOST {
            self.tasks.push(task);
        } else {
            self.more += 1;
        }
    }

    /// How long until the mail is to be sent; None while there is none.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        Some(self.due?.saturating_duration_since(now))
    }

    /// Whether the mail is to be sent now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.wait(now).is_some_and(|wait| wait.is_zero())
    }

    /// It was sent, or is given up: whether there had been failures before.
    pub(super) fn done(&mut self) -> bool {
        let had_failed = self.failures > 0;
        *self = Self::new(self.every);
        had_failed
    }

    /// It could not be sent: whether that is the first time.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let wait = self
            .every
            .saturating_mul(2_u32.saturating_pow(self.failures));
        self.due = Some(now + wait.min(SELDOM));
        self.failures += 1;
        self.failures == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collects_the_events_of_a_minute() {
        let mut digest = Digest::new(Duration::from_secs(60));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(digest.wait(start), None);
        digest.add(Task::of(r#"{"event":"killing"}"#), at(0));
        digest.add(Task::of(r#"{"event":"ended"}"#), at(50));
        assert_eq!(digest.wait(at(50)), Some(Duration::from_secs(10)));
        assert!(!digest.is_due(at(59)) && digest.is_due(at(60)));
        assert_eq!(digest.tasks.len(), 2);
        assert!(!digest.done());
        assert!(digest.tasks.is_empty() && digest.wait(at(60)).is_none());
    }

    #[test]
    fn is_bounded_and_tries_again_more_and_more_seldom() {
        let mut digest = Digest::new(Duration::from_secs(60));
        let mut now = Instant::now();
        for _ in 0..MOST + 5 {
            digest.add(Task::of(r#"{"event":"killing"}"#), now);
        }
        assert_eq!((digest.tasks.len(), digest.more), (MOST, 5));
        let mut waits = Vec::new();
        for attempt in 0..6 {
            assert_eq!(digest.failed(now), attempt == 0);
            let wait = digest.wait(now).unwrap();
            waits.push(wait.as_secs() / 60);
            now += wait;
        }
        assert_eq!(waits, [1, 2, 4, 8, 15, 15]);
        assert!(digest.done());
        assert_eq!(digest.more, 0);
    }
}

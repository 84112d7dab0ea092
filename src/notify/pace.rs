//! Not more than one message in some seconds: the others wait and become one. Pure.

use std::time::{Duration, Instant};

/// What is to be said, and when the next may be.
#[derive(Debug)]
pub(super) struct Pace<T> {
    every: Duration,
    free_from: Option<Instant>,
    held: Option<(T, usize)>,
}

impl<T> Pace<T> {
    /// One message in so long a time.
    pub(super) const fn new(every: Duration) -> Self {
        Self {
            every,
            free_from: None,
            held: None,
        }
    }

    /// Adds something to be said.
    pub(super) fn add(&mut self, item: T) {
        match &mut self.held {
            Some((_, more)) => *more = more.saturating_add(1),
            None => self.held = Some((item, 0)),
        }
    }

    /// What is to be said now: the first that was held back, and how many more there were.
    pub(super) fn take(&mut self, now: Instant) -> Option<(T, usize)> {
        if self.free_from.is_some_and(|free| now < free) {
            return None;
        }
        let taken = self.held.take()?;
        self.free_from = Some(now + self.every);
        Some(taken)
    }

    /// How long what is held back must wait; None while nothing is.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.held.as_ref()?;
        let free = self.free_from.unwrap_or(now);
        Some(free.saturating_duration_since(now))
    }

    /// Whether it can be forgotten: nothing is held back, and the next could be said at once.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.held.is_none() && self.free_from.is_none_or(|free| now >= free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_first_at_once_and_sums_up_the_others() {
        let mut pace = Pace::new(Duration::from_secs(5));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(pace.take(at(0)), None);
        assert_eq!(pace.wait(at(0)), None);
        pace.add('a');
        assert_eq!(pace.wait(at(0)), Some(Duration::ZERO));
        assert_eq!(pace.take(at(0)), Some(('a', 0)));
        for item in ['b', 'c', 'd', 'e'] {
            pace.add(item);
        }
        assert_eq!(pace.take(at(4)), None);
        assert_eq!(pace.wait(at(4)), Some(Duration::from_secs(1)));
        assert_eq!(pace.take(at(5)), Some(('b', 3)));
        assert!(!pace.is_idle(at(9)));
        assert!(pace.is_idle(at(10)));
    }
}

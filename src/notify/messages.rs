//! Short messages about killed processes, to each recipient at a rate at which it can be read: one in five seconds, the
//! others are counted in the next one. Terminals and desktops are such channels.

use crate::event::Ended;
use crate::queue::Task;
use memory_monitor::events::notifier_test::Delivery;
use memory_monitor::quantities::Uid;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Between two messages to the same recipient.
const INTERVAL: Duration = Duration::from_secs(5);
/// While nothing is held back; the queue ends the wait.
const LONG: Duration = Duration::from_secs(3600);

/// A channel of such messages.
pub(crate) trait MessageChannel {
    /// A user or a desktop, each with a rate limit of its own.
    type Recipient: Ord + Copy;

    /// Who gets the message about this user's process; None for none.
    fn recipient(owner: Option<Uid>) -> Option<Self::Recipient>;

    /// One line of text about this process and so many more.
    fn text(&self, ended: &Ended, more: usize) -> String;

    /// Sends a line of text and logs the result, which it returns with details.
    fn send(&mut self, to: Self::Recipient, text: &str) -> (Delivery, String);
}

/// Sends messages until the queue is closed; what is held back then would come too late.
pub(crate) fn run<C: MessageChannel>(tasks: &Receiver<Task>, mut channel: C) {
    let mut limit = RateLimit::default();
    let mut is_open = true;
    loop {
        for (to, (ended, _), more) in limit.take(Instant::now()) {
            channel.send(to, &channel.text(&ended, more));
        }
        if !is_open {
            return;
        }
        let wait = limit.wait(Instant::now()).unwrap_or(LONG);
        match tasks.recv_timeout(wait) {
            Ok(task) if task.event.tester().is_some() => {
                if let Some(to) = C::recipient(task.event.tester()) {
                    let (result, detail) = channel.send(to, "This is a test of memory-monitor");
                    task.answer(result, &detail);
                }
            }
            Ok(task) => {
                if let Some(ended) = task.event.ended() {
                    if let Some(to) = C::recipient(ended.owner) {
                        // The task keeps the notifier from exiting as idle while its message is held back.
                        limit.add(to, (ended, task));
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => is_open = false,
        }
    }
}

/// What is held back, by recipient.
#[derive(Debug)]
struct RateLimit<R, T>(BTreeMap<R, Recipient<T>>);

#[derive(Debug)]
struct Recipient<T> {
    /// When the next message may be sent; None for at once.
    next: Option<Instant>,
    /// The first that was held back, and how many more.
    held: Option<(T, usize)>,
}

impl<R, T> Default for RateLimit<R, T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Recipient<T> {
    fn wait(&self, now: Instant) -> Duration {
        self.next
            .map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }
}

impl<R: Ord + Copy, T> RateLimit<R, T> {
    fn add(&mut self, to: R, item: T) {
        let new = Recipient {
            next: None,
            held: None,
        };
        match &mut self.0.entry(to).or_insert(new).held {
            Some((_, more)) => *more = more.saturating_add(1),
            held => *held = Some((item, 0)),
        }
    }

    /// What may be sent now: the first that was held back, and how many more.
    fn take(&mut self, now: Instant) -> Vec<(R, T, usize)> {
        let mut taken = Vec::new();
        self.0.retain(|&to, recipient| {
            if recipient.wait(now).is_zero() {
                let Some((item, more)) = recipient.held.take() else {
                    return false;
                };
                taken.push((to, item, more));
                recipient.next = Some(now + INTERVAL);
            }
            true
        });
        taken
    }

    /// How long until a message may be sent; None while nothing is held back.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let held = self.0.values().filter(|recipient| recipient.held.is_some());
        held.map(|recipient| recipient.wait(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_sent_at_once_and_the_others_become_one() {
        let mut limit = RateLimit::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(limit.wait(start), None);
        for (to, name) in [(1, "a"), (2, "b"), (1, "c"), (1, "d")] {
            limit.add(to, name);
        }
        assert_eq!(limit.wait(start), Some(Duration::ZERO));
        assert_eq!(limit.take(start), [(1, "a", 2), (2, "b", 0)]);
        assert_eq!(limit.wait(start), None);

        limit.add(2, "e");
        assert_eq!(limit.take(at(4)), []);
        assert_eq!(limit.wait(at(4)), Some(Duration::from_secs(1)));
        assert_eq!(limit.take(at(5)), [(2, "e", 0)]);
    }

    #[test]
    fn a_recipient_who_may_get_the_next_at_once_is_forgotten() {
        let mut limit = RateLimit::default();
        let start = Instant::now();
        limit.add(1, "a");
        assert_eq!(limit.take(start).len(), 1);
        assert!(limit.take(start + INTERVAL).is_empty());
        assert!(limit.0.is_empty());
    }
}

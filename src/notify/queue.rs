//! What waits for a channel: a bounded queue of tasks, and the answer to a test of the notifier. Touches the socket of
//! the test.

use crate::event::Event;
use memory_monitor::events::notifier_test::{Answer, Delivery};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Events beyond these are dropped.
const CAPACITY: usize = 1000;

/// An event for a channel.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) event: Arc<Event>,
    /// The channel's name.
    pub(crate) channel: Arc<str>,
    /// The program to run, for a command.
    pub(crate) program: Option<Arc<Path>>,
    /// Set for a test.
    pub(crate) reply: Option<Arc<Reply>>,
    /// Counted by [`crate::channels`]: a channel is idle when it holds no task.
    pub(crate) _busy: Arc<()>,
}

impl Task {
    /// Answers a test; does nothing for an event of the daemon.
    pub(crate) fn answer(&self, result: Delivery, detail: &str) {
        if let Some(reply) = &self.reply {
            reply.send(&self.channel, Some(result), detail);
        }
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self {
            event: Arc::new(Event::read(text.as_bytes()).expect(text)),
            channel: "a test".into(),
            program: None,
            reply: None,
            _busy: Arc::default(),
        }
    }
}

/// The sending end of a queue. Clones share its capacity.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    sender: SyncSender<Task>,
    dropped: u64,
}

impl Queue {
    pub(crate) fn new() -> (Self, Receiver<Task>) {
        let (sender, receiver) = sync_channel(CAPACITY);
        (Self { sender, dropped: 0 }, receiver)
    }

    /// Never waits: a task for which there is no capacity is dropped, which is logged when it begins and when it is
    /// over.
    pub(crate) fn put(&mut self, task: Task) {
        let channel = Arc::clone(&task.channel);
        match self.sender.try_send(task) {
            Ok(()) if self.dropped > 0 => {
                let dropped = std::mem::take(&mut self.dropped);
                log::warn!("Queue takes events again: Channel={channel}, Dropped={dropped}");
            }
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped += 1;
                if self.dropped == 1 {
                    log::warn!("Queue full, events are dropped: Channel={channel}");
                }
            }
        }
    }
}

/// Where the answers to a test go.
#[derive(Debug)]
pub(crate) struct Reply {
    socket: UnixDatagram,
    to: SocketAddr,
    token: String,
}

impl Reply {
    /// None where the address has no name, or no socket can be opened.
    pub(crate) fn new(to: SocketAddr, token: &str) -> Option<Self> {
        if to.is_unnamed() {
            return None;
        }
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        let token = token.to_owned();
        Some(Self { socket, to, token })
    }

    /// Sends one answer; a result of None means that the channel is about to deliver.
    pub(crate) fn send(&self, channel: &str, result: Option<Delivery>, detail: &str) {
        let answer = Answer {
            token: self.token.clone(),
            channel: channel.to_owned(),
            result,
            detail: detail.to_owned(),
        };
        if let Ok(answer) = serde_json::to_vec(&answer) {
            // The selftest may have given up.
            let _ = self.socket.send_to_addr(&answer, &self.to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_what_exceeds_the_capacity_and_counts_it() {
        let (mut queue, tasks) = Queue::new();
        for _ in 0..CAPACITY + 2 {
            queue.put(Task::of(r#"{"event":"ended"}"#));
        }
        assert_eq!(queue.dropped, 2);
        tasks.recv().unwrap();
        queue.put(Task::of(r#"{"event":"ended"}"#));
        assert_eq!(queue.dropped, 0);
    }
}

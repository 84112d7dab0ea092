//! What waits in the queues. Pure.

use super::event::Event;
use super::reply::{How, Reply};
use std::sync::Arc;

/// An event on its way.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) event: Arc<Event>,
    /// Who wants to know how it went.
    pub(super) reply: Option<Arc<Reply>>,
    /// While there is one, something is to be done.
    _busy: Arc<()>,
}

impl Task {
    /// An event for which `busy` is held until it was dealt with.
    pub(super) fn new(event: Event, reply: Option<Reply>, busy: &Arc<()>) -> Self {
        Self {
            event: Arc::new(event),
            reply: reply.map(Arc::new),
            _busy: Arc::clone(busy),
        }
    }

    /// Tells who wants to know.
    pub(super) fn say(&self, way: &str, how: How, detail: &str) {
        if let Some(reply) = &self.reply {
            reply.say(way, Some(how), detail);
        }
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        let event = Event::read(text.as_bytes()).expect(text);
        Self::new(event, None, &Arc::default())
    }
}

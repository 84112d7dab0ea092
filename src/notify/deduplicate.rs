//! A dry run reports the same process at every scan; the channels get it once. Pure.

use crate::event::Event;
use std::collections::VecDeque;

/// The oldest are forgotten.
const CAPACITY: usize = 256;

/// The processes for which `would_kill` was handed over, by PID and start time.
#[derive(Debug, Default)]
pub(crate) struct WouldKill(VecDeque<(u32, u64)>);

impl WouldKill {
    /// Whether this is a `would_kill` that was seen before; remembers it otherwise.
    pub(crate) fn is_repeated(&mut self, event: &Event) -> bool {
        let Some(process) = event.would_kill() else {
            return false;
        };
        let is_known = self.0.contains(&process);
        if !is_known {
            self.0.truncate(CAPACITY - 1);
            self.0.push_front(process);
        }
        is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, pid: u32) -> Event {
        let text = format!(r#"{{"event":"{name}","pid":{pid},"start_time":7}}"#);
        Event::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_process_is_reported_once() {
        let mut seen = WouldKill::default();
        assert!(!seen.is_repeated(&event("would_kill", 1)));
        assert!(seen.is_repeated(&event("would_kill", 1)));
        assert!(!seen.is_repeated(&event("would_kill", 2)));
        assert!(!seen.is_repeated(&event("killing", 1)));
        for pid in 3..300 {
            assert!(!seen.is_repeated(&event("would_kill", pid)));
        }
        assert_eq!(seen.0.len(), CAPACITY);
        assert!(!seen.is_repeated(&event("would_kill", 1)), "forgotten");
    }
}

//! What a dry run says at every check, told once. Pure.

use super::event::Event;
use std::collections::VecDeque;

/// As many processes as are remembered.
const REMEMBERED: usize = 256;

/// The processes of which it was told that they would have been ended.
#[derive(Debug, Default)]
pub struct Repeats(VecDeque<(u32, u64)>);

impl Repeats {
    /// Whether the event says nothing that was not told before.
    pub fn is_one(&mut self, event: &Event) -> bool {
        let (Some(process), "would_kill") = (event.process(), event.event.as_str()) else {
            return false;
        };
        let is_known = self.0.contains(&process);
        if !is_known {
            self.0.truncate(REMEMBERED - 1);
            self.0.push_front(process);
        }
        is_known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, pid: u32) -> Event {
        let text = format!(r#"{{"event":"{kind}","pid":{pid},"start_time":7}}"#);
        Event::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn tells_of_each_process_once() {
        let mut repeats = Repeats::default();
        assert!(!repeats.is_one(&event("would_kill", 1)));
        assert!(repeats.is_one(&event("would_kill", 1)));
        assert!(!repeats.is_one(&event("would_kill", 2)));
        assert!(!repeats.is_one(&event("killing", 1)));
        for pid in 3..300 {
            assert!(!repeats.is_one(&event("would_kill", pid)));
        }
        assert_eq!(repeats.0.len(), REMEMBERED);
        assert!(!repeats.is_one(&event("would_kill", 1)), "long forgotten");
    }
}

//! Times and counts as text. Pure except for the time zone.

use crate::commands::bar::bar;
use crate::quantities::Span;
use crate::sys::clock::local_time;
use std::fmt;
use std::time::{Duration, SystemTime};

/// `2026-11-20 10:11:12 (2 h 3 min ago)`; a time after `now` without the part in brackets.
pub(crate) fn ago(time: SystemTime, now: SystemTime) -> String {
    match now.duration_since(time) {
        Ok(span) => format!("{} ({} ago)", local_time(time), Span(span)),
        Err(_) => local_time(time).to_string(),
    }
}

/// `[###.......] 30 s of 2 min`.
pub(crate) fn progress(done: Duration, whole: Duration) -> String {
    let share = done.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE) * 100.0;
    format!("[{}] {} of {}", bar(share, 30), Span(done), Span(whole))
}

/// `245 processes`, `1 process`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Processes(pub(crate) usize);

impl fmt::Display for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 process"),
            count => write!(f, "{count} processes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_is_no_processes() {
        let shown = [0, 1, 2].map(|count| Processes(count).to_string());
        assert_eq!(shown, ["0 processes", "1 process", "2 processes"]);
    }
}

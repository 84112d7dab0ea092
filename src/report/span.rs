//! Times for people: how long, and when. Pure but for the time zone.

use super::bar::bar;
use crate::sys::clock::local_time;
use std::fmt;
use std::time::{Duration, SystemTime};

/// A span in its two largest units: `45 s`, `12 min`, `2 h 3 min`, `3 d 4 h`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
        let seconds = self.0.as_secs();
        let first = UNITS
            .iter()
            .position(|&(size, _)| seconds >= size)
            .unwrap_or(3);
        let mut rest = seconds;
        for (i, (size, unit)) in UNITS.iter().enumerate().skip(first).take(2) {
            let (count, further) = (rest / size, rest % size);
            if i == first {
                write!(f, "{count} {unit}")?;
            } else if count > 0 {
                write!(f, " {count} {unit}")?;
            }
            rest = further;
        }
        Ok(())
    }
}

/// `2026-11-20 10:11:12 (2 h 3 min ago)`; a time to come without the bracket.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_their_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min 59 s"),
            (7380, "2 h 3 min"),
            (86_400, "1 d"),
            (86_401, "1 d"),
            (100_000, "1 d 3 h"),
        ] {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}

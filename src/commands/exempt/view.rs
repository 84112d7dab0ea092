//! The exemptions in force, for people and for programs.

use crate::escape::Escaped;
use crate::policy::Exemption;
use crate::quantities::Span;
use crate::sys::clock::local_time;
use serde::Serialize;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

#[derive(Debug, Serialize)]
pub(super) struct ExemptRow {
    pid: u32,
    start_time: u64,
    name: String,
    /// Local time.
    until: String,
    /// Rounded.
    left_seconds: u64,
    /// Empty where none was given.
    reason: String,
}

impl ExemptRow {
    /// One with so long left from `now` on.
    pub(super) fn new(exemption: &Exemption, left: Duration, now: SystemTime) -> Self {
        Self {
            pid: exemption.process.pid.get(),
            start_time: exemption.process.start_time.0,
            name: Escaped(&exemption.name).to_string(),
            until: local_time(now + left).to_string(),
            left_seconds: left.saturating_add(Duration::from_millis(500)).as_secs(),
            reason: match exemption.reason.as_str() {
                "" => String::new(),
                reason => Escaped(reason.as_bytes()).to_string(),
            },
        }
    }

    /// `Exempt until 2026-11-20 12:00:00 (2 h): PID=12345, Name=chrome, Reason=backup`.
    pub(super) fn sentence(&self) -> String {
        let left = Span(Duration::from_secs(self.left_seconds));
        let Self {
            pid,
            name,
            until,
            reason,
            ..
        } = self;
        let mut text = format!("Exempt until {until} ({left}): PID={pid}, Name={name}");
        if !reason.is_empty() {
            text.push_str(", Reason=");
            text.push_str(reason);
        }
        text.push('\n');
        text
    }
}

/// The exemptions as a table.
pub(super) fn exempt_table(rows: &[ExemptRow]) -> String {
    if rows.is_empty() {
        return "No process is exempt.\n".to_owned();
    }
    let mut text = format!(
        "{:>8}  {:<15}  {:<19}  {:<12}  REASON\n",
        "PID", "NAME", "UNTIL", "LEFT"
    );
    for row in rows {
        let left = Span(Duration::from_secs(row.left_seconds)).to_string();
        let ExemptRow {
            pid,
            name,
            until,
            reason,
            ..
        } = row;
        // A String takes any text.
        let line = format!("{pid:>8}  {name:<15}  {until:<19}  {left:<12}  {reason}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

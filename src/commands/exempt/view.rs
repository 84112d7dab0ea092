//! The exemptions in force, for people.

use crate::commands::exemptions::ExemptRow;
use std::fmt::Write;

/// `Exempt until 2026-11-20 12:00:00 (2 h): PID=12345, Name=chrome, Reason=backup`.
pub(super) fn sentence(row: &ExemptRow) -> String {
    let left = row.left();
    let ExemptRow {
        pid,
        name,
        until,
        reason,
        ..
    } = row;
    let mut text = format!("Exempt until {until} ({left}): PID={pid}, Name={name}");
    if !reason.is_empty() {
        text.push_str(", Reason=");
        text.push_str(reason);
    }
    text.push('\n');
    text
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
        let left = row.left().to_string();
        let ExemptRow {
            pid,
            name,
            until,
            reason,
            ..
        } = row;
        let line = format!("{pid:>8}  {name:<15}  {until:<19}  {left:<12}  {reason}");
        // A String takes any text.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

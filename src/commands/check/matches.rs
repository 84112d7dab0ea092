//! The processes that an entry of the configuration matches now.

use crate::events::Spelling;
use crate::proc::{Facts, Process};
use crate::quantities::Pid;
use serde::Serialize;

/// How many of them are shown.
const SHOWN: usize = 4;

#[derive(Debug, Serialize)]
pub(super) struct Match {
    pid: Pid,
    name: String,
}

/// The processes that match, of those that can be read.
pub(super) fn matching(
    processes: &[Process],
    spelling: Spelling,
    is_match: impl Fn(&Process, &Facts) -> bool,
) -> Vec<Match> {
    let matches = processes.iter().filter_map(|process| {
        let facts = process.facts.as_ref().ok()?;
        is_match(process, facts).then(|| Match {
            pid: process.pid,
            name: spelling.text(facts.name.as_bytes()),
        })
    });
    matches.collect()
}

/// `PID 17 (sshd), 230 (sshd) and 3 more`.
pub(super) fn shown(matches: &[Match]) -> String {
    if matches.is_empty() {
        return "nothing now".to_owned();
    }
    let shown = matches.iter().take(SHOWN);
    let shown: Vec<_> = shown.map(|m| format!("{} ({})", m.pid, m.name)).collect();
    let more = match matches.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("PID {}{more}", shown.join(", "))
}

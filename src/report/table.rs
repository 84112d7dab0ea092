//! One look at the machine, for people as a table and for programs as JSON.

use super::event::write_memory;
use super::users::UserNames;
use crate::escape::Escaped;
use crate::policy::{Policy, Verdict};
use crate::sample::{Process, Snapshot};
use crate::units::{Bytes, Percent, Pid};
use serde::Serialize;
use std::fmt::Write;

/// How many processes are shown that nothing would happen to.
const WITHIN_SHOWN: usize = 15;

/// What a scan found, ready to be shown.
#[derive(Debug, Serialize)]
pub struct ScanReport {
    configuration: String,
    memory: MemoryReport,
    processes_seen: usize,
    processes_unreadable: usize,
    hidepid: bool,
    processes: Vec<Row>,
    #[serde(skip)]
    memory_line: String,
}

#[derive(Debug, Serialize)]
struct MemoryReport {
    total_bytes: Bytes,
    used_bytes: Option<Bytes>,
    used_percent: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Row {
    pid: Pid,
    /// Escaped, as in the log.
    name: Option<String>,
    user: Option<String>,
    rss_bytes: Bytes,
    rss_percent: f64,
    verdict: Kind,
    reason: String,
}

/// The verdict without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Within,
    Spared,
    Breach,
}

impl Kind {
    /// The SGR parameter it is shown with.
    fn colour(self) -> u8 {
        match self {
            Self::Within => 0,
            Self::Spared => 33,
            Self::Breach => 31,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Spared => "spared",
            Self::Breach => "over",
        }
    }
}

impl ScanReport {
    /// Of all processes of `snapshot`, the largest first: those over a threshold and the largest of
    /// the others.
    pub fn new(policy: &Policy, snapshot: &Snapshot, hidepid: bool, users: &mut UserNames) -> Self {
        let mut within = 0;
        let mut processes = Vec::new();
        for process in &snapshot.near {
            let row = Row::new(policy, process, snapshot, users);
            if row.verdict == Kind::Within {
                within += 1;
            }
            if row.verdict != Kind::Within || within <= WITHIN_SHOWN {
                processes.push(row);
            }
        }
        let memory = &snapshot.memory;
        let mut memory_line = String::new();
        // A String takes any text.
        let _ = write_memory(&mut memory_line, memory);
        Self {
            configuration: policy.config.origin.to_string(),
            memory: MemoryReport {
                total_bytes: memory.total,
                used_bytes: memory.used(),
                used_percent: memory.used_share().map(Percent::get),
            },
            processes_seen: snapshot.scanned,
            processes_unreadable: snapshot.unreadable.map_or(0, |(count, _)| count),
            hidepid,
            processes,
            memory_line,
        }
    }

    /// As a table.
    pub fn table(&self, coloured: bool) -> String {
        let mut text = format!("{}\nPolicy: {}\n\n", self.memory_line, self.configuration);
        let user = |row: &Row| row.user.as_deref().map_or(1, |user| user.chars().count());
        let width = self.processes.iter().map(user).max().unwrap_or(0).max(4);
        let _ = writeln!(
            text,
            "{:>7}  {:width$}  {:>9}  {:>7}  {:<7}  NAME AND REASON",
            "PID", "USER", "RSS", "RAM", "VERDICT"
        );
        for row in &self.processes {
            let (on, off) = match row.verdict.colour() {
                colour @ 1.. if coloured => (format!("\x1b[{colour}m"), "\x1b[0m"),
                _ => (String::new(), ""),
            };
            let _ = write!(
                text,
                "{:>7}  {:width$}  {:>9}  {:>6.2}%  {on}{:<7}{off}  {}",
                row.pid.get(),
                row.user.as_deref().unwrap_or("?"),
                row.rss_bytes.to_string(),
                row.rss_percent,
                row.verdict.word(),
                row.name.as_deref().unwrap_or("?"),
            );
            let _ = match row.reason.as_str() {
                "" => writeln!(text),
                reason => writeln!(text, "  ({reason})"),
            };
        }
        let count = |kind| {
            self.processes
                .iter()
                .filter(|row| row.verdict == kind)
                .count()
        };
        let _ = writeln!(
            text,
            "\n{} processes, {} would be ended, {} spared. Nothing was signalled.",
            self.processes_seen,
            count(Kind::Breach),
            count(Kind::Spared)
        );
        if self.processes_unreadable > 0 {
            let _ = writeln!(
                text,
                "{} processes can't be read here and are protected.",
                self.processes_unreadable
            );
        }
        if self.hidepid {
            let _ = writeln!(
                text,
                "/proc is mounted with hidepid: other users' processes are not shown, run it as root."
            );
        }
        text
    }

    /// As one JSON object.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

impl Row {
    fn new(policy: &Policy, process: &Process, snapshot: &Snapshot, users: &mut UserNames) -> Self {
        let (verdict, reason) = match policy.judge(process, &snapshot.memory) {
            Verdict::Breach(breach) => (Kind::Breach, format!("over {breach}")),
            Verdict::Spared(exemption) => (Kind::Spared, exemption.to_string()),
            // What would protect it if it grew is worth knowing beforehand.
            Verdict::Within => (Kind::Within, protection(policy, process)),
        };
        let facts = process.facts.as_ref().ok();
        Self {
            pid: process.pid,
            name: facts.map(|facts| Escaped(facts.name.as_bytes()).to_string()),
            user: facts.map(|facts| Escaped(users.name(facts.uid)).to_string()),
            rss_bytes: process.rss,
            rss_percent: Percent::share(process.rss, snapshot.memory.total).get(),
            verdict,
            reason,
        }
    }
}

fn protection(policy: &Policy, process: &Process) -> String {
    let exemption = process
        .facts
        .as_ref()
        .ok()
        .and_then(|facts| policy.exemption(process.pid, facts));
    exemption.map_or(String::new(), |exemption| exemption.to_string())
}

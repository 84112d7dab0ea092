//! A configuration as understood, and what it means on this machine now.

use crate::config::{Place, Warning, Whitelist, Written};
use crate::escape::{Escaped, OneLine};
use crate::policy::Policy;
use crate::sample::{Facts, Process, Snapshot};
use crate::unit::Unit;
use crate::units::{Bytes, Pid, Uid};
use serde::Serialize;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest name a process can have here: that of a file (NAME_MAX).
const LONGEST_NAME: usize = 255;

/// So many matches are shown of each entry.
const SHOWN: usize = 4;

/// What the check is made from.
#[derive(Debug)]
pub struct Checked<'c> {
    /// The policy.
    pub policy: &'c Policy,
    /// Its configuration as written.
    pub written: &'c Written,
    /// What is doubtful about it.
    pub warnings: &'c [Warning],
    /// All processes with memory.
    pub snapshot: &'c Snapshot,
    /// The installed unit.
    pub unit: Option<&'c Unit>,
    /// Whether hidepid keeps processes from us.
    pub hidepid: bool,
}

/// A valid configuration and what it means here and now.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    valid: bool,
    configuration: String,
    values: Vec<Setting>,
    total_bytes: Bytes,
    processes: usize,
    thresholds: Vec<Threshold>,
    whitelist: Vec<Listed>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Setting {
    table: &'static str,
    key: &'static str,
    value: String,
    /// `default`, or the file and the line.
    from: String,
    #[serde(skip)]
    items: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Threshold {
    key: &'static str,
    bytes: Bytes,
    /// How many processes are over it now.
    over: usize,
}

#[derive(Debug, Serialize)]
struct Listed {
    key: &'static str,
    entry: String,
    from: String,
    matches: Vec<Match>,
    /// Whether it protects what it matches.
    protects: bool,
}

#[derive(Debug, Serialize)]
struct Match {
    pid: Pid,
    name: String,
}

impl CheckReport {
    /// Looks up what the configuration means.
    pub fn new(checked: &Checked<'_>) -> Self {
        let Checked {
            policy,
            written,
            snapshot,
            ..
        } = checked;
        let values = written.entries().iter().map(|entry| Setting {
            table: entry.table,
            key: entry.key,
            value: OneLine(&entry.text).to_string(),
            from: from(entry.place.as_ref()),
            items: entry.text.starts_with('[').then_some(entry.items.len()),
        });
        let mut report = Self {
            valid: true,
            configuration: policy.config.origin.to_string(),
            values: values.collect(),
            total_bytes: snapshot.memory.total,
            processes: snapshot.near.len(),
            thresholds: thresholds(policy, snapshot),
            whitelist: whitelist(policy, written, &snapshot.near),
            notes: checked.warnings.iter().map(ToString::to_string).collect(),
        };
        report.note_doubts(checked);
        report
    }

    fn note_doubts(&mut self, checked: &Checked<'_>) {
        for entry in &self.whitelist {
            let Listed {
                key, entry, from, ..
            } = entry;
            if *key == "names" && entry.len() > LONGEST_NAME + 2 {
                self.notes.push(format!(
                    "{from}: names has an entry that is longer than a process name can be ({LONGEST_NAME} bytes), it never matches: {}...",
                    entry.chars().take(20).collect::<String>()
                ));
            }
        }
        for threshold in &self.thresholds {
            if threshold.over * 2 > self.processes {
                self.notes.push(format!(
                    "{} = {} is low: {} of {} processes are over it",
                    threshold.key, threshold.bytes, threshold.over, self.processes
                ));
            }
        }
        if let (Some(unit), Some(file)) = (checked.unit, &checked.policy.config.log.file) {
            let folder = file.parent().unwrap_or(Path::new("/"));
            if !unit.may_write(folder) {
                self.notes.push(format!(
                    "the service may not write to {}: systemctl edit memory-monitor, and add below [Service] the line ReadWritePaths={}",
                    Escaped(file.as_os_str().as_bytes()),
                    Escaped(folder.as_os_str().as_bytes())
                ));
            }
        }
        if checked.hidepid {
            self.notes.push(
                "/proc is mounted with hidepid: other users' processes are not seen here, run it as root"
                    .to_owned(),
            );
        }
        let judged = |process: &&Process| process.facts.is_err();
        let unreadable = checked.snapshot.near.iter().filter(judged).count();
        if unreadable > 0 {
            self.notes.push(format!(
                "can't be read here and are protected: {unreadable}"
            ));
        }
    }

    /// As text for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A String takes any text.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "Valid: {}\n\nValues:", self.configuration)?;
        let key = self
            .values
            .iter()
            .map(|value| value.key.len())
            .max()
            .unwrap_or(0);
        let mut table = "";
        for value in &self.values {
            if value.table != table {
                table = value.table;
                writeln!(out, "  [{table}]")?;
            }
            let shown = match value.items {
                Some(1) => "1 entry".to_owned(),
                Some(count) => format!("{count} entries"),
                None => value.value.clone(),
            };
            writeln!(out, "  {:key$} = {shown:<30}  {}", value.key, value.from)?;
        }
        writeln!(
            out,
            "\nHere and now, with {} of RAM and {} processes that have memory:",
            self.total_bytes, self.processes
        )?;
        for threshold in &self.thresholds {
            let Threshold { key, bytes, over } = threshold;
            writeln!(out, "  {key} is {bytes}, {over} over it")?;
        }
        writeln!(out, "\nThe whitelist:")?;
        let width = |entry: &Listed| entry.entry.chars().count();
        let width = self.whitelist.iter().map(width).max().unwrap_or(0).min(30);
        for entry in &self.whitelist {
            let matches = shown_matches(&entry.matches);
            let but = match (entry.protects, entry.matches.is_empty()) {
                (false, false) => ", not protected: protect_root is false",
                _ => "",
            };
            writeln!(
                out,
                "  {:<5}  {:width$}  {matches}{but}  ({})",
                entry.key, entry.entry, entry.from
            )?;
        }
        for (number, note) in self.notes.iter().enumerate() {
            let head = if number == 0 {
                "\nTo be considered:\n"
            } else {
                ""
            };
            writeln!(out, "{head}  {note}")?;
        }
        Ok(())
    }
}

fn from(place: Option<&Place>) -> String {
    place.map_or("default".to_owned(), |place| {
        format!("{}:{}", place.shown_file(), place.line)
    })
}

fn shown_matches(matches: &[Match]) -> String {
    if matches.is_empty() {
        return "nothing now".to_owned();
    }
    let shown = matches.iter().take(SHOWN);
    let shown: Vec<_> = shown.map(|m| format!("{} {}", m.pid, m.name)).collect();
    let more = match matches.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    shown.join(", ") + &more
}

fn thresholds(policy: &Policy, snapshot: &Snapshot) -> Vec<Threshold> {
    let thresholds = policy.config.thresholds;
    let over = |limit: Bytes| {
        let is_over = |process: &&Process| process.rss > limit;
        snapshot.near.iter().filter(is_over).count()
    };
    let limits = [
        (
            "ram_percent_threshold",
            thresholds.percent_of(snapshot.memory.total),
        ),
        ("ram_gb_threshold", thresholds.amount()),
    ];
    let on = limits
        .into_iter()
        .filter_map(|(key, limit)| Some((key, limit?)));
    on.map(|(key, bytes)| Threshold {
        key,
        bytes,
        over: over(bytes),
    })
    .collect()
}

/// Every entry of the whitelist with the processes that it means now, by the same comparisons that the
/// decision makes.
fn whitelist(policy: &Policy, written: &Written, processes: &[Process]) -> Vec<Listed> {
    let Whitelist {
        pids,
        names,
        users,
        protect_root,
    } = &policy.config.whitelist;
    let matching = |is_meant: &dyn Fn(&Process, &Facts) -> bool| {
        let matches = processes.iter().filter_map(|process| {
            let facts = process.facts.as_ref().ok()?;
            is_meant(process, facts).then(|| Match {
                pid: process.pid,
                name: Escaped(facts.name.as_bytes()).to_string(),
            })
        });
        matches.collect::<Vec<_>>()
    };
    let entry = |key: &'static str, index: usize, matches, protects| {
        let item = written
            .entry("whitelist", key)
            .and_then(|entry| entry.items.get(index));
        Listed {
            key,
            entry: item.map_or(String::new(), |item| OneLine(&item.text).to_string()),
            from: from(item.and_then(|item| item.place.as_ref())),
            matches,
            protects,
        }
    };
    let mut entries = Vec::new();
    for (index, pid) in pids.iter().enumerate() {
        let is_meant = |process: &Process, _: &Facts| process.pid == *pid;
        entries.push(entry("pids", index, matching(&is_meant), true));
    }
    for (index, name) in names.iter().enumerate() {
        let is_meant = |_: &Process, facts: &Facts| name.matches(facts.name.as_c_str());
        entries.push(entry("names", index, matching(&is_meant), true));
    }
    for (index, user) in users.iter().enumerate() {
        let is_meant = |_: &Process, facts: &Facts| user.uid == Some(facts.uid);
        let protects = user.uid != Some(Uid::ROOT) || *protect_root;
        entries.push(entry("users", index, matching(&is_meant), protects));
    }
    entries
}

//! A configuration as understood, and what it means on this machine now.

use super::rules::Ruled;
use super::week::Week;
use super::whitelist::Listed;
use crate::config::schedule::WeekMinute;
use crate::config::{Entry, Location, Warning, Written};
use crate::escape::{Escaped, OneLine};
use crate::policy::Policy;
use crate::proc::{Process, Snapshot};
use crate::quantities::Bytes;
use crate::sys::trust::Doubt;
use crate::systemd::{Unit, Unknown};
use serde::Serialize;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// The longest name a process can have here: that of a file (NAME_MAX).
const LONGEST_NAME: usize = 255;

/// What the check is made from.
#[derive(Debug)]
pub(super) struct Checked<'c> {
    /// The policy.
    pub policy: &'c Policy,
    /// Its configuration as written.
    pub written: &'c Written,
    /// What is doubtful about it.
    pub warnings: &'c [Warning],
    /// All processes with memory.
    pub snapshot: &'c Snapshot,
    /// The unit of the service.
    pub unit: &'c Result<Unit, Unknown>,
    /// Whether hidepid keeps processes from us.
    pub hidepid: bool,
    /// The time of the week that it is now.
    pub now: WeekMinute,
    /// Why the notifier would not run a command.
    pub refused_commands: &'c [Doubt],
}

/// A valid configuration and what it means here and now.
#[derive(Debug, Serialize)]
pub(super) struct CheckReport {
    valid: bool,
    configuration: String,
    /// The files on top of it, in their order.
    drop_ins: Vec<String>,
    values: Vec<Setting>,
    total_bytes: Bytes,
    processes: usize,
    thresholds: Vec<Threshold>,
    whitelist: Vec<Listed>,
    rules: Vec<Ruled>,
    week: Option<Week>,
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

impl CheckReport {
    /// Looks up what the configuration means.
    pub(super) fn new(checked: &Checked<'_>) -> Self {
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
            from: sources(entry),
            items: entry.text.starts_with('[').then_some(entry.items.len()),
        });
        let config = &policy.config;
        let drop_ins = config.drop_ins.iter();
        let mut report = Self {
            valid: true,
            configuration: config.origin.to_string(),
            drop_ins: drop_ins
                .map(|file| Escaped(file.as_os_str().as_bytes()).to_string())
                .collect(),
            values: values.collect(),
            total_bytes: snapshot.memory.total,
            processes: snapshot.near.len(),
            thresholds: thresholds(policy, snapshot),
            whitelist: super::whitelist::list(policy, written, &snapshot.near),
            rules: super::rules::list(policy, snapshot),
            week: Week::new(config, checked.now),
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
        let doubts = super::locations::doubts(&checked.policy.config, checked.unit);
        self.notes.extend(doubts);
        let refused = checked.refused_commands.iter();
        self.notes
            .extend(refused.map(|doubt| format!("the notifier runs no such command: {doubt}")));
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
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes any text.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "Valid: {}", self.configuration)?;
        for file in &self.drop_ins {
            writeln!(out, "with the drop-in {file}")?;
        }
        writeln!(out, "\nValues:")?;
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
        super::whitelist::write(out, &self.whitelist)?;
        super::rules::write(out, &self.rules)?;
        if let Some(week) = &self.week {
            week.write(out)?;
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

pub(crate) fn from(place: Option<&Location>) -> String {
    place.map_or("default".to_owned(), |place| {
        format!("{}:{}", place.shown_file(), place.line)
    })
}

/// Where a value is set; for a list that several files add to, where it begins in each.
fn sources(entry: &Entry) -> String {
    let file = |place: &Location| place.file.clone();
    let mut places: Vec<_> = entry.items.iter().map(|item| item.place.as_ref()).collect();
    places.dedup_by_key(|place| place.map(file));
    if places.len() < 2 {
        return from(entry.place.as_ref());
    }
    let places: Vec<_> = places.into_iter().map(from).collect();
    places.join(", ")
}

/// The thresholds that hold now, with how many processes are over each that no rule has another for.
fn thresholds(policy: &Policy, snapshot: &Snapshot) -> Vec<Threshold> {
    let thresholds = policy.config.thresholds;
    let over = |limit: Bytes| {
        let is_over = |process: &&Process| {
            let memory = process.memory().unwrap_or(process.rss);
            memory > limit && policy.limits(process).thresholds == thresholds
        };
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

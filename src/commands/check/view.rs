//! A configuration as it was understood, and what it matches on this machine now.

use super::groups::Grouped;
use super::rules::Ruled;
use super::week::Week;
use super::whitelist::Listed;
use crate::commands::config_line::from;
use crate::commands::group_row::GroupRow;
use crate::commands::hidepid::hidepid_note;
use crate::commands::peers::{self, Peer};
use crate::config::schedule::WeekMinute;
use crate::config::{DryRun, Entry, Origin, System, Warning, Written, idle_thresholds};
use crate::escape::OneLine;
use crate::events::Spelling;
use crate::policy::Policy;
use crate::policy::system_guard::floor_threshold;
use crate::proc::{Process, Sampler, Snapshot};
use crate::quantities::Bytes;
use crate::sys::trust::Doubt;
use crate::systemd::{Unit, Unknown};
use serde::Serialize;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// What the check is made from.
#[derive(Debug)]
pub(super) struct Checked<'c> {
    /// With the configuration.
    pub policy: &'c Policy,
    /// The configuration as written.
    pub written: &'c Written,
    /// What is doubtful about the configuration.
    pub warnings: &'c [Warning],
    /// All processes with memory.
    pub snapshot: &'c Snapshot,
    /// How many of them would be killed now.
    pub over: usize,
    /// Reads further processes.
    pub sampler: &'c Sampler,
    /// The groups as they are now.
    pub groups: &'c [GroupRow],
    /// The unit of the service.
    pub unit: &'c Result<Unit, Unknown>,
    /// Whether hidepid hides processes.
    pub hidepid: bool,
    /// Local time.
    pub now: WeekMinute,
    /// Why the notifier does not run a command.
    pub untrusted_commands: &'c [Doubt],
    /// Which programs another metric would decide otherwise about.
    pub shared: &'c [String],
    /// What else kills when the machine is short of memory.
    pub peers: &'c [Peer],
    /// How names are written.
    pub spelling: Spelling,
}

/// A valid configuration and what it matches now.
#[derive(Debug, Serialize)]
pub(super) struct CheckReport {
    valid: bool,
    configuration: String,
    /// The files on top of it, in their order.
    drop_ins: Vec<String>,
    /// What has switched a dry run on; None where it is off.
    dry_run_cause: Option<String>,
    /// How many processes would be killed now.
    over: usize,
    values: Vec<KeyValue>,
    total_bytes: Bytes,
    processes: usize,
    thresholds: Vec<ThresholdReport>,
    system: SystemReport,
    whitelist: Vec<Listed>,
    rules: Vec<Ruled>,
    groups: Vec<Grouped>,
    week: Option<Week>,
    /// What else kills when the machine is short of memory.
    peers: Vec<Peer>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct KeyValue {
    table: &'static str,
    key: &'static str,
    /// As it is written, with its line breaks.
    value: String,
    /// `default`, or the file and the line.
    from: String,
    #[serde(skip)]
    items: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ThresholdReport {
    key: &'static str,
    bytes: Bytes,
    /// How many processes are over it now.
    over: usize,
}

/// When the machine as a whole is short of memory.
#[derive(Debug, Serialize)]
struct SystemReport {
    action: &'static str,
    short_below_bytes: Bytes,
    stall_seconds: f64,
    #[serde(skip)]
    threshold: String,
}

impl SystemReport {
    fn new(config: &System, total: Bytes) -> Self {
        Self {
            action: config.action.name(),
            short_below_bytes: config.floor(total),
            stall_seconds: config.stall.as_secs_f64(),
            threshold: floor_threshold(config, total).to_string(),
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let does = match self.action {
            "kill" => "a process is killed then",
            "warn" => "it is reported then",
            _ => return writeln!(out, "  the machine as a whole is not guarded"),
        };
        write!(
            out,
            "  memory is short with less than {} left ({})",
            self.short_below_bytes, self.threshold
        )?;
        if self.stall_seconds > 0.0 {
            write!(
                out,
                ", or when all work waits for memory for {} s of 10",
                self.stall_seconds
            )?;
        }
        writeln!(out, "; {does}")
    }
}

impl CheckReport {
    /// Finds what the configuration matches.
    pub(super) fn new(checked: &Checked<'_>) -> Self {
        let Checked {
            policy,
            written,
            snapshot,
            ..
        } = checked;
        let values = written.entries().iter().map(|entry| KeyValue {
            table: entry.table,
            key: entry.key,
            value: entry.text.clone(),
            from: sources(entry),
            items: entry.text.starts_with('[').then_some(entry.items.len()),
        });
        let config = &policy.config;
        let drop_ins = config.drop_ins.iter();
        let mut report = Self {
            valid: true,
            configuration: config.origin.to_string(),
            drop_ins: drop_ins
                .map(|file| checked.spelling.text(file.as_os_str().as_bytes()))
                .collect(),
            dry_run_cause: config.dry_run_cause(),
            over: checked.over,
            values: values.collect(),
            total_bytes: snapshot.memory.total,
            processes: snapshot.near.len(),
            thresholds: thresholds(policy, snapshot),
            system: SystemReport::new(&config.system, snapshot.memory.total),
            whitelist: super::whitelist::list(
                policy,
                written,
                (&snapshot.near, checked.sampler),
                checked.spelling,
            ),
            rules: super::rules::list(policy, snapshot, checked.spelling),
            groups: super::groups::list(policy, checked.groups, snapshot.memory.total),
            week: Week::new(config, checked.now),
            peers: checked.peers.to_vec(),
            notes: checked.warnings.iter().map(ToString::to_string).collect(),
        };
        let memory = &snapshot.memory;
        let idle = idle_thresholds(config, written, memory.total, memory.most_pss());
        report.notes.extend(idle.iter().map(ToString::to_string));
        report.add_notes(checked);
        report
    }

    fn add_notes(&mut self, checked: &Checked<'_>) {
        for threshold in &self.thresholds {
            if threshold.over * 2 > self.processes {
                self.notes.push(format!(
                    "{} = {} is low: {} of {} processes are over it",
                    threshold.key, threshold.bytes, threshold.over, self.processes
                ));
            }
        }
        let is_file = matches!(checked.policy.config.origin, Origin::File(_));
        if is_file && !checked.written.has_table("system") {
            self.notes.push(
                "the file has no table [system], so a shortage of memory is only reported: write [system] with \
                 action = \"kill\", \"warn\" or \"off\""
                    .to_owned(),
            );
        }
        let files = super::output_files::notes(&checked.policy.config, checked.unit);
        self.notes.extend(files);
        self.notes
            .extend(super::groups::notes(checked.policy, checked.groups));
        let untrusted = checked.untrusted_commands.iter();
        self.notes
            .extend(untrusted.map(|doubt| format!("the notifier runs no such command: {doubt}")));
        if checked.hidepid {
            self.notes.push(hidepid_note());
        }
        let action = checked.policy.config.system.action;
        self.notes.extend(peers::notes(checked.peers, action));
        self.notes.extend_from_slice(checked.shared);
        let is_unreadable = |process: &&Process| process.facts.is_err();
        let unreadable = checked.snapshot.near.iter().filter(is_unreadable).count();
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
        if let Some(cause) = &self.dry_run_cause {
            let over = self.over;
            writeln!(out, "{}", DryRun { cause, over })?;
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
                None => OneLine(&value.value).to_string(),
            };
            writeln!(out, "  {:key$} = {shown:<30}  {}", value.key, value.from)?;
        }
        writeln!(
            out,
            "\nOn this machine now, with {} of RAM and {} processes that use memory:",
            self.total_bytes, self.processes
        )?;
        for threshold in &self.thresholds {
            let ThresholdReport { key, bytes, over } = threshold;
            writeln!(out, "  {key} is {bytes}, {over} over it")?;
        }
        if self.thresholds.is_empty() {
            writeln!(out, "  [thresholds] has none, both are off")?;
        }
        self.system.write(out)?;
        super::whitelist::write(out, &self.whitelist)?;
        super::rules::write(out, &self.rules)?;
        super::groups::write(out, &self.groups)?;
        if let Some(week) = &self.week {
            week.write(out)?;
        }
        for (number, note) in self.notes.iter().enumerate() {
            let head = if number == 0 { "\nWarnings:\n" } else { "" };
            writeln!(out, "{head}  {note}")?;
        }
        Ok(())
    }
}

/// Where a value is set; for a list that several files add to, where it begins in each.
fn sources(entry: &Entry) -> String {
    let items = entry.items.iter();
    let mut locations: Vec<_> = items.map(|item| item.location.as_ref()).collect();
    locations.dedup_by_key(|location| location.map(|location| &location.file));
    if locations.len() < 2 {
        return from(entry.location.as_ref());
    }
    let locations: Vec<_> = locations.into_iter().map(from).collect();
    locations.join(", ")
}

/// The thresholds in force, with how many processes are over each; those that have another threshold do not count.
fn thresholds(policy: &Policy, snapshot: &Snapshot) -> Vec<ThresholdReport> {
    let thresholds = policy.config.thresholds;
    let over = |threshold: Bytes| {
        let is_over = |process: &&Process| {
            let memory = process.memory().unwrap_or(process.rss);
            memory > threshold && policy.criteria(process).thresholds == thresholds
        };
        snapshot.near.iter().filter(is_over).count()
    };
    let both = [
        (
            "ram_percent_threshold",
            thresholds.percent_of(snapshot.memory.total),
        ),
        ("ram_gb_threshold", thresholds.amount()),
    ];
    let on = both
        .into_iter()
        .filter_map(|(key, threshold)| Some((key, threshold?)));
    on.map(|(key, bytes)| ThresholdReport {
        key,
        bytes,
        over: over(bytes),
    })
    .collect()
}

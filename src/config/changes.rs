//! What a reload has changed, for the log. Pure.

use super::{Config, Rule, Schedule, Thresholds};
use crate::config::schedule::DAYS;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// One thing that is different now. Displayed as `KEY: OLD -> NEW`, `KEY: ENTRY added` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    key: &'static str,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// A value, the old one first.
    Value(String, String),
    /// An entry of a list that is no longer there.
    Removed(String),
    /// An entry of a list that was not there.
    Added(String),
    /// The same entries in another order, which is this one now.
    Order(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key;
        match &self.kind {
            Kind::Value(old, new) => write!(f, "{key}: {old} -> {new}"),
            Kind::Removed(entry) => write!(f, "{key}: {entry} removed"),
            Kind::Added(entry) => write!(f, "{key}: {entry} added"),
            Kind::Order(entries) => write!(f, "{key}: another order, now {entries}"),
        }
    }
}

impl Config {
    /// What is different in `new`: values with the old and the new one, entries of lists one by one.
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        let mut changes: Vec<_> = self
            .values()
            .into_iter()
            .zip(new.values())
            .filter(|(old, new)| old != new)
            .map(|((key, old), (_, new))| Change {
                key,
                kind: Kind::Value(old, new),
            })
            .collect();
        for ((key, old), (_, new)) in self.lists().into_iter().zip(new.lists()) {
            let missing = |from: &[String], other: &[String]| -> Vec<String> {
                let is_missing = |entry: &&String| !other.contains(entry);
                from.iter().filter(is_missing).cloned().collect()
            };
            let removed = missing(&old, &new).into_iter().map(Kind::Removed);
            let added = missing(&new, &old).into_iter().map(Kind::Added);
            let mut kinds: Vec<_> = removed.chain(added).collect();
            if kinds.is_empty() && old != new {
                kinds.push(Kind::Order(new.join("; ")));
            }
            changes.extend(kinds.into_iter().map(|kind| Change { key, kind }));
        }
        changes
    }

    /// Every single value with its key, always in the same order.
    fn values(&self) -> Vec<(&'static str, String)> {
        let thresholds = self.regular.thresholds;
        let (log, notify) = (&self.log, &self.notify);
        let file = |file: &Option<PathBuf>| {
            let shown = file.as_ref().map(|file| file.display().to_string());
            format!("{:?}", shown.unwrap_or_default())
        };
        vec![
            ("ram_percent_threshold", percent(thresholds)),
            ("ram_gb_threshold", amount(thresholds)),
            ("check_interval", seconds(self.regular.check_interval)),
            ("sustained", seconds(self.sustained)),
            ("metric", self.metric.to_string()),
            ("protect_root", self.whitelist.protect_root.to_string()),
            ("verify_names", self.whitelist.verify_names.to_string()),
            ("dry_run", self.dry_run.to_string()),
            ("log_file", file(&log.file)),
            ("enable_syslog", log.syslog.to_string()),
            ("log_level", log.level.to_string().to_ascii_lowercase()),
            ("log_format", log.format.name().to_owned()),
            ("metrics_file", file(&self.metrics_file)),
            ("term_timeout", seconds(self.term_timeout)),
            (
                "max_kills_per_minute",
                self.max_kills_per_minute
                    .map_or("0".to_owned(), |limit| limit.to_string()),
            ),
            (
                "warn_percent",
                self.warn_percent
                    .map_or("0".to_owned(), |percent| percent.get().to_string()),
            ),
            (
                "email_from",
                format!("{:?}", notify.email_from.as_deref().unwrap_or_default()),
            ),
            ("smtp", format!("{:?}", notify.smtp)),
            ("tty", notify.tty.to_string()),
            ("desktop", notify.desktop.to_string()),
        ]
    }

    /// Every list with its key, always in the same order.
    fn lists(&self) -> Vec<(&'static str, Vec<String>)> {
        let whitelist = &self.whitelist;
        let names = whitelist.names.iter();
        let names = names.map(|name| format!("{:?}", name.text().to_string_lossy()));
        let users = whitelist.users.iter().map(|user| match user.uid {
            Some(uid) => format!("{:?} ({uid})", user.text),
            None => format!("{:?}", user.text),
        });
        let command = self.notify.command.iter();
        let drop_ins = self.drop_ins.iter();
        let drop_ins = drop_ins.map(|file| format!("{:?}", file.to_string_lossy()));
        vec![
            ("drop-in", drop_ins.collect()),
            (
                "pids",
                whitelist.pids.iter().map(ToString::to_string).collect(),
            ),
            ("names", names.collect()),
            ("users", users.collect()),
            ("email_to", self.notify.email_to.clone()),
            (
                "command",
                command
                    .map(|path| format!("{:?}", path.to_string_lossy()))
                    .collect(),
            ),
            ("rule", self.rules.iter().map(ToString::to_string).collect()),
            (
                "schedule",
                self.schedules.iter().map(ToString::to_string).collect(),
            ),
        ]
    }
}

fn percent(thresholds: Thresholds) -> String {
    thresholds
        .percent()
        .map_or("100".to_owned(), |percent| percent.get().to_string())
}

fn amount(thresholds: Thresholds) -> String {
    thresholds
        .amount()
        .map_or("inf".to_owned(), |amount| amount.to_string())
}

fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}

fn write_thresholds(f: &mut fmt::Formatter<'_>, thresholds: Option<Thresholds>) -> fmt::Result {
    if let Some(percent) = thresholds.and_then(Thresholds::percent) {
        write!(f, ", ram_percent_threshold = {}", percent.get())?;
    }
    match thresholds.and_then(Thresholds::amount) {
        Some(amount) => write!(f, ", ram_gb_threshold = {amount}"),
        None => Ok(()),
    }
}

/// `name = "chrome*", ram_gb_threshold = 6.00GB, action = "kill"`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matcher = &self.matcher;
        let user = matcher.user.as_ref().map(|user| &user.pattern);
        let patterns = [
            ("name", matcher.name.as_ref()),
            ("user", user),
            ("exe", matcher.exe.as_ref()),
            ("cmdline", matcher.cmdline.as_ref()),
            ("unit", matcher.unit.as_ref()),
        ];
        for (key, pattern) in patterns {
            if let Some(pattern) = pattern {
                write!(f, "{key} = {:?}, ", pattern.text().to_string_lossy())?;
            }
        }
        write!(f, "action = \"{}\"", self.action.name())?;
        write_thresholds(f, self.thresholds)?;
        if let Some(metric) = self.metric {
            write!(f, ", metric = \"{metric}\"")?;
        }
        match self.sustained {
            Some(time) => write!(f, ", sustained = {}", seconds(time)),
            None => Ok(()),
        }
    }
}

/// `22:00 to 06:00 on fri sat, check_interval = 300`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        write!(f, "{} to {} on", time(self.from), time(self.to))?;
        for (day, on) in DAYS.iter().zip(self.days) {
            if on {
                f.write_char(' ')?;
                f.write_str(day)?;
            }
        }
        if let Some(interval) = self.check_interval {
            write!(f, ", check_interval = {}", seconds(interval))?;
        }
        write_thresholds(f, self.thresholds)
    }
}

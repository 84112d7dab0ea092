//! The line of the configuration that decides about a process.

use crate::config::{Config, Group, Location, Rule, Schedule, Written};
use crate::policy::{Protection, Threshold};
use std::fmt;

/// A value of the configuration and where it is set; the value as it is written, with its line breaks.
#[derive(Clone, Debug)]
pub(crate) struct ConfigLine {
    location: Option<Location>,
    text: String,
}

impl fmt::Display for ConfigLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Some(location) => write!(f, "{}:{}: ", location.shown_file(), location.line)?,
            None => f.write_str("built-in default: ")?,
        }
        f.write_str(&self.text)
    }
}

/// Where something is set: `default`, or the file and the line.
pub(crate) fn from(location: Option<&Location>) -> String {
    location.map_or("default".to_owned(), |location| {
        format!("{}:{}", location.shown_file(), location.line)
    })
}

/// The file of an origin as the log has it, or why the built-in defaults are in force.
pub(crate) fn file_of(origin: &str) -> &str {
    origin.strip_prefix("configuration ").unwrap_or(origin)
}

/// The line of a threshold: that of the rule or, where it has none of its own, of the schedule in force, or of
/// `[thresholds]`. None where no line sets it.
pub(crate) fn of_threshold(
    threshold: &Threshold,
    rule: Option<&Rule>,
    schedule: Option<&Schedule>,
    written: &Written,
) -> Option<ConfigLine> {
    if threshold.is_of_system() {
        return of_key("system", threshold.key(), written);
    }
    if let Some(rule) = rule.filter(|rule| rule.thresholds.is_some()) {
        return Some(of_rule(rule));
    }
    if let Some(schedule) = schedule.filter(|schedule| schedule.thresholds.is_some()) {
        return Some(ConfigLine {
            location: schedule.location.clone(),
            text: format!("[[schedule]] {schedule}"),
        });
    }
    of_key("thresholds", threshold.key(), written)
}

/// The line of one key; None where there is no such key.
pub(crate) fn of_key(table: &str, key: &str, written: &Written) -> Option<ConfigLine> {
    let entry = written.entry(table, key)?;
    Some(ConfigLine {
        location: entry.location.clone(),
        text: format!("{key} = {}", entry.text),
    })
}

/// The line where a rule begins.
pub(crate) fn of_rule(rule: &Rule) -> ConfigLine {
    ConfigLine {
        location: rule.location.clone(),
        text: format!("[[rule]] {rule}"),
    }
}

/// The line where a group begins.
pub(crate) fn of_group(group: &Group) -> ConfigLine {
    ConfigLine {
        location: group.location.clone(),
        text: format!("[[group]] {group}"),
    }
}

/// The line of what protects a process; None where no line of a configuration does.
pub(crate) fn of_protection(
    protection: &Protection,
    config: &Config,
    written: &Written,
) -> Option<ConfigLine> {
    let whitelist = &config.whitelist;
    let (key, index) = match protection {
        Protection::Pid(pid) => ("pids", whitelist.pids.iter().position(|own| own == pid)),
        Protection::Name(index, ..) => ("names", Some(*index)),
        Protection::User(index) => ("users", Some(*index)),
        Protection::Root => return of_key("whitelist", "protect_root", written),
        Protection::Rule(number) | Protection::WarnOnly(number) => {
            return config.rules.get(number - 1).map(of_rule);
        }
        Protection::Unreadable(_) | Protection::BuiltIn(_) | Protection::Exempt(..) => return None,
    };
    let item = written.entry("whitelist", key)?.items.get(index?)?;
    Some(ConfigLine {
        location: item.location.clone(),
        text: format!("{key} has {}", item.text),
    })
}

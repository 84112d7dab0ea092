//! What a reload has changed, for the log. Pure.

use super::configuration::Config;
use super::group::Group;
use super::keys::{GROUP, RULE, SCHEDULE, TABLES};
use super::rule::Rule;
use super::schedule::{DAYS, Schedule};
use super::slot::{Key, Slot};
use crate::escape::quoted_path;
use std::fmt::{self, Write};

/// One difference. Displayed as `KEY: OLD -> NEW`, `KEY: ENTRY added` and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    key: &'static str,
    difference: Difference,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Difference {
    /// The old value and the new one.
    Value(String, String),
    /// An entry of a list.
    Removed(String),
    /// An entry of a list.
    Added(String),
    /// The same entries in another order, which is this one now.
    Order(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key;
        match &self.difference {
            Difference::Value(old, new) => write!(f, "{key}: {old} -> {new}"),
            Difference::Removed(entry) => write!(f, "{key}: {entry} removed"),
            Difference::Added(entry) => write!(f, "{key}: {entry} added"),
            Difference::Order(entries) => write!(f, "{key}: another order, now {entries}"),
        }
    }
}

impl Config {
    /// What is different in `new`: values with the old and the new one, entries of lists one by one.
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        // The rows reach a value by a mutable reference only.
        let (mut old, mut new) = (self.clone(), new.clone());
        let (mut values, mut lists) = (Vec::new(), Vec::new());
        let files = |config: &Self| {
            let files = config.drop_ins.iter();
            files.map(|file| quoted_path(file)).collect()
        };
        lists.extend(differences("drop-in", &files(&old), &files(&new)));
        for key in TABLES.iter().flat_map(|table| table.keys) {
            let name = key.name;
            if let Slot::List(_, items) = &key.slot {
                lists.extend(differences(
                    name,
                    &items.show(&mut old),
                    &items.show(&mut new),
                ));
                continue;
            }
            let show = |config| key.slot.show(config).unwrap_or_else(|| key.slot.off());
            let (old, new) = (show(&mut old), show(&mut new));
            if old != new {
                let difference = Difference::Value(old, new);
                values.push(Change {
                    key: name,
                    difference,
                });
            }
        }
        let rules = |config: &Self| config.rules.iter().map(ToString::to_string).collect();
        lists.extend(differences("rule", &rules(&old), &rules(&new)));
        let groups = |config: &Self| config.groups.iter().map(ToString::to_string).collect();
        lists.extend(differences("group", &groups(&old), &groups(&new)));
        let schedules = |config: &Self| config.schedules.iter().map(ToString::to_string).collect();
        lists.extend(differences("schedule", &schedules(&old), &schedules(&new)));
        values.append(&mut lists);
        values
    }
}

fn differences(key: &'static str, old: &Vec<String>, new: &Vec<String>) -> Vec<Change> {
    let missing = |from: &[String], other: &[String]| -> Vec<String> {
        let is_missing = |entry: &&String| !other.contains(entry);
        from.iter().filter(is_missing).cloned().collect()
    };
    let removed = missing(old, new).into_iter().map(Difference::Removed);
    let added = missing(new, old).into_iter().map(Difference::Added);
    let mut differences: Vec<_> = removed.chain(added).collect();
    if differences.is_empty() && old != new {
        differences.push(Difference::Order(new.join("; ")));
    }
    let differences = differences.into_iter();
    differences
        .map(|difference| Change { key, difference })
        .collect()
}

/// The keys that are given, as `name = "chrome*"`.
fn given<T>(keys: &[Key<T>], owner: &mut T) -> Vec<String> {
    let given = keys.iter().filter_map(|key| {
        let value = key.slot.show(owner)?;
        let quote = if key.slot.words().is_empty() {
            ""
        } else {
            "\""
        };
        Some(format!("{} = {quote}{value}{quote}", key.name))
    });
    given.collect()
}

/// `name = "chrome*", action = "kill", ram_gb_threshold = 6.00GB`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&given(&RULE, &mut self.clone()).join(", "))
    }
}

/// `label = "users", by = "user", ram_percent_threshold = 20.00%, metric = "pss", kill = "largest", action = "kill"`.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&given(&GROUP, &mut self.clone()).join(", "))
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
        for value in given(&SCHEDULE, &mut self.clone()) {
            write!(f, ", {value}")?;
        }
        Ok(())
    }
}

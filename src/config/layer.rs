//! Reading one text of a configuration by the rows of `keys`, on top of what is there. A key that has no row is
//! rejected, with the row that was probably meant. Pure.

use super::configuration::Config;
use super::document::Document;
use super::error::{Cause, Location};
use super::group::Group;
use super::keys::{GROUP, KeyRow, RULE, SCHEDULE, TABLES, Table, rows};
use super::no_effect;
use super::rule::{Action, Rule};
use super::schedule::Schedule;
use super::shown::shown;
use super::slot::{Key, Merge, Slot};
use super::thresholds::Thresholds;
use super::value::found;
use super::warning::Warning;
use super::written::{Entry, Item, Written};
use crate::nearest::nearest;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a text is to the ones below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The built-in defaults: their values have no location.
    Default,
    /// The configuration file.
    File,
    /// A drop-in: some of its lists are added.
    DropIn,
}

/// The thresholds of a table, of which one is enough.
const THRESHOLDS: [&str; 2] = ["ram_percent_threshold", "ram_gb_threshold"];

struct Layer<'t> {
    document: Document<'t>,
    source: Source,
    warnings: Vec<Warning>,
}

/// What a table `[[...]]` holds.
struct Given {
    /// With one pair of brackets.
    name: &'static str,
    /// Where it begins.
    at: usize,
    keys: Vec<String>,
    /// Those that could be read.
    read: Written,
}

/// Puts what `text` holds on top of `config` and `written`; returns all that is wrong with it, and what has no effect
/// in its rules.
pub(super) fn read(
    file: &Path,
    text: &str,
    source: Source,
    config: &mut Config,
    written: &mut Written,
) -> (Vec<Cause>, Vec<Warning>) {
    let (document, mut root) = Document::parse(file, text);
    let mut layer = Layer {
        document,
        source,
        warnings: Vec::new(),
    };
    let mut take = |name| {
        let (key, value) = root.remove_entry(name)?;
        Some((key.span().start, value.into_inner()))
    };
    for Table { name, keys } in &TABLES {
        match take(*name) {
            Some((_, DeValue::Table(table))) => {
                if source != Source::Default {
                    written.note_table(name);
                }
                layer.table(name, keys, table, config, written);
            }
            Some((at, other)) => layer.not_a_table(at, "a table that begins", name, &other),
            None => {}
        }
    }
    // The rules, groups and schedules of a later file come first.
    if let Some((at, value)) = take("rule") {
        let rules = layer.tables("[rule]", &RULE, at, value, Layer::rule);
        config.rules.splice(0..0, rules);
    }
    if let Some((at, value)) = take("group") {
        let groups = layer.tables("[group]", &GROUP, at, value, Layer::group);
        config.groups.splice(0..0, groups);
    }
    if let Some((at, value)) = take("schedule") {
        let schedules = layer.tables("[schedule]", &SCHEDULE, at, value, Layer::schedule);
        config.schedules.splice(0..0, schedules);
    }
    for (key, value) in &root {
        layer.unknown("", key, value);
    }
    (layer.document.into_causes(), layer.warnings)
}

impl<'t> Layer<'t> {
    /// Reads one table into `owner`.
    fn table<T>(
        &mut self,
        name: &'static str,
        keys: &'static [Key<T>],
        mut table: DeTable<'t>,
        owner: &mut T,
        written: &mut Written,
    ) {
        for row in keys {
            if let Some((key, value)) = table.remove_entry(row.name) {
                self.value(name, row, key.span().start, &value, owner, written);
            }
        }
        for (key, value) in &table {
            self.unknown(name, key, value);
        }
    }

    /// Reads the value of a key, which begins at `at`.
    fn value<T>(
        &mut self,
        table: &'static str,
        key: &'static Key<T>,
        at: usize,
        value: &Spanned<DeValue<'t>>,
        owner: &mut T,
        written: &mut Written,
    ) {
        if value.span().is_empty() {
            // A syntax error, which is reported as that.
            return;
        }
        let mut entry = Entry {
            table,
            key: key.name,
            text: self.document.source(value.span()).to_owned(),
            location: self.location(at),
            items: Vec::new(),
        };
        let (Slot::List(merge, items), DeValue::Array(values)) = (&key.slot, value.get_ref())
        else {
            return match key.slot.read(owner, value.get_ref()) {
                Ok(()) => written.set(entry, false),
                Err(message) => self.fault(value.span().start, table, key.name, &message),
            };
        };
        let adds = self.source == Source::DropIn && *merge == Merge::Add;
        if !adds {
            items.clear(owner);
        }
        for item in values {
            let at = item.span().start;
            if let Err(message) = items.read(owner, item.get_ref()) {
                self.fault(at, table, key.name, &message);
            }
            entry.items.push(Item {
                text: self.document.source(item.span()).to_owned(),
                location: self.location(at),
            });
        }
        written.set(entry, adds);
    }

    /// Reads each table `[name]`, where `name` has brackets of its own.
    fn tables<T: Default>(
        &mut self,
        name: &'static str,
        keys: &'static [Key<T>],
        at: usize,
        value: DeValue<'t>,
        finish: fn(&mut Self, &Given, &mut T),
    ) -> Vec<T> {
        let DeValue::Array(items) = value else {
            self.not_a_table(at, "tables that begin", name, &value);
            return Vec::new();
        };
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let at = item.span().start;
            match item.into_inner() {
                DeValue::Table(table) => {
                    let mut given = Given {
                        name,
                        at,
                        keys: table.keys().map(|key| key.get_ref().to_string()).collect(),
                        read: Written::default(),
                    };
                    let mut new = T::default();
                    self.table(name, keys, table, &mut new, &mut given.read);
                    finish(self, &given, &mut new);
                    all.push(new);
                }
                other => self.not_a_table(at, "tables that begin", name, &other),
            }
        }
        all
    }

    /// Checks a rule as a whole.
    fn rule(&mut self, given: &Given, rule: &mut Rule) {
        rule.location = self.location(given.at);
        self.check_thresholds(given, &mut rule.thresholds);
        let matchers = ["name", "names", "user", "users", "exe", "cmdline", "unit"];
        if given.count(&matchers) == 0 {
            let message = "must say which processes it matches: name, user, exe, cmdline or unit \
                           (name = \"*\" for all)";
            self.reject(given, message);
        }
        self.warnings.extend(no_effect::in_rule(rule, &given.read));
        if rule.when_short.is_some() && rule.action == Action::Protect {
            let message = "has when_short beside action = \"protect\", which already protects \
                           its processes: remove one of the two";
            self.reject(given, message);
        }
    }

    /// Checks a group as a whole.
    fn group(&mut self, given: &Given, group: &mut Group) {
        group.location = self.location(given.at);
        // A key that could not be read is reported by itself, and what it would be is not known.
        let is_read = |key: &&String| given.read.entry(given.name, key).is_some();
        if given.keys.iter().all(|key| is_read(&key)) {
            if let Some(message) = group.fault() {
                self.reject(given, message);
            }
        }
        group.label = if given.count(&["label"]) > 0 {
            group.given_label.clone()
        } else {
            group.by.map(|by| by.name().to_owned())
        };
        self.warnings
            .extend(no_effect::in_group(group, &given.read));
    }

    /// Checks a schedule as a whole.
    fn schedule(&mut self, given: &Given, schedule: &mut Schedule) {
        schedule.location = self.location(given.at);
        schedule.from %= 24 * 60;
        self.check_thresholds(given, &mut schedule.thresholds);
        match given.read.entry(given.name, "days") {
            None => schedule.days = [true; 7],
            Some(days) if days.items.is_empty() => self.reject(
                given,
                "has no days, so it is never in force: name one, or leave them out",
            ),
            Some(_) => {}
        }
        if given.count(&["from", "to"]) < 2 {
            let message = "needs from and to, such as from = \"22:00\", to = \"06:00\"";
            self.reject(given, message);
        }
    }

    /// With one of the two given, the other is off: at its usual value it would make a higher one ineffective.
    fn check_thresholds(&mut self, given: &Given, thresholds: &mut Option<Thresholds>) {
        let is_read = |key: &&&str| given.read.entry(given.name, key).is_some();
        let read = THRESHOLDS.iter().filter(is_read).count();
        let all_read = read == given.count(&THRESHOLDS);
        if !all_read {
            // It is one that is given, whatever it was meant to be.
            thresholds.get_or_insert_default();
        } else if thresholds.is_some_and(Thresholds::are_off) {
            let message = "has both thresholds off; to protect processes, use a rule with \
                           action = \"protect\"";
            self.reject(given, message);
        }
    }

    /// Rejects a table as a whole.
    fn reject(&mut self, given: &Given, message: &str) {
        let message = format!("[{}] {message}", given.name);
        self.document.fault(given.at, message);
    }

    fn fault(&mut self, at: usize, table: &str, key: &str, message: &str) {
        let message = format!("\"{key}\" in [{table}] {message}");
        self.document.fault(at, message);
    }

    fn not_a_table(&mut self, at: usize, what: &str, name: &str, value: &DeValue<'_>) {
        let (key, found) = (name.trim_matches(['[', ']']), found(value));
        let message = format!("\"{key}\" must be {what} with [{name}], found {found}");
        self.document.fault(at, message);
    }

    /// Rejects a key of `table`, which is empty outside of any table.
    fn unknown<'k>(
        &mut self,
        table: &str,
        key: &'k Spanned<impl AsRef<str> + 'k>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let at = key.span().start.min(value.span().start);
        let key = key.get_ref().as_ref();
        let is_table = match value.get_ref() {
            DeValue::Table(_) => true,
            DeValue::Array(items) => {
                !items.is_empty() && items.iter().all(|item| item.get_ref().is_table())
            }
            _ => false,
        };
        let is_list = value.get_ref().is_array();
        self.document
            .fault(at, unknown(table, key, is_table, is_list));
    }

    /// None in the built-in defaults.
    fn location(&self, at: usize) -> Option<Location> {
        (self.source != Source::Default).then(|| self.document.location(at))
    }
}

impl Given {
    /// How many of these keys are given, whatever their values.
    fn count(&self, keys: &[&str]) -> usize {
        let given = self.keys.iter();
        given.filter(|given| keys.contains(&given.as_str())).count()
    }
}

/// What is wrong with an unknown key or table, and what was probably meant.
fn unknown(table: &str, key: &str, is_table: bool, is_list: bool) -> String {
    let rows = rows();
    let mut tables: Vec<_> = rows
        .iter()
        .map(|row| row.table.trim_matches(['[', ']']))
        .collect();
    tables.dedup();
    if is_table {
        return if table.is_empty() {
            let near = nearest(key, tables.into_iter());
            let hint = near.map(|near| format!(", did you mean [{near}]?"));
            format!("unknown table [{}]{}", plain(key), hint.unwrap_or_default())
        } else {
            format!("unknown table [{table}.{}]", plain(key))
        };
    }
    let own = |row: &&KeyRow| row.table == table;
    // `names` of [whitelist] is `name` in a rule.
    let singular = key.strip_suffix('s').unwrap_or(key);
    let plural = format!("{key}s");
    let plural = rows.iter().filter(own).find(|row| row.name == plural);
    let singular = rows.iter().filter(own).find(|row| row.name == singular);
    let hint = if (table, key) == ("[group]", "cmdline") {
        ": a group does not match by arguments, which can't be read while memory is short; use name, \
         user, exe or unit"
            .to_owned()
    } else if let Some(row) = singular {
        let one = if is_list {
            ", which is one pattern, not a list"
        } else {
            ""
        };
        format!(", did you mean \"{}\"{one}?", row.name)
    } else if let Some(row) = plural {
        let many = if row.allowed.starts_with("a list") {
            ", which is a list"
        } else {
            ""
        };
        format!(", did you mean \"{}\"{many}?", row.name)
    } else if tables.contains(&key) {
        format!(", did you mean the table [{key}]?")
    } else if let Some(row) = rows.iter().find(|row| !own(row) && row.name == key) {
        format!(", it belongs in [{}]", row.table)
    } else {
        nearest(key, rows.iter().filter(own).map(|row| row.name))
            .map_or(String::new(), |near| format!(", did you mean \"{near}\"?"))
    };
    let within = match table {
        "" => "outside of any table".to_owned(),
        table => format!("in [{table}]"),
    };
    format!("unknown key {} {within}{hint}", shown(key))
}

/// The name of an unknown table as in its header.
fn plain(key: &str) -> String {
    let shown = shown(key);
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    if !key.is_empty() && key.chars().all(is_bare) {
        shown.trim_matches('"').to_owned()
    } else {
        shown
    }
}

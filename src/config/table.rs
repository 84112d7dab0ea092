//! Reading one table of a document key by key. Each key that is asked for is a known key, so that
//! the list of known keys is the code that reads them; what nobody asked for is refused.

use super::document::Document;
use super::error::{Cause, Location};
use super::value::{Read, must_be, shown};
use super::written::{Entry, Item};
use crate::nearest::nearest;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it was set; None in the built-in defaults.
#[derive(Clone, Debug)]
pub(super) struct Setting<T> {
    pub(super) value: T,
    pub(super) place: Option<Location>,
}

/// One text of the configuration, which wins over the layers before it.
pub(super) struct Layer<'t> {
    document: Document<'t>,
    is_default: bool,
    known: Vec<(&'static str, &'static str)>,
    unknown: Vec<Unknown>,
    written: Vec<Entry>,
}

/// One table of a layer, or the top level, whose name is empty. Empty where the layer has none.
pub(super) struct Table<'a, 't> {
    layer: &'a mut Layer<'t>,
    name: &'static str,
    entries: DeTable<'t>,
}

struct Unknown {
    table: &'static str,
    key: String,
    at: usize,
    is_table: bool,
}

impl<'t> Layer<'t> {
    /// Reads a whole document; what it sets, and what is wrong with it.
    pub(super) fn read(
        document: Document<'t>,
        root: DeTable<'t>,
        is_default: bool,
        read: impl FnOnce(&mut Table<'_, 't>),
    ) -> (Vec<Entry>, Vec<Cause>) {
        let mut layer = Self {
            document,
            is_default,
            known: Vec::new(),
            unknown: Vec::new(),
            written: Vec::new(),
        };
        Table::read("", root, &mut layer, read);
        for unknown in std::mem::take(&mut layer.unknown) {
            let message = layer.describe(&unknown);
            layer.document.fault(unknown.at, message);
        }
        (layer.written, layer.document.into_causes())
    }

    fn setting<T>(&self, value: T, at: usize) -> Setting<T> {
        let place = self.place(at);
        Setting { value, place }
    }

    /// The place of a byte of the text; None in the built-in defaults.
    fn place(&self, at: usize) -> Option<Location> {
        (!self.is_default).then(|| self.document.place(at))
    }

    fn item(&self, span: Range<usize>) -> Item {
        Item {
            place: self.place(span.start),
            text: self.document.source(span).to_owned(),
        }
    }

    fn keys_of(&self, table: &str) -> impl Iterator<Item = &'static str> {
        let keys = self.known.iter().filter(move |(t, _)| *t == table);
        keys.map(|(_, key)| *key)
    }

    fn describe(&self, unknown: &Unknown) -> String {
        let Unknown { table, key, .. } = unknown;
        if unknown.is_table {
            return if table.is_empty() {
                let near = nearest(key, self.keys_of(""));
                let hint = near.map(|near| format!(", did you mean [{near}]?"));
                format!("unknown table [{}]{}", plain(key), hint.unwrap_or_default())
            } else {
                format!("unknown table [{table}.{}]", plain(key))
            };
        }
        let elsewhere = self.known.iter().find(|(t, k)| t != table && k == key);
        let hint = match (elsewhere, nearest(key, self.keys_of(table))) {
            (Some(("", _)), _) => format!(", did you mean the table [{key}]?"),
            (Some((owner, _)), _) => format!(", it belongs in [{owner}]"),
            (None, Some(near)) if !table.is_empty() => format!(", did you mean \"{near}\"?"),
            (None, _) => String::new(),
        };
        let place = if table.is_empty() {
            "outside of any table".to_owned()
        } else {
            format!("in [{table}]")
        };
        format!("unknown key {} {place}{hint}", shown(key))
    }
}

impl<'t> Table<'_, 't> {
    fn read(
        name: &'static str,
        entries: DeTable<'t>,
        layer: &mut Layer<'t>,
        read: impl FnOnce(&mut Table<'_, 't>),
    ) {
        let mut table = Table {
            layer,
            name,
            entries,
        };
        read(&mut table);
        let Table { layer, entries, .. } = table;
        for (key, value) in entries {
            let is_table = match value.get_ref() {
                DeValue::Table(_) => true,
                DeValue::Array(items) => {
                    !items.is_empty() && items.iter().all(|item| item.get_ref().is_table())
                }
                _ => false,
            };
            layer.unknown.push(Unknown {
                table: name,
                at: key.span().start.min(value.span().start),
                key: key.into_inner().into_owned(),
                is_table,
            });
        }
    }

    /// Reads the table `[name]`.
    pub(super) fn table(&mut self, name: &'static str, read: impl FnOnce(&mut Table<'_, 't>)) {
        let entries = match self.take(name) {
            None => DeTable::new(),
            Some((key, value)) => match value.into_inner() {
                DeValue::Table(entries) => entries,
                other => {
                    let message = must_be(&format!("a table that begins with [{name}]"), &other);
                    self.layer
                        .document
                        .fault(key, format!("\"{name}\" {message}"));
                    return;
                }
            },
        };
        Table::read(name, entries, self.layer, read);
    }

    /// Reads each table `[[key]]`; `name` is `key` in brackets of its own, as messages show it. The
    /// places are those where the tables begin.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        name: &'static str,
        mut read: impl FnMut(&mut Table<'_, 't>, Option<Location>),
    ) {
        let fault = |document: &mut Document<'_>, at, value: &DeValue<'_>| {
            let message = must_be(&format!("tables that begin with [{name}]"), value);
            document.fault(at, format!("\"{key}\" {message}"));
        };
        let Some((at, value)) = self.take(key) else {
            // The keys of such a table are known all the same, for hints.
            let mut probe = Table {
                layer: self.layer,
                name,
                entries: DeTable::new(),
            };
            return read(&mut probe, None);
        };
        let items = match value.into_inner() {
            DeValue::Array(items) => items,
            other => return fault(&mut self.layer.document, at, &other),
        };
        for item in items {
            let at = item.span().start;
            let place = (!self.layer.is_default).then(|| self.layer.document.place(at));
            match item.into_inner() {
                DeValue::Table(entries) => {
                    Table::read(name, entries, self.layer, |table| read(table, place));
                }
                other => fault(&mut self.layer.document, at, &other),
            }
        }
    }

    /// Whether one of these keys is given, whatever its value.
    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.entries.contains_key(*key))
    }

    /// Says that this table as a whole, or a combination of its values, is wrong.
    pub(super) fn refuse(&mut self, place: Option<&Location>, message: &str) {
        let at = place.map_or(0, |place| self.layer.document.offset(place));
        let message = format!("[{}] {message}", self.name);
        self.layer.document.fault(at, message);
    }

    /// Reads the value of `key` into `slot`; leaves what a layer below has set where it is not given.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        slot: &mut Option<Setting<T>>,
        read: impl FnOnce(&DeValue<'_>) -> Read<T>,
    ) {
        let Some((at, value)) = self.take(key) else {
            return;
        };
        match read(value.get_ref()) {
            Ok(read) => {
                *slot = Some(self.layer.setting(read, at));
                self.note(key, at, value.span(), Vec::new());
            }
            Err(message) => self.fault(value.span().start, key, &message),
        }
    }

    /// Reads each item of the list `key` into `slot`; a list that is given replaces the one of the
    /// layers below.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        slot: &mut Option<Vec<Setting<T>>>,
        read: impl Fn(&DeValue<'_>) -> Read<T>,
    ) {
        let Some((at, value)) = self.take(key) else {
            return;
        };
        let Some(items) = value.get_ref().as_array() else {
            let message = must_be("a list", value.get_ref());
            let mend = match value.get_ref() {
                DeValue::String(text) => format!(", write [{}]", shown(text)),
                DeValue::Integer(integer) => format!(", write [{integer}]"),
                _ => String::new(),
            };
            return self.fault(value.span().start, key, &format!("{message}{mend}"));
        };
        let mut settings = Vec::with_capacity(items.len());
        for item in items {
            let at = item.span().start;
            match read(item.get_ref()) {
                Ok(value) => settings.push(self.layer.setting(value, at)),
                Err(message) => self.fault(at, key, &message),
            }
        }
        *slot = Some(settings);
        let items = items.iter().map(|item| self.layer.item(item.span()));
        self.note(key, at, value.span(), items.collect());
    }

    /// Keeps what is written for `key`, which begins at `at`.
    fn note(&mut self, key: &'static str, at: usize, value: Range<usize>, items: Vec<Item>) {
        let entry = Entry {
            table: self.name,
            key,
            text: self.layer.document.source(value).to_owned(),
            place: self.layer.place(at),
            items,
        };
        self.layer.written.push(entry);
    }

    fn fault(&mut self, at: usize, key: &str, message: &str) {
        let message = format!("\"{key}\" in [{}] {message}", self.name);
        self.layer.document.fault(at, message);
    }

    /// Makes `key` a known one; its value, if it is given, and where the key is.
    fn take(&mut self, key: &'static str) -> Option<(usize, Spanned<DeValue<'t>>)> {
        self.layer.known.push((self.name, key));
        let (key, value) = self.entries.remove_entry(key)?;
        Some((key.span().start, value))
    }
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

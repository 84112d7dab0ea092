//! The values of a configuration as they were written, each with its location: for the commands that explain a
//! decision by the line that makes it. Pure.

use super::error::Location;

/// Every key of the tables that can be given once, in the order of the rows in `keys`.
#[derive(Clone, Debug, Default)]
pub struct Written {
    entries: Vec<Entry>,
    /// The tables that a file has, whatever is in them.
    tables: Vec<&'static str>,
}

/// One key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `[rule]`, `[group]` or `[schedule]` for one in a list of tables.
    pub table: &'static str,
    /// Without its table.
    pub key: &'static str,
    /// The value as written, with its quotes; of a list, what the last file wrote.
    pub text: String,
    /// Where the key is; None in the built-in defaults.
    pub location: Option<Location>,
    /// The items of a list: as many as the configuration has, in its order.
    pub items: Vec<Item>,
}

/// One item of a list.
#[derive(Clone, Debug)]
pub struct Item {
    /// As written, with its quotes.
    pub text: String,
    /// None in the built-in defaults.
    pub location: Option<Location>,
}

impl Written {
    /// All of them.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is written for a key; None where there is no such key.
    pub fn entry(&self, table: &str, key: &str) -> Option<&Entry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| (entry.table, entry.key) == (table, key))
    }

    /// Whether a file has this table, even an empty one.
    pub fn has_table(&self, table: &str) -> bool {
        self.tables.contains(&table)
    }

    pub(super) fn note_table(&mut self, table: &'static str) {
        self.tables.push(table);
    }

    /// Where an item of a list is; None in the built-in defaults.
    pub(super) fn item(&self, table: &str, key: &str, index: usize) -> Option<&Location> {
        let item = self.entry(table, key)?.items.get(index)?;
        item.location.as_ref()
    }

    /// Replaces what was written for the key before; with `adds`, the items from before stay in front.
    pub(super) fn set(&mut self, mut entry: Entry, adds: bool) {
        let mut entries = self.entries.iter_mut();
        match entries.find(|below| (below.table, below.key) == (entry.table, entry.key)) {
            Some(below) => {
                if adds {
                    entry.items.splice(0..0, below.items.drain(..));
                }
                *below = entry;
            }
            None => self.entries.push(entry),
        }
    }
}

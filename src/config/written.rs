//! The values of a configuration as they were written, each with its place: for the commands that
//! explain a decision by the line that makes it. Pure.

use super::error::Location;

/// Every key that some layer gives, in the order in which the shipped default lists them.
#[derive(Clone, Debug, Default)]
pub struct Written {
    entries: Vec<Entry>,
}

/// One key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The table it is in.
    pub table: &'static str,
    /// The key.
    pub key: &'static str,
    /// The value as written, with its quotes.
    pub text: String,
    /// Where it is set; None in the built-in defaults.
    pub place: Option<Location>,
    /// The items, where the value is a list: as many as the configuration has, in its order.
    pub items: Vec<Item>,
}

/// One item of a list.
#[derive(Clone, Debug)]
pub struct Item {
    /// The item as written, with its quotes.
    pub text: String,
    /// Where it is; None in the built-in defaults.
    pub place: Option<Location>,
}

impl Written {
    /// Everything that is set.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is set for a key.
    pub fn entry(&self, table: &str, key: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| (entry.table, entry.key) == (table, key))
    }

    /// Puts the entries of a further layer on top; with `adds`, its lists add to those below. Tables
    /// that can be given several times have no one place for a key, and are left out.
    pub(super) fn overlay(&mut self, layer: Vec<Entry>, adds: bool) {
        let single = |entry: &Entry| !entry.table.starts_with('[');
        for mut entry in layer.into_iter().filter(single) {
            let same = self
                .entries
                .iter_mut()
                .find(|below| (below.table, below.key) == (entry.table, entry.key));
            match same {
                Some(below) => {
                    if adds && !below.items.is_empty() && !entry.items.is_empty() {
                        let mut items = std::mem::take(&mut below.items);
                        items.append(&mut entry.items);
                        entry.items = items;
                    }
                    *below = entry;
                }
                None => self.entries.push(entry),
            }
        }
    }
}

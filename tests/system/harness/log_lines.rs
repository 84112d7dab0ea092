//! The daemon's log file, line by line, as interface.md promises it.

use crate::harness::machine::until;
use std::fs;
use std::path::{Path, PathBuf};

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// `2025-10-03 10:15:30`.
    pub(crate) time: String,
    /// `INFO`.
    pub(crate) level: String,
    /// What follows.
    pub(crate) message: String,
}

impl Record {
    /// Takes a line apart; the test fails where the line isn't in the promised form.
    pub(crate) fn parse(line: &str) -> Self {
        let mut parts = line.splitn(3, " - ");
        let (Some(time), Some(level), Some(message)) = (parts.next(), parts.next(), parts.next())
        else {
            panic!("not a record: {line:?}");
        };
        assert!(fits(time, "####-##-## ##:##:##"), "time of {line:?}");
        assert!(
            ["DEBUG", "INFO", "WARNING", "ERROR"].contains(&level),
            "level of {line:?}"
        );
        let plain = |character: char| !character.is_control();
        assert!(message.chars().all(plain), "control character in {line:?}");
        Self {
            time: time.to_owned(),
            level: level.to_owned(),
            message: message.to_owned(),
        }
    }

    /// Whether this is a record of `level` whose message fits `pattern`; see [`fits`].
    pub(crate) fn is(&self, level: &str, pattern: &str) -> bool {
        // What came back is left out where it is not known.
        let without = self.message.split_once(", Freed=");
        let message = without.map_or(&*self.message, |(message, _)| message);
        self.level == level && (fits(&self.message, pattern) || fits(message, pattern))
    }
}

/// Whether `text` is `pattern`, where `#` stands for a digit and `*` for one or more of them.
pub(crate) fn fits(text: &str, pattern: &str) -> bool {
    let Some(wanted) = pattern.chars().next() else {
        return text.is_empty();
    };
    let Some(first) = text.chars().next() else {
        return false;
    };
    let (rest, rest_of_pattern) = (&text[first.len_utf8()..], &pattern[wanted.len_utf8()..]);
    match wanted {
        '*' => first.is_ascii_digit() && (fits(rest, pattern) || fits(rest, rest_of_pattern)),
        '#' => first.is_ascii_digit() && fits(rest, rest_of_pattern),
        _ => first == wanted && fits(rest, rest_of_pattern),
    }
}

/// The log file at a path, which may not exist yet.
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    /// At `path`.
    pub(crate) fn at(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path }
    }

    /// Its text so far, of any bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_default()
    }

    /// The records so far, without a line that is still being written.
    pub(crate) fn records(&self) -> Vec<Record> {
        let text = String::from_utf8(self.bytes()).expect("the log is UTF-8");
        let finished = text.rsplit_once('\n').map_or("", |(finished, _)| finished);
        finished.lines().map(Record::parse).collect()
    }

    /// How many records fit `pattern`.
    pub(crate) fn count(&self, level: &str, pattern: &str) -> usize {
        let records = self.records();
        records
            .iter()
            .filter(|record| record.is(level, pattern))
            .count()
    }

    /// How many records begin with `words`.
    pub(crate) fn count_of(&self, words: &str) -> usize {
        let records = self.records();
        let matching = records
            .iter()
            .filter(|record| record.message.starts_with(words));
        matching.count()
    }

    /// Waits for a record that fits `pattern`, and returns the first one.
    pub(crate) fn wait_for(&self, level: &str, pattern: &str) -> Record {
        self.wait_for_any(&format!("{level} - {pattern}"), |record| {
            record.is(level, pattern)
        })
    }

    /// Waits for a record that has all of `words` in its message, and returns the first one.
    pub(crate) fn wait_for_words(&self, words: &[&str]) -> Record {
        self.wait_for_any(&format!("{words:?}"), |record| {
            words.iter().all(|word| record.message.contains(word))
        })
    }

    /// Waits for a record that `is_it`, and returns the first one.
    pub(crate) fn wait_for_any(&self, what: &str, is_it: impl Fn(&Record) -> bool) -> Record {
        let mut found = None;
        until(&format!("the log has '{what}'"), || {
            found = self.records().into_iter().find(&is_it);
            found.is_some()
        });
        found.expect("until returns when there is one")
    }

    /// Waits until `count` more scans are complete: for what must not happen, this is when to look.
    pub(crate) fn wait_for_scans(&self, count: usize) {
        let wanted = self.scans() + count;
        until("more scans are complete", || self.scans() >= wanted);
    }

    /// How many scans are complete.
    pub(crate) fn scans(&self) -> usize {
        self.count("INFO", "Scan complete. Scanned: *, Killed: *")
    }
}

//! What a process writes to a file, line by line.

use crate::harness::machine::until;
use std::fs;
use std::path::{Path, PathBuf};

/// The lines of a file that grows.
pub(crate) struct Lines {
    path: PathBuf,
    /// How many bytes of it were returned already.
    taken: usize,
}

impl Lines {
    /// Of the file at `path`, which need not exist yet.
    pub(crate) fn of(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path, taken: 0 }
    }

    /// Waits for a line with `mark` in it and returns it; what is before it is passed over.
    pub(crate) fn wait_for(&mut self, mark: &str) -> String {
        let mut found = None;
        until(&format!("a line has {mark:?}"), || {
            found = self.take(mark);
            found.is_some()
        });
        found.expect("until returns when there is one")
    }

    fn take(&mut self, mark: &str) -> Option<String> {
        while let Some(length) = self.left().iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(&self.left()[..length]).into_owned();
            self.taken += length + 1;
            if line.contains(mark) {
                return Some(line);
            }
        }
        None
    }

    /// What is left of a file that has ended.
    pub(crate) fn rest(&self) -> String {
        String::from_utf8_lossy(&self.left()).into_owned()
    }

    fn left(&self) -> Vec<u8> {
        let mut bytes = fs::read(&self.path).unwrap_or_default();
        bytes.split_off(self.taken)
    }
}

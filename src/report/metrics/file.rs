//! The file with the metrics, for node_exporter's textfile collector: always a whole one.

use crate::report::health::Health;
use crate::report::keep;
use std::fs;
use std::path::{Path, PathBuf};

/// Its reader is another user.
const MODE: u32 = 0o644;

#[derive(Debug)]
pub(super) struct MetricsFile {
    path: PathBuf,
    health: Health,
    /// Whether what is at the path was written here.
    is_ours: bool,
}

impl MetricsFile {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            health: Health::new("metrics file", path),
            is_ours: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts this text in the place of the one before; whether that worked. That it no longer works is said
    /// once, and so is that it works again.
    pub(super) fn write(&mut self, text: &str) -> bool {
        let result = keep::replace(&self.path, text.as_bytes(), MODE);
        let works = result.is_ok();
        self.is_ours |= works;
        self.health.note(result, 1);
        if let Some(notice) = self.health.take_notice() {
            log::log!(notice.level, "{}", notice.text);
        }
        works
    }

    /// Takes the file away that was written here: what is no longer written is no longer true.
    pub(super) fn remove(self) {
        if self.is_ours {
            // It may be gone already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

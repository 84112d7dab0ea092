//! The file with the metrics, for node_exporter's textfile collector: always a whole one.

use crate::events::sinks::health::Health;
use crate::state::atomic_file::AtomicFile;
use std::path::Path;

/// Its reader is another user.
const MODE: u32 = 0o644;

#[derive(Debug)]
pub(super) struct MetricsFile {
    file: AtomicFile,
    health: Health,
    /// Whether what is at the path was written here.
    is_ours: bool,
}

impl MetricsFile {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            file: AtomicFile::new(path.to_owned(), MODE),
            health: Health::new("metrics file", path),
            is_ours: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Puts this text in the place of the one before; whether that worked. That it no longer works is said
    /// once, and so is that it works again.
    pub(super) fn write(&mut self, text: &str) -> bool {
        let result = self.file.replace(text.as_bytes());
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
            self.file.remove();
        }
    }
}

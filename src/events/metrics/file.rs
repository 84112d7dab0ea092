//! The metrics file for node_exporter's textfile collector: always complete.

use crate::events::sinks::sink_health::SinkHealth;
use crate::state::atomic_file::AtomicFile;
use crate::sys::trust;
use std::io;
use std::path::Path;

/// The reader is another user.
const MODE: u32 = 0o644;

#[derive(Debug)]
pub(super) struct MetricsFile {
    file: AtomicFile,
    health: SinkHealth,
    /// Whether what is at the path was written here.
    is_ours: bool,
    /// Whether no user can write to its directory.
    is_checked: bool,
}

impl MetricsFile {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            file: AtomicFile::new(path.to_owned(), MODE),
            health: SinkHealth::new("metrics file", path),
            is_ours: false,
            is_checked: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Replaces the text; whether that worked. That it fails is logged once, and so is that it works again.
    pub(super) fn write(&mut self, text: &str) -> bool {
        let result = self
            .check()
            .and_then(|()| self.file.replace(text.as_bytes()));
        let works = result.is_ok();
        self.is_ours |= works;
        self.is_checked &= works;
        self.health.note(result, 1);
        if let Some(change) = self.health.take_change() {
            log::log!(change.level, "{}", change.text);
        }
        works
    }

    fn check(&mut self) -> io::Result<()> {
        if !self.is_checked {
            trust::check_own_output(self.path())?;
            // Only root can change that.
            self.is_checked = true;
        }
        Ok(())
    }

    /// Removes the file if it was written here: what is no longer written is no longer true.
    pub(super) fn remove(self) {
        if self.is_ours {
            self.file.remove();
        }
    }
}

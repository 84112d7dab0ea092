//! The status of the daemon as a sink: what events and scans change in it, and when the file is written.

use crate::config::Config;
use crate::state::status::{DaemonStatus, StatusFile};
use crate::sys::clock::unix_seconds;
use std::time::SystemTime;

/// The status, and the file it is written to.
#[derive(Debug)]
pub struct StatusSink {
    file: StatusFile,
    status: DaemonStatus,
}

impl StatusSink {
    /// Of a daemon that starts with this status; written to a file that other users can't read where `is_private`.
    pub(crate) fn new(status: DaemonStatus, is_private: bool) -> Self {
        Self {
            file: StatusFile::usual(is_private),
            status,
        }
    }

    /// A process was killed and has ended.
    pub(crate) fn count_kill(&mut self) {
        self.status.ended += 1;
    }

    /// A configuration is in force.
    pub(crate) fn note_config(&mut self, config: &Config) {
        self.status.configuration = config.origin.to_string();
        self.status.config_loaded = unix_seconds(SystemTime::now());
        self.status.dry_run = config.dry_run;
    }

    /// Changes the status and writes it.
    pub(crate) fn write(&mut self, change: impl FnOnce(&mut DaemonStatus)) {
        change(&mut self.status);
        self.file.write(&self.status);
    }

    /// Removes the file when the daemon stops.
    pub(crate) fn remove(&self) {
        self.file.remove(self.status.pid);
    }
}

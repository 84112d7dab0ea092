//! What the daemon leaves for `status` in /run/memory-monitor/status.json after each check.

use super::atomic_file::{self, AtomicFile, Once};
use super::history::seconds;
use crate::paths;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How things are with the daemon. Times are seconds since 1970, names escaped as in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The daemon's version.
    pub version: String,
    /// Its number.
    pub pid: u32,
    /// With the number: its identity.
    pub start_time: u64,
    /// When it was started.
    pub started: u64,
    /// Whether systemd runs it.
    pub is_service: bool,
    /// Which configuration it has, in words.
    pub configuration: String,
    /// The file it was started with; None for the usual place.
    pub config_file: Option<PathBuf>,
    /// When it read it.
    pub config_loaded: u64,
    /// Whether it signals nobody.
    pub dry_run: bool,
    /// When it last looked.
    pub last_check: u64,
    /// When it will look again.
    pub next_check: u64,
    /// How many processes it saw.
    pub scanned: usize,
    /// How many of them were over a threshold and not protected.
    #[serde(default)]
    pub over: usize,
    /// How many it has ended since it was started.
    pub ended: u64,
    /// Whom it has asked to end and who is still there.
    pub ending: Vec<Noted>,
    /// Who is over a threshold and protected.
    pub spared: Vec<Noted>,
    /// Who is over a threshold and ended later.
    #[serde(default)]
    pub waiting: Vec<Waiting>,
    /// When processes were asked to end within the last minute.
    #[serde(default)]
    pub asked: Vec<u64>,
}

/// A process and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its user.
    pub user: String,
    /// Its memory.
    pub rss_bytes: u64,
    /// Why it is spared, or how far its end has come.
    pub note: String,
}

/// A process that is ended later if it is still over its threshold then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which process, and what it waits for.
    #[serde(flatten)]
    pub process: Noted,
    /// With its number: its identity.
    pub start_time: u64,
    /// When it is ended.
    pub until: u64,
    /// Whether its unit is in a restart loop.
    pub restart_loop: bool,
}

impl Waiting {
    /// How long it still waits at `now`.
    pub fn left(&self, now: SystemTime) -> Duration {
        Duration::from_secs(self.until.saturating_sub(seconds(now)))
    }
}

/// The file.
#[derive(Debug)]
pub struct StatusFile {
    file: AtomicFile,
    once: Once,
}

impl StatusFile {
    /// In the runtime directory of the service, or where it would be. Where /proc keeps users' processes
    /// from each other, so does the file.
    pub fn usual(is_private: bool) -> Self {
        let directory = atomic_file::directory("RUNTIME_DIRECTORY", paths::RUNTIME_DIRECTORY);
        let mode = if is_private { 0o640 } else { 0o644 };
        Self {
            file: AtomicFile::new(directory.join("status.json"), mode),
            once: Once::default(),
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Writes it as a whole: a reader sees the old one or the new one.
    pub fn write(&mut self, state: &State) {
        let result = self.try_write(state);
        self.once.note("status", self.file.path(), result);
    }

    fn try_write(&self, state: &State) -> io::Result<()> {
        if let Some(directory) = self.path().parent() {
            atomic_file::make_directory(directory)?;
        }
        let mut text = serde_json::to_vec(state)?;
        text.push(b'\n');
        self.file.replace(&text)
    }

    /// Takes it away when the daemon stops, unless another one has written it since.
    pub fn remove(&self, pid: u32) {
        if self.read().is_ok_and(|state| state.pid == pid) {
            // It is only tidier without.
            self.file.remove();
        }
    }

    /// Reads it.
    pub fn read(&self) -> io::Result<State> {
        let text = fs::read(self.path())?;
        serde_json::from_slice(&text).map_err(io::Error::from)
    }
}

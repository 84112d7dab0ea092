//! What the daemon writes for `status` and `explain` to /run/memory-monitor/status.json after each scan.

use super::atomic_file::{AtomicFile, WriteErrors, check_owner, directory, make_directory_of};
use super::process_record::{ProcessRecord, Spelling};
use crate::config::{GroupAction, LoadedFile};
use crate::paths;
use crate::sys::clock::unix_seconds;
use crate::sys::fs::open_to_read;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// In bytes; a hundred thousand processes fit.
const LARGEST: u64 = 64 << 20;

/// How the daemon runs and what it does. Times are seconds since 1970, names escaped as in the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DaemonStatus {
    /// The daemon's version.
    pub version: String,
    /// The daemon's PID.
    pub pid: u32,
    /// With the PID the daemon's identity.
    pub start_time: u64,
    /// When it was started.
    pub started: u64,
    /// Whether systemd runs it.
    pub is_service: bool,
    /// The files of its configuration, as the log has them.
    pub configuration: String,
    /// The file it was started with; None for the usual one.
    pub config_file: Option<PathBuf>,
    /// When it was read.
    pub config_loaded: u64,
    /// The files with content that it was read from; None where an earlier daemon wrote this.
    #[serde(default)]
    pub loaded_files: Option<Vec<LoadedFile>>,
    /// Whether nothing is killed.
    pub dry_run: bool,
    /// What has switched that on; None where it is off, or an earlier daemon wrote this.
    #[serde(default)]
    pub dry_run_cause: Option<String>,
    /// What it does when the machine is short of memory, as in the configuration; empty where an earlier daemon wrote
    /// this.
    #[serde(default)]
    pub system_action: String,
    /// When the last scan was over.
    pub last_check: u64,
    /// When the next scan is due.
    pub next_check: u64,
    /// How many processes the last scan saw.
    pub scanned: usize,
    /// How many of them were over a threshold and not protected.
    #[serde(default)]
    pub over: usize,
    /// How many of those do not stay because memory is plentiful.
    #[serde(default)]
    pub would_kill: usize,
    /// How many processes were killed since the start.
    pub ended: u64,
    /// Processes that were signalled and have not ended.
    #[serde(alias = "ending")]
    pub victims: Vec<ProcessNote>,
    /// Processes over a threshold that are protected.
    #[serde(alias = "spared")]
    pub protected: Vec<ProcessNote>,
    /// Processes over a threshold that are killed later.
    #[serde(default)]
    pub waiting: Vec<Waiting>,
    /// The last time that the machine was short of memory; None where it never was, or an earlier daemon wrote this.
    #[serde(default)]
    pub shortage: Option<ShortageNote>,
    /// The groups over their thresholds.
    #[serde(default)]
    pub groups: Vec<GroupOver>,
    /// The processes that were killed within the last minute.
    #[serde(default, alias = "asked")]
    pub recent_kills: Vec<RecentKill>,
}

/// A process that was killed within the last minute, as the limit of kills counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenKill")]
pub struct RecentKill {
    /// When it was sent SIGTERM.
    pub at: u64,
    /// Its user; None where an earlier daemon wrote this.
    pub uid: Option<u32>,
    /// Its anonymous memory; None where an earlier daemon wrote this.
    pub anonymous_bytes: Option<u64>,
}

/// The same as it is written; an earlier daemon writes the time alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenKill {
    Time(u64),
    Whole {
        at: u64,
        uid: Option<u32>,
        anonymous_bytes: Option<u64>,
    },
}

impl From<WrittenKill> for RecentKill {
    fn from(written: WrittenKill) -> Self {
        let (at, uid, anonymous_bytes) = match written {
            WrittenKill::Time(at) => (at, None, None),
            WrittenKill::Whole {
                at,
                uid,
                anonymous_bytes,
            } => (at, uid, anonymous_bytes),
        };
        Self {
            at,
            uid,
            anonymous_bytes,
        }
    }
}

/// A process and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessNote {
    /// As it was read last.
    #[serde(flatten)]
    pub process: ProcessRecord,
    /// Why it is protected, what it waits for, or which signal it was sent.
    pub note: String,
}

/// A time at which the machine was short of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortageNote {
    /// When it began.
    pub began: u64,
    /// When it was over; None while it is not.
    pub over: Option<u64>,
    /// What said so.
    pub reason: String,
    /// What was left.
    pub left_bytes: u64,
    /// How many processes were killed for it.
    pub killed: usize,
}

/// A group over its threshold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupOver {
    /// Its label and what its members have in common, as the log has it.
    pub group: String,
    /// How many members were found.
    pub members: usize,
    /// What they have together by the metric of the group, at least.
    pub bytes: u64,
    /// The key and the value of its threshold, as the log has them.
    pub threshold: String,
    /// The same in bytes.
    pub threshold_bytes: u64,
    /// What its `[[group]]` says.
    pub action: GroupAction,
    /// What is done about it; as if members were killed where an earlier daemon wrote this.
    #[serde(default)]
    pub state: GroupState,
    /// When members are killed if it is still over its threshold then; None where that is now, or not known.
    #[serde(default)]
    pub until: Option<u64>,
    /// The name of the process whose descendants it has; None for a group by something else.
    #[serde(default)]
    pub program: Option<String>,
}

/// What is done about a group over its threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupState {
    /// Members are killed.
    #[default]
    Kill,
    /// It is only reported.
    Warn,
    /// Nothing before it has been over its threshold for a time.
    Delay,
    /// Nothing before what is killed has ended.
    Ending,
    /// Nothing as long as memory is plentiful.
    Plentiful,
    /// Nothing: every member is protected.
    Protected,
    /// Nothing before the limit of kills in a minute allows it.
    Limited,
}

/// A process that is killed later if it is still over its threshold then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which process, and what it waits for.
    #[serde(flatten)]
    pub process: ProcessNote,
    /// When it is killed.
    pub until: u64,
    /// Whether its unit is in a restart loop.
    pub restart_loop: bool,
}

impl DaemonStatus {
    /// Makes plain what was written escaped: the names, of which the sentences about them keep their own.
    pub fn unescape(&mut self) {
        let waiting = self.waiting.iter_mut().map(|waiting| &mut waiting.process);
        let notes = self.victims.iter_mut().chain(&mut self.protected);
        for note in notes.chain(waiting) {
            note.process.unescape();
        }
        let programs = self.groups.iter_mut().map(|group| &mut group.program);
        programs.flatten().for_each(Spelling::unescape);
    }
}

impl Waiting {
    /// How long it still waits at `now`.
    pub fn left(&self, now: SystemTime) -> Duration {
        Duration::from_secs(self.until.saturating_sub(unix_seconds(now)))
    }
}

/// The file, and what is to be said about it.
#[derive(Debug)]
pub struct StatusFile {
    file: AtomicFile,
    errors: WriteErrors,
    /// Whether it is this daemon's to write.
    is_own: bool,
}

impl StatusFile {
    /// In the runtime directory of the service, or where it would be.
    pub fn usual() -> Self {
        Self::with_mode(0o644)
    }

    /// The same, hidden from other users, as where /proc hides their processes from each other.
    pub fn private() -> Self {
        Self::with_mode(0o640)
    }

    fn with_mode(mode: u32) -> Self {
        let directory = directory("RUNTIME_DIRECTORY", paths::RUNTIME_DIRECTORY);
        Self {
            file: AtomicFile::new(directory.join("status.json"), mode),
            errors: WriteErrors::default(),
            is_own: true,
        }
    }

    /// The same, of another daemon: it is only read.
    #[must_use]
    pub fn of_another(self) -> Self {
        Self {
            is_own: false,
            ..self
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Replaces the file; an error is logged, once for each reason.
    pub fn write(&mut self, status: &DaemonStatus) {
        if !self.is_own {
            return;
        }
        let result = self.try_write(status);
        self.errors.report("status", self.file.path(), result);
    }

    fn try_write(&self, status: &DaemonStatus) -> io::Result<()> {
        make_directory_of(self.path())?;
        let mut text = serde_json::to_vec(status)?;
        text.push(b'\n');
        self.file.replace(&text)
    }

    /// Removes the file when the daemon stops, unless another daemon has written it since.
    pub fn remove(&self, pid: u32) {
        if self.read().is_ok_and(|status| status.pid == pid) {
            self.file.remove();
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It is missing, may not be read, or is of another program.
    pub fn read(&self) -> io::Result<DaemonStatus> {
        parse(open_to_read(self.path())?)
    }

    /// Reads the file if only root, or the user who runs this, can have written it.
    ///
    /// # Errors
    /// As `read`, and where another user can have written it.
    pub fn read_trusted(&self) -> io::Result<DaemonStatus> {
        let file = open_to_read(self.path())?;
        check_owner(&file.metadata()?)?;
        parse(file)
    }
}

fn parse(file: File) -> io::Result<DaemonStatus> {
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// During an upgrade the commands are newer than the daemon that runs.
    #[test]
    fn the_file_of_an_earlier_version_is_read() {
        let text = r#"{"version":"2.0.0","pid":7,"start_time":1,"started":2,"is_service":true,"configuration":"c","config_file":null,"config_loaded":3,"dry_run":false,"last_check":4,"next_check":5,"scanned":6,"ended":7,
            "ending":[{"pid":8,"name":"a","user":"john","rss_bytes":9,"note":"sent SIGTERM"}],"spared":[],
            "waiting":[{"pid":10,"name":"b","user":"john","rss_bytes":11,"note":"sustained = 5","start_time":12,"until":13,"restart_loop":false}],"asked":[14]}"#;
        let status: DaemonStatus = serde_json::from_str(text).unwrap();
        assert_eq!(status.victims[0].process.pid, Some(8));
        assert_eq!(status.victims[0].note, "sent SIGTERM");
        let waiting = &status.waiting[0].process.process;
        assert_eq!((waiting.pid, waiting.start_time), (Some(10), Some(12)));
        let kill = RecentKill {
            at: 14,
            uid: None,
            anonymous_bytes: None,
        };
        assert_eq!(status.recent_kills, [kill]);
        let again = serde_json::to_string(&status).unwrap();
        assert_eq!(
            serde_json::from_str::<DaemonStatus>(&again).unwrap(),
            status
        );
    }
}

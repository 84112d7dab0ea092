//! The file with the exemptions in force: `memory-monitor exempt` writes it, the daemon reads it. Accepted only where
//! root alone, or the user who runs this, can have written it.

use super::atomic_file::{AtomicFile, check_owner, directory, make_directory_of, rejected};
use crate::paths;
use crate::policy::Exemption;
use crate::quantities::{Pid, ProcessKey, StartTime};
use crate::sys::fs::{Links, lock, open_directory, open_regular};
use serde::{Deserialize, Serialize};
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// In bytes; ten thousand exemptions fit.
const LONGEST: u64 = 4 << 20;

/// An exemption as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    pid: u32,
    start_time: u64,
    name: String,
    /// Milliseconds since boot, when it is over.
    until_ms: u64,
    reason: String,
}

/// By what a changed file is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    modified: (i64, i64),
    size: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
        }
    }
}

/// The file with all exemptions, which commands change and the daemon reads.
#[derive(Debug)]
pub struct ExemptionsFile {
    path: PathBuf,
    /// The file that was read last; None where there was none.
    seen: Option<Stamp>,
}

impl ExemptionsFile {
    /// In the runtime directory of the service, or where it would be.
    pub fn usual() -> Self {
        Self {
            path: directory("RUNTIME_DIRECTORY", paths::RUNTIME_DIRECTORY).join("exempt.json"),
            seen: None,
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The exemptions where the file has changed since the last call, None where it has not; an error where it can't be
    /// read or accepted. An unchanged file costs one system call and no memory.
    pub fn read_changed(&mut self) -> Option<io::Result<Vec<Exemption>>> {
        let stamp = match fs::metadata(&self.path) {
            Ok(metadata) => Some(Stamp::of(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // Until its metadata can be read the known exemptions stay.
            Err(_) => return None,
        };
        if stamp == self.seen {
            return None;
        }
        self.seen = stamp;
        Some(self.read())
    }

    /// All exemptions in the file; none where there is no file.
    ///
    /// # Errors
    /// The file can't be read, others could have written it, or it is not what this program writes.
    pub fn read(&self) -> io::Result<Vec<Exemption>> {
        let mut options = OpenOptions::new();
        let file = match open_regular(&self.path, Links::Reject, options.read(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        // A user who can write there could protect any process.
        check_owner(&file.metadata()?)?;
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text)?;
        let stored: Vec<Stored> = serde_json::from_slice(&text)?;
        let exemptions = stored.into_iter().map(Stored::into_exemption);
        exemptions
            .collect::<Option<_>>()
            .ok_or_else(|| rejected("a pid is not one"))
    }

    /// Changes the exemptions under a lock; they stay as they are if `change` returns false. A file that can't be
    /// accepted is replaced.
    ///
    /// # Errors
    /// The directory or the file can't be written.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Exemption>) -> bool) -> io::Result<()> {
        make_directory_of(&self.path)?;
        let lock_of_directory = open_directory(self.path.parent().unwrap_or(Path::new("/")))?;
        lock(&lock_of_directory)?;
        let mut exemptions = self.read().unwrap_or_default();
        if !change(&mut exemptions) {
            return Ok(());
        }
        let stored: Vec<Stored> = exemptions.into_iter().map(Stored::from_exemption).collect();
        let mut text = serde_json::to_vec(&stored)?;
        text.push(b'\n');
        // Readable by everyone who may run `scan`.
        AtomicFile::new(self.path.clone(), 0o644).replace(&text)
    }
}

impl Stored {
    fn into_exemption(self) -> Option<Exemption> {
        Some(Exemption {
            process: ProcessKey {
                pid: Pid::new(self.pid)?,
                start_time: StartTime(self.start_time),
            },
            name: self.name.into_bytes(),
            until: Duration::from_millis(self.until_ms),
            reason: self.reason,
        })
    }

    fn from_exemption(exemption: Exemption) -> Self {
        Self {
            pid: exemption.process.pid.get(),
            start_time: exemption.process.start_time.0,
            name: String::from_utf8_lossy(&exemption.name).into_owned(),
            until_ms: u64::try_from(exemption.until.as_millis()).unwrap_or(u64::MAX),
            reason: exemption.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn exemption(pid: u32, reason: &str) -> Exemption {
        Exemption {
            process: ProcessKey {
                pid: Pid::new(pid).unwrap(),
                start_time: StartTime(7),
            },
            name: b"a\nb".to_vec(),
            until: Duration::from_secs(60),
            reason: reason.to_owned(),
        }
    }

    fn add(file: &ExemptionsFile, exemption: Exemption) {
        let add = |exemptions: &mut Vec<Exemption>| {
            exemptions.push(exemption);
            true
        };
        file.change(add).unwrap();
    }

    #[test]
    fn what_is_written_is_read_once_and_only_when_it_can_be_accepted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exempt.json");
        let mut file = ExemptionsFile {
            path: path.clone(),
            seen: None,
        };
        assert!(file.read_changed().is_none());
        add(&file, exemption(5, "\"x\u{1b}"));
        add(&file, exemption(6, ""));
        let read = file.read_changed().unwrap().unwrap();
        assert_eq!(read, [exemption(5, "\"x\u{1b}"), exemption(6, "")]);
        assert!(file.read_changed().is_none());

        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(file.read().is_err());
        fs::remove_file(&path).unwrap();
        assert!(file.read_changed().unwrap().unwrap().is_empty());
        for garbage in [
            "",
            "[{",
            "{}",
            "[{\"pid\":0,\"start_time\":1,\"name\":\"\",\"until_ms\":1,\"reason\":\"\"}]",
        ] {
            fs::write(&path, garbage).unwrap();
            assert!(file.read().is_err(), "{garbage}");
            fs::remove_file(&path).unwrap();
        }
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(file.read().is_err());
        add(&file, exemption(5, ""));
        assert_eq!(file.read().unwrap(), [exemption(5, "")]);
    }
}

//! The file with the exemptions that root has granted for a while: the command writes it, the daemon
//! reads it. Believed only where nobody but root, or who runs this, could have written it.

use super::atomic_file;
use crate::paths;
use crate::policy::Exemption;
use crate::quantities::{Pid, ProcessKey, StartTime, Uid};
use crate::sys::{self, fs::lock};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Ten thousand exemptions; more is not ours.
const LONGEST: u64 = 4 << 20;
/// Write permission for the group and for others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// An exemption as it stands in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    pid: u32,
    start_time: u64,
    name: String,
    /// Milliseconds since boot.
    until_ms: u64,
    reason: String,
}

/// What tells one state of the file from another.
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

/// The file.
#[derive(Debug)]
pub struct ExemptionsFile {
    path: PathBuf,
    /// What was read last; None for no file.
    seen: Option<Stamp>,
}

impl ExemptionsFile {
    /// In the runtime directory of the service, or where it would be.
    pub fn usual() -> Self {
        let directory = atomic_file::directory("RUNTIME_DIRECTORY", paths::RUNTIME_DIRECTORY);
        Self {
            path: directory.join("exempt.json"),
            seen: None,
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds, where it is another one than at the last call; where it can't be read or
    /// believed, why. A file that stays as it is costs one system call and no memory.
    pub fn read_changed(&mut self) -> Option<io::Result<Vec<Exemption>>> {
        let stamp = match fs::metadata(&self.path) {
            Ok(metadata) => Some(Stamp::of(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // As long as it can't be looked at, what is known stays.
            Err(_) => return None,
        };
        if stamp == self.seen {
            return None;
        }
        self.seen = stamp;
        Some(self.read())
    }

    /// All that it holds; nothing where there is no file.
    pub fn read(&self) -> io::Result<Vec<Exemption>> {
        let mut options = OpenOptions::new();
        // Of a pipe or a device it is asked only what it is.
        options
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = match options.open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        believe(&file.metadata()?)?;
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text)?;
        let stored: Vec<Stored> = serde_json::from_slice(&text)?;
        let exemptions = stored.into_iter().map(Stored::into_exemption);
        exemptions
            .collect::<Option<_>>()
            .ok_or_else(|| refused("a number is none of a process"))
    }

    /// Changes what it holds, alone among all who would. A file that can't be believed is replaced.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Exemption>)) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        match DirBuilder::new().mode(0o755).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let lock_of_directory = File::open(directory)?;
        lock(&lock_of_directory)?;
        let mut exemptions = self.read().unwrap_or_default();
        change(&mut exemptions);
        let stored: Vec<Stored> = exemptions.into_iter().map(Stored::from_exemption).collect();
        let new = self.path.with_extension("new");
        // One that was interrupted has left it.
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&new)?;
        // Whoever may run scan may know who is spared; the umask of a root shell is no reason against it.
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        serde_json::to_writer(&file, &stored)?;
        file.write_all(b"\n")?;
        fs::rename(&new, &self.path)
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

/// Who can write there could keep any process alive.
fn believe(metadata: &Metadata) -> io::Result<()> {
    let owner = Uid::new(metadata.uid());
    if !metadata.is_file() {
        Err(refused("it is no file"))
    } else if owner != Uid::ROOT && owner != sys::effective_uid() {
        Err(refused(&format!("it belongs to uid {owner}, not to root")))
    } else if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        Err(refused("it can be written by others than root"))
    } else {
        Ok(())
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn what_is_written_is_read_once_and_only_when_it_can_be_believed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("exempt.json");
        let mut file = ExemptionsFile {
            path: path.clone(),
            seen: None,
        };
        assert!(file.read_changed().is_none());
        file.change(|exemptions| exemptions.push(exemption(5, "\"x\u{1b}")))
            .unwrap();
        file.change(|exemptions| exemptions.push(exemption(6, "")))
            .unwrap();
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
        file.change(|exemptions| exemptions.push(exemption(5, "")))
            .unwrap();
        assert_eq!(file.read().unwrap(), [exemption(5, "")]);
    }
}

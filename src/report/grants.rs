//! The file with the exemptions that root has granted for a while: the command writes it, the daemon
//! reads it. Believed only where nobody but root, or who runs this, could have written it.

use super::keep;
use crate::policy::Grant;
use crate::sys::{self, fs::lock};
use crate::units::{Pid, ProcessKey, StartTime, Uid};
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
pub struct GrantFile {
    path: PathBuf,
    /// What was read last; None for no file.
    seen: Option<Stamp>,
}

impl GrantFile {
    /// In the runtime folder of the service, or where it would be.
    pub fn usual() -> Self {
        let folder = keep::folder("RUNTIME_DIRECTORY", "/run/memory-monitor");
        Self {
            path: folder.join("exempt.json"),
            seen: None,
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds, where it is another one than at the last call; where it can't be read or
    /// believed, why. A file that stays as it is costs one system call and no memory.
    pub fn read_changed(&mut self) -> Option<io::Result<Vec<Grant>>> {
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
    pub fn read(&self) -> io::Result<Vec<Grant>> {
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
        let grants = stored.into_iter().map(Stored::into_grant);
        grants
            .collect::<Option<_>>()
            .ok_or_else(|| refused("a number is none of a process"))
    }

    /// Changes what it holds, alone among all who would. A file that can't be believed is replaced.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Grant>)) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        match DirBuilder::new().mode(0o755).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let lock_of_folder = File::open(folder)?;
        lock(&lock_of_folder)?;
        let mut grants = self.read().unwrap_or_default();
        change(&mut grants);
        let stored: Vec<Stored> = grants.into_iter().map(Stored::from_grant).collect();
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
    fn into_grant(self) -> Option<Grant> {
        Some(Grant {
            process: ProcessKey {
                pid: Pid::new(self.pid)?,
                start_time: StartTime(self.start_time),
            },
            name: self.name.into_bytes(),
            until: Duration::from_millis(self.until_ms),
            reason: self.reason,
        })
    }

    fn from_grant(grant: Grant) -> Self {
        Self {
            pid: grant.process.pid.get(),
            start_time: grant.process.start_time.0,
            name: String::from_utf8_lossy(&grant.name).into_owned(),
            until_ms: u64::try_from(grant.until.as_millis()).unwrap_or(u64::MAX),
            reason: grant.reason,
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

    fn grant(pid: u32, reason: &str) -> Grant {
        Grant {
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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exempt.json");
        let mut file = GrantFile {
            path: path.clone(),
            seen: None,
        };
        assert!(file.read_changed().is_none());
        file.change(|grants| grants.push(grant(5, "\"x\u{1b}")))
            .unwrap();
        file.change(|grants| grants.push(grant(6, ""))).unwrap();
        let read = file.read_changed().unwrap().unwrap();
        assert_eq!(read, [grant(5, "\"x\u{1b}"), grant(6, "")]);
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
        file.change(|grants| grants.push(grant(5, ""))).unwrap();
        assert_eq!(file.read().unwrap(), [grant(5, "")]);
    }
}

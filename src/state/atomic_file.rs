//! Files that are replaced as a whole, who may have written one that is read, and the directories that the daemon keeps
//! its files in. What can't be written is reported once and never stops anything.

use crate::escape::Escaped;
use crate::quantities::Uid;
use crate::sys::{self, trust};
use std::env;
use std::fs::{self, DirBuilder, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The directory that systemd names in `variable`, the first one where it names several; `usual` without one.
pub(super) fn directory(variable: &str, usual: &str) -> PathBuf {
    let named = env::var(variable).ok();
    let first = named
        .as_deref()
        .and_then(|directories| directories.split(':').next());
    PathBuf::from(
        first
            .filter(|directory| directory.starts_with('/'))
            .unwrap_or(usual),
    )
}

/// Makes the directory of `file` where it is missing and its parent is not.
pub(super) fn make_directory_of(file: &Path) -> io::Result<()> {
    let Some(directory) = file.parent() else {
        return Ok(());
    };
    match DirBuilder::new().mode(0o755).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Checks that root alone, or the user who runs this, can have written a file with this status.
pub(super) fn check_owner(status: &Metadata) -> io::Result<()> {
    let owner = Uid::new(status.uid());
    if owner != Uid::ROOT && owner != sys::effective_uid() {
        Err(rejected(&format!("it belongs to uid {owner}, not to root")))
    } else if trust::others_write(status.mode()) {
        Err(rejected("it can be written by others than root"))
    } else {
        Ok(())
    }
}

/// The error of a file that can be read, but is not accepted.
pub(super) fn rejected(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// A file that is replaced as a whole: a reader sees the old one or the new one.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    path: PathBuf,
    /// The path of the new file until it is complete: no reader looks for this ending.
    new: PathBuf,
    mode: u32,
}

impl AtomicFile {
    /// With the permissions `mode` whatever the umask, which is meant for logs.
    pub(crate) fn new(path: PathBuf, mode: u32) -> Self {
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let new = new.into();
        Self { path, new, mode }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the content. Fails where the directory is missing or can't be written, or the disk is full; the old
    /// file stays then.
    pub(crate) fn replace(&self, text: &[u8]) -> io::Result<()> {
        // One that a crash has left may be another user's, or a link.
        let _ = fs::remove_file(&self.new);
        let result = self.write_new(text);
        let result = result.and_then(|()| fs::rename(&self.new, &self.path));
        if result.is_err() {
            // A part of it is of no use and takes space on a full disk.
            let _ = fs::remove_file(&self.new);
        }
        result
    }

    /// Follows no link and writes to no file that exists.
    fn write_new(&self, text: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(self.mode)
            .open(&self.new)?;
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.write_all(text)
    }

    /// Removes the file; that it is gone already is no error.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Logs that a file can't be written once for each reason: at debug level where this user may not write there, which is
/// normal for everyone but root.
#[derive(Debug, Default)]
pub(super) struct WriteErrors {
    last: Option<io::ErrorKind>,
}

impl WriteErrors {
    pub(super) fn report(&mut self, what: &str, path: &Path, result: io::Result<()>) {
        let Err(error) = result else {
            self.last = None;
            return;
        };
        let reason = error.kind();
        if self.last.replace(reason) == Some(reason) {
            return;
        }
        let level = match reason {
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotFound
            | io::ErrorKind::ReadOnlyFilesystem => log::Level::Debug,
            _ => log::Level::Warn,
        };
        log::log!(
            level,
            "Can't write {what}: Path={}, Error={error}",
            Escaped(path.as_os_str().as_bytes())
        );
    }
}

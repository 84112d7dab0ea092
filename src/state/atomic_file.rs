//! Files that the daemon keeps for its own commands: where they are, and their directories. What can't be
//! kept is said once and never stops anything.

use crate::escape::Escaped;
use std::env;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The directory that systemd names in `variable`, the first one where it names several, or the usual one.
pub(crate) fn directory(variable: &str, usual: &str) -> PathBuf {
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

/// Makes the directory where it is missing and its parent is not.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A file that is replaced as a whole: a reader sees the old one or the new one.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    path: PathBuf,
    /// What the next one is called until it is whole: no reader looks for such an end.
    new: PathBuf,
    mode: u32,
}

impl AtomicFile {
    /// With these permissions, whatever the umask, which is for logs.
    pub(crate) fn new(path: PathBuf, mode: u32) -> Self {
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let new = new.into();
        Self { path, new, mode }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts one with this text in the place of the one before.
    pub(crate) fn replace(&self, text: &[u8]) -> io::Result<()> {
        // One that a crash has left may be another user's, or a link.
        let _ = fs::remove_file(&self.new);
        let result = self.write_new(text);
        let result = result.and_then(|()| fs::rename(&self.new, &self.path));
        if result.is_err() {
            // A part of it is of no use and takes room on a full disk.
            let _ = fs::remove_file(&self.new);
        }
        result
    }

    /// Follows no link, and takes nobody's file over.
    fn write_new(&self, text: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(self.mode)
            .open(&self.new)?;
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.write_all(text)
    }

    /// Takes it away; it may be gone already.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Says the same reason once: at debug level where this user may not write there, which is no trouble.
#[derive(Debug, Default)]
pub(crate) struct Once {
    said: Option<io::ErrorKind>,
}

impl Once {
    pub(crate) fn note(&mut self, what: &str, path: &Path, result: io::Result<()>) {
        let Err(error) = result else {
            self.said = None;
            return;
        };
        let reason = error.kind();
        if self.said.replace(reason) == Some(reason) {
            return;
        }
        let level = match error.kind() {
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotFound
            | io::ErrorKind::ReadOnlyFilesystem => log::Level::Debug,
            _ => log::Level::Warn,
        };
        log::log!(
            level,
            "Cannot write {what}: Path={}, Error={error}",
            Escaped(path.as_os_str().as_bytes())
        );
    }
}

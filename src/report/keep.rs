//! Files that the daemon keeps for its own commands: where they are, and their folders. What can't be
//! kept is said once and never stops anything.

use crate::escape::Escaped;
use std::env;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The folder that systemd names in `variable`, the first one where it names several, or the usual one.
pub(super) fn folder(variable: &str, usual: &str) -> PathBuf {
    let named = env::var(variable).ok();
    let first = named
        .as_deref()
        .and_then(|folders| folders.split(':').next());
    PathBuf::from(
        first
            .filter(|folder| folder.starts_with('/'))
            .unwrap_or(usual),
    )
}

/// Makes the folder where it is missing and its parent is not.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Puts a file with this text and these permissions in the place of the one at `path`: a reader sees the
/// old one or the new one. What it is called meanwhile has `.new` at its end, which no reader looks for.
pub(super) fn replace(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    // One that a crash has left may be another user's, or a link.
    let _ = fs::remove_file(&new);
    let result = write_new(&new, text, mode).and_then(|()| fs::rename(&new, path));
    if result.is_err() {
        // A part of it is of no use and takes room on a full disk.
        let _ = fs::remove_file(&new);
    }
    result
}

/// Follows no link, and takes nobody's file over.
fn write_new(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    // The unit's umask is for logs.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text)
}

/// Says the same reason once: at debug level where this user may not write there, which is no trouble.
#[derive(Debug, Default)]
pub(super) struct Once {
    said: Option<io::ErrorKind>,
}

impl Once {
    pub(super) fn note(&mut self, what: &str, path: &Path, result: io::Result<()>) {
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

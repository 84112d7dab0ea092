//! Whether only root can write a file: its owner, its mode, each directory above it, and the target of a link; and of a
//! program, whether it can be started. Reads the status of files, and the first line of a program.

use super::script;
use crate::escape::Escaped;
use crate::quantities::Uid;
use std::fmt;
use std::fs::{Metadata, symlink_metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Any of its three execute bits.
const EXECUTE: u32 = 0o111;
/// Those that let others than the owner write; the group's covers the mask of an access control list.
const OTHERS_WRITE: u32 = 0o022;

/// Why a file is not trusted.
#[derive(Debug)]
pub enum Doubt {
    /// The status of the file, or of a directory above it, can't be read.
    Missing(PathBuf, io::Error),
    /// It is not a regular file with an execute bit.
    NoProgram(PathBuf),
    /// It is a script that can't be started.
    Script(PathBuf, script::Fault),
    /// It, or a directory above it, belongs to this user.
    Owner(PathBuf, Uid),
    /// It, or a directory above it, has this mode, by which others than root can write it.
    Writable(PathBuf, u32),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missing(path, _)
        | Self::NoProgram(path)
        | Self::Script(path, _)
        | Self::Owner(path, _)
        | Self::Writable(path, _)) = self;
        let path = Escaped(path.as_os_str().as_bytes());
        write!(f, "{path} ")?;
        match self {
            Self::Missing(_, error) => write!(f, "can't be accessed: {error}"),
            Self::NoProgram(_) => write!(f, "is not a file that can be run: chmod 755 {path}"),
            Self::Script(_, fault) => {
                write!(f, "{fault}")?;
                match fault {
                    script::Fault::CarriageReturn => write!(f, ": sed -i 's/\\r$//' {path}"),
                    _ => Ok(()),
                }
            }
            Self::Owner(_, uid) => {
                write!(
                    f,
                    "belongs to uid {uid} and must be root's: chown root {path}"
                )
            }
            Self::Writable(_, mode) => write!(
                f,
                "can be written by others than root (mode {mode:04o}): chmod go-w {path}"
            ),
        }
    }
}

/// Checks that only root could have put or changed the program at this absolute path, and that it can be started. A
/// symbolic link is checked where it is and where it leads.
///
/// # Errors
/// The first doubt.
pub fn check(program: &Path) -> Result<(), Doubt> {
    check_directories(program)?;
    let missing = |error| Doubt::Missing(program.to_owned(), error);
    let file = program.canonicalize().map_err(missing)?;
    if file != program {
        check_directories(&file)?;
    }
    let status = status(&file)?;
    if !status.is_file() || status.mode() & EXECUTE == 0 {
        return Err(Doubt::NoProgram(file));
    }
    check_status(&file, &status)?;
    match script::fault(&file) {
        Some(fault) => Err(Doubt::Script(file, fault)),
        None => Ok(()),
    }
}

fn check_directories(program: &Path) -> Result<(), Doubt> {
    for directory in program.ancestors().skip(1) {
        let status = status(directory)?;
        // The owner of a link can't change it; it can only be replaced in its directory.
        if !status.is_symlink() {
            check_status(directory, &status)?;
        }
    }
    Ok(())
}

/// Checks one file or directory, whose path is for the message.
///
/// # Errors
/// Where it is not root's, or others can write it.
pub fn check_status(path: &Path, status: &Metadata) -> Result<(), Doubt> {
    let (owner, mode) = (Uid::new(status.uid()), status.mode());
    if is_root_only(owner, mode) {
        Ok(())
    } else if owner == Uid::ROOT {
        Err(Doubt::Writable(path.to_owned(), mode & 0o7777))
    } else {
        Err(Doubt::Owner(path.to_owned(), owner))
    }
}

/// Whether a file with this owner and mode can be written by root alone.
pub fn is_root_only(owner: Uid, mode: u32) -> bool {
    owner == Uid::ROOT && !others_write(mode)
}

/// Whether a file with this mode can be written by others than its owner. A sticky directory can: others may add to it.
pub const fn others_write(mode: u32) -> bool {
    mode & OTHERS_WRITE != 0
}

fn status(path: &Path) -> Result<Metadata, Doubt> {
    symlink_metadata(path).map_err(|error| Doubt::Missing(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_the_system_are_trusted() {
        // /bin is a link on most systems.
        check(Path::new("/bin/sh")).unwrap();
        check(Path::new("/usr/bin/env")).unwrap();
    }

    #[test]
    fn what_others_could_have_put_there_is_not() {
        let is = |path: &str, expected: &str| {
            let doubt = check(Path::new(path)).unwrap_err().to_string();
            assert!(doubt.contains(expected), "{path}: {doubt}");
        };
        is("/nowhere/hook", "No such file");
        is("/usr", "not a file that can be run");
        is("/etc/passwd", "not a file that can be run");
        is("/dev/null", "not a file that can be run");
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let file = directory.path().join("hook");
        std::fs::copy("/bin/true", &file).unwrap();
        // Everybody can write /tmp, whatever is below it.
        is(file.to_str().unwrap(), "others than root (mode 1777)");
    }
}

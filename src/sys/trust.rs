//! Whether a program is one that root alone has put there. Looks at files, runs nothing.

use crate::escape::Escaped;
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

/// Why a program is not run.
#[derive(Debug)]
pub enum Doubt {
    /// It, or a directory above it, can't be looked at.
    Missing(PathBuf, io::Error),
    /// It is no ordinary file with an execute bit.
    NoProgram(PathBuf),
    /// It, or a directory above it, belongs to somebody else than root.
    Owner(PathBuf, u32),
    /// It, or a directory above it, can be written by others than root.
    Writable(PathBuf, u32),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missing(path, _)
        | Self::NoProgram(path)
        | Self::Owner(path, _)
        | Self::Writable(path, _)) = self;
        write!(f, "{} ", Escaped(path.as_os_str().as_bytes()))?;
        match self {
            Self::Missing(_, error) => write!(f, "can't be looked at: {error}"),
            Self::NoProgram(_) => f.write_str("is no file that can be run: chmod 755"),
            Self::Owner(_, uid) => {
                write!(f, "belongs to uid {uid} and must be root's: chown root")
            }
            Self::Writable(_, mode) => write!(
                f,
                "can be written by others than root (mode {mode:04o}): chmod go-w"
            ),
        }
    }
}

/// Whether nobody but root could have put or changed the program at this absolute path. A symbolic link
/// counts with where it is and with where it leads.
pub fn check(program: &Path) -> Result<(), Doubt> {
    check_directories(program)?;
    let missing = |error| Doubt::Missing(program.to_owned(), error);
    let file = program.canonicalize().map_err(missing)?;
    if file != program {
        check_directories(&file)?;
    }
    let status = look(&file)?;
    if !status.is_file() || status.mode() & EXECUTE == 0 {
        return Err(Doubt::NoProgram(file));
    }
    check_one(&file, &status)
}

fn check_directories(program: &Path) -> Result<(), Doubt> {
    for directory in program.ancestors().skip(1) {
        let status = look(directory)?;
        // Whose a link is does not matter, as it can't be changed, only replaced in its directory.
        if !status.is_symlink() {
            check_one(directory, &status)?;
        }
    }
    Ok(())
}

fn check_one(path: &Path, status: &Metadata) -> Result<(), Doubt> {
    if status.uid() != 0 {
        return Err(Doubt::Owner(path.to_owned(), status.uid()));
    }
    if status.mode() & OTHERS_WRITE != 0 {
        return Err(Doubt::Writable(path.to_owned(), status.mode() & 0o7777));
    }
    Ok(())
}

fn look(path: &Path) -> Result<Metadata, Doubt> {
    symlink_metadata(path).map_err(|error| Doubt::Missing(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_system_has() {
        // Whoever runs the tests, these are root's; /bin is a link on most systems.
        check(Path::new("/bin/sh")).unwrap();
        check(Path::new("/usr/bin/env")).unwrap();
    }

    #[test]
    fn doubts_what_others_could_have_put_there() {
        let is = |path: &str, expected: &str| {
            let doubt = check(Path::new(path)).unwrap_err().to_string();
            assert!(doubt.contains(expected), "{path}: {doubt}");
        };
        is("/nowhere/hook", "No such file");
        is("/usr", "no file that can be run");
        is("/etc/passwd", "no file that can be run");
        is("/dev/null", "no file that can be run");
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let file = directory.path().join("hook");
        std::fs::copy("/bin/true", &file).unwrap();
        // /tmp is everybody's, whatever is below it.
        is(file.to_str().unwrap(), "others than root (mode 1777)");
    }
}

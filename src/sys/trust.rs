//! Whether only root can write a file: its owner, its mode, each directory above it, and the target of a link; and of a
//! program, whether it can be started. Reads the status of files, and the first line of a program.
//!
//! A program that is run, and the executable of a protected process, have the strictest rule. A configuration may be
//! below a sticky directory of root's such as /tmp: what root has made there others can neither rename nor remove. The
//! directory of a file that is written may also belong to a system account or its group: Ubuntu's /var/log is writable
//! by syslog's, and Debian's /var/lib/prometheus belongs to prometheus.

use super::script;
use crate::escape::Escaped;
use crate::quantities::Uid;
use std::fmt;
use std::fs::{Metadata, read_to_string, symlink_metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Any of its three execute bits.
const EXECUTE: u32 = 0o111;
/// Those that let others than the owner write; the group's covers the mask of an access control list.
const OTHERS_WRITE: u32 = 0o022;

/// Others may add files to such a directory, but not rename or remove those of others.
const STICKY: u32 = 0o1000;
/// A directory, of the type of a file.
const DIRECTORY: u32 = 0o040_000;
const TYPE: u32 = 0o170_000;
/// The group "users", in which people are.
const GROUP_USERS: u32 = 100;
/// The owner of a file whose owner has no uid in this user namespace (overflowuid of proc_sys_kernel(5)).
const OUTSIDE: u32 = 65534;

/// Why a file is not trusted.
#[derive(Debug)]
pub enum Doubt {
    /// The status of the file, or of a directory above it, can't be read.
    Missing(PathBuf, io::Error),
    /// It is not a regular file with an execute bit.
    NoProgram(PathBuf),
    /// It is a script that can't be started.
    Script(PathBuf, script::Fault),
    /// It, or a directory above it, belongs to this user and has this mode, with the type of the file.
    Owner(PathBuf, Uid, u32),
    /// It, or a directory above it, has this mode, by which others than root can write it.
    Writable(PathBuf, u32),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missing(path, _)
        | Self::NoProgram(path)
        | Self::Script(path, _)
        | Self::Owner(path, ..)
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
            Self::Owner(_, uid, mode) => {
                let permissions = mode & 0o7777;
                write!(
                    f,
                    "belongs to uid {uid} (mode {permissions:04o}) and must be root's: chown root {path}"
                )?;
                let is_directory = mode & TYPE == DIRECTORY;
                f.write_str(if is_directory {
                    ", or use another directory"
                } else {
                    ""
                })
            }
            Self::Writable(_, mode) if mode & STICKY != 0 => write!(
                f,
                "can be written by others than root (mode {mode:04o}): use another directory"
            ),
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

/// Checks that only root could have put or changed the file at this absolute path. A symbolic link is checked where it
/// is and where it leads.
///
/// # Errors
/// The first doubt.
pub fn check_file(path: &Path) -> Result<(), Doubt> {
    let missing = |error| Doubt::Missing(path.to_owned(), error);
    check_above(path, check_status)?;
    let file = path.canonicalize().map_err(missing)?;
    if file != path {
        check_above(&file, check_status)?;
    }
    check_status(&file, &status(&file)?)
}

/// Checks that no user could put another file, or a link, at the absolute path of a file that is written.
///
/// # Errors
/// The first doubt; [`Doubt::Missing`] where there is no such directory.
pub fn check_output(path: &Path) -> Result<(), Doubt> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    check_above(directory, check_system)?;
    let missing = |error| Doubt::Missing(directory.to_owned(), error);
    let real = directory.canonicalize().map_err(missing)?;
    if real != directory {
        check_above(&real, check_system)?;
    }
    check_system(&real, &status(&real)?)
}

/// The same for the daemon of this user: only root's could be made to write to a file of another user's choice.
///
/// # Errors
/// The first doubt; where there is no such directory, the error of the system.
pub fn check_own_output(path: &Path) -> io::Result<()> {
    if super::effective_uid() != Uid::ROOT {
        return Ok(());
    }
    check_output(path).map_err(|doubt| match doubt {
        Doubt::Missing(_, error) => error,
        doubt => io::Error::other(doubt.to_string()),
    })
}

/// Whether a link at this path is the system's, as /dev/stderr is.
pub fn is_link_of_system(path: &Path) -> bool {
    let mut directories = ["/dev", "/proc/self/fd"].iter();
    directories.any(|directory| path.starts_with(directory))
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

/// Checks the directories above a path, of which a sticky one of root's is trusted for what root has in it.
fn check_above(path: &Path, check: fn(&Path, &Metadata) -> Result<(), Doubt>) -> Result<(), Doubt> {
    let mut below = path;
    for directory in path.ancestors().skip(1) {
        let status = status(directory)?;
        let is_kept = || {
            let is_sticky = is_root(&status) && status.mode() & STICKY != 0;
            is_sticky && symlink_metadata(below).is_ok_and(|entry| is_root(&entry))
        };
        if !status.is_symlink() && !is_kept() {
            check(directory, &status)?;
        }
        below = directory;
    }
    Ok(())
}

/// The same as [`check_status`] for a directory that files are written to.
fn check_system(path: &Path, status: &Metadata) -> Result<(), Doubt> {
    const OTHERS: u32 = 0o002;
    const GROUP: u32 = 0o020;
    let (owner, mode) = (status.uid(), status.mode());
    let is_system = |id: u32| Uid::new(id).is_of_system();
    let is_system_group = is_system(status.gid()) && status.gid() != GROUP_USERS;
    if !is_system(owner) && !is_root(status) {
        Err(Doubt::Owner(path.to_owned(), Uid::new(owner), mode))
    } else if mode & OTHERS != 0 || (mode & GROUP != 0 && !is_system_group) {
        Err(Doubt::Writable(path.to_owned(), mode & 0o7777))
    } else {
        Ok(())
    }
}

/// Whether root owns it, or in a user namespace a user who has no uid in it.
fn is_root(status: &Metadata) -> bool {
    let owner = status.uid();
    Uid::new(owner) == Uid::ROOT || (owner == OUTSIDE && is_in_user_namespace())
}

fn is_in_user_namespace() -> bool {
    static IS_INSIDE: OnceLock<bool> = OnceLock::new();
    *IS_INSIDE.get_or_init(|| {
        let map = read_to_string("/proc/self/uid_map").unwrap_or_default();
        let all = ["0", "0", "4294967295"];
        !map.is_empty() && !map.split_ascii_whitespace().eq(all)
    })
}

/// Checks one file or directory, whose path is for the message.
///
/// # Errors
/// Where it is not root's, or others can write it.
pub fn check_status(path: &Path, status: &Metadata) -> Result<(), Doubt> {
    let (owner, mode) = (Uid::new(status.uid()), status.mode());
    if !is_root(status) {
        Err(Doubt::Owner(path.to_owned(), owner, mode))
    } else if others_write(mode) {
        Err(Doubt::Writable(path.to_owned(), mode & 0o7777))
    } else {
        Ok(())
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

    /// A directory below one that root alone can write, and what it may say of files in it.
    #[test]
    fn files_are_trusted_where_root_keeps_them() {
        use std::os::unix::fs::{PermissionsExt, chown, symlink};
        if !crate::sys::effective_uid().eq(&Uid::ROOT) {
            println!("skipped: needs root to give files away");
            return;
        }
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let path = |name: &str| directory.path().join(name);
        let mode = |name: &str, mode| {
            std::fs::set_permissions(path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for (name, uid, gid, bits, as_input, as_output) in [
            ("ours", 0, 0, 0o755, "", ""),
            ("syslog's", 0, 104, 0o775, "(mode 0775): chmod go-w", ""),
            (
                "staff's",
                0,
                1000,
                0o775,
                "(mode 0775)",
                "(mode 0775): chmod go-w",
            ),
            ("people's", 0, 100, 0o775, "(mode 0775)", "(mode 0775)"),
            ("prometheus's", 110, 110, 0o755, "belongs to uid 110", ""),
            (
                "theirs",
                1000,
                1000,
                0o755,
                "belongs to uid 1000 (mode 0755)",
                "belongs to uid 1000",
            ),
            (
                "all's",
                0,
                0,
                0o1777,
                "",
                "(mode 1777): use another directory",
            ),
        ] {
            std::fs::create_dir(path(name)).unwrap();
            mode(name, bits);
            chown(path(name), Some(uid), Some(gid)).unwrap();
            let file = path(name).join("file");
            std::fs::write(&file, "").unwrap();
            mode(&format!("{name}/file"), 0o644);
            let said = |result: Result<(), Doubt>| {
                result
                    .err()
                    .map(|doubt| doubt.to_string())
                    .unwrap_or_default()
            };
            let input = said(check_file(&file));
            assert!(
                input.contains(as_input) && input.is_empty() == as_input.is_empty(),
                "{input}"
            );
            let output = said(check_output(&file));
            let is_same = output.is_empty() == as_output.is_empty();
            assert!(output.contains(as_output) && is_same, "{name}: {output}");
            symlink(&file, path("ours").join(format!("to {name}"))).unwrap();
            let linked = said(check_file(&path("ours").join(format!("to {name}"))));
            assert_eq!(linked, input);
        }
        // What another user has put into a sticky directory is that user's to replace.
        let link = path("all's").join("link");
        symlink(path("ours").join("file"), &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(1000), None).unwrap();
        assert!(
            check_file(&link)
                .unwrap_err()
                .to_string()
                .contains("mode 1777")
        );
    }
}

//! Whether the executable of a process verifies its name: any user can call a process "sshd". Touches the process's
//! directory and, by stat(2), the files that its links and its arguments name. No heap allocation.
//!
//! The kernel names the executable. A directory is asked about only after all directories above it were found to
//! be root's, so that a user can't lead the question into a file system of their own, which may never answer.

use super::ProcRoot;
use super::blocking::Arguments;
use super::exe_link::DELETED;
use super::name::{Name, base_name};
use super::procfile::{self, BUFFER, Unreadable};
use super::questions::Questions;
use crate::escape::Escaped;
use crate::quantities::Uid;
use crate::sys::fs::{self, FileStatus};
use crate::sys::process::{ProcessDirectory, namespace_owner};
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::{fmt, iter};

/// The program that a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file or directory that decides; the end of its path where that is longer than 255 bytes.
    pub file: Name,
    /// Whether it verifies the name of the process.
    pub standing: Standing,
}

/// Whether a program verifies the name of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has the name, and only root can change it and the directories above it.
    RootAlone,
    /// It has another name.
    Renamed,
    /// It is no file, but memory that a process has made executable (`memfd_create`).
    Unfiled,
    /// It has the name, but another user can change this file or directory.
    Writable,
    /// It has the name, but this machine has another file at that path, or none: it is a container's.
    Elsewhere,
    /// It was deleted in another mount namespace, a service's or a container's: it may have been this machine's file.
    Vanished,
    /// It runs in a user namespace that another user than root has made, in which any executable can be forged.
    Namespace,
    /// It can't be read.
    Unknown(Unreadable),
}

impl Standing {
    /// Whether it is certain that the name is not verified.
    pub fn is_refuted(self) -> bool {
        !matches!(self, Self::RootAlone | Self::Vanished | Self::Unknown(_))
    }

    /// Whether it is certain that the program has another name.
    pub fn is_renamed(self) -> bool {
        matches!(self, Self::Renamed | Self::Unfiled)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = Escaped(self.file.as_bytes());
        match self.standing {
            Standing::RootAlone => write!(f, "verified by {file}"),
            Standing::Renamed => write!(f, "but its executable is {file}"),
            Standing::Unfiled => write!(f, "but its executable is no file: {file}"),
            Standing::Writable => write!(f, "but others than root can change {file}"),
            Standing::Elsewhere => write!(f, "but {file} is not this machine's file"),
            Standing::Vanished => write!(
                f,
                "but {file} can't be verified: deleted, in another mount namespace"
            ),
            Standing::Namespace => write!(
                f,
                "but it runs in a user namespace of a user, where its executable can be forged"
            ),
            Standing::Unknown(unreadable) => {
                write!(f, "but its executable can't be verified: {unreadable}")
            }
        }
    }
}

impl Program {
    fn new(path: &[u8], standing: Standing) -> Self {
        let end = path.len().saturating_sub(255);
        let file = Name::new(path.get(end..).unwrap_or_default());
        Self { file, standing }
    }
}

/// The program of the process behind an open directory, whose name is `name`.
pub(super) fn read(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    name: &Name,
    questions: &dyn Questions,
    arguments: &mut Arguments<'_>,
) -> Program {
    let verifies = |path: &[u8]| questions.verifies(name.as_bytes(), base_name(path));
    read_as(root, directory, verifies, arguments).unwrap_or_else(|error| {
        Program::new(b"", Standing::Unknown(Unreadable::new("exe", &error)))
    })
}

/// The same where the path decides: `verifies` says whether a file with that path is what is looked for.
///
/// # Errors
/// Where the executable can't be read.
pub(super) fn read_as(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    verifies: impl Fn(&[u8]) -> bool,
    arguments: &mut Arguments<'_>,
) -> io::Result<Program> {
    // A main thread that has exited says nothing; any other thread does.
    let thread = match fs::read_link_at(directory.as_fd(), c"exe", &mut [0; 1]) {
        Err(error) if procfile::is_gone(&error) => procfile::live_thread(directory),
        _ => None,
    };
    let process = thread.as_ref().map_or(directory.as_fd(), AsFd::as_fd);
    Context::new(root.as_fd(), process)?.program(verifies, arguments)
}

/// What the executable of a process is here, whose link leads to `path`, or to a file that was deleted there.
///
/// # Errors
/// Where it can't be read.
pub(super) fn read_exe_of(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    path: &[u8],
) -> io::Result<Program> {
    let context = Context::new(root.as_fd(), directory.as_fd())?;
    let mut buffer = [0; BUFFER];
    let is_deleted = link(directory.as_fd(), c"exe", &mut buffer)? != path;
    context.executable(path, is_deleted)
}

/// Whether a process runs in a user namespace that neither is this program's own nor was made by root: there any user
/// can set where the link to the executable leads (prctl(2), PR_SET_MM_EXE_FILE).
///
/// # Errors
/// Where that can't be found out.
pub(super) fn is_in_namespace_of_user(
    proc: BorrowedFd<'_>,
    process: BorrowedFd<'_>,
) -> io::Result<bool> {
    let namespace = fs::open_file_at(process, c"ns/user")?;
    let own = fs::status_at(proc, c"self/ns/user")?;
    if own.is_same(&fs::status_at(namespace.as_fd(), c"")?) {
        return Ok(false);
    }
    Ok(namespace_owner(namespace.as_fd())? != Uid::ROOT)
}

/// One process and the machine it runs on.
struct Context<'f> {
    proc: BorrowedFd<'f>,
    /// Its directory, or that of one of its threads.
    process: BorrowedFd<'f>,
    /// The root directory that pid 1 sees, as a service may have directories hidden from it; or else that of this
    /// process.
    machine: OwnedFd,
}

impl<'f> Context<'f> {
    fn new(proc: BorrowedFd<'f>, process: BorrowedFd<'f>) -> io::Result<Self> {
        let machine = fs::open_directory_at(proc, c"1/root")
            .or_else(|_| fs::open_directory_at(proc, c"/"))?;
        Ok(Self {
            proc,
            process,
            machine,
        })
    }

    fn program(
        &self,
        verifies: impl Fn(&[u8]) -> bool,
        arguments: &mut Arguments<'_>,
    ) -> io::Result<Program> {
        let mut buffer = [0; BUFFER];
        let link = link(self.process, c"exe", &mut buffer)?;
        // A file may really have such a name; then its directory decides, as for one that was deleted.
        let (path, is_deleted) = match link.strip_suffix(DELETED) {
            Some(_) if link.starts_with(b"/memfd:") => {
                return Ok(Program::new(link, Standing::Unfiled));
            }
            Some(path) => (path, true),
            None => (link, false),
        };
        if verifies(path) {
            return self.executable(path, is_deleted);
        }
        let mut script = [0; BUFFER];
        let arguments = match arguments.get() {
            Ok(arguments) => arguments,
            Err(unreadable) => return Ok(Program::new(b"", Standing::Unknown(unreadable))),
        };
        match self.script(arguments, &mut script)? {
            Some(script) if verifies(script) => match self.executable(path, is_deleted)? {
                interpreter if interpreter.standing == Standing::RootAlone => {
                    self.script_file(script)
                }
                interpreter => Ok(interpreter),
            },
            _ => Ok(Program::new(path, Standing::Renamed)),
        }
    }

    /// What the executable that the kernel names is here.
    fn executable(&self, path: &[u8], is_deleted: bool) -> io::Result<Program> {
        // Before anything is looked at that such a user could have made.
        if is_in_namespace_of_user(self.proc, self.process)? {
            return Ok(Program::new(path, Standing::Namespace));
        }
        let here = match self.directory_of_others(path) {
            Ok(Some(directory)) => return Ok(Program::new(directory, Standing::Writable)),
            Ok(None) => self.status(path),
            Err(error) => Err(error),
        };
        let file = fs::status_at(self.process, c"exe")?;
        let standing = match here {
            _ if !file.is_root_only() => Standing::Writable,
            // An upgrade replaces the file or removes it. Only root can do that in these directories, if these are the
            // directories that the process sees.
            _ if is_deleted => self.deleted()?,
            Ok(here) if here.is_same(&file) => Standing::RootAlone,
            Ok(_) => Standing::Elsewhere,
            Err(error) if procfile::is_gone(&error) => Standing::Elsewhere,
            Err(error) => return Err(error),
        };
        Ok(Program::new(path, standing))
    }

    /// What an executable is that was deleted, in directories that are root's on this machine.
    fn deleted(&self) -> io::Result<Standing> {
        if self.has_namespace(c"ns/mnt", c"1/ns/mnt")?
            || self.has_namespace(c"ns/mnt", c"self/ns/mnt")?
        {
            return Ok(Standing::RootAlone);
        }
        Ok(Standing::Vanished)
    }

    /// What the file is that an interpreter runs, which is itself verified.
    fn script_file(&self, path: &[u8]) -> io::Result<Program> {
        let found = |standing| Ok(Program::new(path, standing));
        let file = match self.directory_of_others(path) {
            Ok(Some(directory)) => return Ok(Program::new(directory, Standing::Writable)),
            Ok(None) => relative(path, &mut [0; BUFFER])
                .and_then(|path| fs::open_path_at(self.machine.as_fd(), path)),
            Err(error) => Err(error),
        };
        let file = match file {
            Ok(file) => file,
            Err(error) if procfile::is_gone(&error) => return found(Standing::Elsewhere),
            Err(error) => return Err(error),
        };
        let status = fs::status_at(file.as_fd(), c"")?;
        if !status.is_root_only() {
            return found(Standing::Writable);
        }
        // Where links lead counts as well; only root can have made them.
        let mut own = [0; 32];
        // "self/fd/", ten digits and the final NUL always fit.
        let _ = write!(own.as_mut_slice(), "self/fd/{}", file.as_raw_fd());
        let own = CStr::from_bytes_until_nul(&own).unwrap_or_default();
        let mut target = [0; BUFFER];
        if let Some(directory) = self.directory_of_others(link(self.proc, own, &mut target)?)? {
            return Ok(Program::new(directory, Standing::Writable));
        }
        // Only root can have put another file system there, as the user namespace is root's.
        let mut seen = [0; BUFFER];
        let seen = prefixed(b"root", path, &mut seen)?;
        let is_seen = fs::status_at(self.process, seen).is_ok_and(|seen| seen.is_same(&status));
        if is_seen {
            found(Standing::RootAlone)
        } else {
            found(Standing::Elsewhere)
        }
    }

    /// The file that an interpreter was given: the kernel makes `interpreter [option] file ...` of the
    /// start of a script.
    fn script<'b>(
        &self,
        arguments: &[u8],
        path: &'b mut [u8; BUFFER],
    ) -> io::Result<Option<&'b [u8]>> {
        let mut words = arguments.split(|&byte| byte == 0).skip(1).take(2);
        let Some(word) = words.find(|word| !word.is_empty() && !word.starts_with(b"-")) else {
            return Ok(None);
        };
        if word.starts_with(b"/") {
            return prefixed(b"", word, path).map(|path| Some(path.to_bytes()));
        }
        let mut cwd = [0; BUFFER];
        let cwd = link(self.process, c"cwd", &mut cwd)?;
        let mut relative = [0; BUFFER];
        let relative = prefixed(b"/", word, &mut relative)?;
        prefixed(cwd, relative.to_bytes(), path).map(|path| Some(path.to_bytes()))
    }

    /// The first of the directories above a file that another user than root can change.
    fn directory_of_others<'p>(&self, path: &'p [u8]) -> io::Result<Option<&'p [u8]>> {
        let ends = path.iter().enumerate().skip(1);
        let ends = ends.filter_map(|(end, &byte)| (byte == b'/').then_some(end));
        for end in iter::once(1).chain(ends) {
            let directory = path.get(..end).unwrap_or_default();
            if !self.status(directory)?.is_root_only() {
                return Ok(Some(directory));
            }
        }
        Ok(None)
    }

    /// The file with this full path on this machine.
    fn status(&self, path: &[u8]) -> io::Result<FileStatus> {
        fs::status_at(self.machine.as_fd(), relative(path, &mut [0; BUFFER])?)
    }

    /// Whether the process has the same namespace as another one.
    fn has_namespace(&self, own: &CStr, other: &CStr) -> io::Result<bool> {
        let own = fs::status_at(self.process, own)?;
        Ok(own.is_same(&fs::status_at(self.proc, other)?))
    }
}

/// Where a link leads, whole.
fn link<'b>(directory: BorrowedFd<'_>, name: &CStr, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let capacity = buffer.len();
    let link = fs::read_link_at(directory, name, buffer)?;
    if link.len() < capacity {
        Ok(link)
    } else {
        Err(too_long())
    }
}

/// A full path as one below the root directory.
fn relative<'b>(path: &[u8], buffer: &'b mut [u8]) -> io::Result<&'b CStr> {
    match path.strip_prefix(b"/") {
        Some(b"") => Ok(c"."),
        Some(path) => prefixed(b"", path, buffer),
        // Of a file system that is no longer mounted.
        None => Err(io::Error::from_raw_os_error(libc::ENOENT)),
    }
}

/// Two parts as one C string.
fn prefixed<'b>(start: &[u8], end: &[u8], buffer: &'b mut [u8]) -> io::Result<&'b CStr> {
    let parts = start.iter().chain(end).chain(iter::once(&0));
    if start.len() + end.len() >= buffer.len() {
        return Err(too_long());
    }
    for (target, byte) in buffer.iter_mut().zip(parts) {
        *target = *byte;
    }
    CStr::from_bytes_until_nul(buffer).map_err(io::Error::other)
}

fn too_long() -> io::Error {
    io::Error::from_raw_os_error(libc::ENAMETOOLONG)
}

//! The proc file system that is read: the machine's own, or a directory of the same shape.

use super::{Error, parse};
use crate::quantities::Pid;
use crate::sys::{self, fs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// An open proc root and the page size of the machine it shows.
#[derive(Debug)]
pub struct ProcRoot {
    directory: OwnedFd,
    path: String,
    page_size: u64,
}

impl ProcRoot {
    /// This machine's /proc.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub fn system() -> Result<Self, Error> {
        Self::open(Path::new("/proc"), sys::page_size())
    }

    /// A directory of the same shape, of a machine with pages of `page_size` bytes.
    ///
    /// # Errors
    /// Where it can't be opened.
    pub fn open(path: &Path, page_size: u64) -> Result<Self, Error> {
        let shown = path.display().to_string();
        match fs::open_directory(path) {
            Ok(directory) => Ok(Self {
                directory,
                path: shown,
                page_size,
            }),
            Err(source) => Err(Error::Read {
                path: shown,
                source,
            }),
        }
    }

    /// The PID of this process, as this root shows it.
    ///
    /// # Errors
    /// Where the root shows another pid namespace: a PID read there would mean another process in a system call here.
    pub fn own_pid(&self) -> Result<Pid, Error> {
        let mut buffer = [0; 16];
        let shown =
            fs::read_link_at(self.as_fd(), c"self", &mut buffer).map_err(|source| Error::Read {
                path: self.path_of("self"),
                source,
            })?;
        parse::pid(shown)
            .filter(|pid| pid.get() == std::process::id())
            .ok_or_else(|| Error::ForeignNamespace {
                path: self.path.clone(),
            })
    }

    /// The unit of statm, in bytes.
    pub(super) fn page_size(&self) -> u64 {
        self.page_size
    }

    /// The path of a file below the root, for messages.
    pub(super) fn path_of(&self, file: &str) -> String {
        format!("{}/{file}", self.path)
    }
}

impl AsFd for ProcRoot {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

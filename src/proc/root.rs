//! The proc file system that is looked at: the machine's own, or a directory that stands for one.

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
    pub fn system() -> Result<Self, Error> {
        Self::open(Path::new("/proc"), sys::page_size())
    }

    /// A directory of the same shape, from a machine with pages of `page_size` bytes.
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

    /// The number of this process, as this root shows it. An error if the root shows another pid
    /// namespace: a number read there would mean another process in a system call here.
    pub fn own_pid(&self) -> Result<Pid, Error> {
        let mut buffer = [0; 16];
        let shown =
            fs::read_link_at(self.as_fd(), c"self", &mut buffer).map_err(|source| Error::Read {
                path: self.path_of("self"),
                source,
            })?;
        parse::number(shown)
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|&pid| pid == std::process::id())
            .and_then(Pid::new)
            .ok_or_else(|| Error::ForeignNamespace {
                path: self.path.clone(),
            })
    }

    /// So many pages in bytes.
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

//! The machine as a whole: its memory, and whether /proc shows all processes. Touches meminfo below the proc root and
//! the mounts of this process.

use super::parse::{self, SystemMemory};
use super::procfile::BUFFER;
use super::{Error, ProcRoot};
use crate::quantities::{Bytes, Percent};
use crate::sys::fs;
use procfs::FromRead;
use procfs::process::MountInfos;
use std::os::fd::AsFd;

impl SystemMemory {
    /// Reads it, without heap allocation unless it fails.
    pub(super) fn read(root: &ProcRoot) -> Result<Self, Error> {
        let mut buffer = [0; BUFFER];
        let text =
            fs::read_at(root.as_fd(), c"meminfo", &mut buffer).map_err(|source| Error::Read {
                path: root.path_of("meminfo"),
                source,
            })?;
        Some(text)
            .filter(|text| text.len() < BUFFER)
            .and_then(parse::meminfo)
            .ok_or_else(|| Error::Format {
                path: root.path_of("meminfo"),
            })
    }

    /// What all processes together have at most by PSS, in RAM and in swap. None while reserved huge pages are in use,
    /// which no PSS divides.
    pub fn most_pss(&self) -> Option<Bytes> {
        let is_divided = self.huge_used == Bytes::ZERO;
        is_divided.then(|| self.total.saturating_add(self.swap_total))
    }

    /// MemTotal - MemAvailable.
    pub fn used(&self) -> Option<Bytes> {
        self.available
            .map(|available| self.total.saturating_sub(available))
    }

    /// Swap in use: no process can have more of its memory there.
    pub fn swap_used(&self) -> Bytes {
        self.swap_total.saturating_sub(self.swap_free)
    }

    /// Whether less than a tenth is available.
    pub fn is_short(&self) -> bool {
        self.available
            .is_some_and(|available| available.get() < self.total.get() / 10)
    }

    /// Used memory as a share of MemTotal.
    pub fn used_share(&self) -> Option<Percent> {
        self.used().map(|used| Percent::share(used, self.total))
    }
}

/// Whether this proc root is mounted with hidepid and hides other users' processes from this one: pid 1 always exists.
pub(super) fn hides_processes(root: &ProcRoot) -> bool {
    let mut buffer = [0; 64];
    if fs::read_at(root.as_fd(), c"1/statm", &mut buffer).is_ok() {
        return false;
    }
    // What can't be seen for another reason (a directory of files) has no such mount.
    is_hidepid()
}

/// Whether the proc file system of this process is mounted with hidepid.
pub(super) fn is_hidepid() -> bool {
    let Ok(file) = std::fs::File::open("/proc/self/mountinfo") else {
        return false;
    };
    let Ok(mounts) = MountInfos::from_read(file) else {
        return false;
    };
    mounts.into_iter().any(|mount| {
        mount.fs_type == "proc"
            && mount
                .super_options
                .get("hidepid")
                .is_some_and(|value| !matches!(value.as_deref(), None | Some("0" | "off")))
    })
}

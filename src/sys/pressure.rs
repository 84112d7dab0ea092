//! The kernel's notification of memory pressure (PSI, Linux 5.2).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Tasks waited for memory for 100 ms together within 2 s: far below what is felt, far above what is
/// always there. Without CAP_SYS_RESOURCE the window must be a multiple of 2 s (Linux 6.5, and Debian's
/// 6.1; before, no window is allowed without it). It notifies once a window at most.
const TRIGGER: &[u8] = b"some 100000 2000000\0";

/// A trigger on /proc/pressure/memory; poll(2) reports POLLPRI when it goes off.
#[derive(Debug)]
pub(crate) struct Pressure(File);

impl Pressure {
    /// Sets the trigger. ENOENT or EOPNOTSUPP where the kernel has no PSI or has it switched off.
    pub(crate) fn watch() -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(Path::new("/proc/pressure/memory"))?;
        file.write_all(TRIGGER)?;
        Ok(Self(file))
    }
}

impl AsFd for Pressure {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

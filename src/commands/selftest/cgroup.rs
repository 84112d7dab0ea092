//! A control group of the test's own, and its figures as those of a machine. Touches /sys/fs/cgroup.

use crate::quantities::{Bytes, Pid};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

const BASE: &str = "/sys/fs/cgroup";
/// So many names are tried.
const MOST: u32 = 100;

/// A group with a limit. Dropping it removes it.
pub(super) struct Cgroup {
    directory: PathBuf,
    limit: Bytes,
    /// The file with its memory in use.
    usage: PathBuf,
}

impl Cgroup {
    /// A new one, at the top: below that of a service it belongs to the service manager.
    ///
    /// # Errors
    /// Where there are no control groups, or this process may not make one; with the path.
    pub(super) fn make(limit: Bytes) -> io::Result<Self> {
        let base = Path::new(BASE);
        let is_unified = base.join("cgroup.controllers").exists();
        let (parent, maximum, usage) = if is_unified {
            (base.to_owned(), "memory.max", "memory.current")
        } else {
            let files = ("memory.limit_in_bytes", "memory.usage_in_bytes");
            (base.join("memory"), files.0, files.1)
        };
        let directory = make_directory(&parent).map_err(|error| at(&parent, &error))?;
        let cgroup = Self {
            usage: directory.join(usage),
            directory,
            limit,
        };
        cgroup.set(maximum, limit.get())?;
        // Nothing of it is to be swapped out; without swap there is no such file.
        let _ = cgroup.set(
            if is_unified {
                "memory.swap.max"
            } else {
                "memory.swappiness"
            },
            0,
        );
        Ok(cgroup)
    }

    fn set(&self, name: &str, value: u64) -> io::Result<()> {
        let path = self.directory.join(name);
        let file = File::options().write(true).open(&path);
        file.and_then(|mut file| write!(file, "{value}"))
            .map_err(|error| at(&path, &error))
    }

    /// Puts a process in, whose memory counts there from now on.
    ///
    /// # Errors
    /// Where the kernel does not permit it.
    pub(super) fn add(&self, pid: Pid) -> io::Result<()> {
        self.set("cgroup.procs", pid.get().into())
    }

    /// What /proc/meminfo would be on a machine of this size with these processes.
    ///
    /// # Errors
    /// Where its memory can't be read.
    pub(super) fn meminfo(&self) -> io::Result<String> {
        let text = fs::read_to_string(&self.usage)?;
        let used = text.trim().parse().map_err(io::Error::other)?;
        let left = self.limit.saturating_sub(Bytes::new(used)).get() >> 10;
        let total = self.limit.get() >> 10;
        Ok(format!(
            "MemTotal: {total} kB\nMemFree: {left} kB\nMemAvailable: {left} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
        ))
    }
}

/// A new directory with a name of its own: in another PID namespace a selftest may have the same PID.
fn make_directory(parent: &Path) -> io::Result<PathBuf> {
    let own = std::process::id();
    let mut number = 0;
    loop {
        let directory = parent.join(format!("memory-monitor-selftest-{own}-{number}"));
        match fs::create_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST => {
                number += 1;
            }
            made => return made.map(|()| directory),
        }
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that has ended is in it for a moment longer.
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

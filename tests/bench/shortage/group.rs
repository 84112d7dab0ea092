//! A control group: a limit without swap, and what the kernel reports about it. Version 2 of the control groups, or 1.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Result;

/// The files of a version.
struct Files {
    limit: &'static str,
    /// Memory and swap together, or swap alone: (name, whether it is the latter).
    swap: (&'static str, bool),
    usage: &'static str,
    events: &'static str,
    /// The lines of memory.stat with the page cache, and with anonymous memory.
    cache: &'static str,
    anonymous: &'static str,
}

const VERSION_1: Files = Files {
    limit: "memory.limit_in_bytes",
    swap: ("memory.memsw.limit_in_bytes", false),
    usage: "memory.usage_in_bytes",
    events: "memory.oom_control",
    cache: "total_cache",
    anonymous: "total_rss",
};
const VERSION_2: Files = Files {
    limit: "memory.max",
    swap: ("memory.swap.max", true),
    usage: "memory.current",
    events: "memory.events",
    cache: "file",
    anonymous: "anon",
};

/// A group made by this program, which is removed when this is dropped.
pub(super) struct Group(Inside);

/// The same for a process that is in it.
pub(super) struct Inside {
    directory: PathBuf,
    limit: u64,
}

impl Group {
    pub(super) fn create(name: &str, limit: u64) -> Result<Self> {
        let parent = if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            "/sys/fs/cgroup"
        } else {
            "/sys/fs/cgroup/memory"
        };
        let directory = Path::new(parent).join(format!("race-{name}"));
        fs::create_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let group = Self(Inside { directory, limit });
        let files = group.0.files();
        fs::write(group.0.directory.join(files.limit), limit.to_string())?;
        let (file, swap_alone) = files.swap;
        let swap = if swap_alone { 0 } else { limit };
        // Without swap accounting there is no such file, and a machine without swap needs none.
        match fs::write(group.0.directory.join(file), swap.to_string()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(group),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.0.directory
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its last processes may not be gone yet.
        for _ in 0..500 {
            if fs::remove_dir(&self.0.directory).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Inside {
    /// Moves this process into the group.
    pub(super) fn enter(directory: &Path) -> Result<Self> {
        fs::write(directory.join("cgroup.procs"), "0")?;
        let mut inside = Self {
            directory: directory.to_owned(),
            limit: 0,
        };
        inside.limit = inside.number(inside.files().limit)?;
        Ok(inside)
    }

    fn files(&self) -> &'static Files {
        if self.directory.join(VERSION_2.limit).exists() {
            &VERSION_2
        } else {
            &VERSION_1
        }
    }

    fn number(&self, file: &str) -> Result<u64> {
        Ok(fs::read_to_string(self.directory.join(file))?
            .trim()
            .parse()?)
    }

    fn line(&self, file: &str, name: &str) -> Result<u64> {
        let text = fs::read_to_string(self.directory.join(file))?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line
            .ok_or_else(|| format!("{file} has no line {name}"))?
            .trim()
            .parse()?)
    }

    /// Its limit in bytes.
    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    /// How many of its processes the kernel's OOM killer has killed.
    pub(super) fn oom_kills(&self) -> Result<u64> {
        self.line(self.files().events, "oom_kill")
    }

    /// How much anonymous memory its processes have, in bytes.
    pub(super) fn anonymous(&self) -> Result<u64> {
        self.line("memory.stat", self.files().anonymous)
    }

    /// What is left in bytes: the limit, less what is used, page cache apart. lxcfs says so in MemAvailable. Two files
    /// are read: it is wrong where the page cache changes meanwhile.
    pub(super) fn left(&self) -> Result<u64> {
        let used = self.number(self.files().usage)?;
        let cache = self.line("memory.stat", self.files().cache)?;
        Ok(self.limit.saturating_sub(used.saturating_sub(cache)))
    }
}

//! A control group of the machine with as much memory and processor as the unit of the daemon gives it, for a process
//! that the test starts. It is removed when it is dropped; one that a killed test left, by the next test.

use crate::harness::machine::LIMIT;
use crate::harness::os;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// Where they are mounted.
const BASE: &str = "/sys/fs/cgroup";
const PREFIX: &str = "memory-monitor-test.";
/// How to say it, in each version of control groups: below the directory of its own of a controller, or of all.
const VERSION_1: &[(&str, &[(&str, &str)])] = &[
    (
        "cpu",
        &[
            ("cpu.cfs_period_us", "1000000"),
            ("cpu.cfs_quota_us", "100000"),
        ],
    ),
    ("memory", &[("memory.limit_in_bytes", "100M")]),
];
const VERSION_2: &[(&str, &[(&str, &str)])] =
    &[("", &[("cpu.max", "100000 1000000"), ("memory.max", "100M")])];
/// The most memory that was ever in it, in the one or the other version.
const PEAKS: [&str; 2] = ["memory.max_usage_in_bytes", "memory.peak"];

/// 100 MB, and 10% of a core in each second.
pub(crate) struct Group {
    /// Each is locked for as long as it is used.
    directories: Vec<(PathBuf, File)>,
}

impl Group {
    /// A new one.
    pub(crate) fn new() -> io::Result<Self> {
        let base = Path::new(BASE);
        let version = if base.join("cgroup.controllers").exists() {
            VERSION_2
        } else {
            VERSION_1
        };
        let directories = Vec::new();
        let mut group = Self { directories };
        for (controller, limits) in version {
            let directory = group.make(&base.join(controller))?;
            for (file, value) in *limits {
                // Creates none: a missing one is a controller that is not there.
                let mut file = File::options().write(true).open(directory.join(file))?;
                io::Write::write_all(&mut file, value.as_bytes())?;
            }
        }
        Ok(group)
    }

    fn make(&mut self, parent: &Path) -> io::Result<PathBuf> {
        remove_unlocked(parent)?;
        for number in 0.. {
            let directory = parent.join(format!("{PREFIX}{number}"));
            match fs::create_dir(&directory) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    let lock = File::open(&directory)?;
                    self.directories
                        .push((directory.clone(), lock.try_clone()?));
                    os::lock(&lock)?;
                    return Ok(directory);
                }
            }
        }
        unreachable!("there are not so many")
    }

    /// The same with less of a processor: two thousandths of a second in a tenth.
    pub(crate) fn starved() -> io::Result<Self> {
        let group = Self::new()?;
        let limits = [
            ("cpu.cfs_period_us", "100000"),
            ("cpu.cfs_quota_us", "2000"),
            ("cpu.max", "2000 100000"),
        ];
        for (directory, _) in &group.directories {
            for (file, value) in limits {
                let path = directory.join(file);
                if path.exists() {
                    fs::write(path, value)?;
                }
            }
        }
        Ok(group)
    }

    /// Lets `command` start in it.
    pub(crate) fn hold(&self, command: &mut Command) {
        for (directory, _) in &self.directories {
            let processes = File::options()
                .write(true)
                .open(directory.join("cgroup.procs"));
            os::write_at_start(command, processes.expect("a group of ours"), b"0");
        }
    }

    /// The most memory that it ever had, in KiB.
    pub(crate) fn highest_memory(&self) -> Option<u64> {
        let mut directories = self.directories.iter();
        let peak = directories.find_map(|(directory, _)| {
            let mut texts = PEAKS.iter().map(|name| directory.join(name));
            texts.find_map(|path| fs::read_to_string(path).ok())
        });
        peak?.trim().parse::<u64>().ok().map(|bytes| bytes >> 10)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let start = Instant::now();
        for (directory, _) in &self.directories {
            // What was in it has been told to end, or ends with the daemon.
            while fs::remove_dir(directory).is_err() && start.elapsed() < LIMIT {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Lets this test have none, and make none.
pub(crate) fn hide() {
    os::mount("none".as_ref(), BASE.as_ref(), "tmpfs", libc::MS_RDONLY, "");
}

/// Removes those of tests that were killed.
fn remove_unlocked(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)?.flatten() {
        let is_ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && File::open(entry.path()).is_ok_and(|file| os::lock(&file).is_ok()) {
            // It may have processes that are about to end.
            let _ = fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

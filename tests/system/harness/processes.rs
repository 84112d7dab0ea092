//! What /proc says of the test's processes.

use crate::harness::os;
use std::fs::{self, File};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// How many processes have this name, and memory: one that has ended and was not reaped has none.
pub(crate) fn count(name: &str) -> usize {
    let entries = fs::read_dir("/proc").expect("the test's").flatten();
    let is_one = |path: &PathBuf| {
        let read = |file| fs::read_to_string(path.join(file)).unwrap_or_default();
        let has_memory = |statm: String| statm.split(' ').nth(1).is_some_and(|rss| rss != "0");
        read("comm").trim_end() == name && has_memory(read("statm"))
    };
    entries.map(|entry| entry.path()).filter(is_one).count()
}

/// The figure `key` of the kernel's in a file of a process, in bytes; None where there is no such process.
pub(crate) fn figure(pid: u32, file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib = line.trim_start_matches(':').trim().strip_suffix(" kB")?;
    kib.parse::<u64>().ok().map(|kib| kib << 10)
}

/// The most memory that it ever had, in KiB.
pub(crate) fn highest_memory(pid: u32) -> u64 {
    figure(pid, "status", "VmHWM").expect("a child of ours") >> 10
}

/// Waits for the other cases with thousands of processes, which together are more than the kernel has PIDs; they wait
/// for the end of what this returns.
pub(crate) fn be_alone_with_thousands() -> File {
    let this = File::open("/proc/self/exe").expect("this program");
    while os::lock(&this).is_err() {
        thread::sleep(Duration::from_millis(100));
    }
    this
}

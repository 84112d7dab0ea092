//! Whether a control group has processes, and its limit. Touches its cgroup.events (Linux 4.6) and memory.max, where
//! cgroup v2 is mounted.

use crate::quantities::Bytes;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where systemd mounts the unified hierarchy, alone or beside the older ones.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Whether the control group at this path, as /proc/PID/cgroup has it, and those below it have processes. systemd
/// removes the one of a service that has stopped. None where that can't be told.
pub fn is_populated(path: &[u8]) -> Option<bool> {
    let path = Path::new(OsStr::from_bytes(path));
    let path = path.strip_prefix("/").ok()?;
    MOUNTS.iter().find_map(|mount| {
        let group = Path::new(mount).join(path);
        match fs::read_to_string(group.join("cgroup.events")) {
            Ok(events) => is_populated_by(&events),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Of another namespace, its parent is missing as well.
                let parent = group.parent()?.join("cgroup.events");
                parent.exists().then_some(false)
            }
            Err(_) => None,
        }
    })
}

/// The limit of the memory of the control group at this path (`memory.max`); None where it has none, or that can't be
/// told.
pub fn memory_max(path: &[u8]) -> Option<Bytes> {
    let path = Path::new(OsStr::from_bytes(path));
    let path = path.strip_prefix("/").ok()?;
    MOUNTS.iter().find_map(|mount| {
        let file = Path::new(mount).join(path).join("memory.max");
        let text = fs::read_to_string(file).ok()?;
        text.trim_end().parse().ok().map(Bytes::new)
    })
}

fn is_populated_by(events: &str) -> Option<bool> {
    let value = events
        .lines()
        .find_map(|line| line.strip_prefix("populated "))?;
    Some(value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_say_whether_there_are_processes() {
        assert_eq!(is_populated_by("populated 0\nfrozen 0\n"), Some(false));
        assert_eq!(is_populated_by("frozen 0\npopulated 1\n"), Some(true));
        assert_eq!(is_populated_by(""), None);
        assert_eq!(is_populated(b"/nowhere.slice/x/y.service"), None);
    }
}

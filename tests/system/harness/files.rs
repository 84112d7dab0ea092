//! Files and directories in place of others.

use crate::harness::machine::Machine;
use crate::harness::os;
use std::fs;
use std::path::{Path, PathBuf};

/// Removes a file, or an empty directory, if there is one.
pub(crate) fn remove(path: &Path) {
    let status = path.symlink_metadata();
    match status.map(|status| status.is_dir()) {
        Ok(true) => fs::remove_dir(path).expect("ours"),
        Ok(false) => fs::remove_file(path).expect("ours"),
        Err(_) => {}
    }
}

/// A directory of the test's own in place of one of the system.
pub(crate) fn own(machine: &Machine, name: &str, target: &str) -> PathBuf {
    let directory = machine.path(name);
    fs::create_dir(&directory).expect("a directory of ours");
    os::mount(&directory, Path::new(target), "", libc::MS_BIND, "");
    directory
}

/// Lets this process be of the unit with this control group, which systemd removes when it is empty.
pub(crate) fn be_of_unit(machine: &Machine, pid: u32, unit: &str) {
    let cgroup = machine.path("cgroup");
    fs::write(&cgroup, format!("0::/{unit}\n")).expect("a directory of ours");
    let shown = PathBuf::from(format!("/proc/{pid}/cgroup"));
    os::mount(&cgroup, &shown, "", libc::MS_BIND, "");
    let groups = Path::new("/sys/fs/cgroup");
    os::mount(Path::new("none"), groups, "tmpfs", 0, "mode=755");
    let slice = groups.join(unit);
    let slice = slice.parent().expect("a slice");
    fs::create_dir_all(slice).expect("a directory of ours");
    fs::write(slice.join("cgroup.events"), "populated 1\nfrozen 0\n").expect("ours");
}

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

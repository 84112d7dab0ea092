//! Whether the anonymous memory of a process is its own: after fork(2) a child shares it with its parent, and so do the
//! workers of a pool with each other. Touches comm and the lists of children (Linux 3.5), none of which takes the lock
//! of a process's memory.

use super::ProcRoot;
use super::parse;
use super::procfile::BUFFER;
use crate::quantities::Pid;
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};

/// So many children are compared; with more, it can't be told.
const CHILDREN: usize = 512;

/// Whether the main thread of a process has children; None where the kernel does not list them.
pub(super) fn has_children(directory: &ProcessDirectory) -> Option<bool> {
    let mut buffer = [0; BUFFER];
    let text = children(directory.as_fd(), directory.pid(), &mut buffer)?;
    Some(!text.is_empty())
}

/// Whether neither the parent of a process nor another child of it has the name that the kernel shows of the process;
/// false where that can't be told.
pub(super) fn is_alone(root: &ProcRoot, pid: Pid, parent: Pid, comm: &[u8]) -> bool {
    let has_name = |pid: Pid| {
        let mut buffer = [0; 64];
        let directory = ProcessDirectory::open(root.as_fd(), pid).ok();
        let own = directory.and_then(|directory| {
            let text = fs::read_at(directory.as_fd(), c"comm", &mut buffer).ok()?;
            Some(text.strip_suffix(b"\n").unwrap_or(text) == comm)
        });
        own.unwrap_or(false)
    };
    if has_name(parent) {
        return false;
    }
    let mut buffer = [0; BUFFER];
    let Ok(directory) = ProcessDirectory::open(root.as_fd(), parent) else {
        return false;
    };
    let Some(text) = children(directory.as_fd(), parent, &mut buffer) else {
        return false;
    };
    let pids = text.split(|&byte| byte == b' ').take(CHILDREN + 1);
    let siblings = pids
        .filter_map(parse::pid)
        .filter(|&sibling| sibling != pid);
    let mut compared = 0;
    for sibling in siblings {
        compared += 1;
        if compared > CHILDREN || has_name(sibling) {
            return false;
        }
    }
    true
}

/// The PIDs of the children that the main thread has forked; None where the kernel does not list them, or there are
/// more than the buffer holds.
fn children<'b>(directory: BorrowedFd<'_>, pid: Pid, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut path = [0; 32];
    write!(path.as_mut_slice(), "task/{pid}/children").ok()?;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    let capacity = buffer.len();
    let text = fs::read_at(directory, path, buffer).ok()?;
    (text.len() < capacity).then_some(text)
}

//! What the walk over all processes sees of each: its size by statm, which is three system calls.

use super::procfile::{self, Unreadable};
use super::{ProcRoot, parse};
use crate::quantities::Bytes;
use crate::sys::fs;
use std::ffi::CStr;
use std::os::fd::AsFd;

/// What the walk sees of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Its resident memory.
    Rss(Bytes),
    /// No memory of its own, but more than one thread: its main thread has exited.
    DeadLeader,
    /// A kernel thread or a zombie.
    Nothing,
    /// Its size can't be read.
    Unreadable(Unreadable),
}

/// The size of one process by its statm; None if it has ended.
pub(super) fn see(root: &ProcRoot, number: &CStr, statm: &CStr) -> Option<Seen> {
    let mut buffer = [0; 256];
    let text = match fs::read_at(root.as_fd(), statm, &mut buffer) {
        Ok(text) if text.len() < 256 => text,
        Ok(_) => return Some(Seen::Unreadable(Unreadable::too_long("statm"))),
        Err(error) if procfile::is_gone(&error) => return None,
        Err(error) => return Some(Seen::Unreadable(Unreadable::new("statm", &error))),
    };
    match parse::statm(text) {
        Some((0, _)) => see_without_memory(root, number),
        Some((_, pages)) => Some(Seen::Rss(Bytes::from_pages(pages, root.page_size()))),
        None => Some(Seen::Unreadable(Unreadable {
            file: "statm",
            errno: None,
        })),
    }
}

/// Kernel threads and zombies have one thread; a process that goes on without its main thread has more, and the link
/// count of its task directory, 2 + threads, says so with one more system call (`proc_task_getattr` in the kernel's
/// fs/proc/base.c).
fn see_without_memory(root: &ProcRoot, number: &CStr) -> Option<Seen> {
    let mut buffer = [0; 32];
    let task = procfile::path(number, b"/task", &mut buffer)?;
    match fs::link_count_at(root.as_fd(), task) {
        Ok(3) => Some(Seen::Nothing),
        Ok(_) => Some(Seen::DeadLeader),
        Err(error) if procfile::is_gone(&error) => None,
        Err(error) => Some(Seen::Unreadable(Unreadable::new("task", &error))),
    }
}

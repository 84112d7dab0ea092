//! Where the exe link of a process leads. Touches that link.

use super::name::Name;
use super::procfile::{BUFFER, Failure, Unreadable};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::os::fd::AsFd;

/// What the kernel appends to the path of an executable that was deleted.
pub(super) const DELETED: &[u8] = b" (deleted)";

/// The path of an executable where the kernel's link leads: an upgrade replaces the file, and the path stays what an
/// administrator means by it.
pub(super) fn path_of_link(link: &[u8]) -> &[u8] {
    link.strip_suffix(DELETED).unwrap_or(link)
}

/// The path of the executable, also where its file was deleted or replaced since; empty where there is none: a kernel
/// thread has none, and neither has a process whose main thread has exited.
pub(super) fn read_exe<'b>(
    directory: &ProcessDirectory,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Failure> {
    let capacity = buffer.len();
    match fs::read_link_at(directory.as_fd(), c"exe", buffer) {
        Ok(link) if link.len() < capacity => Ok(path_of_link(link)),
        Ok(_) => Err(Failure::Unreadable(Unreadable::too_long("exe"))),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(b""),
        Err(error) => Err(Failure::new("exe", &error)),
    }
}

/// The path of the executable, cut at 255 bytes; None where there is none or it can't be read.
pub(super) fn exe(directory: &ProcessDirectory) -> Option<Name> {
    let mut buffer = [0; BUFFER];
    let exe = read_exe(directory, &mut buffer).ok()?;
    (!exe.is_empty()).then(|| Name::new(exe))
}

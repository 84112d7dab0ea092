//! Descriptors that were open when the program was started.

use super::check_int;
use std::env;
use std::io;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::net::UnixDatagram;

/// The first descriptor that a service manager passes: `SD_LISTEN_FDS_START` of sd_listen_fds(3).
const FIRST_PASSED: RawFd = 3;

/// The datagram socket that the service manager has passed; None where it has passed nothing to this process. To be
/// called once, after [`keep_all_from_children`]: it is not closed for them otherwise.
///
/// # Errors
/// Where what was passed is no datagram socket.
pub fn passed_socket() -> io::Result<Option<UnixDatagram>> {
    let number = |name| -> Option<u32> { env::var(name).ok()?.parse().ok() };
    let is_ours = number("LISTEN_PID") == Some(std::process::id());
    if !is_ours || number("LISTEN_FDS").is_none_or(|count| count == 0) {
        return Ok(None);
    }
    let mut kind: libc::c_int = 0;
    let mut length = libc::socklen_t::try_from(size_of_val(&kind)).unwrap_or_default();
    // SAFETY: both are writable for as much as the call writes; the number may be of no descriptor.
    check_int(unsafe {
        libc::getsockopt(
            FIRST_PASSED,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut length,
        )
    })?;
    if kind != libc::SOCK_DGRAM {
        return Err(io::Error::other("what was passed is no datagram socket"));
    }
    // SAFETY: the manager has opened it for this process, and nothing else in it owns it.
    let socket = unsafe { UnixDatagram::from_raw_fd(FIRST_PASSED) };
    Ok(Some(socket))
}

/// Closes all descriptors that this process was started with, except its three standard streams, for the programs that
/// it starts. What Rust opens is closed for them anyway.
///
/// # Errors
/// Where /proc/self/fd can't be read.
pub fn keep_all_from_children() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let number: Option<RawFd> = name.to_str().and_then(|name| name.parse().ok());
        if let Some(number) = number.filter(|&number| number >= FIRST_PASSED) {
            // The one that this list is read from is open, and closed for them as well.
            keep_from_children(number)?;
        }
    }
    Ok(())
}

fn keep_from_children(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: changes a flag of a descriptor, whatever owns it.
    check_int(unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

/// Calls `make` under a umask that leaves what it creates to this user alone. Only while there is one
/// thread, as the umask is the process's.
pub fn for_this_user_only<T>(make: impl FnOnce() -> T) -> T {
    // SAFETY: umask can't fail and touches no memory.
    let before = unsafe { libc::umask(0o177) };
    let result = make();
    // SAFETY: as above.
    unsafe { libc::umask(before) };
    result
}

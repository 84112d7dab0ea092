//! Sending where the reader may be slow: no sink keeps the daemon waiting for long.

use crate::sys::writable::wait_writable;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long a record may wait for a slow reader of a pipe or a socket. It waits so once: for a reader that stays stuck
/// each further record is tried without waiting.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// Calls `send`, and once more where `socket` becomes writable within `patience`. Fails as `send` does: with WouldBlock
/// where the reader is still stuck.
pub(super) fn send_patiently<S: AsFd>(
    socket: &mut S,
    patience: Duration,
    mut send: impl FnMut(&mut S) -> io::Result<()>,
) -> io::Result<()> {
    match send(socket) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock && !patience.is_zero() => {
            if wait_writable(socket.as_fd(), patience)? {
                send(socket)
            } else {
                Err(error)
            }
        }
        result => result,
    }
}

//! The socket on which the daemon hands events over: passed by a socket unit, or made here.

use memory_monitor::Error;
use memory_monitor::events::sinks::socket_path;
use memory_monitor::sys::inherited::{for_this_user_only, passed_socket};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};

/// Bytes: an event with the longest command line, each byte of it escaped, needs less.
const LARGEST: usize = 1 << 18;

/// The socket, and what was read from it last.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixDatagram,
    /// Its path where it was made here, to be removed; None for that of a socket unit.
    made: Option<PathBuf>,
    buffer: Vec<u8>,
}

impl Listener {
    /// Takes the socket that was passed, or makes one that only this user can write to. A socket without a listener is
    /// replaced; fails where there is a listener or another file.
    pub(crate) fn open() -> Result<Self, Error> {
        let path = socket_path();
        Self::open_at(&path).map_err(|error| Error::Listen(path, error))
    }

    fn open_at(path: &Path) -> io::Result<Self> {
        let (socket, made) = match passed_socket()? {
            Some(socket) => (socket, None),
            None => (make(path)?, Some(path.to_owned())),
        };
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            made,
            buffer: vec![0; LARGEST],
        })
    }

    /// Whether a socket unit keeps listening, and starts another notifier for the next event.
    pub(crate) fn is_on_demand(&self) -> bool {
        self.made.is_none()
    }

    /// The next datagram and its sender's address; None while there is none.
    pub(crate) fn receive(&mut self) -> io::Result<Option<(&[u8], SocketAddr)>> {
        match self.socket.recv_from(&mut self.buffer) {
            Ok((length, from)) => {
                let datagram = self.buffer.get(..length).unwrap_or_default();
                Ok(Some((datagram, from)))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.made {
            // The next notifier replaces what is left.
            let _ = fs::remove_file(path);
        }
    }
}

fn make(path: &Path) -> io::Result<UnixDatagram> {
    match path.symlink_metadata() {
        Ok(status) if status.file_type().is_socket() => {
            if UnixDatagram::unbound()?.connect(path).is_ok() {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another notifier, or memory-monitor-notify.socket, listens there",
                ));
            }
            fs::remove_file(path)?;
        }
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => make_directory(path.parent())?,
    }
    for_this_user_only(|| UnixDatagram::bind(path))
}

/// The daemon makes it too.
fn make_directory(directory: Option<&Path>) -> io::Result<()> {
    match directory.map(|directory| DirBuilder::new().mode(0o750).create(directory)) {
        Some(Err(error)) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_socket_without_a_listener_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/notify.sock");
        let first = make(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let error = make(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        make(&path).unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "kept").unwrap();
        make(&file).unwrap_err();
        assert_eq!(fs::read(&file).unwrap(), b"kept");
    }
}

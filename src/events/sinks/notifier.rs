//! The daemon's end of the notifier's socket. Never waits: a missing, slow or dead notifier costs one
//! system call an event, and what it did not get is counted and said.

use crate::paths;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// Names another place, for the daemon and for the notifier.
const SOCKET_VARIABLE: &str = "MEMORY_MONITOR_NOTIFY_SOCKET";

/// Where the notifier listens, as the environment has it.
pub fn socket_path() -> PathBuf {
    std::env::var_os(SOCKET_VARIABLE).map_or_else(|| paths::NOTIFIER_SOCKET.into(), PathBuf::from)
}

/// The way to the notifier.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    socket: Option<UnixDatagram>,
    /// What was not taken since this was last said, and why not.
    dropped: u64,
}

/// What is to be said of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// An event was not taken, the first of possibly several.
    Begins(String),
    /// So many were not taken meanwhile.
    Over(u64),
}

impl Outlet {
    /// Hands an event over, or drops it.
    pub(crate) fn send(&mut self, event: &[u8]) -> Option<Trouble> {
        let sent = self.try_send(event);
        self.note(sent)
    }

    fn note(&mut self, sent: io::Result<()>) -> Option<Trouble> {
        match sent {
            Ok(()) => {
                let dropped = std::mem::take(&mut self.dropped);
                (dropped > 0).then_some(Trouble::Over(dropped))
            }
            Err(error) => {
                self.dropped += 1;
                (self.dropped == 1).then(|| Trouble::Begins(error.to_string()))
            }
        }
    }

    fn try_send(&mut self, event: &[u8]) -> io::Result<()> {
        let socket = if let Some(socket) = self.socket.take() {
            socket
        } else {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket
        };
        // By its path each time: one that was started again has a new socket there.
        let result = socket.send_to(event, socket_path());
        self.socket = Some(socket);
        result.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_not_taken_and_says_it_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let mut outlet = Outlet::default();
        let send = |outlet: &mut Outlet| {
            let socket = outlet
                .socket
                .get_or_insert_with(|| UnixDatagram::unbound().unwrap());
            socket.set_nonblocking(true).unwrap();
            let sent = socket.send_to(b"{}", &path).map(drop);
            outlet.note(sent)
        };
        assert!(matches!(send(&mut outlet), Some(Trouble::Begins(_))));
        assert_eq!(send(&mut outlet), None);
        let listener = UnixDatagram::bind(&path).unwrap();
        assert_eq!(send(&mut outlet), Some(Trouble::Over(2)));
        // Nobody reads: the queue fills up, and nothing waits.
        let mut taken = 1;
        while send(&mut outlet).is_none() {
            taken += 1;
        }
        assert_eq!(send(&mut outlet), None);
        for _ in 0..taken {
            listener.recv(&mut [0; 10]).unwrap();
        }
        assert_eq!(send(&mut outlet), Some(Trouble::Over(2)));
    }
}

//! The daemon's end of the notifier's socket. Never waits: a missing, slow or dead notifier costs one system call an
//! event, and what it did not get is counted and reported.

use crate::events::record::Record;
use crate::paths;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Names another socket, for the daemon and for the notifier.
const SOCKET_VARIABLE: &str = "MEMORY_MONITOR_NOTIFY_SOCKET";

/// Where the notifier listens, as the environment has it.
pub fn socket_path() -> PathBuf {
    std::env::var_os(SOCKET_VARIABLE).map_or_else(|| paths::NOTIFIER_SOCKET.into(), PathBuf::from)
}

/// The way to the notifier.
#[derive(Debug, Default)]
pub struct NotifierSink {
    socket: Option<UnixDatagram>,
    /// How many events were not taken since this was last reported.
    dropped: u64,
}

impl NotifierSink {
    /// Hands a record over, or drops it; that it begins or ends to drop them is logged.
    pub(crate) fn send(&mut self, record: &Record) {
        if let Some(report) = self.try_send(&record.to_json(), &socket_path()) {
            log::warn!("{report}");
        }
    }

    /// What there is to report.
    fn try_send(&mut self, event: &str, path: &Path) -> Option<String> {
        match self.send_to(event, path) {
            Ok(()) => {
                let dropped = std::mem::take(&mut self.dropped);
                (dropped > 0).then(|| format!("The notifier takes events again: Dropped={dropped}"))
            }
            Err(error) => {
                self.dropped += 1;
                (self.dropped == 1).then(|| {
                    format!("The notifier does not take events, they are dropped: Error={error}")
                })
            }
        }
    }

    fn send_to(&mut self, event: &str, path: &Path) -> io::Result<()> {
        let socket = if let Some(socket) = self.socket.take() {
            socket
        } else {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket
        };
        // By its path each time: a notifier that was restarted has a new socket there.
        let result = socket.send_to(event.as_bytes(), path);
        self.socket = Some(socket);
        result.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_not_taken_and_reports_it_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let mut sink = NotifierSink::default();
        let mut send = || sink.try_send("{}", &path);
        let begin = send().unwrap();
        assert!(
            begin.starts_with("The notifier does not take events"),
            "{begin}"
        );
        assert_eq!(send(), None);
        let again = "The notifier takes events again: Dropped=2";
        let listener = UnixDatagram::bind(&path).unwrap();
        assert_eq!(send().as_deref(), Some(again));
        // Nothing is read: the queue fills up, and nothing waits.
        let mut taken = 1;
        while send().is_none() {
            taken += 1;
        }
        assert_eq!(send(), None);
        for _ in 0..taken {
            listener.recv(&mut [0; 10]).unwrap();
        }
        assert_eq!(send().as_deref(), Some(again));
    }
}

//! A /dev/log of the test's own, and what the daemon sends there.

use crate::harness::os;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread::{self, JoinHandle};

const SOCKET: &str = "/dev/log";

/// Gives this test a /dev of its own with nothing but `null` in it, so that the machine's is left alone.
pub(crate) fn own_dev() {
    let directory = tempfile::tempdir().expect("a directory below /tmp").keep();
    let null = directory.join("null");
    os::mount(Path::new("tmpfs"), &directory, "tmpfs", 0, "size=1m");
    fs::write(&null, "").expect("a directory of ours");
    os::mount(Path::new("/dev/null"), &null, "", libc::MS_BIND, "");
    os::mount(
        &directory,
        Path::new("/dev"),
        "",
        libc::MS_BIND | libc::MS_REC,
        "",
    );
}

/// A listener that keeps all it gets; wants [`own_dev`].
pub(crate) struct Syslog {
    listener: JoinHandle<Vec<String>>,
}

/// Comes after everything that was sent before it.
const END: &[u8] = b"end";

impl Syslog {
    /// Listens from now on.
    pub(crate) fn listen() -> Self {
        let _ = fs::remove_file(SOCKET);
        let socket = UnixDatagram::bind(SOCKET).expect("a /dev of our own");
        let listener = thread::spawn(move || {
            let mut messages = Vec::new();
            let mut buffer = vec![0; 65536];
            loop {
                let length = socket.recv(&mut buffer).expect("a datagram");
                match &buffer[..length] {
                    END => return messages,
                    text => messages.push(String::from_utf8(text.to_vec()).expect("UTF-8")),
                }
            }
        });
        Self { listener }
    }

    /// Stops listening, and takes the socket away; returns `<PRIORITY>` and the rest of each message.
    pub(crate) fn close(self) -> Vec<(String, String)> {
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.send_to(END, SOCKET).expect("we listen");
        let messages = self.listener.join().expect("the listener ends");
        fs::remove_file(SOCKET).expect("a /dev of our own");
        let parts = |message: &String| {
            let (head, text) = message.split_once("]: ")?;
            let (priority, head) = head.split_once('>')?;
            let (_, identifier) = head.rsplit_once(' ')?;
            assert!(identifier.starts_with("memory-monitor["), "{message}");
            Some((format!("{priority}>"), text.to_owned()))
        };
        let parse = |message| parts(message).unwrap_or_else(|| panic!("not syslog's: {message}"));
        messages.iter().map(parse).collect()
    }
}

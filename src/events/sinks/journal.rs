//! The journal by its native protocol, <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>: one datagram a
//! record, with a field for whatever is known. Never waits for long.

use super::line::Line;
use super::stderr::PATIENCE;
use super::syslog::severity;
use crate::events::fields::Attached;
use crate::paths;
use crate::sys::writable::wait_writable;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

/// The socket; connected once, as journald keeps it over its restarts.
pub(super) struct Journal {
    socket: UnixDatagram,
    packet: Vec<u8>,
}

impl Journal {
    /// None where there is no journal.
    pub(super) fn connect() -> Option<Self> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        socket.connect(paths::JOURNAL_SOCKET).ok()?;
        Some(Self::over(socket))
    }

    pub(super) fn over(socket: UnixDatagram) -> Self {
        Self {
            socket,
            packet: Vec::new(),
        }
    }

    /// Sends the record. What is too long for a datagram is an error like any other: it goes as a line.
    pub(super) fn write(&mut self, line: &Line<'_>, attached: &Attached) -> io::Result<()> {
        let packet = &mut self.packet;
        packet.clear();
        field(packet, "MESSAGE", &line.message.to_string());
        field(
            packet,
            "PRIORITY",
            &(severity(line.level) as u8).to_string(),
        );
        field(packet, "SYSLOG_IDENTIFIER", "memory-monitor");
        field(
            packet,
            "MESSAGE_ID",
            &format!("{:032x}", attached.kind.message_id),
        );
        field(packet, "MEMORY_MONITOR_EVENT", attached.kind.name);
        field(packet, "MEMORY_MONITOR_VERSION", env!("CARGO_PKG_VERSION"));
        attached.fields.each(|name, value| {
            field(
                packet,
                &format!("MEMORY_MONITOR_{}", name.to_ascii_uppercase()),
                value,
            );
        });
        match self.send() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if wait_writable(self.socket.as_fd(), PATIENCE)? {
                    self.send()
                } else {
                    Err(error)
                }
            }
            result => result,
        }
    }

    fn send(&self) -> io::Result<()> {
        loop {
            match self.socket.send(&self.packet) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }
}

/// A value with a newline has its length in front of it, so that it can't begin a field of its own.
fn field(packet: &mut Vec<u8>, name: &str, value: &str) {
    packet.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        packet.push(b'\n');
        packet.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        packet.push(b'=');
    }
    packet.extend_from_slice(value.as_bytes());
    packet.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_can_not_begin_a_field() {
        let mut packet = Vec::new();
        field(&mut packet, "A", "b=c");
        field(&mut packet, "B", "x\nPRIORITY=0");
        assert_eq!(packet, b"A=b=c\nB\n\x0c\0\0\0\0\0\0\0x\nPRIORITY=0\n");
    }
}

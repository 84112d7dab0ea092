//! The journal by its native protocol, <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>: one datagram a record, with the
//! key-values of the record as fields. Never waits for long.

use super::line::severity;
use super::patience::{PATIENCE, send_patiently};
use crate::events::record::fields_of;
use crate::events::text::Message;
use crate::paths;
use log::Record;
use serde_json::Value;
use std::io;
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
        Some(Self {
            socket,
            packet: Vec::new(),
        })
    }

    /// Sends the record. Fails where journald does not take it, also because it is too long for a datagram.
    pub(super) fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        let Self { socket, packet } = self;
        packet.clear();
        each_field(record, &mut |name, value| field(packet, name, value));
        send_patiently(socket, PATIENCE, |socket| {
            loop {
                match socket.send(packet) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => return result.map(drop),
                }
            }
        })
    }
}

/// Hands each field of the record to `take`.
pub(crate) fn each_field(record: &Record<'_>, take: &mut dyn FnMut(&str, &str)) {
    take("MESSAGE", &Message(*record.args()).to_string());
    take("PRIORITY", &(severity(record.level()) as u8).to_string());
    take("SYSLOG_IDENTIFIER", "memory-monitor");
    for (name, value) in fields_of(record) {
        let text = match value {
            Value::String(text) => text,
            number => number.to_string(),
        };
        match name.as_str() {
            // Journald has them already.
            "time" | "level" | "message" | "host" => {}
            "message_id" => take("MESSAGE_ID", &text),
            name => take(
                &format!("MEMORY_MONITOR_{}", name.to_ascii_uppercase()),
                &text,
            ),
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

//! As much of D-Bus as one signal needs: <https://dbus.freedesktop.org/doc/dbus-specification.html>.
//! Touches the bus's socket only.
//!
//! The kept crates for it bring an async runtime, or a third as many crates again as the whole program has.

use crate::sys;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The system bus, as the specification has it.
const SYSTEM_BUS: &str = "unix:path=/var/run/dbus/system_bus_socket";
/// A bus that is silent for so long is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// The bus's own answers are some hundred bytes long.
const LONGEST_ANSWER: usize = 1 << 16;

const BUS: &str = "org.freedesktop.DBus";
const CALL: u8 = 1;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

/// A signal to whoever listens for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signal<'a> {
    /// The object it comes from.
    pub path: &'a str,
    /// Its interface.
    pub interface: &'a str,
    /// Its name.
    pub member: &'a str,
    /// Its arguments, all of them strings.
    pub arguments: &'a [&'a str],
}

/// Sends a signal on the system bus; done when the bus has taken it. Whether anybody listens, or a policy
/// keeps it from them, the bus does not say.
pub(super) fn send(signal: &Signal<'_>) -> io::Result<()> {
    let given = std::env::var("DBUS_SYSTEM_BUS_ADDRESS");
    let address = given.as_deref().unwrap_or(SYSTEM_BUS);
    let path = socket(address)
        .ok_or_else(|| io::Error::other(format!("the bus at {address:?} has no socket")))?;
    let mut bus = UnixStream::connect(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
    bus.set_read_timeout(Some(PATIENCE))?;
    bus.set_write_timeout(Some(PATIENCE))?;
    converse(&mut bus, signal).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::UnexpectedEof => io::Error::new(
            error.kind(),
            "the bus hangs up, as it does when this user has no name: install libnss-systemd",
        ),
        _ => error,
    })
}

fn converse(bus: &mut UnixStream, signal: &Signal<'_>) -> io::Result<()> {
    authenticate(bus)?;
    bus.write_all(&conversation(signal))?;
    for _ in 0..LONGEST_ANSWER {
        let answer = Answer::read(bus)?;
        match (answer.error, answer.to) {
            // An error of any of the three.
            (Some(error), 1..=3) => return Err(io::Error::other(error)),
            // The bus has taken everything before that.
            (None, 3) => return Ok(()),
            // The greeting's answer, and what the bus tells of itself.
            _ => {}
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// The path of the first socket in an address such as `unix:path=/run/bus,guid=12;tcp:...`.
fn socket(address: &str) -> Option<&str> {
    let places = address.split(';');
    let mut keys = places.filter_map(|place| place.strip_prefix("unix:"));
    keys.find_map(|keys| keys.split(',').find_map(|key| key.strip_prefix("path=")))
}

/// Says who we are; the bus asks the kernel whether it is true.
fn authenticate(bus: &mut UnixStream) -> io::Result<()> {
    use std::fmt::Write as _;
    let mut hello = String::from("\0AUTH EXTERNAL ");
    for digit in sys::effective_uid().to_string().bytes() {
        // A String takes any text.
        let _ = write!(hello, "{digit:02x}");
    }
    hello.push_str("\r\n");
    bus.write_all(hello.as_bytes())?;
    // Byte by byte: what follows is no text. Its answer is OK and a number in 32 digits, or a refusal.
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\n") && line.len() < 1024 {
        bus.read_exact(&mut byte)?;
        line.extend(byte);
    }
    if !line.starts_with(b"OK ") {
        return Err(io::Error::other("the bus refuses this user"));
    }
    bus.write_all(b"BEGIN\r\n")
}

/// The greeting, the signal, and a question whose answer means that the signal was taken.
fn conversation(signal: &Signal<'_>) -> Vec<u8> {
    let call = |serial, member| {
        let fields = [
            (1, 'o', "/org/freedesktop/DBus"),
            (2, 's', BUS),
            (3, 's', member),
            (6, 's', BUS),
        ];
        message(CALL, serial, &fields, &[])
    };
    let fields = [
        (1, 'o', signal.path),
        (2, 's', signal.interface),
        (3, 's', signal.member),
    ];
    let signal = message(SIGNAL, 2, &fields, signal.arguments);
    [call(1, "Hello"), signal, call(3, "GetId")].concat()
}

/// A message with these fields (number, type, value) in its head and these strings in its body.
fn message(kind: u8, serial: u32, fields: &[(u8, char, &str)], arguments: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    for argument in arguments {
        put_string(&mut body, argument);
    }
    let signature = "s".repeat(arguments.len());
    let mut head = Vec::new();
    for (number, kind, value) in fields {
        align(&mut head, 8);
        head.extend([*number, 1, *kind as u8, 0]);
        put_string(&mut head, value);
    }
    if !arguments.is_empty() {
        align(&mut head, 8);
        head.extend([8, 1, b'g', 0]);
        put_signature(&mut head, &signature);
    }
    // Little endian, no flags, version 1.
    let mut message = vec![b'l', kind, 0, 1];
    message.extend(length(&body).to_le_bytes());
    message.extend(serial.to_le_bytes());
    message.extend(length(&head).to_le_bytes());
    message.extend(head);
    align(&mut message, 8);
    message.extend(body);
    message
}

fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    align(bytes, 4);
    bytes.extend(length(text.as_bytes()).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

fn put_signature(bytes: &mut Vec<u8>, signature: &str) {
    // As many characters as arguments, of which there are two.
    bytes.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
    bytes.extend(signature.as_bytes());
    bytes.push(0);
}

/// A bus refuses messages of 128 MiB long before a length is too large.
fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// What there is to know of a message from the bus.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    /// The message it answers; 0 for none.
    to: u32,
    /// The error's name, if it is one.
    error: Option<String>,
}

impl Answer {
    fn read(bus: &mut impl Read) -> io::Result<Self> {
        let mut start = [0; 16];
        bus.read_exact(&mut start)?;
        let [order, kind, ..] = start;
        let number = |at: usize| {
            let bytes = start
                .get(at..at + 4)
                .and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(usize::MAX, |bytes| u32::from_le_bytes(bytes) as usize)
        };
        let (body, head) = (number(4), number(12));
        if order != b'l' || head > LONGEST_ANSWER || body > LONGEST_ANSWER {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut rest = vec![0; head.next_multiple_of(8) + body];
        bus.read_exact(&mut rest)?;
        rest.truncate(head);
        let mut answer = Self::default();
        let mut fields = Fields { head: &rest, at: 0 };
        while let Some((field, value)) = fields.next() {
            match (field, value) {
                (4, Value::Text(name)) if kind == ERROR => {
                    answer.error = Some(String::from_utf8_lossy(name).into_owned());
                }
                (5, Value::Number(to)) => answer.to = to,
                _ => {}
            }
        }
        Ok(answer)
    }
}

/// The fields in the head of a message; what is after one that makes no sense is left out.
struct Fields<'h> {
    head: &'h [u8],
    at: usize,
}

enum Value<'h> {
    Text(&'h [u8]),
    Number(u32),
}

impl<'h> Fields<'h> {
    fn next(&mut self) -> Option<(u8, Value<'h>)> {
        self.at = self.at.next_multiple_of(8);
        let [field, 1, kind, 0] = *self.take(4)? else {
            return None;
        };
        let value = match kind {
            b'u' => Value::Number(self.number()?),
            b's' | b'o' => {
                let length = self.number()?;
                Value::Text(self.text(length as usize)?)
            }
            b'g' => {
                let length = *self.take(1)?.first()?;
                Value::Text(self.text(length.into())?)
            }
            _ => return None,
        };
        Some((field, value))
    }

    fn take(&mut self, length: usize) -> Option<&'h [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.head.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        // The value of a field begins at a multiple of 4.
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn text(&mut self, length: usize) -> Option<&'h [u8]> {
        let text = self.take(length)?;
        self.take(1)?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_socket_of_an_address() {
        assert_eq!(socket(SYSTEM_BUS), Some("/var/run/dbus/system_bus_socket"));
        assert_eq!(socket("tcp:host=a;unix:guid=1,path=/b"), Some("/b"));
        assert_eq!(socket("unix:abstract=/b"), None);
        assert_eq!(socket(""), None);
    }

    #[test]
    fn reads_an_answer() {
        // An error that answers message 2, as the fields of the head say.
        let mut bytes = message(
            ERROR,
            7,
            &[(4, 's', "a.b.Denied"), (7, 's', "a.b")],
            &["why"],
        );
        let answer = Answer::read(&mut &bytes[..]).unwrap();
        assert_eq!(answer.error.as_deref(), Some("a.b.Denied"));
        assert_eq!(answer.to, 0);
        bytes[0] = b'B';
        Answer::read(&mut &bytes[..]).unwrap_err();
        let numbered = [
            b"l\x02\0\x01\0\0\0\0\x01\0\0\0\x08\0\0\0".as_slice(),
            b"\x05\x01u\0\x03\0\0\0",
        ];
        let answer = Answer::read(&mut &numbered.concat()[..]).unwrap();
        assert_eq!(answer, Answer { to: 3, error: None });
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(order) = bytes.first_mut() {
                *order = b'l';
            }
            // Whatever it makes of it, it comes back.
            let _ = Answer::read(&mut &bytes[..]);
        }
    }
}

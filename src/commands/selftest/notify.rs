//! `memory-monitor selftest --notify`: sends the running notifier a test, as the daemon sends events, and waits for the
//! answers of its channels. Sends no signal.

use super::view::{Outcome, Step};
use crate::Error;
use crate::notify::event::Event;
use crate::notify::reply::{Answer, How};
use crate::notify::socket_path;
use crate::quantities::Uid;
use crate::sys;
use crate::sys::clock::rfc3339;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant, SystemTime};

/// A program may run for 20 seconds, and a mail server be silent for ten.
const PATIENCE: Duration = Duration::from_secs(45);
/// The notifier may have to be started first.
const FIRST_ANSWER: Duration = Duration::from_secs(20);

/// Asks, and what was answered.
pub(super) fn steps() -> Result<Vec<Step>, Error> {
    let begun = Instant::now();
    let path = socket_path();
    let what = format!("hand a test to the notifier at {}", path.display());
    let token = token().map_err(|error| Error::System("reading /dev/urandom", error))?;
    let socket = open(&token).map_err(|error| Error::System("opening a socket", error))?;
    let time = rfc3339(SystemTime::now());
    let test = Event::test(&sys::host_name(), &time, tester(), &token);
    if let Err(error) = socket.send_to(&test, &path) {
        let detail = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "no notifier listens: systemctl start memory-monitor-notify.socket, or memory-monitor notify"
                    .to_owned()
            }
            io::ErrorKind::PermissionDenied => "only root may do that".to_owned(),
            _ => error.to_string(),
        };
        return Ok(vec![Step::new(
            what,
            Outcome::Failed,
            begun.elapsed(),
            detail,
        )]);
    }
    let mut steps = vec![Step::new(what, Outcome::Ok, begun.elapsed(), String::new())];
    let mut ways: Vec<String> = Vec::new();
    let mut limit = begun + FIRST_ANSWER;
    loop {
        match answer(&socket, limit, &token) {
            Ok(Some(Answer { way, how: None, .. })) => {
                ways.push(way);
                limit = begun + PATIENCE;
            }
            Ok(Some(Answer {
                way,
                how: Some(how),
                detail,
                ..
            })) => {
                ways.retain(|other| *other != way);
                let outcome = match how {
                    How::Delivered => Outcome::Ok,
                    How::NobodyThere => Outcome::Missing,
                    How::Failed => Outcome::Failed,
                };
                steps.push(Step::new(way, outcome, begun.elapsed(), detail));
                if ways.is_empty() {
                    return Ok(steps);
                }
            }
            Ok(None) => break,
            Err(error) => return Err(Error::System("waiting for an answer", error)),
        }
    }
    if steps.len() == 1 && ways.is_empty() {
        ways.push("the notifier".to_owned());
    }
    for way in ways {
        let detail = "no answer, see journalctl -u memory-monitor-notify".to_owned();
        steps.push(Step::new(way, Outcome::Failed, begun.elapsed(), detail));
    }
    Ok(steps)
}

/// Whose terminals are meant: of who gave the command, with sudo(8) as without.
fn tester() -> Uid {
    let sudo = std::env::var("SUDO_UID").ok();
    let number = sudo.and_then(|number| number.parse().ok());
    number.map_or_else(sys::effective_uid, Uid::new)
}

/// What no other process can guess, so that only the notifier can answer.
fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // A String takes any text.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// A socket with an address that is no file: the notifier, which is another user, can write to it.
fn open(token: &str) -> io::Result<UnixDatagram> {
    let name = format!(
        "memory-monitor-selftest-{}",
        token.get(..8).unwrap_or_default()
    );
    UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// The next answer that is one; None when there was none until `limit`.
fn answer(socket: &UnixDatagram, limit: Instant, token: &str) -> io::Result<Option<Answer>> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let answer = buffer.get(..length).map(serde_json::from_slice::<Answer>);
        if let Some(Ok(answer)) = answer {
            if answer.token == token {
                return Ok(Some(answer));
            }
        }
    }
}

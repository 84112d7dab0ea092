//! `memory-monitor selftest --notify`: hands the running notifier a test event, as the daemon hands events over, and
//! waits for its answers. Signals no process.

use super::view::{Outcome, Step};
use crate::Error;
use crate::events::notifier_test::{self, Answer, Delivery};
use crate::events::sinks::socket_path;
use crate::quantities::Uid;
use crate::sys;
use crate::sys::clock::rfc3339;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant, SystemTime};

/// A command may run for 20 seconds, and a mail server be silent for ten.
const TIMEOUT: Duration = Duration::from_secs(45);
/// systemd may have to start the notifier.
const FIRST_TIMEOUT: Duration = Duration::from_secs(20);

/// One step for handing the event over and one for each channel. Fails where no socket can be opened or read.
pub(super) fn steps() -> Result<Vec<Step>, Error> {
    let begun = Instant::now();
    let path = socket_path();
    let what = format!("hand a test to the notifier at {}", path.display());
    let token = token().map_err(|error| Error::System("reading /dev/urandom", error))?;
    let socket = open(&token).map_err(|error| Error::System("opening a socket", error))?;
    let time = rfc3339(SystemTime::now());
    let event = notifier_test::event(&sys::host_name(), &time, tester(), &token);
    if let Err(error) = socket.send_to(&event, &path) {
        let detail = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                "no notifier listens: systemctl start memory-monitor-notify.socket, or memory-monitor notify"
                    .to_owned()
            }
            io::ErrorKind::PermissionDenied => "only root may do that".to_owned(),
            _ => error.to_string(),
        };
        let step = Step::new(what, Outcome::Failed, begun.elapsed(), detail);
        return Ok(vec![step]);
    }
    let mut steps = vec![Step::new(what, Outcome::Ok, begun.elapsed(), String::new())];
    let mut waiting: Vec<String> = Vec::new();
    let mut deadline = begun + FIRST_TIMEOUT;
    while let Some(answer) = answer(&socket, deadline, &token)
        .map_err(|error| Error::System("waiting for an answer", error))?
    {
        let outcome = match answer.result {
            None => {
                waiting.push(answer.channel);
                deadline = begun + TIMEOUT;
                continue;
            }
            Some(Delivery::Delivered) => Outcome::Ok,
            Some(Delivery::NoRecipient) => Outcome::Missing,
            Some(Delivery::Failed) => Outcome::Failed,
        };
        waiting.retain(|channel| *channel != answer.channel);
        let step = Step::new(answer.channel, outcome, begun.elapsed(), answer.detail);
        steps.push(step);
        if waiting.is_empty() {
            return Ok(steps);
        }
    }
    if waiting.is_empty() {
        waiting.push("the notifier".to_owned());
    }
    for channel in waiting {
        let detail = "no answer, see journalctl -u memory-monitor-notify".to_owned();
        let step = Step::new(channel, Outcome::Failed, begun.elapsed(), detail);
        steps.push(step);
    }
    Ok(steps)
}

/// The user whose terminals are tested: the one who gave the command, also by sudo(8).
fn tester() -> Uid {
    let sudo = std::env::var("SUDO_UID").ok();
    let uid = sudo.and_then(|uid| uid.parse().ok());
    uid.map_or_else(sys::effective_uid, Uid::new)
}

/// Random, so that no other process can answer.
fn token() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// A socket with an abstract address: the notifier, which is another user, can send to it.
fn open(token: &str) -> io::Result<UnixDatagram> {
    let name = format!(
        "memory-monitor-selftest-{}",
        token.get(..8).unwrap_or_default()
    );
    UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// The next answer with this token; None where there is none until `deadline`.
fn answer(socket: &UnixDatagram, deadline: Instant, token: &str) -> io::Result<Option<Answer>> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
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

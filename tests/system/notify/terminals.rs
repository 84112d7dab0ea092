//! Messages on terminals of several users, with the sessions of the test's own.

use super::NOBODY;
use super::notifier::{Place, test_event};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::machine::{LIMIT, until};
use crate::harness::os;
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    messages_go_to_terminals_of_the_owner_that_take_messages: [Needs::Users],
];

const OWNER: u32 = 12_345;
const OTHER: u32 = 12_346;
/// What a test writes, where the terminal has put a carriage return before each line feed.
const TEXT: &str = "\r\r\nThis is a test of memory-monitor\r\r\n";
/// USER_PROCESS and DEAD_PROCESS of utmp(5).
const SESSION: i16 = 7;
const DEAD: i16 = 8;

/// A terminal.
struct Terminal {
    screen: File,
    device: OwnedFd,
    path: PathBuf,
}

impl Terminal {
    /// Of this user, with these permissions.
    fn new(owner: u32, mode: u32) -> Self {
        let (screen, device) = os::open_terminal((80, 24));
        let path = format!("/proc/self/fd/{}", device.as_raw_fd());
        let path = fs::read_link(path).expect("proc(5)");
        chown(&path, Some(owner), Some(tty())).expect("root");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("root");
        let screen = screen.into();
        Self {
            screen,
            device,
            path,
        }
    }

    /// As sessions name it.
    fn name(&self) -> &str {
        let name = self.path.strip_prefix("/dev").expect("a device");
        name.to_str().expect("UTF-8")
    }

    /// What was written to it since the last time.
    fn shown(&mut self) -> String {
        let mut buffer = [0; 4096];
        let mut length = 0;
        if os::is_readable(&self.screen) {
            length = self.screen.read(&mut buffer).expect("a terminal of ours");
        }
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// Waits until it shows the test.
    fn shows_it(&mut self) {
        let mut shown = String::new();
        until("the terminal shows the message", || {
            shown.push_str(&self.shown());
            shown.len() >= TEXT.len()
        });
        assert_eq!(shown, TEXT);
    }
}

/// The group of terminals.
fn tty() -> u32 {
    let groups = fs::read_to_string("/etc/group").expect("group(5)");
    let mut ids = groups
        .lines()
        .filter_map(|line| line.strip_prefix("tty:x:"));
    let (id, _) = ids.next().and_then(|id| id.split_once(':')).expect("tty");
    id.parse().expect("a number")
}

/// A record of utmp(5): type, padding, PID, line, ID and user.
fn record(kind: i16, line: &str) -> [u8; 384] {
    let mut record = [0; 384];
    record[..2].copy_from_slice(&kind.to_ne_bytes());
    record[4..8].copy_from_slice(&1_i32.to_ne_bytes());
    record[8..8 + line.len()].copy_from_slice(line.as_bytes());
    record[44..48].copy_from_slice(b"user");
    record
}

/// What a notifier, started by this command, answers to a test of the owner.
fn answer(place: &Place, command: Command) -> String {
    let notifier = place.start(command);
    // With a name that any user can send to.
    let address = place.directory.join("run/answers");
    let client = UnixDatagram::bind(&address).expect("a directory of ours");
    fs::set_permissions(&address, Permissions::from_mode(0o666)).expect("ours");
    client.set_read_timeout(Some(LIMIT)).expect("a minute");
    let event = test_event(OWNER).to_string();
    let sent = client.send_to(event.as_bytes(), &notifier.socket);
    sent.expect("it listens");
    let [first, result] = [receive(&client), receive(&client)];
    assert_eq!(first["result"], Value::Null);
    assert_eq!(result["token"], "t");
    assert_eq!(result["channel"], "terminals");
    notifier.stop();
    fs::remove_file(&address).expect("a directory of ours");
    result["detail"].as_str().expect("a text").to_owned()
}

fn receive(client: &UnixDatagram) -> Value {
    let mut buffer = [0; 4096];
    // A stopped terminal that is waited for would be waited for without end.
    let length = client.recv(&mut buffer).expect("an answer");
    serde_json::from_slice(&buffer[..length]).expect("JSON")
}

/// As a user with the group of terminals alone.
fn as_nobody(place: &Place) -> Command {
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={NOBODY}"))
        .arg(format!("--regid={NOBODY}"))
        .arg("--groups=tty")
        .arg(place.program());
    command
}

fn messages_go_to_terminals_of_the_owner_that_take_messages() {
    let [mut own, mut quiet, mut stopped, mut unlisted, mut over] =
        [0o620, 0o600, 0o620, 0o620, 0o620].map(|mode| Terminal::new(OWNER, mode));
    let mut other = Terminal::new(OTHER, 0o620);
    os::hold_output(&stopped.device, true);
    os::mount(Path::new("none"), Path::new("/run"), "tmpfs", 0, "");
    let records = [
        record(SESSION, own.name()),
        record(SESSION, quiet.name()),
        record(SESSION, stopped.name()),
        record(SESSION, other.name()),
        record(DEAD, over.name()),
        record(SESSION, "null"),
        record(SESSION, "pts/../null"),
    ];
    fs::write("/run/utmp", records.concat()).expect("a directory of ours");
    let place = Place::new(NOBODY, "[notify]\ntty = true\n");
    let root = Command::new(place.program());
    for command in [root, as_nobody(&place)] {
        let expected = format!("uid {OWNER}: shown on 1, 1 take no messages, 1 failed");
        assert_eq!(answer(&place, command), expected);
        own.shows_it();
        for silent in [
            &mut quiet,
            &mut stopped,
            &mut unlisted,
            &mut over,
            &mut other,
        ] {
            assert_eq!(silent.shown(), "");
        }
    }
    os::hold_output(&stopped.device, false);
    assert_eq!(stopped.shown(), "", "what did not fit is dropped");
    // Where utmp is no longer kept, as the login manager has them.
    fs::remove_file("/run/utmp").expect("a directory of ours");
    let sessions = Path::new("/run/systemd/sessions");
    fs::create_dir_all(sessions).expect("a directory of ours");
    let listed = [
        (quiet.name(), OWNER),
        (own.name(), OWNER),
        (other.name(), OTHER),
        ("null", OWNER),
    ];
    for (number, (name, owner)) in listed.iter().enumerate() {
        let text = format!("# private\nUID={owner}\nTTY={name}\n");
        fs::write(sessions.join(number.to_string()), text).expect("a directory of ours");
    }
    os::make_pipe(&sessions.join("1.ref"));
    let expected = format!("uid {OWNER}: shown on 1, 1 take no messages, 0 failed");
    assert_eq!(answer(&place, as_nobody(&place)), expected);
    own.shows_it();
    assert_eq!(other.shown(), "");
}

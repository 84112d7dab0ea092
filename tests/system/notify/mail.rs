//! Mail by a real server, read back, and by servers that do not answer.

use super::letters::letters;
use super::notifier::{Notifier, ended, test_event};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::machine::{Daemon, until};
use crate::harness::trusted;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

const AIOSMTPD: &str = "/usr/bin/aiosmtpd";
/// What a mail server needs.
pub(super) const SERVER: Needs = Needs::File(AIOSMTPD);

pub(crate) const CASES: &[Case] = cases![
    mail_arrives_as_one_and_no_name_gets_into_its_head: [Needs::Users, SERVER],
    a_server_that_does_not_answer_delays_no_other_channel: [Needs::Users],
    a_second_signal_does_not_wait_for_a_silent_server: [Needs::Users],
    a_server_that_wants_a_login_is_told_as_one: [Needs::Users],
    a_server_that_speaks_tls_from_the_start_is_told_as_one: [Needs::Users],
    a_server_is_reached_by_its_ipv6_address: [Needs::Users],
];

/// A mail server while it runs.
pub(super) struct MailServer {
    /// Where it delivers to.
    pub(super) maildir: PathBuf,
    pub(super) port: u16,
    _process: Daemon,
}

impl MailServer {
    pub(super) fn start() -> Self {
        let directory = trusted::directory();
        let maildir = directory.join("mail");
        let (_, port) = listener();
        let mut command = Command::new(AIOSMTPD);
        command
            .args(["--nosetuid", "--class", "aiosmtpd.handlers.Mailbox"])
            .arg(&maildir)
            .args(["--listen", &format!("localhost:{port}")]);
        let process = Daemon::launch(command, &directory.join("stderr"));
        until("the mail server listens", || {
            TcpStream::connect(("localhost", port)).is_ok()
        });
        Self {
            maildir,
            port,
            _process: process,
        }
    }
}

/// A socket that accepts connections and never answers, and its port.
fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

/// A notifier that sends mail by this port, with more of `[notify]`.
fn notifier(port: u16, more: &str) -> Notifier {
    let mail = format!("email_to = [\"a@example.com\"]\nsmtp = \"localhost:{port}\"");
    Notifier::start(&format!("[notify]\n{mail}\n{more}"))
}

fn mail_arrives_as_one_and_no_name_gets_into_its_head() {
    let server = MailServer::start();
    let port = server.port;
    let to_two = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\", \"b@example.com\"]\n\
         email_from = \"mm@example.com\"\nsmtp = \"localhost:{port}\"\n"
    ));
    let evil = "x\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT\r\n\u{1b}]0;=?utf-8?q?=0A?=";
    to_two.tell(&ended(evil));
    let log = to_two.stop();
    assert!(log.contains("Mail sent: Events=1"), "{log}");

    let notifier = notifier(port, "");
    notifier.tell(&json!({"event": "killing", "message": "Killing: größe"}));
    notifier.tell(&ended("größe"));
    notifier.tell(&ended("other"));
    let log = notifier.stop();
    assert!(log.contains("Mail sent: Events=3"), "{log}");

    let letters = letters(&server.maildir);
    assert_eq!(letters.len(), 2, "{letters:?}");
    let find = |from: &str| {
        let mut letters = letters.iter();
        letters.find(|letter| letter.header("from").contains(from))
    };
    let one = find("mm@example.com").unwrap();
    assert_eq!(one.header("x-rcptto"), "a@example.com, b@example.com");
    assert_eq!(one.header("to"), "a@example.com, b@example.com");
    let expected = [
        "auto-submitted",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "message-id",
        "subject",
        "to",
        "x-mailfrom",
        "x-peer",
        "x-rcptto",
    ];
    assert_eq!(one.names(), expected);
    let subject = one.header("subject");
    assert!(
        subject.contains("\"x\\x0d\\x0aBcc: evil@example.com"),
        "{subject}"
    );
    let body = &one.body;
    assert!(
        body.contains("WARNING Process ended: PID=4242, Name=x\\x0d\\x0aBcc: evil"),
        "{body}"
    );
    assert!(!body.contains('\u{1b}'));
    let all = find("memory-monitor@").unwrap();
    assert!(all.header("subject").ends_with(": 2 processes were killed"));
    let body = &all.body;
    assert!(
        body.contains("Killing: größe\n") && body.contains("Name=other\n"),
        "{body}"
    );
}

fn a_server_that_does_not_answer_delays_no_other_channel() {
    let (silent, port) = listener();
    let mut notifier = notifier(port, "command = [\"/usr/bin/env\"]\n");
    notifier.tell(&test_event(0));
    // The mail is being sent now, and blocks there.
    let connection = silent.accept().unwrap();
    notifier.tell(&ended("a"));
    notifier.says("Line=MEMORY_MONITOR_EVENT=ended");
    let log = notifier.stop();
    assert!(
        log.contains("Mail not sent, the notifier stops: Events=1"),
        "{log}"
    );
    drop(connection);
}

/// Greets, and then demands a login, as servers on port 587 do.
fn demand_login(listener: &TcpListener) {
    let (stream, _) = listener.accept().expect("a client");
    let mut out = stream.try_clone().expect("a socket");
    let mut say = |text: &[u8]| out.write_all(text).expect("it listens");
    say(b"220 here\r\n");
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        match line.get(..4).unwrap_or_default() {
            "EHLO" => say(b"250 AUTH PLAIN\r\n"),
            "QUIT" => return,
            _ => say(b"530 5.7.0 Authentication required\r\n"),
        }
    }
}

const RELAY: &str = "give a relay on this machine as smtp";

/// The error says what the server wants, and what to do instead.
fn a_server_that_wants_a_login_is_told_as_one() {
    let (server, port) = listener();
    let server = thread::spawn(move || demand_login(&server));
    let mut notifier = notifier(port, "");
    notifier.tell(&ended("a"));
    notifier.process.signal(libc::SIGTERM);
    let line = notifier.says("Mail rejected by the server");
    let told = format!(
        "Authentication required; the server wants a login or TLS, which the notifier does not have: {RELAY}"
    );
    assert!(line.contains(&told), "{line}");
    notifier.exits();
    server.join().expect("it ends");
}

/// A server that speaks TLS from the start waits for the client, which waits for its greeting.
fn a_server_that_speaks_tls_from_the_start_is_told_as_one() {
    let (_silent, port) = listener();
    let mut notifier = notifier(port, "");
    notifier.tell(&ended("a"));
    notifier.process.signal(libc::SIGTERM);
    let line = notifier.says("Mail not sent, it will be sent again");
    let told = format!(
        "; it gave no answer: a server that speaks TLS from the start, as on port 465, sends no greeting: {RELAY}"
    );
    assert!(line.contains(&told), "{line}");
    notifier.exits();
}

fn a_server_is_reached_by_its_ipv6_address() {
    let listener = TcpListener::bind("[::1]:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    let config = format!("[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"[::1]:{port}\"\n");
    let notifier = Notifier::start(&config);
    notifier.tell(&test_event(0));
    let (connection, _) = listener.accept().expect("a client");
    drop((connection, listener));
    notifier.stop();
}

fn a_second_signal_does_not_wait_for_a_silent_server() {
    let (silent, port) = listener();
    let mut notifier = notifier(port, "");
    notifier.tell(&test_event(0));
    let connection = silent.accept().unwrap();
    notifier.process.signal(libc::SIGTERM);
    notifier.says("Notifier stopping");
    notifier.process.signal(libc::SIGINT);
    let rest = notifier.exits();
    assert!(
        rest.contains("Notifier stops at once") && rest.contains("Reason=SIGINT"),
        "{rest}"
    );
    drop(connection);
}

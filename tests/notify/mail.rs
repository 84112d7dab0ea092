//! Mail by a real server, read back, and by servers that do not answer.

use super::Ends;
use super::notifier::{Notifier, ended, trusted_directory};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A mail server that delivers into the maildir, and its port.
pub(super) fn mail_server(directory: &Path) -> (Ends, u16) {
    let port = free_port();
    let mut command = Command::new("aiosmtpd");
    command
        .args(["--nosetuid", "--class", "aiosmtpd.handlers.Mailbox"])
        .arg(directory.join("mail"))
        .args(["--listen", &format!("localhost:{port}")])
        .stderr(Stdio::null());
    let server = Ends(command.spawn().expect("aiosmtpd, of python3-aiosmtpd"));
    let begun = Instant::now();
    while std::net::TcpStream::connect(("localhost", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no mail server");
        std::thread::sleep(Duration::from_millis(20));
    }
    (server, port)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(super) fn letters(directory: &Path) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notify/letters");
    let output = Command::new(script)
        .arg(directory.join("mail"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn mail_arrives_as_one_and_no_name_gets_into_its_head() {
    let mails = trusted_directory();
    let (_server, port) = mail_server(mails.path());
    let mut notifier = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\", \"b@example.com\"]\n\
         email_from = \"mm@example.com\"\nsmtp = \"localhost:{port}\"\n"
    ));
    let evil = "x\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT\r\n\u{1b}]0;=?utf-8?q?=0A?=";
    notifier.tell(&ended(evil));
    let log = notifier.stop();
    assert!(log.contains("Mail sent: Events=1"), "{log}");

    notifier = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"localhost:{port}\"\n"
    ));
    notifier.tell(&json!({"event": "killing", "message": "Killing: größe"}));
    notifier.tell(&ended("größe"));
    notifier.tell(&ended("other"));
    let log = notifier.stop();
    assert!(log.contains("Mail sent: Events=3"), "{log}");

    let letters = letters(mails.path());
    assert_eq!(letters.len(), 2, "{letters:?}");
    let find = |from: &str| {
        let mut letters = letters.iter();
        letters.find(|letter| letter["from"].as_str().unwrap().contains(from))
    };
    let one = find("mm@example.com").unwrap();
    assert_eq!(one["recipients"], "a@example.com, b@example.com");
    assert_eq!(one["to"], "a@example.com, b@example.com");
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
    assert_eq!(one["headers"], json!(expected));
    assert_eq!(one["defects"], json!([]));
    let subject = one["subject"].as_str().unwrap();
    assert!(
        subject.contains("\"x\\x0d\\x0aBcc: evil@example.com"),
        "{subject}"
    );
    let body = one["body"].as_str().unwrap();
    assert!(
        body.contains("WARNING Process ended: PID=4242, Name=x\\x0d\\x0aBcc: evil"),
        "{body}"
    );
    assert!(!body.contains('\u{1b}'));
    let all = find("memory-monitor@").unwrap();
    assert!(
        all["subject"]
            .as_str()
            .unwrap()
            .ends_with(": 2 processes were killed")
    );
    let body = all["body"].as_str().unwrap();
    assert!(
        body.contains("Killing: größe\n") && body.contains("Name=other\n"),
        "{body}"
    );
}

/// A server that accepts connections and never answers, and its port.
fn silent_server() -> (TcpListener, u16) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    (silent, port)
}

#[test]
fn a_server_that_does_not_answer_delays_no_other_channel() {
    let (silent, port) = silent_server();
    let mut notifier = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"127.0.0.1:{port}\"\ncommand = [\"/usr/bin/env\"]\n"
    ));
    notifier.tell(&json!({"event": "test", "uid": 0, "token": "t", "message": "m"}));
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

#[test]
fn a_second_signal_does_not_wait_for_a_silent_server() {
    let (silent, port) = silent_server();
    let mut notifier = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"127.0.0.1:{port}\"\n"
    ));
    notifier.tell(&json!({"event": "test", "uid": 0, "token": "t", "message": "m"}));
    let connection = silent.accept().unwrap();
    notifier.signal("TERM");
    notifier.says("Notifier stopping");
    notifier.signal("INT");
    let rest = notifier.rest();
    assert!(
        rest.contains("Notifier stops at once") && rest.contains("Reason=SIGINT"),
        "{rest}"
    );
    drop(connection);
}

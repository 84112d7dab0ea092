//! Mail: collects the events of a minute and sends them by the configured server. Waits for that server, in a thread of
//! its own. The only module that uses lettre.

mod digest;
mod message;

pub(crate) use message::Addresses;

use crate::queue::Task;
use digest::Digest;
use lettre::address::Envelope;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message, SmtpTransport, Transport};
use memory_monitor::escape::OneLine;
use memory_monitor::events::notifier_test::Delivery;
use std::error::Error;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The events of this time are in one mail.
pub(crate) const INTERVAL: Duration = Duration::from_secs(60);
/// For each step of the conversation with the server.
const TIMEOUT: Duration = Duration::from_secs(10);
/// TLS from the start (RFC 8314).
const TLS_PORT: u16 = 465;
/// While no mail waits; the queue ends the wait.
const LONG: Duration = Duration::from_secs(3600);

/// Why a mail was not sent.
struct Failure {
    /// The server rejects it, and would do so again.
    is_permanent: bool,
    text: String,
}

/// Sends mail until the queue is closed; what waits then is tried once more.
pub(crate) fn run(tasks: &Receiver<Task>, addresses: &Addresses, interval: Duration) {
    let mut digest = Digest::new(interval);
    loop {
        let wait = digest.wait(Instant::now()).unwrap_or(LONG);
        match tasks.recv_timeout(wait) {
            Ok(task) if task.event.tester().is_some() => test(&task, addresses),
            Ok(task) => digest.add(task, Instant::now()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let events = digest.events();
                if events > 0 && !try_to_send(&mut digest, addresses) {
                    log::error!("Mail not sent, the notifier stops: Events={events}");
                }
                return;
            }
        }
        if digest.is_due(Instant::now()) {
            try_to_send(&mut digest, addresses);
        }
    }
}

/// Empties the digest and returns true where it was sent, or never can be.
fn try_to_send(digest: &mut Digest, addresses: &Addresses) -> bool {
    let events = digest.events();
    match send(&digest.tasks, digest.more, addresses) {
        Ok(()) => {
            let had_failed = digest.clear();
            let level = if had_failed {
                log::Level::Warn
            } else {
                log::Level::Info
            };
            log::log!(level, "Mail sent: Events={events}");
            true
        }
        Err(Failure {
            is_permanent: true,
            text,
        }) => {
            log::error!(
                "Mail rejected by the server, not sent again: Events={events}, Error={text}"
            );
            digest.clear();
            true
        }
        Err(Failure { text, .. }) => {
            if digest.postpone(Instant::now()) {
                log::error!("Mail not sent, it will be sent again: Error={text}");
            }
            false
        }
    }
}

fn test(task: &Task, addresses: &Addresses) {
    match send(std::slice::from_ref(task), 0, addresses) {
        Ok(()) => task.answer(Delivery::Delivered, "accepted by the server"),
        Err(failure) => task.answer(Delivery::Failed, &failure.text),
    }
}

fn send(tasks: &[Task], more: usize, addresses: &Addresses) -> Result<(), Failure> {
    let message = addresses.message(tasks, more).map_err(permanent)?;
    match send_to(&message, addresses, addresses.to.clone()) {
        // A rejected recipient must not keep it from the others.
        Err(failure) if failure.is_permanent && addresses.to.len() > 1 => {
            let mut result = Err(failure);
            for to in &addresses.to {
                match send_to(&message, addresses, vec![to.clone()]) {
                    Ok(()) => result = Ok(()),
                    Err(failure) => {
                        log::error!("Mail rejected: To={to}, Error={}", failure.text);
                    }
                }
            }
            result
        }
        result => result,
    }
}

fn send_to(message: &Message, addresses: &Addresses, to: Vec<Address>) -> Result<(), Failure> {
    let envelope = Envelope::new(Some(addresses.from.clone()), to).map_err(permanent)?;
    let server = SmtpTransport::builder_dangerous(&addresses.server)
        .port(addresses.port)
        .hello_name(ClientId::Domain(addresses.from.domain().to_owned()))
        .timeout(Some(TIMEOUT))
        .build();
    let sent = server.send_raw(&envelope, &message.formatted());
    sent.map(drop).map_err(|error| Failure {
        is_permanent: error.is_permanent(),
        text: with_sources(&error) + demand(&error, addresses.port),
    })
}

/// Whether the server was reached and did not answer: a socket whose time is over is one that would block.
fn is_silence(error: &dyn Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        let io = cause.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::WouldBlock) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// What a server demands that does not take mail from here, by its answer (RFC 4954, RFC 3207) or by its silence. The
/// notifier has no password and speaks no TLS: that is what a relay on this machine is for.
fn demand(error: &lettre::transport::smtp::Error, port: u16) -> &'static str {
    let code = error.status().map(|code| code.to_string());
    match code.as_deref() {
        Some("530" | "534" | "535" | "538" | "523") => {
            "; the server wants a login or TLS, which the notifier does not have: \
             give a relay on this machine as smtp"
        }
        None if port == TLS_PORT || is_silence(error) => {
            "; it gave no answer: a server that speaks TLS from the start, as on port 465, sends no greeting: \
             give a relay on this machine as smtp"
        }
        _ => "",
    }
}

fn permanent(error: impl Error) -> Failure {
    Failure {
        is_permanent: true,
        text: with_sources(&error),
    }
}

/// The error and what caused it, on one line; each once, as some errors contain the text of their source.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    OneLine(&text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use memory_monitor::config::Notify;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    /// A server for one mail that answers RCPT with `rcpt`; what it was sent.
    fn serve(listener: &TcpListener, rcpt: &str) -> String {
        let (stream, _) = listener.accept().unwrap();
        let mut out = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream).lines();
        let mut received = String::new();
        out.write_all(b"220 here\r\n").unwrap();
        while let Some(Ok(line)) = lines.next() {
            received.push_str(&line);
            received.push('\n');
            let answer = match line.get(..4).unwrap_or_default() {
                "RCPT" => rcpt,
                "DATA" => {
                    out.write_all(b"354 go on\r\n").unwrap();
                    for line in lines
                        .by_ref()
                        .map(Result::unwrap)
                        .take_while(|line| line != ".")
                    {
                        received.push_str(&line);
                        received.push('\n');
                    }
                    "250 taken"
                }
                "QUIT" => "221 bye",
                _ => "250 well",
            };
            out.write_all(format!("{answer}\r\n").as_bytes()).unwrap();
            if line == "QUIT" {
                break;
            }
        }
        received
    }

    fn addresses(port: u16) -> Addresses {
        let wanted = Notify {
            email_to: vec!["a@example.com".to_owned()],
            smtp: format!("127.0.0.1:{port}"),
            ..Notify::default()
        };
        Addresses::new(&wanted, "here").unwrap()
    }

    #[test]
    fn what_could_not_be_sent_is_sent_later_with_what_came_meanwhile() {
        // No socket has this port: its own was closed.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let addresses = addresses(address.port());
        let mut digest = Digest::new(Duration::from_millis(1));
        digest.add(
            Task::of(r#"{"event":"near","message":"first"}"#),
            Instant::now(),
        );
        assert!(!try_to_send(&mut digest, &addresses));
        let listener = TcpListener::bind(address).unwrap();
        let server = thread::spawn(move || serve(&listener, "250 well"));
        let (send, tasks) = mpsc::channel();
        send.send(Task::of(r#"{"event":"near","message":"second"}"#))
            .unwrap();
        digest.add(tasks.recv().unwrap(), Instant::now());
        assert!(try_to_send(&mut digest, &addresses));
        let received = server.join().unwrap();
        assert!(
            received.contains("first\n") && received.contains("second\n"),
            "{received}"
        );
        assert!(received.contains("RCPT TO:<a@example.com>"), "{received}");
        assert!(digest.tasks.is_empty());
    }

    #[test]
    fn a_rejected_mail_is_not_sent_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = addresses(listener.local_addr().unwrap().port());
        let server = thread::spawn(move || serve(&listener, "550 no such user"));
        let mut digest = Digest::new(Duration::from_millis(1));
        digest.add(Task::of(r#"{"event":"near"}"#), Instant::now());
        assert!(try_to_send(&mut digest, &addresses));
        assert!(digest.tasks.is_empty());
        assert!(!server.join().unwrap().contains("DATA"));
    }

    #[test]
    fn the_events_of_an_interval_are_one_mail() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = addresses(listener.local_addr().unwrap().port());
        let (send, tasks) = mpsc::channel();
        for message in ["one", "two", "three"] {
            let text = format!(r#"{{"event":"near","message":"{message}"}}"#);
            send.send(Task::of(&text)).unwrap();
        }
        let interval = Duration::from_millis(200);
        let sender = thread::spawn(move || run(&tasks, &addresses, interval));
        let received = serve(&listener, "250 well");
        assert!(
            received.contains("one\n")
                && received.contains("two\n")
                && received.contains("three\n")
        );
        drop(send);
        sender.join().unwrap();
        listener.set_nonblocking(true).unwrap();
        listener.accept().expect_err("a second mail");
    }
}

//! Takes events from the queue and sends mail about them. Talks to the mail server and waits for it,
//! which is why it has a thread of its own.

use super::digest::Digest;
use super::letter::Addresses;
use super::reply::How;
use super::task::Task;
use lettre::address::Envelope;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message, SmtpTransport, Transport};
use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The events of so long a time are in one mail.
pub(super) const EVERY: Duration = Duration::from_secs(60);
/// As long as the server may take for each step.
const PATIENCE: Duration = Duration::from_secs(10);
/// While there is nothing to be sent; it waits for the queue then.
const LONG: Duration = Duration::from_secs(3600);

/// Why a mail was not sent.
struct Failure {
    /// The server refuses it, and would do so again.
    is_final: bool,
    text: String,
}

/// Sends mail until no more events can come and what waits was tried once more.
pub(super) fn run(tasks: &Receiver<Task>, addresses: &Addresses, every: Duration) {
    let mut digest = Digest::new(every);
    loop {
        let wait = digest.wait(Instant::now()).unwrap_or(LONG);
        match tasks.recv_timeout(wait) {
            Ok(task) if task.event.tester().is_some() => test(&task, addresses),
            Ok(task) => digest.add(task, Instant::now()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                if !digest.tasks.is_empty() && !try_to_send(&mut digest, addresses) {
                    let events = digest.tasks.len() + digest.more;
                    log::error!("Mail given up, the notifier ends: Events={events}");
                }
                return;
            }
        }
        if digest.is_due(Instant::now()) {
            try_to_send(&mut digest, addresses);
        }
    }
}

/// Whether it is out of the way: sent, or refused for good.
fn try_to_send(digest: &mut Digest, addresses: &Addresses) -> bool {
    let events = digest.tasks.len() + digest.more;
    match send(&digest.tasks, digest.more, addresses) {
        Ok(()) => {
            let level = if digest.done() {
                log::Level::Warn
            } else {
                log::Level::Info
            };
            log::log!(level, "Mail sent: Events={events}");
            true
        }
        Err(failure) if failure.is_final => {
            log::error!(
                "Mail refused, it is not sent again: Events={events}, Error={}",
                failure.text
            );
            digest.done();
            true
        }
        Err(failure) => {
            if digest.failed(Instant::now()) {
                log::error!(
                    "Mail can not be sent, it is tried again: Error={}",
                    failure.text
                );
            }
            false
        }
    }
}

fn test(task: &Task, addresses: &Addresses) {
    let way = addresses.to_string();
    match send(std::slice::from_ref(task), 0, addresses) {
        Ok(()) => task.say(&way, How::Delivered, "taken by the server"),
        Err(failure) => task.say(&way, How::Failed, &failure.text),
    }
}

fn send(tasks: &[Task], more: usize, addresses: &Addresses) -> Result<(), Failure> {
    let letter = addresses.letter(tasks, more).map_err(|error| Failure {
        is_final: true,
        text: error.to_string(),
    })?;
    match send_to(&letter, addresses, addresses.to.clone()) {
        // One who is refused must not keep it from the others.
        Err(failure) if failure.is_final && addresses.to.len() > 1 => {
            let mut result = Err(failure);
            for to in &addresses.to {
                match send_to(&letter, addresses, vec![to.clone()]) {
                    Ok(()) => result = Ok(()),
                    Err(failure) => {
                        log::error!("Mail refused: To={to}, Error={}", failure.text);
                    }
                }
            }
            result
        }
        result => result,
    }
}

fn send_to(letter: &Message, addresses: &Addresses, to: Vec<Address>) -> Result<(), Failure> {
    let envelope = Envelope::new(Some(addresses.from.clone()), to).map_err(|error| Failure {
        is_final: true,
        text: error.to_string(),
    })?;
    let server = SmtpTransport::builder_dangerous(&addresses.server)
        .port(addresses.port)
        .hello_name(ClientId::Domain(addresses.from.domain().to_owned()))
        .timeout(Some(PATIENCE))
        .build();
    let sent = server.send_raw(&envelope, &letter.formatted());
    sent.map(drop).map_err(|error| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        Failure {
            is_final: error.is_permanent(),
            text: crate::escape::OneLine(&text).to_string(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Notify;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    /// As much of a server as these tests need: takes one mail, answers RCPT with `rcpt`.
    fn serve(listener: &TcpListener, rcpt: &str) -> String {
        let (stream, _) = listener.accept().unwrap();
        let mut out = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream).lines();
        let mut said = String::new();
        out.write_all(b"220 here\r\n").unwrap();
        while let Some(Ok(line)) = lines.next() {
            said.push_str(&line);
            said.push('\n');
            let answer = match line.get(..4).unwrap_or_default() {
                "RCPT" => rcpt,
                "DATA" => {
                    out.write_all(b"354 go on\r\n").unwrap();
                    for line in lines
                        .by_ref()
                        .map(Result::unwrap)
                        .take_while(|line| line != ".")
                    {
                        said.push_str(&line);
                        said.push('\n');
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
        said
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
    fn waits_for_a_server_that_is_away_and_sends_all_that_came_meanwhile() {
        // A number that nobody has: it was given to a socket that is closed again.
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
        let said = server.join().unwrap();
        assert!(
            said.contains("first\n") && said.contains("second\n"),
            "{said}"
        );
        assert!(said.contains("RCPT TO:<a@example.com>"), "{said}");
        assert!(digest.tasks.is_empty());
    }

    #[test]
    fn a_mail_that_is_refused_is_not_sent_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = addresses(listener.local_addr().unwrap().port());
        let server = thread::spawn(move || serve(&listener, "550 nobody has that name"));
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
        let every = Duration::from_millis(200);
        let sender = thread::spawn(move || run(&tasks, &addresses, every));
        let said = serve(&listener, "250 well");
        assert!(said.contains("one\n") && said.contains("two\n") && said.contains("three\n"));
        drop(send);
        sender.join().unwrap();
        listener.set_nonblocking(true).unwrap();
        listener.accept().expect_err("a second mail");
    }
}

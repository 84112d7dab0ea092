//! Events -> a mail. Pure but for the clock, in the mail's headers.

use crate::event::Event;
use crate::queue::Task;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::{Address, error};
use memory_monitor::config::Notify;
use memory_monitor::escape::{Escaped, OneLine};
use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Characters; mail programs cut longer subjects.
const LONGEST_NAME: usize = 64;

/// Sender, recipients and server.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(super) from: Address,
    pub(super) to: Vec<Address>,
    /// Name or number.
    pub(super) server: String,
    pub(super) port: u16,
    /// The name of this machine.
    host: String,
}

impl Addresses {
    /// As the configuration has them; None where it has no recipients.
    pub(crate) fn new(wanted: &Notify, host: &str) -> Option<Self> {
        let to = wanted.email_to.iter();
        let to: Vec<Address> = to.filter_map(|to| to.parse().ok()).collect();
        let (server, port) = wanted.smtp.rsplit_once(':')?;
        let from = match &wanted.email_from {
            Some(from) => from.parse().ok(),
            None => Address::new("memory-monitor", domain(host))
                .or_else(|_| Address::new("memory-monitor", "localhost"))
                .ok(),
        };
        if to.is_empty() {
            return None;
        }
        Some(Self {
            from: from?,
            to,
            // An IPv6 address stands in brackets.
            server: server.trim_matches(['[', ']']).to_owned(),
            port: port.parse().ok()?,
            host: host.to_owned(),
        })
    }

    /// A mail about these events and so many more. Fails where lettre rejects an address.
    pub(super) fn message(&self, tasks: &[Task], more: usize) -> Result<Message, error::Error> {
        let name = Some("memory-monitor".to_owned());
        let mut message = Message::builder()
            .from(Mailbox::new(name, self.from.clone()))
            .subject(self.subject(tasks))
            .message_id(Some(self.id()))
            // RFC 3834: keeps other programs from answering.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(Mailbox::new(None, to.clone()));
        }
        message.body(self.body(tasks, more))
    }

    /// Unique for each mail.
    fn id(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos();
        let pid = std::process::id();
        format!("<{now}.{pid}@{}>", domain(&self.host))
    }

    fn subject(&self, tasks: &[Task]) -> String {
        let events = || tasks.iter().map(|task| &*task.event);
        let mut ended = events().filter_map(Event::ended);
        let what = match (ended.next(), ended.count(), tasks) {
            (Some(one), 0, _) => {
                let name = Escaped(one.name.as_bytes()).to_string();
                let name: String = name.chars().take(LONGEST_NAME).collect();
                one.sentence(name, 0)
            }
            (Some(_), others, _) => format!("{} processes were killed", others + 1),
            (None, _, [one]) if one.event.tester().is_some() => "a test".to_owned(),
            (None, _, [_]) => "one event".to_owned(),
            (None, _, all) => format!("{} events", all.len()),
        };
        format!("memory-monitor on {}: {what}", OneLine(&self.host))
    }

    fn body(&self, tasks: &[Task], more: usize) -> String {
        let mut body = String::new();
        for task in tasks {
            body.push_str(&task.event.line());
            body.push_str("\r\n");
        }
        // Writing to a String never fails.
        if more > 0 {
            let _ = write!(body, "and {more} more events, see the log\r\n");
        }
        let _ = write!(
            body,
            "\r\nOn {} \"memory-monitor history\" shows what was killed, and \"memory-monitor check\"\r\n\
             the thresholds.\r\n",
            OneLine(&self.host)
        );
        body
    }
}

/// The name of this machine where it is valid in an address, `localhost` otherwise.
fn domain(host: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if host.starts_with(|c: char| c.is_ascii_alphanumeric()) && host.chars().all(is_plain) {
        host.to_ascii_lowercase()
    } else {
        "localhost".to_owned()
    }
}

impl fmt::Display for Addresses {
    /// `mail to a@example.com b@example.com by localhost:25`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mail to")?;
        for to in &self.to {
            write!(f, " {to}")?;
        }
        write!(f, " by {}:{}", self.server, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addresses() -> Addresses {
        let wanted = Notify {
            email_to: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
            smtp: "[::1]:2525".to_owned(),
            ..Notify::default()
        };
        Addresses::new(&wanted, "here").unwrap()
    }

    fn ended(name: &str) -> Task {
        let event = serde_json::json!({"time": "T", "level": "warning", "event": "ended", "message": name,
            "pid": 1, "name": name, "rss_bytes": 2_u64 << 30, "threshold_bytes": 1_u64 << 30});
        Task::of(&event.to_string())
    }

    fn head(message: &Message) -> Vec<String> {
        let text = String::from_utf8(message.formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        // A line that begins with a space continues the one before it.
        head.replace("\r\n ", " ")
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_subject_and_the_body_have_the_events() {
        let addresses = addresses();
        assert_eq!(
            addresses.to_string(),
            "mail to a@example.com b@example.com by ::1:2525"
        );
        let message = addresses.message(&[ended("chrome")], 2).unwrap();
        let head = head(&message);
        let has = |line: &str| head.iter().any(|other| other == line);
        assert!(
            has("From: memory-monitor <memory-monitor@here>"),
            "{head:?}"
        );
        assert!(has("To: a@example.com, b@example.com"), "{head:?}");
        assert!(has("Auto-Submitted: auto-generated"));
        let subject =
            "Subject: memory-monitor on here: chrome was killed: 2.00 GB, threshold 1.00 GB";
        assert!(has(subject), "{head:?}");
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(
            text.contains("\r\n\r\nT WARNING chrome\r\nand 2 more events"),
            "{text}"
        );
        let subject = |tasks: &[Task]| addresses.subject(tasks);
        assert!(subject(&[ended("a"), ended("b")]).ends_with(": 2 processes were killed"));
        let near = || Task::of(r#"{"event":"near"}"#);
        assert!(subject(&[near(), near()]).ends_with(": 2 events"));
        assert!(subject(&[near(), ended("a")]).contains(": a was killed"));
    }

    #[test]
    fn the_machine_may_have_any_name() {
        for name in ["a..b", "-", "a-", ".", "", "größe", "A\u{a1}"] {
            let wanted = Notify {
                email_to: vec!["a@example.com".to_owned()],
                smtp: "localhost:25".to_owned(),
                ..Notify::default()
            };
            let addresses = Addresses::new(&wanted, name).expect(name);
            addresses.message(&[ended("a")], 0).expect(name);
        }
        let wanted = Notify {
            email_to: vec!["a@example.com".to_owned()],
            smtp: "localhost:25".to_owned(),
            ..Notify::default()
        };
        let addresses = Addresses::new(&wanted, "my host\n").unwrap();
        assert_eq!(addresses.from.to_string(), "memory-monitor@localhost");
        addresses.message(&[ended("a")], 0).unwrap();
        assert!(
            Addresses::new(
                &Notify {
                    email_to: vec![],
                    ..wanted
                },
                "here"
            )
            .is_none()
        );
    }

    proptest! {
        #[test]
        fn no_name_is_a_header(name in any::<String>(), host in any::<String>()) {
            let wanted = Notify {
                email_to: vec!["a@example.com".to_owned()],
                smtp: "localhost:25".to_owned(),
                ..Notify::default()
            };
            let addresses = Addresses::new(&wanted, &host).unwrap();
            let message = addresses.message(&[ended(&name)], 0).unwrap();
            let head = head(&message);
            let mut names: Vec<&str> = head.iter().filter_map(|line| line.split(':').next()).collect();
            names.sort_unstable();
            let expected = ["Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From",
                "Message-ID", "Subject", "To"];
            prop_assert_eq!(names, expected);
        }
    }
}

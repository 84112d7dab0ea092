//! Events -> a mail. Pure, but for the time in its head.

use super::event::Event;
use super::task::Task;
use crate::config::Notify;
use crate::escape::{Escaped, OneLine};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::{Address, error};
use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longer subjects are cut by those who show them.
const LONGEST_NAME: usize = 64;

/// From whom, to whom and by whom.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) from: Address,
    pub(super) to: Vec<Address>,
    /// The server's name or number.
    pub(super) server: String,
    pub(super) port: u16,
    /// This machine.
    pub(super) host: String,
}

impl Addresses {
    /// As the configuration has them; None where it has nobody to write to.
    pub(super) fn new(wanted: &Notify, host: &str) -> Option<Self> {
        let to: Vec<Address> = wanted
            .email_to
            .iter()
            .filter_map(|to| to.parse().ok())
            .collect();
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
            // A number of version 6 stands in brackets.
            server: server.trim_matches(['[', ']']).to_owned(),
            port: port.parse().ok()?,
            host: host.to_owned(),
        })
    }

    /// The mail about these events and so many more.
    pub(super) fn letter(&self, tasks: &[Task], more: usize) -> Result<Message, error::Error> {
        let name = Some("memory-monitor".to_owned());
        let mut message = Message::builder()
            .from(Mailbox::new(name, self.from.clone()))
            .subject(self.subject(tasks))
            .message_id(Some(self.id()))
            // RFC 3834: no answers by machines.
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

    /// Another one for each mail.
    fn id(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos();
        let pid = std::process::id();
        format!("<{now}.{pid}@{}>", domain(&self.host))
    }

    fn subject(&self, tasks: &[Task]) -> String {
        let events = || tasks.iter().map(|task| &*task.event);
        let mut endings = events().filter_map(Event::ending);
        let what = match (endings.next(), endings.count(), tasks) {
            (Some(one), 0, _) => {
                let name = Escaped(one.name.as_bytes()).to_string();
                let name: String = name.chars().take(LONGEST_NAME).collect();
                match one.figures() {
                    Some(figures) => format!("{name} was ended: {figures}"),
                    None => format!("{name} was ended"),
                }
            }
            (Some(_), others, _) => format!("{} processes were ended", others + 1),
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
        if more > 0 {
            // A String takes any text.
            let _ = write!(body, "and {more} more events, see the log\r\n");
        }
        let _ = write!(
            body,
            "\r\nOn {} \"memory-monitor history\" shows what was ended, and \"memory-monitor check\"\r\n\
             what is allowed there.\r\n",
            OneLine(&self.host)
        );
        body
    }
}

/// The machine's name where it may stand in an address.
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

    fn head(letter: &Message) -> Vec<String> {
        let text = String::from_utf8(letter.formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        // A line that begins with a space goes on with the one before it.
        head.replace("\r\n ", " ")
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn says_what_happened() {
        let addresses = addresses();
        assert_eq!(
            addresses.to_string(),
            "mail to a@example.com b@example.com by ::1:2525"
        );
        let letter = addresses.letter(&[ended("chrome")], 2).unwrap();
        let head = head(&letter);
        let has = |line: &str| head.iter().any(|other| other == line);
        assert!(
            has("From: memory-monitor <memory-monitor@here>"),
            "{head:?}"
        );
        assert!(has("To: a@example.com, b@example.com"), "{head:?}");
        assert!(has("Auto-Submitted: auto-generated"));
        let subject = "Subject: memory-monitor on here: chrome was ended: 2.00 GB, allowed 1.00 GB";
        assert!(has(subject), "{head:?}");
        let text = String::from_utf8(letter.formatted()).unwrap();
        assert!(
            text.contains("\r\n\r\nT WARNING chrome\r\nand 2 more events"),
            "{text}"
        );
        let subject = |tasks: &[Task]| addresses.subject(tasks);
        assert!(subject(&[ended("a"), ended("b")]).ends_with(": 2 processes were ended"));
        let near = || Task::of(r#"{"event":"near"}"#);
        assert!(subject(&[near(), near()]).ends_with(": 2 events"));
        assert!(subject(&[near(), ended("a")]).contains(": a was ended"));
    }

    #[test]
    fn a_machine_may_have_any_name() {
        for name in ["a..b", "-", "a-", ".", "", "größe", "A\u{a1}"] {
            let wanted = Notify {
                email_to: vec!["a@example.com".to_owned()],
                smtp: "localhost:25".to_owned(),
                ..Notify::default()
            };
            let addresses = Addresses::new(&wanted, name).expect(name);
            addresses.letter(&[ended("a")], 0).expect(name);
        }
        let wanted = Notify {
            email_to: vec!["a@example.com".to_owned()],
            smtp: "localhost:25".to_owned(),
            ..Notify::default()
        };
        let addresses = Addresses::new(&wanted, "my host\n").unwrap();
        assert_eq!(addresses.from.to_string(), "memory-monitor@localhost");
        addresses.letter(&[ended("a")], 0).unwrap();
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
            let letter = addresses.letter(&[ended(&name)], 0).unwrap();
            let head = head(&letter);
            let mut names: Vec<&str> = head.iter().filter_map(|line| line.split(':').next()).collect();
            names.sort_unstable();
            let expected = ["Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From",
                "Message-ID", "Subject", "To"];
            prop_assert_eq!(names, expected);
        }
    }
}

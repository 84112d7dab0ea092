//! What people are to be told, and when: each owner on their terminals, and the desktops, at a pace at
//! which it can be read. Pure.

use super::event::Ending;
use super::pace::Pace;
use super::{desktop, tty};
use crate::quantities::Uid;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two messages to the same owner, and between two to the desktops.
const EVERY: Duration = Duration::from_secs(5);

/// A message that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// To the terminals of this user, by [`tty::tell`].
    Terminals(Uid, String),
    /// To all desktops, by [`desktop::send`].
    Desktops(String),
}

/// Endings that somebody is to be told of.
#[derive(Debug)]
pub struct People {
    host: String,
    /// None where owners are not to be told.
    owners: Option<BTreeMap<Uid, Pace<Ending>>>,
    /// None where desktops are not to be told.
    desktops: Option<Pace<Ending>>,
}

impl People {
    /// On this machine, for those who are to be told.
    pub fn new(host: String, on_terminals: bool, on_desktops: bool) -> Self {
        Self {
            host,
            owners: on_terminals.then(BTreeMap::new),
            desktops: on_desktops.then(|| Pace::new(EVERY)),
        }
    }

    /// Whether owners are to be told.
    pub fn tells_owners(&self) -> bool {
        self.owners.is_some()
    }

    /// Whether desktops are to be told.
    pub fn tells_desktops(&self) -> bool {
        self.desktops.is_some()
    }

    /// Somebody's process has ended.
    pub fn add(&mut self, ending: &Ending) {
        if let (Some(owners), Some(owner)) = (&mut self.owners, ending.owner) {
            let pace = owners.entry(owner).or_insert_with(|| Pace::new(EVERY));
            pace.add(ending.clone());
        }
        if let Some(desktops) = &mut self.desktops {
            desktops.add(ending.clone());
        }
    }

    /// What is to be said now.
    pub fn due(&mut self, now: Instant) -> Vec<Message> {
        let mut due = Vec::new();
        let host = &self.host;
        if let Some(owners) = &mut self.owners {
            for (owner, pace) in owners.iter_mut() {
                let taken = pace.take(now);
                let text = taken.map(|(ending, more)| tty::text(host, &ending, more));
                due.extend(text.map(|text| Message::Terminals(*owner, text)));
            }
            owners.retain(|_, pace| !pace.is_idle(now));
        }
        let taken = self.desktops.as_mut().and_then(|pace| pace.take(now));
        let text = taken.map(|(ending, more)| desktop::text(&ending, more));
        due.extend(text.map(Message::Desktops));
        due
    }

    /// How long until something is to be said; None while nothing is.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let owners = self.owners.iter().flat_map(BTreeMap::values);
        owners
            .chain(&self.desktops)
            .filter_map(|pace| pace.wait(now))
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::Pid;

    fn ending(name: &str, owner: Option<u32>) -> Ending {
        Ending {
            pid: Pid::INIT,
            owner: owner.map(Uid::new),
            name: name.to_owned(),
            used: None,
            allowed: None,
        }
    }

    fn on_terminals(owner: u32, text: &str) -> Message {
        Message::Terminals(Uid::new(owner), text.to_owned())
    }

    #[test]
    fn tells_each_owner_of_their_own_and_desktops_of_all() {
        let mut people = People::new("here".to_owned(), true, true);
        let start = Instant::now();
        for (name, owner) in [("a", Some(1)), ("b", Some(2)), ("c", Some(1)), ("d", None)] {
            people.add(&ending(name, owner));
        }
        let a = "\r\nmemory-monitor on here: your process a (PID 1) was ended (and 1 more)\r\n";
        let b = "\r\nmemory-monitor on here: your process b (PID 1) was ended\r\n";
        let all = Message::Desktops("a was ended (and 3 more)".to_owned());
        assert_eq!(people.wait(start), Some(Duration::ZERO));
        let due = people.due(start);
        assert_eq!(due, [on_terminals(1, a), on_terminals(2, b), all]);
        assert_eq!(people.wait(start), None);

        people.add(&ending("b", Some(2)));
        assert_eq!(people.due(start), []);
        assert_eq!(people.wait(start), Some(EVERY));
        let later = Message::Desktops("b was ended".to_owned());
        assert_eq!(people.due(start + EVERY), [on_terminals(2, b), later]);
    }

    #[test]
    fn forgets_owners_who_were_told() {
        let mut people = People::new(String::new(), true, false);
        let start = Instant::now();
        people.add(&ending("a", Some(1)));
        assert_eq!(people.due(start).len(), 1);
        assert_eq!(people.due(start + EVERY), []);
        assert!(people.owners.unwrap().is_empty());
    }

    #[test]
    fn tells_nobody_who_is_not_to_be_told() {
        let mut people = People::new(String::new(), false, false);
        people.add(&ending("a", Some(1)));
        assert_eq!(people.due(Instant::now()), []);
        assert_eq!(people.wait(Instant::now()), None);
    }
}

//! An event as the daemon sends it: one JSON object. Pure.

use crate::escape::OneLine;
use crate::quantities::{Bytes, Pid, Uid};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What the notifier uses of an event; what it does not know of is left alone, so that a newer daemon
/// can say more.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Event {
    /// Which kind: `ended`, for one.
    pub event: String,
    /// The machine.
    pub host: Option<String>,
    /// What a test of the notifier wants to see in its answers.
    pub token: Option<String>,
    time: Option<String>,
    level: Option<String>,
    message: Option<String>,
    pid: Option<u32>,
    start_time: Option<u64>,
    name: Option<String>,
    uid: Option<u32>,
    rss_bytes: Option<u64>,
    freed_bytes: Option<u64>,
    threshold_bytes: Option<u64>,
    /// All of it.
    #[serde(skip)]
    fields: Map<String, Value>,
}

/// The kind of a test of the notifier.
const TEST: &str = "test";

impl Event {
    /// The event in a datagram.
    pub fn read(datagram: &[u8]) -> serde_json::Result<Self> {
        let fields: Map<String, Value> = serde_json::from_slice(datagram)?;
        let event = Self::deserialize(Value::Object(fields.clone()))?;
        Ok(Self { fields, ..event })
    }

    /// A test of the notifier as a datagram, on behalf of this user.
    pub fn test(host: &str, time: &str, user: Uid, token: &str) -> Vec<u8> {
        let fields = serde_json::json!({
            "event": TEST,
            "time": time,
            "level": "info",
            "message": "This is a test of the notifier",
            "uid": user.get(),
            "host": host,
            "token": token,
            "version": env!("CARGO_PKG_VERSION"),
        });
        fields.to_string().into_bytes()
    }

    /// Whose test it is; None for what the daemon did.
    pub fn tester(&self) -> Option<Uid> {
        if self.event == TEST {
            self.uid.map(Uid::new)
        } else {
            None
        }
    }

    /// The process by number and start time.
    pub fn process(&self) -> Option<(u32, u64)> {
        Some((self.pid?, self.start_time?))
    }

    /// Each field by its name, with its value as text.
    pub fn each(&self) -> impl Iterator<Item = (&str, String)> {
        self.fields.iter().map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.as_str(), value)
        })
    }

    /// `2026-11-21T08:00:00.000+00:00 WARNING Killing: PID=1`, on one line.
    pub fn line(&self) -> String {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let level = text(&self.level).to_uppercase();
        let line = format!("{} {level} {}", text(&self.time), text(&self.message));
        OneLine(line.trim()).to_string()
    }

    /// What people are told of it: the end of a process, once, and nothing else.
    pub fn ending(&self) -> Option<Ending> {
        if self.event != "ended" {
            return None;
        }
        Some(Ending {
            pid: Pid::new(self.pid?)?,
            owner: self.uid.map(Uid::new),
            name: self.name.clone()?,
            used: self.rss_bytes.or(self.freed_bytes).map(Bytes::new),
            allowed: self.threshold_bytes.map(Bytes::new),
        })
    }
}

/// The end of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its number.
    pub pid: Pid,
    /// Whose it was; not known where it was gone before it could be asked.
    pub owner: Option<Uid>,
    /// Its name, any characters.
    pub name: String,
    /// How much it used.
    pub used: Option<Bytes>,
    /// How much it was allowed.
    pub allowed: Option<Bytes>,
}

impl Ending {
    /// `3.50 GB, allowed 2.00 GB`, as far as it is known.
    pub fn figures(&self) -> Option<String> {
        let used = format!("{:.2} GB", self.used?.gb());
        Some(match self.allowed {
            Some(allowed) => format!("{used}, allowed {:.2} GB", allowed.gb()),
            None => used,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_end_of_a_process_and_nothing_else() {
        let text = r#"{"time":"2026-11-21T08:00:00.000+00:00","event":"ended","pid":123,"uid":1000,
            "name":"chrome","rss_bytes":3758096384,"threshold_bytes":2147483648,"later":[1]}"#;
        let ending = Event::read(text.as_bytes()).unwrap().ending().unwrap();
        assert_eq!(
            (ending.pid.get(), ending.owner),
            (123, Some(Uid::new(1000)))
        );
        assert_eq!(ending.figures().unwrap(), "3.50 GB, allowed 2.00 GB");
        let killing = text.replace("ended", "killing");
        assert_eq!(Event::read(killing.as_bytes()).unwrap().ending(), None);
    }

    #[test]
    fn says_what_is_known() {
        let text = r#"{"event":"ended","pid":1,"name":"a","freed_bytes":1073741824}"#;
        let ending = Event::read(text.as_bytes()).unwrap().ending().unwrap();
        assert_eq!(ending.figures().as_deref(), Some("1.00 GB"));
        let text = r#"{"event":"ended","pid":1,"name":"a"}"#;
        let ending = Event::read(text.as_bytes()).unwrap().ending().unwrap();
        assert_eq!(ending.figures(), None);
        for text in [
            r#"{"event":"ended","pid":0,"name":"a"}"#,
            r#"{"event":"ended","pid":1}"#,
        ] {
            assert_eq!(Event::read(text.as_bytes()).unwrap().ending(), None);
        }
        assert!(Event::read(b"\xff").is_err());
    }
}

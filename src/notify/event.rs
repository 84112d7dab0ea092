//! An event as the daemon sends it: one JSON object, the record of the JSON log. Pure.

use memory_monitor::escape::OneLine;
use memory_monitor::events::{Record, notifier_test};
use memory_monitor::quantities::{Bytes, Pid, Uid};
use serde::Deserialize;
use serde::de::Error;
use serde_json::{Map, Value};
use std::fmt::{self, Write};

/// What the channels use of an event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    record: Record,
    /// Every field, those of a newer daemon too.
    fields: Map<String, Value>,
}

/// A process that the daemon has killed and that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) pid: Pid,
    /// None where it ended before its status was read.
    pub(crate) owner: Option<Uid>,
    /// Any characters.
    pub(crate) name: String,
    pub(crate) used: Option<Bytes>,
    pub(crate) threshold: Option<Bytes>,
}

impl Event {
    /// Fails where the datagram is not an object with the name of an event, or a field that is used has another type.
    pub(crate) fn read(datagram: &[u8]) -> serde_json::Result<Self> {
        let fields: Map<String, Value> = serde_json::from_slice(datagram)?;
        let record = Record::deserialize(Value::Object(fields.clone()))?;
        if record.event.is_empty() {
            return Err(Error::missing_field("event"));
        }
        Ok(Self { record, fields })
    }

    /// The user who tests the notifier; None for an event of the daemon.
    pub(crate) fn tester(&self) -> Option<Uid> {
        let uid = self.record.process.uid.map(Uid::new);
        uid.filter(|_| self.record.event == notifier_test::EVENT)
    }

    /// What the answers to a test must carry; None for an event of the daemon.
    pub(crate) fn token(&self) -> Option<&str> {
        self.tester()?;
        self.fields.get(notifier_test::TOKEN)?.as_str()
    }

    /// PID and start time of a process that a dry run reports; None for all other events.
    pub(crate) fn would_kill(&self) -> Option<(u32, u64)> {
        let process = &self.record.process;
        let process = (process.pid?, process.start_time?);
        (self.record.event == "would_kill").then_some(process)
    }

    /// The killed process that has ended; None for all other events.
    pub(crate) fn ended(&self) -> Option<Ended> {
        let (record, process) = (&self.record, &self.record.process);
        if record.event != "ended" {
            return None;
        }
        Some(Ended {
            pid: Pid::new(process.pid?)?,
            owner: process.uid.map(Uid::new),
            name: process.name.clone()?,
            used: process.rss_bytes.or(record.freed_bytes).map(Bytes::new),
            threshold: record.threshold_bytes.map(Bytes::new),
        })
    }

    /// Each field's name, and its value as text.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, String)> {
        self.fields.iter().map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.as_str(), value)
        })
    }

    /// `2026-11-21T08:00:00.000+00:00 WARNING Killing process: PID=1`, escaped so that it is one line.
    pub(crate) fn line(&self) -> String {
        let record = &self.record;
        let level = record.level.to_uppercase();
        let line = format!("{} {level} {}", record.time, record.message);
        OneLine(line.trim()).to_string()
    }
}

impl Ended {
    /// `chrome was killed: 3.50 GB, threshold 2.00 GB (and 3 more)`, as far as it is known; `shown` is the escaped
    /// name.
    pub(crate) fn sentence(&self, shown: impl fmt::Display, more: usize) -> String {
        let mut text = format!("{shown} was killed");
        // Writing to a String never fails.
        if let Some(used) = self.used {
            let _ = write!(text, ": {:.2} GB", used.gb());
            if let Some(threshold) = self.threshold {
                let _ = write!(text, ", threshold {:.2} GB", threshold.gb());
            }
        }
        if more > 0 {
            let _ = write!(text, " (and {more} more)");
        }
        text
    }

    #[cfg(test)]
    pub(crate) fn of(name: &str, owner: Option<u32>) -> Self {
        Self {
            pid: Pid::new(123).unwrap(),
            owner: owner.map(Uid::new),
            name: name.to_owned(),
            used: Bytes::from_gb(3.5),
            threshold: Bytes::from_gb(2.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(text: &str) -> Option<Ended> {
        Event::read(text.as_bytes()).unwrap().ended()
    }

    #[test]
    fn only_the_event_ended_is_a_process_that_has_ended() {
        let text = r#"{"time":"2026-11-21T08:00:00.000+00:00","event":"ended","pid":123,"uid":1000,
            "name":"chrome","rss_bytes":3758096384,"threshold_bytes":2147483648,"later":[1]}"#;
        assert_eq!(ended(text), Some(Ended::of("chrome", Some(1000))));
        assert_eq!(ended(&text.replace("ended", "killing")), None);
        assert_eq!(ended(r#"{"event":"ended","pid":0,"name":"a"}"#), None);
        assert_eq!(ended(r#"{"event":"ended","pid":1}"#), None);
        for text in ["\u{ff}", "{}", r#"{"event":"ended","pid":"1"}"#] {
            assert!(Event::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sentence_has_what_is_known() {
        let sentence = |text| ended(text).unwrap().sentence("a", 0);
        let text = r#"{"event":"ended","pid":1,"name":"a","freed_bytes":1073741824}"#;
        assert_eq!(sentence(text), "a was killed: 1.00 GB");
        let text = r#"{"event":"ended","pid":1,"name":"a"}"#;
        assert_eq!(sentence(text), "a was killed");
        assert_eq!(
            Ended::of("chrome", None).sentence("chrome", 3),
            "chrome was killed: 3.50 GB, threshold 2.00 GB (and 3 more)"
        );
    }
}

//! One event as every sink and the notifier get it. Its JSON is documented in memory-monitor(8) and
//! etc/examples/log.schema.json; a field's meaning never changes. Pure but for the name of the machine and of users.

pub use crate::state::process_record::{ProcessRecord, Spelling};

use super::description::{Data, Description, LOG};
use super::text::Message;
use crate::quantities::{Bytes, Percent};
use crate::sys;
use crate::sys::clock::rfc3339;
use crate::users::UserNames;
use log::Level;
use log::kv::{self, Key, Source, VisitSource};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::time::SystemTime;

/// One event; what is not known of it is left out. Fields that a newer version adds are ignored when it is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// RFC 3339 in local time, with milliseconds.
    pub time: String,
    /// `error`, `warning`, `info` or `debug`.
    pub level: String,
    /// Which event, as `Event::describe` names it.
    pub event: String,
    /// The line of the text log, without time and level.
    pub message: String,
    /// The process it is about.
    #[serde(flatten)]
    pub process: ProcessRecord,
    /// The memory by the metric in force, of MemTotal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// The threshold that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_bytes: Option<u64>,
    /// The key of the threshold in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_key: Option<String>,
    /// The number of the rule that the threshold is from, from 1; None for the general thresholds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// The number of the group that is over its threshold, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
    /// Which group of that, where the event is about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// How many members of it were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_members: Option<usize>,
    /// The memory of it by its metric, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_bytes: Option<u64>,
    /// Why a process is killed: `threshold`, `shortage` or `group`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The signal that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// How long it took, or how long is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// What came back: its anonymous memory in RAM and in swap, without what it shared with others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freed_bytes: Option<u64>,
    /// True where its unit has no process left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_empty: Option<bool>,
    /// The name of the machine.
    pub host: String,
    /// The version of the daemon.
    pub version: String,
    /// The threshold in words, for the history; no program gets it.
    #[serde(skip)]
    pub threshold: Option<String>,
    /// RSS, of MemTotal; for the history as well.
    #[serde(skip)]
    pub rss_percent: Option<f64>,
}

impl Record {
    /// A record with nothing but its text.
    fn of_text(event: &str, level: Level, text: fmt::Arguments<'_>, time: SystemTime) -> Self {
        Self {
            time: rfc3339(time),
            level: level_word(level).to_owned(),
            event: event.to_owned(),
            message: Message(text).to_string(),
            host: sys::host_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Self::default()
        }
    }

    /// The event that a record of the `log` crate carries; one that carries none has the name `log`.
    pub(super) fn of_log(log: &log::Record<'_>) -> Self {
        // The fields were made from a Record.
        serde_json::from_value(Value::Object(fields_of(log))).unwrap_or_default()
    }

    /// One line of JSON without its end.
    pub(crate) fn to_json(&self) -> String {
        // Strings, numbers and no map of other keys: nothing can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An event on its way to the sinks, which make the record where they want it.
pub(super) struct Emitted<'e> {
    pub(super) description: &'e Description<'e>,
    pub(super) text: fmt::Arguments<'e>,
    pub(super) time: SystemTime,
    pub(super) users: &'e RefCell<UserNames>,
    /// The key-values, made when the first sink asks for them.
    pub(super) fields: OnceCell<Map<String, Value>>,
}

impl Emitted<'_> {
    /// The record with names in this spelling.
    pub(super) fn record(&self, spelling: Spelling) -> Record {
        let Data {
            process,
            breach,
            exemption,
            group,
            pid,
            unit,
            share,
            signal,
            duration,
            freed,
            is_unit_empty,
        } = self.description.data;
        let mut record = ProcessRecord::default();
        if let Some(process) = process {
            record = ProcessRecord::new(process, &mut self.users.borrow_mut(), spelling);
        } else if let Some(exemption) = exemption {
            record = ProcessRecord::of_exemption(exemption, spelling);
        } else if let Some(pid) = pid {
            record.pid = Some(pid.get());
        } else if let Some(unit) = unit {
            record.unit = Some(spelling.text(unit.as_bytes()));
        }
        let Description { name, level, .. } = *self.description;
        Record {
            process: record,
            percent: breach
                .map(|breach| breach.share)
                .or(share)
                .or(group.map(|group| group.share))
                .map(percent),
            threshold_bytes: breach.map(|breach| breach.threshold_bytes.get()),
            threshold_key: breach.map(|breach| breach.threshold.key().to_owned()),
            rule: breach.and_then(|breach| breach.rule),
            signal: signal.map(|signal| signal.name().to_owned()),
            duration_seconds: duration.map(|duration| duration.as_secs_f64()),
            freed_bytes: freed.map(Bytes::get),
            threshold: breach.map(ToString::to_string),
            rss_percent: breach.map(|breach| percent(breach.rss_share)),
            unit_empty: is_unit_empty.then_some(true),
            cause: breach.map(|breach| breach.cause().to_owned()),
            group: breach
                .and_then(|breach| Some(breach.group?.number))
                .or(group.map(|group| group.name.number)),
            group_name: group.map(|group| group.name.shown(self.users).to_string()),
            group_members: group.map(|group| group.members),
            group_bytes: group.map(|group| group.memory.get()),
            ..Record::of_text(name, level, self.text, self.time)
        }
    }
}

/// Beside the fields of the record its MESSAGE_ID, which only the journal wants.
const MESSAGE_ID: &str = "message_id";

impl Source for Emitted<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        let make = || fields(&self.record(Spelling::Plain), self.description.message_id);
        let fields = self.fields.get_or_init(make);
        for (name, value) in fields {
            let value = match value {
                Value::String(text) => kv::Value::from(text.as_str()),
                number => kv::Value::from_display(number),
            };
            visitor.visit_pair(Key::from(name.as_str()), value)?;
        }
        Ok(())
    }
}

fn fields(record: &Record, message_id: u128) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(record) {
        Ok(Value::Object(fields)) => fields,
        // As in to_json.
        Ok(_) | Err(_) => Map::new(),
    };
    fields.insert(MESSAGE_ID.to_owned(), format!("{message_id:032x}").into());
    fields
}

/// The key-values of a record of the `log` crate that carries an event; those of the name `log` for any other.
pub(super) fn fields_of(log: &log::Record<'_>) -> Map<String, Value> {
    let mut taken = Taken(Map::new());
    // The visitor below has no error.
    let _ = log.key_values().visit(&mut taken);
    if !taken.0.contains_key("event") {
        let (name, message_id) = LOG;
        let record = Record::of_text(name, log.level(), *log.args(), SystemTime::now());
        return fields(&record, message_id);
    }
    taken.0
}

struct Taken(Map<String, Value>);

impl<'kvs> VisitSource<'kvs> for Taken {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let value = match value.to_borrowed_str() {
            Some(text) => text.into(),
            None => serde_json::from_str(&value.to_string()).unwrap_or_default(),
        };
        self.0.insert(key.as_str().to_owned(), value);
        Ok(())
    }
}

/// Two digits after the point, as in the text.
fn percent(share: Percent) -> f64 {
    (share.get() * 100.0).round() / 100.0
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug | Level::Trace => "debug",
    }
}

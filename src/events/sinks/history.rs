//! The history as a sink: an entry for each process that was killed.

use crate::events::record::Record;
use crate::state::history::{Entry, History};
use crate::sys::clock::unix_seconds;
use std::time::SystemTime;

/// The history of the service.
#[derive(Debug)]
pub(crate) struct HistorySink(History);

impl Default for HistorySink {
    fn default() -> Self {
        Self(History::usual())
    }
}

impl HistorySink {
    /// Appends the end of a process, its names escaped.
    pub(crate) fn append(&mut self, record: &Record) {
        self.0.append(&entry(record));
    }
}

fn entry(record: &Record) -> Entry {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let process = &record.process;
    Entry {
        time: unix_seconds(SystemTime::now()),
        pid: process.pid.unwrap_or(0),
        name: text(&process.name),
        user: text(&process.user),
        uid: process.uid.unwrap_or(0),
        unit: process.unit.clone(),
        rss_bytes: process.rss_bytes.unwrap_or(0),
        rss_percent: record.percent.unwrap_or(0.0),
        threshold: text(&record.threshold),
        signal: text(&record.signal),
        seconds: record.duration_seconds.unwrap_or(0.0),
        freed_bytes: record.freed_bytes.unwrap_or(0),
    }
}

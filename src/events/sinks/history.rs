//! What the history keeps of a record. Pure.

use crate::events::record::Record;
use crate::state::history::Entry;

/// The end of a process at `time`, in seconds since 1970.
pub(crate) fn entry(record: Record, time: u64) -> Entry {
    let process = record.process;
    Entry {
        time,
        pid: process.pid.unwrap_or_default(),
        name: process.name.unwrap_or_default(),
        user: process.user.unwrap_or_default(),
        uid: process.uid.unwrap_or_default(),
        unit: process.unit,
        rss_bytes: process.rss_bytes.unwrap_or_default(),
        rss_percent: record.percent.unwrap_or_default(),
        threshold: record.threshold.unwrap_or_default(),
        signal: record.signal.unwrap_or_default(),
        seconds: record.duration_seconds.unwrap_or_default(),
        freed_bytes: record.freed_bytes.unwrap_or_default(),
    }
}

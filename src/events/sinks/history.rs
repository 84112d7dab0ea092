//! What the history keeps of a record. Pure.

use crate::events::record::Record;
use crate::quantities::StartTime;
use crate::state::history::Entry;
use crate::sys::clock::{started_at, unix_seconds};

/// The end of a process at `time`, in seconds since 1970.
pub(crate) fn entry(record: Record, time: u64) -> Entry {
    let process = record.process;
    Entry {
        time,
        started: process
            .start_time
            .and_then(|ticks| started_at(StartTime(ticks)))
            .map(unix_seconds),
        pid: process.pid.unwrap_or_default(),
        name: process.name.unwrap_or_default(),
        user: process.user.unwrap_or_default(),
        uid: process.uid.unwrap_or_default(),
        unit: process.unit,
        parent: process.parent,
        exe: process.exe,
        cmdline: process.cmdline,
        rss_bytes: process.rss_bytes.unwrap_or_default(),
        rss_percent: record.rss_percent.unwrap_or_default(),
        threshold: record.threshold.unwrap_or_default(),
        signal: record.signal.unwrap_or_default(),
        seconds: record.duration_seconds.unwrap_or_default(),
        freed_bytes: record.freed_bytes,
        unit_empty: record.unit_empty.unwrap_or_default(),
        // The usual one is not written.
        cause: record.cause.filter(|cause| cause != "threshold"),
        group_name: record.group_name,
    }
}

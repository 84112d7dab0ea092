//! The line of a record in the log file and on standard error, and how its level is written. Pure but for the clock.

use crate::config::LogFormat;
use crate::events::record;
use crate::events::text::Message;
use crate::sys::clock::local_time;
use log::{Level, Record};
use std::io::{self, Write};
use std::time::SystemTime;
use syslog::Severity;

/// Whether the line may have the arguments of a process, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    Shown,
    LeftOut,
}

/// Appends the line with its end.
pub(super) fn append(
    out: &mut Vec<u8>,
    record: &Record<'_>,
    format: LogFormat,
    arguments: Arguments,
) -> io::Result<()> {
    match format {
        LogFormat::Text => {
            let time = local_time(SystemTime::now());
            let (level, message) = (level_name(record.level()), Message(*record.args()));
            writeln!(out, "{time} - {level} - {message}")
        }
        LogFormat::Json => {
            let mut record = record::Record::of_log(record);
            if arguments == Arguments::LeftOut {
                record.process.cmdline = None;
            }
            writeln!(out, "{}", record.to_json())
        }
    }
}

/// The level as the log file and the terminal show it.
pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARNING",
        Level::Info => "INFO",
        Level::Debug | Level::Trace => "DEBUG",
    }
}

/// The priority of a level in syslog and the journal.
pub(super) fn severity(level: Level) -> Severity {
    match level {
        Level::Error => Severity::LOG_ERR,
        Level::Warn => Severity::LOG_WARNING,
        Level::Info => Severity::LOG_INFO,
        Level::Debug | Level::Trace => Severity::LOG_DEBUG,
    }
}

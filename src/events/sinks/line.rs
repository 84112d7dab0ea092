//! The parts that the sinks' lines share. Pure.

use crate::escape::write_one_line;
use crate::events::fields::Attached;
use crate::sys::clock::LocalTime;
use log::Level;
use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::time::SystemTime;

/// One record on its way to the sinks.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) time: LocalTime,
    pub(super) level: Level,
    pub(super) message: Message<'a>,
    /// What is known of it for programs.
    pub(super) attached: &'a Attached,
    /// Where JSON is wanted: its time by the clock.
    pub(super) json: Option<SystemTime>,
}

impl Line<'_> {
    /// As the log file has it, with its end.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) -> io::Result<()> {
        match self.json {
            None => {
                let level = level_name(self.level);
                writeln!(out, "{} - {level} - {}", self.time, self.message)
            }
            Some(time) => {
                let Attached { kind, fields } = self.attached;
                let message = self.message.to_string();
                writeln!(out, "{}", fields.object(*kind, self.level, &message, time))
            }
        }
    }
}

/// A record's text. It is one line whatever is in it: names are escaped where the message is made, and
/// this holds even if that were forgotten somewhere.
#[derive(Clone, Copy)]
pub(super) struct Message<'a>(pub(super) fmt::Arguments<'a>);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OneLine(f).write_fmt(self.0)
    }
}

struct OneLine<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write_one_line(self.0, text)
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

//! What happened -> log file, terminal or journal, and syslog; tables for people. May touch files and
//! sockets; decides nothing.

mod bar;
mod check;
mod console;
mod event;
#[cfg(test)]
mod every_event;
mod exempt;
mod explain;
mod fields;
mod file;
mod grants;
mod health;
mod history;
mod journal;
mod keep;
mod kind;
mod line;
mod line_of;
pub mod log;
mod past;
mod scan;
mod selftest;
mod service;
mod span;
mod state;
mod status;
mod suggest;
mod syslog;
mod table;
mod users;

pub use self::log::LogSinks;
pub use check::{CheckReport, Checked, names};
pub use console::{Console, ConsoleMode, Style, wants_colour};
pub use event::Event;
pub use exempt::{ExemptRow, exempt_table};
pub use explain::{Evidence, Explanation};
pub use fields::Fields;
pub use grants::GrantFile;
pub(crate) use history::seconds;
pub use history::{History, Past, Record};
pub use kind::Kind;
pub use past::PastReport;
pub use scan::{ScanReport, View};
pub use selftest::{Outcome, SelftestReport, Step};
pub use service::Service;
pub(crate) use span::progress;
pub use state::{Noted, State, StateFile, Waiting};
pub use status::{Situation, StatusReport};
pub use suggest::{Peaks, Suggestion};
pub use syslog::SyslogSockets;
pub use table::Layout;
pub use users::UserNames;

use crate::config::LogSettings;

/// Says events in the log.
pub struct Reporter {
    sinks: LogSinks,
    users: UserNames,
    text: String,
}

impl Reporter {
    /// Makes the sinks of `settings` the log of this program, which can be done once.
    pub fn install(
        settings: &LogSettings,
        console: ConsoleMode,
    ) -> Result<Self, ::log::SetLoggerError> {
        let sinks = LogSinks::install(settings, console)?;
        Ok(Self {
            sinks,
            users: UserNames::default(),
            text: String::new(),
        })
    }

    /// Says it, where its level is wanted.
    pub fn emit(&mut self, event: &Event<'_>) {
        let level = event.level();
        let kind = Kind::of(event);
        if level <= ::log::max_level() {
            self.text.clear();
            // A String takes any text.
            let _ = event.write(&mut self.text, &mut self.users);
            let fields = Fields::of(event, &mut self.users);
            self.sinks.attach(kind, fields);
            ::log::log!(level, "{}", self.text);
            self.sinks.detach();
        }
    }

    /// Takes other settings over and looks users up again.
    pub fn apply(&mut self, settings: &LogSettings) {
        self.sinks.apply(settings);
        self.users.clear();
    }

    /// Opens the log file again.
    pub fn reopen_log(&self) {
        self.sinks.reopen();
    }
}

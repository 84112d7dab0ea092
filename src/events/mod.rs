//! What happened -> log file, terminal or journal, and syslog; tables for people. May touch files and
//! sockets; decides nothing.

mod event;
#[cfg(test)]
mod every_event;
mod fields;
mod kind;
mod metrics;
pub mod notifier_test;
pub mod sinks;

pub use event::Event;
pub(crate) use event::write_memory;
pub use fields::Fields;
pub use kind::Kind;
pub use metrics::{Metrics, Scan};

use crate::config::LogSettings;
use crate::users::UserNames;
use sinks::notifier::{Outlet, Trouble};
use sinks::{LogSinks, Verbosity};
use std::time::SystemTime;

/// Says events in the log.
pub struct Reporter {
    sinks: LogSinks,
    users: UserNames,
    text: String,
    /// Where [notify] wants something.
    outlet: Option<Outlet>,
    metrics: Metrics,
}

impl Reporter {
    /// Makes the sinks of `settings` the log of this program, which can be done once.
    pub fn install(
        settings: &LogSettings,
        console: Verbosity,
    ) -> Result<Self, ::log::SetLoggerError> {
        let sinks = LogSinks::install(settings, console)?;
        Ok(Self {
            sinks,
            users: UserNames::default(),
            text: String::new(),
            outlet: None,
            metrics: Metrics::default(),
        })
    }

    /// Says it, where its level is wanted.
    pub fn emit(&mut self, event: &Event<'_>) {
        self.metrics.note(event);
        let level = event.level();
        let kind = Kind::of(event);
        let is_notified = self.outlet.is_some() && kind.is_notified();
        if level <= ::log::max_level() || is_notified {
            self.text.clear();
            // A String takes any text.
            let _ = event.write(&mut self.text, &mut self.users);
            let fields = Fields::of(event, &mut self.users);
            if is_notified {
                self.notify(kind, level, &fields);
            }
            self.sinks.attach(kind, fields);
            ::log::log!(level, "{}", self.text);
            self.sinks.detach();
        }
    }

    /// What is counted, and where it is left.
    pub fn metrics(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// Hands an event over to the notifier.
    fn notify(&mut self, kind: Kind, level: ::log::Level, fields: &Fields) {
        let object = fields.object(kind, level, &self.text, SystemTime::now());
        let trouble = self
            .outlet
            .as_mut()
            .and_then(|outlet| outlet.send(object.as_bytes()));
        match trouble {
            Some(Trouble::Begins(error)) => {
                ::log::warn!("The notifier does not take events, they are dropped: Error={error}");
            }
            Some(Trouble::Over(dropped)) => {
                ::log::warn!("The notifier takes events again: Dropped={dropped}");
            }
            None => {}
        }
    }

    /// Whether the notifier is to get events.
    pub fn set_notified(&mut self, wanted: bool) {
        if wanted != self.outlet.is_some() {
            self.outlet = wanted.then(Outlet::default);
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

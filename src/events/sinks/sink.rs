//! What file, standard error and syslog have in common: a level, a format, a lock of its own, and a health that the
//! others report.

use super::member::Member;
use super::sink_health::{Change, SinkHealth};
use crate::config::LogFormat;
use crate::events::audience::is_for;
use log::{LevelFilter, Record};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a sink writes.
pub(super) trait Output: Send {
    /// Whether the level of the sink holds for what is reported of other sinks, too.
    const HIDES_REPORTS: bool = false;

    /// Writes one record and notes in the health how that went.
    fn write(&mut self, record: &Record<'_>, format: LogFormat);

    fn health(&mut self) -> &mut SinkHealth;

    /// Whether it is journal or syslog, which do not get the lines of each scan.
    fn is_quiet(&self) -> bool;
}

/// A sink: a member of the combined logger, and as a clone the handle by which a reload changes it.
pub(super) struct Sink<O>(Arc<Mutex<State<O>>>);

pub(super) struct State<O> {
    pub(super) level: LevelFilter,
    pub(super) format: LogFormat,
    /// None where it is switched off.
    pub(super) output: Option<O>,
}

impl<O> Clone for Sink<O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<O> Sink<O> {
    pub(super) fn new(output: Option<O>) -> Self {
        Self(Arc::new(Mutex::new(State {
            level: LevelFilter::Off,
            format: LogFormat::Text,
            output,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<O>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: Output> State<O> {
    fn write(&mut self, record: &Record<'_>) {
        if let Some(output) = &mut self.output {
            output.write(record, self.format);
        }
    }
}

impl<O: Output> Member for Sink<O> {
    fn log(&self, record: &Record<'_>) {
        let mut state = self.lock();
        let is_quiet = state.output.as_ref().is_some_and(Output::is_quiet);
        if record.level() <= state.level && is_for(record, is_quiet) {
            state.write(record);
        }
    }
}

/// A sink as the reports of its health and that of the others go through it.
pub(super) trait Reporting {
    /// What has changed since the last call.
    fn take_change(&self) -> Option<Change>;

    /// Writes what is to be reported. The configured level does not hide it, as it tells of records that it did not
    /// hide either; that of standard error does.
    fn report(&self, record: &Record<'_>);
}

impl<O: Output> Reporting for Sink<O> {
    fn take_change(&self) -> Option<Change> {
        self.lock().output.as_mut()?.health().take_change()
    }

    fn report(&self, record: &Record<'_>) {
        let mut state = self.lock();
        if !O::HIDES_REPORTS || record.level() <= state.level {
            state.write(record);
        }
    }
}

//! Where events go: the log through simplelog's [`CombinedLogger`], whose members are the log file, standard error and
//! syslog; the notifier; the history and the status. What changes at a reload or on SIGUSR1 goes through [`LogSinks`].

mod file;
mod history;
mod journal;
mod line;
mod member;
mod notifier;
mod patience;
mod sink;
pub(super) mod sink_health;
mod stderr;
mod syslog;

pub(super) use history::entry;
#[cfg(test)]
pub(super) use journal::each_field;
pub use notifier::{NotifierSink, socket_path};
pub use stderr::{Stderr, Style};
pub use syslog::SyslogSockets;

use crate::config::LogSettings;
use file::LogFile;
use log::{LevelFilter, Record, SetLoggerError};
use member::Member;
use simplelog::CombinedLogger;
use sink::{Reporting, Sink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use syslog::Syslog;

/// The handle on the sinks that are the program's logger. As the last member of the combined logger it reports what has
/// changed with the sinks.
#[derive(Clone)]
pub struct LogSinks {
    file: Sink<LogFile>,
    stderr: Sink<Stderr>,
    syslog: Sink<Syslog>,
    sockets: SyslogSockets,
    /// Whether the journal has the record that goes through from standard error.
    in_journal: Arc<AtomicBool>,
}

impl LogSinks {
    /// Makes the sinks the logger of this program, standard error from the level `stderr` on. Trouble with a sink is
    /// reported on the others.
    ///
    /// # Errors
    /// The program has a logger already.
    pub fn install(settings: &LogSettings, stderr: LevelFilter) -> Result<Self, SetLoggerError> {
        let sockets = SyslogSockets::default();
        let (sinks, logger) = Self::over(settings, stderr, Stderr::open(), &sockets);
        log::set_boxed_logger(logger)?;
        Ok(sinks)
    }

    /// Sinks over a given standard error and given sockets, and the logger that feeds them, not installed yet.
    pub fn over(
        settings: &LogSettings,
        level: LevelFilter,
        stderr: Option<Stderr>,
        sockets: &SyslogSockets,
    ) -> (Self, Box<CombinedLogger>) {
        let in_journal = Arc::new(AtomicBool::new(false));
        let stderr = stderr.map(|stderr| stderr.telling(&in_journal));
        let sinks = Self {
            file: Sink::new(None),
            stderr: Sink::new(stderr),
            syslog: Sink::new(None),
            sockets: sockets.clone(),
            in_journal,
        };
        sinks.apply(settings, level);
        let logger = CombinedLogger::new(vec![
            member::boxed(&sinks.file),
            member::boxed(&sinks.stderr),
            member::boxed(&sinks.syslog),
            member::boxed(&sinks),
        ]);
        (sinks, logger)
    }

    /// Puts other settings in force; a sink that stays the same keeps its state. Where the log file and standard error
    /// are one file, each record is written there once: by the log file where it is a regular one, which can be
    /// rotated.
    pub fn apply(&self, settings: &LogSettings, stderr: LevelFilter) {
        let mut path = settings.file.as_deref();
        let (mut level, mut stderr) = (settings.level, stderr);
        let console = self.stderr.lock();
        let shared = path.filter(|path| console.output.as_ref().is_some_and(|out| out.is_at(path)));
        drop(console);
        let louder = level.max(stderr);
        match shared.map(Path::is_file) {
            Some(true) => (level, stderr) = (louder, LevelFilter::Off),
            Some(false) => (path, stderr) = (None, louder),
            None => {}
        }
        let mut file = self.file.lock();
        (file.level, file.format) = (level, settings.format);
        if file.output.as_ref().map(LogFile::path) != path {
            file.output = path.map(LogFile::open);
        }
        drop(file);
        let mut console = self.stderr.lock();
        (console.level, console.format) = (stderr, settings.format);
        let is_open = console.output.is_some();
        drop(console);
        let mut syslog = self.syslog.lock();
        syslog.level = settings.level;
        if settings.syslog != syslog.output.is_some() {
            let new = || Syslog::new(&self.sockets, &self.in_journal);
            syslog.output = settings.syslog.then(new);
        }
        drop(syslog);
        let stderr = if is_open { stderr } else { LevelFilter::Off };
        log::set_max_level(level.max(settings.level).max(stderr));
        self.report_changes();
    }

    /// Opens the log file again.
    pub fn reopen(&self) {
        if let Some(file) = &mut self.file.lock().output {
            file.reopen();
        }
        self.report_changes();
    }

    /// Reports on the other sinks what fails, and on all of them what works again. To report it can make another sink
    /// fail or work, so there are rounds; what is left after them waits for the next record.
    fn report_changes(&self) {
        let sinks: [&dyn Reporting; 3] = [&self.file, &self.stderr, &self.syslog];
        for _round in sinks {
            for (about, sink) in sinks.iter().enumerate() {
                let Some(change) = sink.take_change() else {
                    continue;
                };
                for (index, other) in sinks.iter().enumerate() {
                    if index != about || change.works {
                        let mut record = Record::builder();
                        record.level(change.level);
                        other.report(&record.args(format_args!("{}", change.text)).build());
                    }
                }
                self.in_journal.store(false, Ordering::Relaxed);
            }
        }
    }
}

impl Member for LogSinks {
    fn log(&self, _: &Record<'_>) {
        self.in_journal.store(false, Ordering::Relaxed);
        self.report_changes();
    }
}

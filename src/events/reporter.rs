//! The one way of an event to the log, the notifier, the metrics, the history and the status. Decides nothing.

use super::audience::{Audience, ScanLines};
use super::description::Counter;
use super::event::Event;
use super::group_name::GroupName;
use super::metrics::Metrics;
use super::record::{Emitted, ProcessRecord, Spelling};
use super::sinks::{self, LogSinks, NotifierSink};
use crate::config::LogSettings;
use crate::proc::{Process, SystemMemory};
use crate::state::history::{History, KernelKills};
use crate::state::status::{DaemonStatus, StatusFile};
use crate::sys::clock::unix_seconds;
use crate::users::UserNames;
use log::{LevelFilter, Log, SetLoggerError};
use std::cell::{OnceCell, RefCell};
use std::time::{Duration, Instant, SystemTime};

/// Where events go.
pub struct Reporter {
    sinks: LogSinks,
    /// Where `[notify]` wants something.
    notifier: Option<NotifierSink>,
    metrics: Metrics,
    history: History,
    status: DaemonStatus,
    status_file: StatusFile,
    users: RefCell<UserNames>,
    scan_lines: ScanLines,
}

impl Reporter {
    /// Makes the sinks of `settings` the logger of this program, standard error from the level `stderr` on.
    ///
    /// # Errors
    /// The program has a logger already.
    pub fn install(
        settings: &LogSettings,
        stderr: LevelFilter,
        status: DaemonStatus,
        status_file: StatusFile,
        users: UserNames,
    ) -> Result<Self, SetLoggerError> {
        Ok(Self {
            sinks: LogSinks::install(settings, stderr)?,
            notifier: None,
            metrics: Metrics::default(),
            history: History::usual(),
            status,
            status_file,
            users: RefCell::new(users),
            scan_lines: ScanLines::default(),
        })
    }

    /// Hands the event to every sink that takes it.
    pub fn emit(&mut self, event: &Event<'_>) {
        self.emit_held();
        self.emit_to(log::logger(), event, Audience::All);
    }

    /// Reports that a scan has begun. Journal and syslog get that only where it is time, or when the scan has something
    /// else to report.
    pub fn begin_scan(&mut self, memory: &SystemMemory, now: Instant) {
        let audience = self.scan_lines.begin(memory, now);
        self.emit_to(log::logger(), &Event::Memory(memory), audience);
    }

    /// Reports that the scan is complete, with how many processes it has seen and how many were signalled.
    pub fn end_scan(&mut self, scanned: usize, killed: usize, now: Instant) {
        if killed > 0 {
            self.emit_held();
        }
        let audience = self.scan_lines.end(now);
        let event = Event::ScanComplete { scanned, killed };
        self.emit_to(log::logger(), &event, audience);
    }

    /// Sets the time between the lines of scans that found nothing, in journal and syslog. Those of the next scan are
    /// written.
    pub fn set_report_interval(&mut self, interval: Duration) {
        self.scan_lines.restart(interval);
    }

    fn emit_held(&mut self) {
        if let Some(memory) = self.scan_lines.take_held() {
            let event = Event::Memory(&memory);
            self.emit_to(log::logger(), &event, Audience::Quiet);
        }
    }

    fn emit_to(&mut self, logger: &dyn Log, event: &Event<'_>, audience: Audience) {
        let Self {
            notifier,
            metrics,
            history,
            status,
            users,
            ..
        } = self;
        event.describe(users, &mut |description, text| {
            metrics.count(description);
            let time = SystemTime::now();
            let event = Emitted {
                description,
                text,
                time,
                users,
                fields: OnceCell::new(),
            };
            if let Some(notifier) = notifier.as_mut().filter(|_| description.is_notified) {
                notifier.send(&event.record(Spelling::Plain));
            }
            if description.level <= log::max_level() {
                let mut record = log::Record::builder();
                record.level(description.level).target(audience.target());
                logger.log(&record.args(text).key_values(&event).build());
            }
            if description.is_kept {
                let record = event.record(Spelling::Escaped);
                history.append(&sinks::entry(record, unix_seconds(time)));
                status.ended += 1;
            }
            if let Some(Counter::KernelKills(kernel_oom_kills)) = description.counter {
                let time = unix_seconds(time);
                history.append_kernel(&KernelKills {
                    time,
                    kernel_oom_kills,
                });
            }
        });
    }

    /// The counters and figures, and the file they are written to.
    pub fn metrics(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// The status of the daemon, which counts what was killed by itself.
    pub fn status(&mut self) -> &mut DaemonStatus {
        &mut self.status
    }

    /// Writes the status to its file.
    pub fn write_status(&mut self) {
        self.status_file.write(&self.status);
    }

    /// Removes the file of the status when the daemon stops.
    pub fn remove_status(&self) {
        self.status_file.remove(self.status.pid);
    }

    /// A process as the status has it.
    pub fn process(&self, process: &Process) -> ProcessRecord {
        ProcessRecord::shown(process, &mut self.users.borrow_mut(), Spelling::Escaped).public()
    }

    /// The name of a group as the log has it.
    pub fn group(&self, name: &GroupName<'_>) -> String {
        name.shown(&self.users).to_string()
    }

    /// Whether the notifier is to get events.
    pub fn set_notified(&mut self, is_wanted: bool) {
        if is_wanted != self.notifier.is_some() {
            self.notifier = is_wanted.then(NotifierSink::default);
        }
    }

    /// Puts other settings in force and forgets the names of users, so that they are looked up again.
    pub fn apply(&mut self, settings: &LogSettings, stderr: LevelFilter) {
        self.sinks.apply(settings, stderr);
        self.users.get_mut().clear();
    }

    /// Opens the log file again.
    pub fn reopen_log(&self) {
        self.sinks.reopen();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;
    use crate::events::golden::each;
    use crate::events::sinks::{Stderr, Style, SyslogSockets};
    use crate::sys::counting::ALLOCATIONS;
    use std::fs::{self, File};

    /// A scan that finds what the one before has found emits these, on a machine without memory as well.
    const STEADY: [&str; 4] = ["Memory", "ScanComplete", "WouldKill", "Reason"];

    #[test]
    fn the_events_of_a_steady_scan_allocate_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let settings = LogSettings {
            file: Some(path.clone()),
            syslog: false,
            level: LevelFilter::Info,
            format: LogFormat::Text,
        };
        let stderr = File::create(directory.path().join("stderr")).unwrap();
        let stderr = Stderr::new(stderr, Style::Plain);
        let sockets = SyslogSockets::default();
        let (sinks, logger) = LogSinks::over(&settings, LevelFilter::Info, Some(stderr), &sockets);
        let mut reporter = Reporter {
            sinks,
            notifier: None,
            metrics: Metrics::default(),
            history: History::at(directory.path().join("history")),
            status: DaemonStatus::default(),
            status_file: StatusFile::usual(),
            users: RefCell::default(),
            scan_lines: ScanLines::default(),
        };
        let mut events = 0;
        each(&mut |event| {
            let name = format!("{event:?}");
            if STEADY.iter().any(|steady| name.starts_with(steady)) {
                reporter.emit_to(&*logger, event, Audience::All);
                let before = ALLOCATIONS.get();
                assert!(before > 0, "the counter counts");
                for _ in 0..100 {
                    reporter.emit_to(&*logger, event, Audience::All);
                }
                assert_eq!(ALLOCATIONS.get() - before, 0, "{name}");
                events += 1;
            }
        });
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(events >= STEADY.len());
        assert_eq!(lines, 101 * events);
    }
}

//! The log: records of the `log` crate to a file, to standard error and to syslog, through simplelog's
//! [`CombinedLogger`]. What changes at a reload or on SIGUSR1 goes through [`LogSinks`].

mod file;
pub(crate) mod health;
mod journal;
mod line;
pub(crate) mod notifier;
mod stderr;
mod syslog;

pub use notifier::socket_path;
pub use stderr::{Console, Style, Verbosity};
pub use syslog::SyslogSockets;

use crate::config::{LogFormat, LogSettings};
use crate::events::fields::{Attached, Fields};
use crate::events::kind::Kind;
use crate::sys::clock::{LocalTime, local_time};
use file::LogFile;
use health::{Health, Notice};
use line::{Line, Message};
use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use simplelog::{CombinedLogger, SharedLogger};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use syslog::Syslog;

/// The handle on the sinks that are installed as the program's logger.
#[derive(Clone)]
pub struct LogSinks(Arc<Mutex<Sinks>>);

impl LogSinks {
    /// Makes the sinks the logger of this program, which can be done once. Trouble with a sink is no
    /// error: it is said on the others.
    pub fn install(settings: &LogSettings, console: Verbosity) -> Result<Self, SetLoggerError> {
        let (sinks, logger) = Self::over(
            settings,
            Console::stderr(console),
            &SyslogSockets::default(),
        );
        log::set_boxed_logger(logger)?;
        Ok(sinks)
    }

    /// Sinks over a given console and sockets, and the logger that feeds them, not installed yet.
    pub fn over(
        settings: &LogSettings,
        console: Option<Console>,
        sockets: &SyslogSockets,
    ) -> (Self, Box<CombinedLogger>) {
        let sinks = Self(Arc::new(Mutex::new(Sinks {
            level: settings.level,
            file: None,
            console,
            syslog: None,
            sockets: sockets.clone(),
            now: SystemTime::now(),
            time: local_time(SystemTime::now()),
            attached: Attached::default(),
            format: settings.format,
            in_journal: false,
        })));
        sinks.apply(settings);
        let member = |kind| -> Box<dyn SharedLogger> {
            Box::new(Member {
                kind,
                sinks: sinks.clone(),
            })
        };
        let logger = CombinedLogger::new(Sink::ALL.map(member).into());
        (sinks, logger)
    }

    /// Takes other settings over; a sink that stays the same keeps its state.
    pub fn apply(&self, settings: &LogSettings) {
        let mut sinks = self.lock();
        sinks.apply(settings);
        let console = sinks
            .console
            .as_ref()
            .map(|console| console.level(settings.level));
        log::set_max_level(console.map_or(settings.level, |console| console.max(settings.level)));
    }

    /// Opens the log file again.
    pub fn reopen(&self) {
        let mut sinks = self.lock();
        if let Some(file) = &mut sinks.file {
            file.reopen();
        }
        sinks.say_what_changed();
    }

    /// The next record is of this kind, and this is known of it.
    pub(super) fn attach(&self, kind: Kind, fields: Fields) {
        self.lock().attached = Attached { kind, fields };
    }

    /// The records that follow are of no event.
    pub(super) fn detach(&self) {
        self.lock().attached = Attached::default();
    }

    fn lock(&self) -> MutexGuard<'_, Sinks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sinks, in the order in which a record goes through them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sink {
    File,
    Console,
    Syslog,
}

impl Sink {
    const ALL: [Self; 3] = [Self::File, Self::Console, Self::Syslog];
}

struct Sinks {
    level: LevelFilter,
    file: Option<LogFile>,
    console: Option<Console>,
    syslog: Option<Syslog>,
    sockets: SyslogSockets,
    /// The time of the record that goes through: taken at the first sink, the same on all.
    time: LocalTime,
    /// The same by the clock.
    now: SystemTime,
    /// What is known of it for programs.
    attached: Attached,
    format: LogFormat,
    /// Whether the console has handed the record that goes through to the journal.
    in_journal: bool,
}

impl Sinks {
    fn apply(&mut self, settings: &LogSettings) {
        self.level = settings.level;
        self.format = settings.format;
        let path = settings.file.as_deref();
        if self.file.as_ref().map(LogFile::path) != path {
            self.file = path.map(LogFile::new);
            if let Some(file) = &mut self.file {
                file.reopen();
            }
        }
        if settings.syslog != self.syslog.is_some() {
            self.syslog = settings.syslog.then(|| Syslog::new(&self.sockets));
        }
        self.say_what_changed();
    }

    fn enabled(&self, kind: Sink, level: Level) -> bool {
        level
            <= match (kind, &self.console) {
                (Sink::Console, Some(console)) => console.level(self.level),
                _ => self.level,
            }
    }

    /// Called before a record goes to the first sink.
    fn begin(&mut self) {
        self.now = SystemTime::now();
        self.time = local_time(self.now);
        self.in_journal = false;
    }

    fn write(&mut self, kind: Sink, level: Level, message: fmt::Arguments<'_>) {
        let line = Line {
            time: self.time,
            level,
            message: Message(message),
            attached: &self.attached,
            json: (self.format == LogFormat::Json).then_some(self.now),
        };
        match kind {
            Sink::File => {
                if let Some(file) = &mut self.file {
                    file.write(&line);
                }
            }
            Sink::Console => {
                self.in_journal = self
                    .console
                    .as_mut()
                    .is_some_and(|console| console.write(&line));
            }
            // The journal has what systemd connects standard error to, and on most machines also what
            // is sent to /dev/log. To show each record once whatever enable_syslog says, standard error
            // carries every record, and what it has delivered is sent to /dev/log only where another
            // syslog daemon listens there. (One that journald forwards to gets it from journald.)
            Sink::Syslog => {
                if let Some(syslog) = &mut self.syslog {
                    if !(self.in_journal && syslog.leads_to_journald()) {
                        syslog.write(&line);
                    }
                }
            }
        }
    }

    /// Says on the other sinks what has failed, and everywhere what works again. To say it can make
    /// another sink fail or work, so there are rounds; what is left after them waits for the next record.
    fn say_what_changed(&mut self) {
        for _round in Sink::ALL {
            for about in Sink::ALL {
                let Some(notice) = self.health(about).and_then(Health::take_notice) else {
                    continue;
                };
                self.say(about, &notice);
            }
        }
    }

    /// The configured level does not hide these, as they tell of records that it did not hide either.
    fn say(&mut self, about: Sink, notice: &Notice) {
        self.begin();
        for kind in Sink::ALL {
            let shown = kind != Sink::Console || self.enabled(kind, notice.level);
            if shown && (kind != about || notice.works) {
                self.write(kind, notice.level, format_args!("{}", notice.text));
            }
        }
    }

    fn health(&mut self, kind: Sink) -> Option<&mut Health> {
        match kind {
            Sink::File => self.file.as_mut().map(|file| &mut file.health),
            Sink::Console => self.console.as_mut().map(|console| &mut console.health),
            Sink::Syslog => self.syslog.as_mut().map(|syslog| &mut syslog.health),
        }
    }
}

/// One sink as a member of the [`CombinedLogger`].
struct Member {
    kind: Sink,
    sinks: LogSinks,
}

impl Log for Member {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.sinks.lock().enabled(self.kind, metadata.level())
    }

    fn log(&self, record: &Record<'_>) {
        let mut sinks = self.sinks.lock();
        if self.kind == Sink::File {
            sinks.begin();
        }
        if sinks.enabled(self.kind, record.level()) {
            sinks.write(self.kind, record.level(), *record.args());
        }
        if self.kind == Sink::Syslog {
            sinks.say_what_changed();
        }
    }

    fn flush(&self) {}
}

impl SharedLogger for Member {
    /// All of them: the combined logger keeps what it is told here for ever, but the level may change.
    fn level(&self) -> LevelFilter {
        LevelFilter::Trace
    }

    fn config(&self) -> Option<&simplelog::Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

//! TOML text -> [`Config`], valid by construction. May read that file and look up
//! users; touches neither /proc nor signals nor the log.
//!
//! A configuration is made of layers: the shipped default, which is compiled in, the file, then its drop-ins (`dropins`). Each
//! layer wins over the ones before it (`draft`), is parsed as far as it can be (`document`) and read
//! key by key (`table`, `value`), so that all that is wrong with it is said at once (`error`).

mod changes;
mod document;
mod draft;
mod dropins;
mod error;
mod file;
mod kept;
mod notify;
mod rule;
pub mod schedule;
mod table;
mod tables;
#[cfg(test)]
mod tests;
mod thresholds;
mod value;
mod whitelist;
mod written;

pub use changes::Change;
pub use error::{Cause, Error, Location, Warning};
pub use notify::Notify;
pub use rule::{Action, Matcher, Rule, UserMatcher};
pub use schedule::Schedule;
pub use thresholds::Thresholds;
pub use whitelist::{NamePattern, PatternError, User, UserMatch, Whitelist};
pub use written::{Entry, Item, Written};

use crate::escape::Escaped;
use crate::paths;
use crate::quantities::{Metric, Percent, Uid};
use crate::sys::{effective_uid, users};
use draft::Draft;
use dropins::DropIn;
use schedule::WeekMinute;
use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The shipped default: the lowest layer of every configuration.
pub const BUILT_IN: &str = include_str!("../../etc/memory-monitor/config.toml");

/// How to find the uid of a user's name.
pub type UserLookup<'a> = &'a dyn Fn(&str) -> io::Result<Option<Uid>>;

/// The policy in force and how to report; every value was checked when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it came from.
    pub origin: Origin,
    /// The drop-ins on top of it, in the order in which they were read.
    pub drop_ins: Vec<PathBuf>,
    /// What a process may have now: a schedule may say something else than `[thresholds]`.
    pub thresholds: Thresholds,
    /// The time between two checks, now.
    pub check_interval: Duration,
    /// Whether to look between checks when a process could have crossed a threshold.
    pub early_scan: bool,
    /// Both as they are when no schedule holds.
    pub regular: Regular,
    /// How long a process must be over a threshold before it is ended.
    pub sustained: Duration,
    /// By what memory is measured.
    pub metric: Metric,
    /// The share of a threshold at which there is an early warning; None for none.
    pub warn_percent: Option<Percent>,
    /// The rules in the order in which they are tried.
    pub rules: Vec<Rule>,
    /// The schedules in the order in which they are tried.
    pub schedules: Vec<Schedule>,
    /// Who is protected.
    pub whitelist: Whitelist,
    /// Decide and report, but signal nobody.
    pub dry_run: bool,
    /// Where and how much to log.
    pub log: LogSettings,
    /// The file with the metrics; None for none.
    pub metrics_file: Option<PathBuf>,
    /// What is wanted of the notifier.
    pub notify: Notify,
    /// The time between SIGTERM and SIGKILL.
    pub term_timeout: Duration,
    /// How many processes may be ended within a minute; None for no limit.
    pub max_kills_per_minute: Option<NonZeroU32>,
}

/// What `[thresholds]` says, to which a schedule that ends gives way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regular {
    /// What a process may have.
    pub thresholds: Thresholds,
    /// The time between two checks.
    pub check_interval: Duration,
}

/// What the notifier needs of a configuration.
#[derive(Debug)]
pub struct NotifierConfig {
    /// Whom to tell.
    pub notify: Notify,
    /// How much to say itself, and how; it has no log file and no syslog of its own.
    pub log: LogSettings,
    /// What is wrong with it. What could be read of it holds all the same: that a configuration is
    /// refused is one of the things to be told.
    pub refused: Option<Error>,
}

/// A valid configuration and what is doubtful about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What the reader should be told about it.
    pub warnings: Vec<Warning>,
    /// Its values as they were written, and where.
    pub written: Written,
}

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This file.
    File(PathBuf),
    /// The defaults that are compiled in, because this file does not exist.
    BuiltIn(PathBuf),
}

/// `configuration "/etc/memory-monitor/config.toml"`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "configuration {}", Escaped(file.as_os_str().as_bytes())),
            Self::BuiltIn(file) => {
                let file = Escaped(file.as_os_str().as_bytes());
                write!(f, "built-in defaults, as {file} does not exist")
            }
        }
    }
}

/// Where and how much to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The log file; None for none.
    pub file: Option<PathBuf>,
    /// Whether records go to syslog as well.
    pub syslog: bool,
    /// The least level that is written.
    pub level: log::LevelFilter,
    /// How a record looks in the file and on a standard error that is no terminal.
    pub format: LogFormat,
}

/// How a record looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl LogFormat {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Config {
    /// Puts into force what holds at this time of the week; the place of the schedule that does.
    pub fn follow(&mut self, at: WeekMinute) -> Option<usize> {
        let index = schedule::in_force(&self.schedules, at);
        let schedule = index.and_then(|index| self.schedules.get(index));
        let regular = self.regular;
        self.thresholds = schedule
            .and_then(|schedule| schedule.thresholds)
            .unwrap_or(regular.thresholds);
        self.check_interval = schedule
            .and_then(|schedule| schedule.check_interval)
            .unwrap_or(regular.check_interval);
        index
    }

    /// Reads the file that was named, which must exist, or [`paths::CONFIG`], in whose absence the
    /// built-in defaults hold; then the drop-ins beside it.
    pub fn load(file: Option<&Path>) -> Result<Loaded, Error> {
        let (text, dropins, origin) = Self::read(file)?;
        Self::parse_all(&text, &dropins, origin, &users::uid_of)
    }

    /// The texts of a configuration.
    fn read(file: Option<&Path>) -> Result<(Vec<u8>, Vec<DropIn>, Origin), Error> {
        let default = Path::new(paths::CONFIG);
        let text = match file {
            Some(file) => Some(file::read(file)?),
            None => file::read_if_exists(default)?,
        };
        let file = file.unwrap_or(default).to_owned();
        let dropins = dropins::read(&file, effective_uid() == Uid::ROOT)?;
        let (text, origin) = match text {
            Some(text) => (text, Origin::File(file)),
            None => (Vec::new(), Origin::BuiltIn(file)),
        };
        Ok((text, dropins, origin))
    }

    /// Reads a text, on top of the built-in defaults.
    pub fn parse(text: &[u8], origin: Origin, lookup: UserLookup<'_>) -> Result<Loaded, Error> {
        Self::parse_all(text, &[], origin, lookup)
    }

    /// Reads a text and its drop-ins, each on top of what comes before it.
    fn parse_all(
        text: &[u8],
        dropins: &[DropIn],
        origin: Origin,
        lookup: UserLookup<'_>,
    ) -> Result<Loaded, Error> {
        let (Origin::File(file) | Origin::BuiltIn(file)) = &origin;
        let (mut draft, causes) = Draft::of(file, text, dropins);
        if !causes.is_empty() {
            return Err(Error::new(causes));
        }
        let warnings = draft.resolve_users(lookup);
        let files = dropins.iter().map(|dropin| dropin.file.clone());
        let written = std::mem::take(&mut draft.written);
        match draft.finish(origin, files.collect()) {
            Some(config) => Ok(Loaded {
                config,
                warnings,
                written,
            }),
            None => Err(Error::new(vec![Cause::Refused {
                place: None,
                message: "the built-in defaults are incomplete".to_owned(),
            }])),
        }
    }
}

impl NotifierConfig {
    /// Reads the same files as [`Config::load`], as far as they can be read.
    pub fn load(file: Option<&Path>) -> Self {
        match Config::read(file) {
            Ok((text, dropins, Origin::File(file) | Origin::BuiltIn(file))) => {
                let (draft, causes) = Draft::of(&file, &text, &dropins);
                Self::of(draft, causes)
            }
            Err(error) => {
                let (draft, _) = Draft::of(Path::new(paths::CONFIG), b"", &[]);
                Self {
                    refused: Some(error),
                    ..Self::of(draft, Vec::new())
                }
            }
        }
    }

    fn of(mut draft: Draft, causes: Vec<Cause>) -> Self {
        let reporting = draft.take_reporting();
        let (notify, level, format) = match reporting {
            Some((notify, log)) => (notify, log.level, log.format),
            // The built-in defaults say everything, so this is never so.
            None => (Notify::default(), log::LevelFilter::Info, LogFormat::Text),
        };
        Self {
            notify,
            log: LogSettings {
                file: None,
                syslog: false,
                level,
                format,
            },
            refused: (!causes.is_empty()).then(|| Error::new(causes)),
        }
    }
}

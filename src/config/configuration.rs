//! The configuration as the rest of the program sees it. Its keys, with their types, ranges and defaults, are the rows
//! of `keys`. Pure.

use super::error::Location;
use super::group::Group;
use super::rule::{Action, Matcher, Rule};
use super::schedule::{self, Schedule, WeekMinute};
use super::system::{System, SystemAction};
use super::thresholds::Thresholds;
use super::whitelist::Whitelist;
use crate::escape::Escaped;
use crate::paths;
use crate::quantities::{Metric, Percent};
use std::fmt;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The policy in force, and how to report. `load` returns valid ones only. The default is what they are filled from:
/// it has no value of the built-in defaults, and no threshold, so that it kills nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Where it came from.
    pub origin: Origin,
    /// The drop-ins on top of it, in the order in which they were read.
    pub drop_ins: Vec<PathBuf>,
    /// The thresholds in force: those of the schedule in force where it has some.
    pub thresholds: Thresholds,
    /// The time between two scans in force: that of the schedule in force where it has one.
    pub check_interval: Duration,
    /// The thresholds of `[thresholds]`.
    pub(super) base_thresholds: Thresholds,
    /// The time between two scans of `[thresholds]`.
    pub(super) base_check_interval: Duration,
    /// Whether to scan early when a process could have exceeded a threshold.
    pub early_scan: bool,
    /// How long a process must be over a threshold before it is killed.
    pub sustained: Duration,
    /// What counts as the memory of a process.
    pub metric: Metric,
    /// Processes over a threshold are killed only while less than this share of MemTotal is available; 100 for always.
    pub only_below_available: Percent,
    /// The guard of the machine as a whole.
    pub system: System,
    /// The share of a threshold at which there is an early warning; None for no warning.
    pub warn_percent: Option<Percent>,
    /// In the order in which they are tried.
    pub rules: Vec<Rule>,
    /// Each is judged alone.
    pub groups: Vec<Group>,
    /// In the order in which they are tried.
    pub schedules: Vec<Schedule>,
    /// What is protected.
    pub whitelist: Whitelist,
    /// Whether to decide and report without sending signals.
    pub dry_run: bool,
    /// The file that says so; None where that is an option of the command line, or a default.
    pub dry_run_file: Option<PathBuf>,
    /// Where and how much to log.
    pub log: LogSettings,
    /// The time between the lines of scans that found nothing, in journal and syslog.
    pub report_interval: Duration,
    /// The file with the metrics; None for none.
    pub metrics_file: Option<PathBuf>,
    /// What the notifier does.
    pub notify: Notify,
    /// The time between SIGTERM and SIGKILL.
    pub term_timeout: Duration,
    /// How many processes may be killed within a minute; None for no limit.
    pub max_kills_per_minute: Option<NonZeroU32>,
}

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This file, and its drop-ins.
    File(PathBuf),
    /// The built-in defaults, because this file does not exist.
    BuiltIn(PathBuf),
    /// The built-in defaults, because this file has no content.
    Empty(PathBuf),
}

impl Origin {
    /// The path of the file, whether it exists or not.
    pub fn path(&self) -> &Path {
        let (Self::File(file) | Self::BuiltIn(file) | Self::Empty(file)) = self;
        file
    }

    /// Whether it is a file with content.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl Default for Origin {
    fn default() -> Self {
        Self::BuiltIn(PathBuf::new())
    }
}

/// `configuration /etc/memory-monitor/config.toml`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_stdin = self.path() == Path::new(paths::STDIN);
        let file = Escaped(self.path().as_os_str().as_bytes());
        match self {
            Self::File(_) if is_stdin => f.write_str("configuration from standard input"),
            Self::Empty(_) if is_stdin => {
                f.write_str("built-in defaults, as standard input is empty")
            }
            Self::File(_) => write!(f, "configuration {file}"),
            Self::BuiltIn(_) => write!(f, "built-in defaults, as {file} does not exist"),
            Self::Empty(_) => write!(f, "built-in defaults, as {file} is empty"),
        }
    }
}

/// `configuration a.toml and 2 drop-ins`; `built-in defaults, as a.toml does not exist, and 1 drop-in`.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'c>(&'c Config);

impl Config {
    /// What it was read from.
    pub fn sources(&self) -> Sources<'_> {
        Sources(self)
    }
}

impl fmt::Display for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config {
            origin, drop_ins, ..
        } = self.0;
        write!(f, "{origin}")?;
        let comma = if origin.is_file() { "" } else { "," };
        match drop_ins.len() {
            0 => Ok(()),
            1 => write!(f, "{comma} and 1 drop-in"),
            count => write!(f, "{comma} and {count} drop-ins"),
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
    /// How a record looks in the file and on a standard error that is not a terminal.
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            file: None,
            syslog: false,
            level: log::LevelFilter::Info,
            format: LogFormat::Text,
        }
    }
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

/// Who the notifier tells of the daemon's events, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// Addresses that get mail; empty for no mail.
    pub email_to: Vec<String>,
    /// The address it comes from; None for memory-monitor on this machine.
    pub email_from: Option<String>,
    /// The mail server, `host:port`, an IPv6 address in brackets.
    pub smtp: String,
    /// Absolute paths of programs to run for each event.
    pub command: Vec<PathBuf>,
    /// Whether owners of processes are told on their terminals.
    pub tty: bool,
    /// Whether desktops are told.
    pub desktop: bool,
}

impl Notify {
    /// Whether the notifier has anything to do.
    pub fn is_wanted(&self) -> bool {
        !self.email_to.is_empty() || !self.command.is_empty() || self.tty || self.desktop
    }
}

impl Config {
    /// What matches processes, of the rules and of the groups.
    pub(super) fn matchers(&self) -> impl Iterator<Item = (&Matcher, Option<&Location>)> {
        let rules = self.rules.iter();
        let rules = rules.map(|rule| (&rule.matcher, rule.location.as_ref()));
        let groups = self.groups.iter();
        rules.chain(groups.map(|group| (&group.matcher, group.location.as_ref())))
    }

    /// Whether something is killed or reported although both thresholds of `[thresholds]` are off.
    pub(super) fn has_other_thresholds(&self) -> bool {
        let has_own = |rule: &Rule| rule.thresholds.is_some() && rule.action != Action::Protect;
        !self.groups.is_empty()
            || self.system.action == SystemAction::Kill
            || self.rules.iter().any(has_own)
            || self.schedules.iter().any(|s| s.thresholds.is_some())
    }

    /// Puts into force what applies at this time of the week. Returns the index of the schedule in force; None for
    /// none.
    pub fn follow(&mut self, at: WeekMinute) -> Option<usize> {
        let index = schedule::in_force(&self.schedules, at);
        let schedule = index.and_then(|index| self.schedules.get(index));
        let thresholds = schedule.and_then(|schedule| schedule.thresholds);
        let check_interval = schedule.and_then(|schedule| schedule.check_interval);
        self.thresholds = thresholds.unwrap_or(self.base_thresholds);
        self.check_interval = check_interval.unwrap_or(self.base_check_interval);
        index
    }
}

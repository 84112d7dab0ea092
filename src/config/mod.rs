//! The text of one TOML file -> [`Config`], valid by construction. May read that file and look up
//! users; touches neither /proc nor signals nor the log.
//!
//! A configuration is made of layers: the shipped default, which is compiled in, then the file. Each
//! layer wins over the ones before it (`draft`), is parsed as far as it can be (`document`) and read
//! key by key (`table`, `value`), so that all that is wrong with it is said at once (`error`).

mod document;
mod draft;
mod error;
mod file;
mod table;
#[cfg(test)]
mod tests;
mod thresholds;
mod value;
mod whitelist;
mod written;

pub use error::{Cause, Error, Place, Warning};
pub use thresholds::Thresholds;
pub use whitelist::{NamePattern, PatternError, User, UserProtection, Whitelist};
pub use written::{Entry, Item, Written};

use crate::escape::Escaped;
use crate::sys::users;
use crate::units::Uid;
use draft::Draft;
use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the configuration is when no other file is named.
pub const DEFAULT_FILE: &str = "/etc/memory-monitor/config.toml";

/// The shipped default: the lowest layer of every configuration.
pub const BUILT_IN: &str = include_str!("../../etc/memory-monitor/config.toml");

/// How to find the uid of a user's name.
pub type UserLookup<'a> = &'a dyn Fn(&str) -> io::Result<Option<Uid>>;

/// The policy in force and how to report; every value was checked when it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it came from.
    pub origin: Origin,
    /// What a process may have.
    pub thresholds: Thresholds,
    /// The time between two checks.
    pub check_interval: Duration,
    /// Whether to look between checks when a process could have crossed a threshold.
    pub early_scan: bool,
    /// Who is protected.
    pub whitelist: Whitelist,
    /// Decide and report, but signal nobody.
    pub dry_run: bool,
    /// Where and how much to log.
    pub log: LogSettings,
    /// The time between SIGTERM and SIGKILL.
    pub term_timeout: Duration,
    /// How many processes may be ended within a minute; None for no limit.
    pub max_kills_per_minute: Option<NonZeroU32>,
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
}

impl Config {
    /// Reads the file that was named, which must exist, or [`DEFAULT_FILE`], in whose absence the
    /// built-in defaults hold.
    pub fn load(file: Option<&Path>) -> Result<Loaded, Error> {
        let default = Path::new(DEFAULT_FILE);
        let text = match file {
            Some(file) => Some(file::read(file)?),
            None => file::read_if_exists(default)?,
        };
        let file = file.unwrap_or(default).to_owned();
        match text {
            Some(text) => Self::parse(&text, Origin::File(file), &users::uid_of),
            None => Self::parse(b"", Origin::BuiltIn(file), &users::uid_of),
        }
    }

    /// Reads a text, on top of the built-in defaults.
    pub fn parse(text: &[u8], origin: Origin, lookup: UserLookup<'_>) -> Result<Loaded, Error> {
        let (Origin::File(file) | Origin::BuiltIn(file)) = &origin;
        let text = document::utf8(file, text).map_err(|cause| Error::new(vec![cause]))?;
        let mut draft = Draft::default();
        let mut causes = draft.add(Path::new("built-in defaults"), BUILT_IN, true);
        causes.extend(draft.add(file, text, false));
        causes.extend(draft.contradiction());
        if !causes.is_empty() {
            return Err(Error::new(causes));
        }
        let warnings = draft.resolve_users(lookup);
        let written = std::mem::take(&mut draft.written);
        match draft.finish(origin) {
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

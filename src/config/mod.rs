//! The text of one TOML file -> [`Config`], valid by construction. May look up users; touches
//! neither /proc nor signals nor the log.

use crate::units::{Bytes, Percent, Pid, Uid};
use std::ffi::CString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// The policy in force and how to report; every value was checked when it was read.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it came from.
    pub origin: Origin,
    /// What a process may have.
    pub thresholds: Thresholds,
    /// The time between two checks.
    pub check_interval: Duration,
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

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This file.
    File(PathBuf),
    /// The defaults that are compiled in, because this file does not exist.
    BuiltIn(PathBuf),
}

/// What a process may have: at least one of the two thresholds is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Thresholds {
    /// Only a share of MemTotal.
    Percent(Percent),
    /// Only an amount.
    Amount(Bytes),
    /// Both; being over one of them is enough.
    Either(Percent, Bytes),
}

/// Who is protected beside the built-in protections.
#[derive(Clone, Debug)]
pub struct Whitelist {
    /// Whoever has these numbers when the configuration is read.
    pub pids: Vec<Pid>,
    /// Processes with these names.
    pub names: Vec<NamePattern>,
    /// Processes of these users.
    pub users: Vec<User>,
    /// Whether root's processes are protected.
    pub protect_root: bool,
}

/// An exact name or a glob, on bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    pub(crate) text: CString,
    pub(crate) is_glob: bool,
}

/// A user as written and what the user database made of it when the configuration was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// As written: a name or a number.
    pub text: String,
    /// None while no such user exists; protects nobody then.
    pub uid: Option<Uid>,
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

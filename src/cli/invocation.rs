//! What each command is asked for.

use super::{Since, Verbosity};
use crate::config::NamePattern;
use crate::quantities::Pid;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// How to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The configuration file; None for the usual place.
    pub config: Option<PathBuf>,
    /// Signal nobody, whatever the configuration says.
    pub dry_run: bool,
    /// End after one check, and after the end of those it asked to end.
    pub once: bool,
    /// How much to say on the terminal.
    pub console: Verbosity,
}

/// How to look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// The configuration file; None for the usual place.
    pub config: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
    /// How much to say.
    pub console: Verbosity,
    /// Whom to show.
    pub filter: Filter,
    /// Every process, not only the nearest to their thresholds.
    pub all: bool,
    /// No more than so many.
    pub top: Option<NonZeroUsize>,
    /// Again every second.
    pub watch: bool,
    /// Observe for so long and suggest thresholds.
    pub suggest: Option<Duration>,
}

/// Which processes or records are wanted; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A user's name or number.
    pub user: Option<String>,
    /// Their name.
    pub name: Option<NamePattern>,
}

/// What to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainOptions {
    /// Which process.
    pub pid: Pid,
    /// The configuration file; None for the usual place.
    pub config: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
}

/// What to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// The configuration file; None for the usual place.
    pub config: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
    /// Print the names that it has, and nothing else.
    pub names: bool,
}

/// How to test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelftestOptions {
    /// Print JSON.
    pub json: bool,
    /// Within the sandbox of the installed unit.
    pub sandbox: bool,
    /// The notifier's ways, and nothing else.
    pub notify: bool,
}

/// How to tell people of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifyOptions {
    /// The configuration file; None for the usual place.
    pub config: Option<PathBuf>,
    /// How much to say on the terminal.
    pub console: Verbosity,
}

/// What to do about exemptions for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExemptOptions {
    /// What is wished.
    pub wish: ExemptWish,
    /// Print JSON.
    pub json: bool,
}

/// What is wished of exemptions for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExemptWish {
    /// Show them.
    List,
    /// Spare this process for so long, and why; empty for no reason given.
    Exempt(Pid, Duration, String),
    /// Spare it no longer.
    End(Pid),
}

/// What to tell of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Not what is older.
    pub since: Option<Since>,
    /// Whom to show.
    pub filter: Filter,
    /// Print JSON.
    pub json: bool,
}

/// How to tell the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusOptions {
    /// Print JSON.
    pub json: bool,
}

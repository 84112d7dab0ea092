//! What each command is asked to do, read from what was given.

use super::error::Error;
use super::given::Given;
use super::values::Since;
use super::verbosity::Verbosity;
use crate::config::NamePattern;
use crate::quantities::Pid;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Run in the foreground.
    Run(RunOptions),
    /// Show one scan.
    Scan(ScanOptions),
    /// Show why a process would, or would not, be killed.
    Explain(ExplainOptions),
    /// Check a configuration.
    Check(CheckOptions),
    /// Kill processes of its own.
    Selftest(SelftestOptions),
    /// Show or change exemptions.
    Exempt(ExemptOptions),
    /// Show what was killed.
    History(HistoryOptions),
    /// Notify people and programs of events.
    Notify(NotifyOptions),
    /// Show whether the daemon runs.
    Status(StatusOptions),
    /// Print the help of the command of this name, or the general one where that is empty.
    Help(String),
    /// Print the version.
    Version,
}

fn verbosity(given: &Given) -> Verbosity {
    match (given.has("--quiet"), given.has("--verbose")) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    }
}

/// The options of running in the foreground.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// None for the usual path.
    pub config: Option<PathBuf>,
    /// Send no signal, whatever the configuration says.
    pub dry_run: bool,
    /// Exit after one scan, when the processes it killed are gone.
    pub once: bool,
    /// What is written to the terminal.
    pub console: Verbosity,
}

impl RunOptions {
    pub(super) fn read(given: &Given) -> Result<Self, Error> {
        Ok(Self {
            config: given.get("--config")?,
            dry_run: given.has("--dry-run"),
            once: given.has("--once"),
            console: verbosity(given),
        })
    }
}

/// Which processes `scan` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Those closest to their thresholds.
    #[default]
    Closest,
    /// Every one that has memory.
    All,
    /// Those that would be killed, one a line.
    Over,
}

impl Shown {
    fn read(given: &Given) -> Self {
        if given.has("--all") {
            Self::All
        } else if given.has("--over") {
            Self::Over
        } else {
            Self::Closest
        }
    }
}

/// The options of `scan`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// None for the usual path.
    pub config: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
    /// Whether warnings are printed.
    pub console: Verbosity,
    /// Which processes are shown.
    pub filter: Filter,
    /// Which of them are shown.
    pub shown: Shown,
    /// Show at most so many.
    pub top: Option<NonZeroUsize>,
    /// Scan every second.
    pub watch: bool,
    /// Observe for so long and suggest thresholds.
    pub suggest: Option<Duration>,
}

impl ScanOptions {
    pub(super) fn read(given: &Given) -> Result<Self, Error> {
        Ok(Self {
            config: given.get("--config")?,
            json: given.has("--json"),
            console: verbosity(given),
            filter: Filter::read(given)?,
            shown: Shown::read(given),
            top: given.get("--top")?,
            watch: given.has("--watch"),
            suggest: given.get("--suggest")?,
        })
    }
}

/// Which processes or records are shown; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A user's name or number.
    pub user: Option<String>,
    /// What the name must match.
    pub name: Option<NamePattern>,
}

impl Filter {
    fn read(given: &Given) -> Result<Self, Error> {
        Ok(Self {
            user: given.get("--user")?,
            name: given.get("--name")?,
        })
    }
}

/// The options of `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainOptions {
    /// The process.
    pub pid: Pid,
    /// None for the usual path.
    pub config: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
}

impl ExplainOptions {
    pub(super) fn read(given: &Given) -> Result<Self, Error> {
        Ok(Self {
            pid: given.need("PID")?,
            config: given.get("--config")?,
            json: given.has("--json"),
        })
    }
}

/// The options of `check`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// None for the usual path.
    pub config: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
    /// Print nothing but the names in it.
    pub names: bool,
    /// Print nothing but errors.
    pub quiet: bool,
}

impl CheckOptions {
    pub(super) fn read(given: &Given) -> Result<Self, Error> {
        Ok(Self {
            config: match given.get("FILE")? {
                Some(file) => Some(file),
                None => given.get("--config")?,
            },
            json: given.has("--json"),
            names: given.has("--names"),
            quiet: given.has("--quiet"),
        })
    }
}

/// The options of `selftest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelftestOptions {
    /// Print JSON.
    pub json: bool,
    /// Run the test within the sandbox of the service.
    pub sandbox: bool,
    /// Test nothing but the notifier's channels.
    pub notify: bool,
}

impl SelftestOptions {
    pub(super) fn read(given: &Given) -> Self {
        Self {
            json: given.has("--json"),
            sandbox: given.has("--sandbox"),
            notify: given.has("--notify"),
        }
    }
}

/// The options of `notify`, and of the notifier that it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifyOptions {
    /// None for the usual path.
    pub config: Option<PathBuf>,
    /// What is written to the terminal.
    pub console: Verbosity,
}

impl NotifyOptions {
    pub(super) fn read(given: &Given) -> Result<Self, Error> {
        Ok(Self {
            config: given.get("--config")?,
            console: verbosity(given),
        })
    }
}

/// The options of `exempt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExemptOptions {
    /// What to do.
    pub action: Exempt,
    /// Print JSON.
    pub json: bool,
}

/// What `exempt` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exempt {
    /// List the exemptions.
    List,
    /// Exempt the process for so long, with a reason, which may be empty.
    Begin(Pid, Duration, String),
    /// End the exemption of the process.
    End(Pid),
}

impl ExemptOptions {
    pub(super) fn read(given: &Given) -> Result<Self, Error> {
        let action = if given.has("--list") {
            Exempt::List
        } else if given.has("--end") {
            Exempt::End(given.need("PID")?)
        } else {
            let reason = given.get("--reason")?.unwrap_or_default();
            Exempt::Begin(given.need("PID")?, given.need("--for")?, reason)
        };
        let json = given.has("--json");
        Ok(Self { action, json })
    }
}

/// The options of `history`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Nothing older.
    pub since: Option<Since>,
    /// Which records are shown.
    pub filter: Filter,
    /// Print JSON.
    pub json: bool,
}

impl HistoryOptions {
    pub(super) fn read(given: &Given) -> Result<Self, Error> {
        Ok(Self {
            since: given.get("--since")?,
            filter: Filter::read(given)?,
            json: given.has("--json"),
        })
    }
}

/// The options of `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusOptions {
    /// The configuration file to compare with the one in force; None for that one's own file.
    pub config: Option<PathBuf>,
    /// Print JSON.
    pub json: bool,
}

impl StatusOptions {
    pub(super) fn read(given: &Given) -> Result<Self, Error> {
        Ok(Self {
            config: given.get("--config")?,
            json: given.has("--json"),
        })
    }
}

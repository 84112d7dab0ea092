//! Why a configuration was rejected, and what is doubtful about one that was accepted: every cause with its
//! file, line and column. No I/O.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A rejected configuration: all that is wrong with it. Displayed with one cause a line, each with the error of the
/// system that is behind it, so it has no source of its own.
#[derive(Debug)]
pub struct Error {
    causes: Vec<Cause>,
}

/// One thing that is wrong with a configuration. Displayed on one line.
#[derive(Debug)]
pub enum Cause {
    /// The file can't be read.
    Unreadable {
        /// Its path.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file can be read, but its content is wrong.
    Invalid {
        /// None where it is about the file as a whole.
        location: Option<Location>,
        /// What is wrong, what is allowed, and the fix where it is known.
        message: String,
    },
}

/// What is doubtful about a configuration that is otherwise valid. Displayed on one line.
#[derive(Debug)]
pub struct Warning {
    /// None for the built-in defaults.
    pub location: Option<Location>,
    pub(super) kind: WarningKind,
}

/// What is doubtful. Users are named as written.
#[derive(Debug)]
pub(super) enum WarningKind {
    /// The whitelist names a user that does not exist.
    UnknownUser(String),
    /// A rule names a user that does not exist.
    UnknownRuleUser(String),
    /// The user database gave no answer.
    UserLookup(String, io::Error),
    /// The user was found when the configuration was loaded before, and is not now.
    UserKept(String),
    /// A rule that can never match, because an earlier one matches all that it would.
    UnreachableRule {
        /// Its number, from 1.
        number: usize,
        earlier: usize,
        earlier_location: Option<Location>,
    },
    /// `users` names root, but nothing says whether root is to be protected.
    RootNotProtected,
}

/// Where something is in a configuration file, displayed as `FILE:LINE:COLUMN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The path as it was given.
    pub file: Arc<Path>,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Error {
    pub(super) fn new(causes: Vec<Cause>) -> Self {
        Self { causes }
    }

    pub(super) fn unreadable(file: &Path, error: io::Error) -> Self {
        let file = file.to_owned();
        Self::new(vec![Cause::Unreadable { file, error }])
    }

    /// Everything that is wrong, in the order of the files.
    pub fn causes(&self) -> impl ExactSizeIterator<Item = &Cause> {
        self.causes.iter()
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, cause) in self.causes.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{cause}")?;
        }
        Ok(())
    }
}

impl Cause {
    /// None where it is about a file as a whole.
    pub fn location(&self) -> Option<&Location> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Invalid { location, .. } => location.as_ref(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => write!(f, "cannot read {}: {error}", quoted(file)),
            Self::Invalid { location, message } => {
                write_location(f, location.as_ref())?;
                f.write_str(message)
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_location(f, self.location.as_ref())?;
        match &self.kind {
            WarningKind::UnknownUser(user) => write!(
                f,
                "user {user:?} does not exist; the entry has no effect until it does"
            ),
            WarningKind::UnknownRuleUser(user) => write!(
                f,
                "user {user:?} does not exist; this rule matches nothing until it does"
            ),
            WarningKind::UserLookup(user, error) => write!(
                f,
                "user {user:?} can't be looked up and has no effect: {error}"
            ),
            WarningKind::UserKept(user) => write!(
                f,
                "user {user:?} is not found any more; the uid it had before is used until the \
                 service is restarted"
            ),
            WarningKind::UnreachableRule {
                number,
                earlier,
                earlier_location,
            } => {
                write!(f, "rule {number} can never match: rule {earlier}")?;
                if let Some(location) = earlier_location {
                    write!(f, " at {location}")?;
                }
                f.write_str(" comes first and takes all that it would, put the narrower one first")
            }
            WarningKind::RootNotProtected => f.write_str(
                "\"users\" names root, but root's processes are not protected: \
                 set \"protect_root\" in [whitelist] to true or false",
            ),
        }
    }
}

impl Location {
    /// The file for people: a plain path as it is, one that needs escapes in quotes.
    pub fn shown_file(&self) -> String {
        let quoted = quoted(&self.file);
        match quoted.strip_prefix('"').and_then(|p| p.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => plain.to_owned(),
            _ => quoted,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.shown_file(), self.line, self.column)
    }
}

/// A path in quotes: what could write to a terminal or forge a line is escaped.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

fn write_location(f: &mut fmt::Formatter<'_>, location: Option<&Location>) -> fmt::Result {
    location.map_or(Ok(()), |location| write!(f, "{location}: "))
}

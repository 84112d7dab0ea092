//! Why a configuration was refused and what is doubtful about one that was not: every cause with its
//! file, line and column. Touches nothing.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A refused configuration: all that is wrong with it. Displayed with one cause a line.
#[derive(Debug)]
pub struct Error {
    causes: Vec<Cause>,
}

/// One thing that is wrong with a configuration. Displayed on one line.
#[derive(Debug)]
pub enum Cause {
    /// The file can't be read.
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file can be read, but not taken.
    Refused {
        /// Where in the file; None where it is about the file as a whole.
        place: Option<Location>,
        /// What is wrong, what is allowed, and the mend where it is known.
        message: String,
    },
}

/// What is doubtful about a configuration that is otherwise fine. Displayed on one line.
#[derive(Debug)]
pub enum Warning {
    /// There is no such user.
    UnknownUser {
        /// Where it is named; None for the built-in defaults.
        place: Option<Location>,
        /// As written.
        user: String,
    },
    /// The user database gave no answer.
    UserLookup {
        /// Where it is named; None for the built-in defaults.
        place: Option<Location>,
        /// As written.
        user: String,
        /// Why not.
        error: io::Error,
    },
    /// A user who was known at the reading before is not any more.
    UserKept {
        /// Where it is named; None for the built-in defaults.
        place: Option<Location>,
        /// As written.
        user: String,
    },
    /// The user of a rule does not exist.
    RuleUser {
        /// Where the rule begins.
        place: Option<Location>,
        /// As written.
        user: String,
    },
    /// A rule that can never match.
    RuleUnreachable {
        /// Where it begins.
        place: Option<Location>,
        /// Its number in the order in which the rules are tried.
        number: usize,
        /// The number of the earlier rule that takes all of its processes.
        earlier: usize,
        /// Where that one begins.
        earlier_place: Option<Location>,
    },
    /// `users` names root, but nothing says whether root is to be protected.
    RootNotProtected {
        /// Where root is named.
        place: Location,
    },
}

/// A place in a configuration file, displayed as `FILE:LINE:COLUMN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as it was named.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Error {
    pub(super) fn new(causes: Vec<Cause>) -> Self {
        Self { causes }
    }

    pub(super) fn unreadable(file: &Path, error: io::Error) -> Self {
        Self::new(vec![Cause::Unreadable {
            file: file.to_owned(),
            error,
        }])
    }

    /// Everything that is wrong, in the order of the file.
    pub fn causes(&self) -> impl ExactSizeIterator<Item = &Cause> {
        self.causes.iter()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.causes.iter().find_map(std::error::Error::source)
    }
}

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
    /// Where in the file it is, where that can be said.
    pub fn place(&self) -> Option<&Location> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Refused { place, .. } => place.as_ref(),
        }
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { error, .. } => Some(error),
            Self::Refused { .. } => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => {
                write!(f, "cannot read {}: {error}", quoted(file))
            }
            Self::Refused { place, message } => located(f, place.as_ref(), message),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUser { place, user } => located(
                f,
                place.as_ref(),
                format_args!("user {user:?} does not exist and protects nobody until it does"),
            ),
            Self::UserLookup { place, user, error } => located(
                f,
                place.as_ref(),
                format_args!("user {user:?} protects nobody, cannot look it up: {error}"),
            ),
            Self::RuleUser { place, user } => located(
                f,
                place.as_ref(),
                format_args!(
                    "user {user:?} does not exist, this rule matches nobody until it does"
                ),
            ),
            Self::UserKept { place, user } => located(
                f,
                place.as_ref(),
                format_args!(
                    "user {user:?} is not found any more and stays who it was until the service is \
                     started again"
                ),
            ),
            Self::RuleUnreachable {
                place,
                number,
                earlier,
                earlier_place,
            } => {
                let at = earlier_place
                    .as_ref()
                    .map_or(String::new(), |place| format!(" at {place}"));
                located(
                    f,
                    place.as_ref(),
                    format_args!(
                        "rule {number} can never match: rule {earlier}{at} comes first and takes \
                         all that it would, put the narrower one first"
                    ),
                )
            }
            Self::RootNotProtected { place } => located(
                f,
                Some(place),
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

fn located(
    f: &mut fmt::Formatter<'_>,
    place: Option<&Location>,
    message: impl fmt::Display,
) -> fmt::Result {
    match place {
        Some(place) => write!(f, "{place}: {message}"),
        None => message.fmt(f),
    }
}

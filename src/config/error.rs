//! Why a configuration was rejected: every cause with its file, line and column. No I/O.

use crate::escape::quoted_path;
use crate::paths;
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
    /// At a reload: the configuration file had content, and what happened to it.
    Lost(PathBuf, &'static str),
    /// At a reload: the drop-in had content, and is empty.
    EmptiedDropIn(PathBuf),
    /// The file can be read, but its content is wrong.
    Invalid {
        /// None where it is about the file as a whole.
        location: Option<Location>,
        /// What is wrong, what is allowed, and the fix where it is known.
        message: String,
    },
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
            Self::Unreadable { .. } | Self::Lost(..) | Self::EmptiedDropIn(_) => None,
            Self::Invalid { location, .. } => location.as_ref(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, error } => {
                write!(f, "can't read {}: {error}", quoted_path(file))
            }
            Self::Lost(file, what) => {
                write!(
                    f,
                    "{} {what}, and only a restart takes that for the built-in defaults",
                    quoted_path(file)
                )
            }
            Self::EmptiedDropIn(file) => write!(
                f,
                "{} is empty now: remove the file to end what it set, and reload",
                quoted_path(file)
            ),
            Self::Invalid { location, message } => {
                write_location(f, location.as_ref())?;
                f.write_str(message)
            }
        }
    }
}

impl Location {
    /// The file for people: a plain path as it is, one that needs escapes in quotes.
    pub fn shown_file(&self) -> String {
        if *self.file == *Path::new(paths::STDIN) {
            return "standard input".to_owned();
        }
        let quoted = quoted_path(&self.file);
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

pub(super) fn write_location(
    f: &mut fmt::Formatter<'_>,
    location: Option<&Location>,
) -> fmt::Result {
    location.map_or(Ok(()), |location| write!(f, "{location}: "))
}

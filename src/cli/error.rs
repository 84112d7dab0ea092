//! What is wrong with what was typed, and its mend.

use std::fmt;

/// What was typed makes no sense.
#[derive(Debug)]
pub enum Error {
    /// Unknown command, and the nearest known one.
    UnknownCommand(String, Option<&'static str>),
    /// Unknown option, and the nearest known one.
    UnknownOption(String, Option<String>),
    /// An option that this command does not have.
    Misplaced(String, &'static str),
    /// Two options that contradict each other.
    Contradiction(&'static str, &'static str),
    /// A value that is none: of what, what was typed, and what is allowed.
    Value(String, String, String),
    /// A command without what it is about.
    Missing(&'static str, &'static str),
    /// What lexopt has to say: a missing or unexpected value.
    Syntax(lexopt::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand(typed, nearest) => {
                write!(f, "unknown command {typed:?}")?;
                suggest(f, *nearest)
            }
            Self::UnknownOption(typed, nearest) => {
                write!(f, "unknown option {typed:?}")?;
                suggest(f, nearest.as_deref())
            }
            Self::Misplaced(option, command) => {
                write!(
                    f,
                    "option \"{option}\" does not go with {command}, see --help"
                )
            }
            Self::Contradiction(one, other) => {
                write!(f, "\"{one}\" and \"{other}\" contradict each other")
            }
            Self::Value(of, typed, allowed) => {
                write!(f, "\"{of}\" must be {allowed}, found {typed:?}")
            }
            Self::Missing(command, operand) => {
                write!(f, "\"{command}\" needs {operand}, see --help")
            }
            Self::Syntax(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Syntax(error) => Some(error),
            _ => None,
        }
    }
}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Syntax(error)
    }
}

fn suggest(f: &mut fmt::Formatter<'_>, nearest: Option<&str>) -> fmt::Result {
    match nearest {
        Some(nearest) => write!(f, ", did you mean \"{nearest}\"?"),
        None => write!(f, ", see --help"),
    }
}

//! What is wrong with the arguments, and how to fix it.

use std::fmt;

/// Why the arguments are rejected. The text has the whole cause, so [`source`](std::error::Error::source) has none.
#[derive(Debug)]
pub enum Error {
    /// Unknown command, and the nearest known one, or the option that is called so.
    UnknownCommand(String, Option<String>),
    /// Unknown option, the name of the command, empty where none was given before it, and the nearest option that may
    /// stand there.
    UnknownOption(String, &'static str, Option<String>),
    /// An option, as typed, that the command of this name does not have; the commands that have it, empty where they
    /// are many.
    Misplaced(&'static str, &'static str, Vec<&'static str>),
    /// Two options or operands that exclude each other.
    Exclusive(&'static str, &'static str),
    /// The option or operand, the value that was given, and which ones are allowed.
    Value(&'static str, String, String),
    /// The name of a command, and the options and operands of which it needs one.
    Missing(&'static str, Vec<&'static str>),
    /// An option without its value, what that is called, and an example.
    NoValue(&'static str, &'static str, Option<&'static str>),
    /// An unexpected value.
    Syntax(lexopt::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand(typed, nearest) => {
                write!(f, "unknown command {typed:?}")?;
                suggest(f, "", nearest.as_deref())
            }
            Self::UnknownOption(typed, name, nearest) => {
                write!(f, "unknown option {typed:?}")?;
                suggest(f, name, nearest.as_deref())
            }
            Self::Misplaced(option, name, owners) => {
                match *name {
                    "" => write!(f, "option \"{option}\" needs a command")?,
                    name => write!(f, "\"{name}\" has no option \"{option}\"")?,
                }
                match owners.as_slice() {
                    [] => see_help(f, name),
                    owners => write!(f, ", \"{}\" has it", owners.join("\" and \"")),
                }
            }
            Self::Exclusive(one, other) => {
                write!(f, "\"{one}\" and \"{other}\" exclude each other")
            }
            Self::Value(of, typed, allowed) => {
                write!(f, "\"{of}\" must be {allowed}, found {typed:?}")
            }
            Self::Missing(name, words) => {
                write!(f, "\"{name}\" needs {}", words.join(" or "))?;
                see_help(f, name)
            }
            Self::NoValue(option, value, None) => write!(f, "\"{option}\" needs {value}"),
            Self::NoValue(option, value, Some(example)) => {
                write!(
                    f,
                    "\"{option}\" needs {value}, for example {option} {example}"
                )
            }
            Self::Syntax(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<lexopt::Error> for Error {
    fn from(error: lexopt::Error) -> Self {
        Self::Syntax(error)
    }
}

fn suggest(f: &mut fmt::Formatter<'_>, name: &str, nearest: Option<&str>) -> fmt::Result {
    match nearest {
        Some(nearest) => write!(f, ", did you mean \"{nearest}\"?"),
        None => see_help(f, name),
    }
}

/// Where the command of this name is explained.
fn see_help(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    match name {
        "" => f.write_str(", see memory-monitor --help"),
        name => write!(f, ", see memory-monitor {name} --help"),
    }
}

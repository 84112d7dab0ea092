//! Why the program ends with a failure, and with which exit status.

use crate::quantities::Pid;
use crate::{cli, config, proc, systemd};
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// sysexits(3) EX_USAGE.
const USAGE: u8 = 64;
/// sysexits(3) EX_CONFIG; the unit does not restart the service after it.
const CONFIGURATION: u8 = 78;

/// Why the program ends with a failure.
#[derive(Debug)]
pub enum Error {
    /// The arguments make no sense.
    Usage(cli::Error),
    /// The configuration is refused.
    Config(config::Error),
    /// /proc can't be looked at.
    Sample(proc::Error),
    /// The log can't be set up.
    Log(log::SetLoggerError),
    /// A process that was asked about can't be looked at, and why.
    Process(Pid, String),
    /// A file that a command reads can't be read.
    File(PathBuf, io::Error),
    /// A file that a command keeps can't be written.
    Write(PathBuf, io::Error),
    /// Nothing can be taken at this place.
    Listen(PathBuf, io::Error),
    /// Only root may give this command.
    NotRoot(&'static str),
    /// No daemon runs, and how that is known.
    NotRunning(String),
    /// So many steps of the selftest failed.
    Selftest(usize),
    /// The selftest within the sandbox failed, and has said why.
    Sandboxed,
    /// The settings of the service are not known.
    Unit(systemd::Unknown),
    /// An option that only makes sense on a terminal.
    NoTerminal(&'static str),
    /// A call to the kernel that everything rests on failed.
    System(&'static str, io::Error),
}

impl Error {
    /// The exit status that says which kind it is.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::NoTerminal(_) => ExitCode::from(USAGE),
            Self::Config(_) => ExitCode::from(CONFIGURATION),
            Self::Sample(_)
            | Self::Log(_)
            | Self::Process(..)
            | Self::File(..)
            | Self::Write(..)
            | Self::Listen(..)
            | Self::NotRoot(_)
            | Self::NotRunning(_)
            | Self::Selftest(_)
            | Self::Sandboxed
            | Self::Unit(_)
            | Self::System(..) => ExitCode::FAILURE,
        }
    }

    /// Prints it on the standard error, one cause a line.
    pub fn print(&self) {
        let text = self.to_string();
        let mut stderr = io::stderr().lock();
        for line in text.lines() {
            // Nobody is left to tell when this fails.
            let _ = writeln!(stderr, "memory-monitor: error: {line}");
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Sample(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Process(pid, reason) => write!(f, "process {pid} {reason}"),
            Self::File(path, error) => {
                write!(f, "can't read {:?}: {error}", path.to_string_lossy())
            }
            Self::Write(path, error) => {
                write!(f, "can't write {:?}: {error}", path.to_string_lossy())
            }
            Self::Listen(path, error) => {
                write!(f, "can't listen on {:?}: {error}", path.to_string_lossy())
            }
            Self::NotRoot(command) => {
                write!(
                    f,
                    "only root may do this: sudo memory-monitor {command} ..."
                )
            }
            Self::NotRunning(reason) => f.write_str(reason),
            Self::Selftest(1) => f.write_str("one step of the selftest failed"),
            Self::Selftest(failures) => write!(f, "{failures} steps of the selftest failed"),
            Self::Sandboxed => f.write_str("the selftest in the sandbox of the service failed"),
            Self::Unit(unknown) => unknown.fmt(f),
            Self::NoTerminal(option) => {
                write!(f, "\"{option}\" needs a terminal as the standard output")
            }
            Self::System(call, error) => write!(f, "{call} failed: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::Usage(error) => error,
            Self::Config(error) => error,
            Self::Sample(error) => error,
            Self::Log(error) => error,
            Self::File(_, error)
            | Self::Write(_, error)
            | Self::Listen(_, error)
            | Self::System(_, error) => error,
            Self::Process(..)
            | Self::NotRoot(_)
            | Self::NotRunning(_)
            | Self::Selftest(_)
            | Self::Sandboxed
            | Self::Unit(_)
            | Self::NoTerminal(_) => return None,
        })
    }
}

impl From<cli::Error> for Error {
    fn from(error: cli::Error) -> Self {
        Self::Usage(error)
    }
}

impl From<config::Error> for Error {
    fn from(error: config::Error) -> Self {
        Self::Config(error)
    }
}

impl From<proc::Error> for Error {
    fn from(error: proc::Error) -> Self {
        Self::Sample(error)
    }
}

impl From<log::SetLoggerError> for Error {
    fn from(error: log::SetLoggerError) -> Self {
        Self::Log(error)
    }
}

impl From<systemd::Unknown> for Error {
    fn from(unknown: systemd::Unknown) -> Self {
        Self::Unit(unknown)
    }
}

//! Why the program fails, and with which exit status.

use crate::escape::quoted_path;
use crate::quantities::Pid;
use crate::{cli, config, proc, systemd};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// sysexits(3) EX_USAGE.
const USAGE: u8 = 64;
/// sysexits(3) EX_CONFIG; the unit does not restart the service after it.
const CONFIGURATION: u8 = 78;

/// Why the program fails. The text has the whole cause, so [`source`](std::error::Error::source) has none.
#[derive(Debug)]
pub enum Error {
    /// The arguments make no sense.
    Usage(cli::Error),
    /// The configuration is rejected.
    Config(config::Error),
    /// /proc can't be read.
    Proc(proc::Error),
    /// The log can't be set up.
    Log(log::SetLoggerError),
    /// A process that a command was given can't be read, and why.
    Process(Pid, String),
    /// A file that a command reads can't be read.
    File(PathBuf, io::Error),
    /// A file of the daemon's that this user may not read, and the command that reads it.
    RootReads(PathBuf, &'static str),
    /// A file that a command keeps can't be written.
    Write(PathBuf, io::Error),
    /// A socket can't be opened for listening.
    Listen(PathBuf, io::Error),
    /// A program that a command needs can't be started.
    Start(PathBuf, io::Error),
    /// Only root may run this command.
    NotRoot(&'static str),
    /// Another daemon runs: which one, as far as its status file says.
    AlreadyRunning(String),
    /// No daemon runs, and why that is so.
    NotRunning(String),
    /// How many steps of the selftest failed.
    Selftest(usize),
    /// The selftest within the sandbox failed, and has printed why.
    Sandboxed,
    /// The settings of the service are not known.
    Unit(systemd::Unknown),
    /// An option that only makes sense on a terminal.
    NoTerminal(&'static str),
    /// What can't be done without failed: the action or the system call.
    System(&'static str, io::Error),
}

impl Error {
    /// Why this command can't read a file of the daemon's.
    pub(crate) fn reading(file: &Path, error: io::Error, command: &'static str) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::RootReads(file.to_owned(), command),
            _ => Self::File(file.to_owned(), error),
        }
    }

    /// 64 for wrong usage, 78 for a rejected configuration, otherwise 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::NoTerminal(_) => ExitCode::from(USAGE),
            Self::Config(_) => ExitCode::from(CONFIGURATION),
            Self::Proc(_)
            | Self::Log(_)
            | Self::Process(..)
            | Self::File(..)
            | Self::RootReads(..)
            | Self::Write(..)
            | Self::Listen(..)
            | Self::Start(..)
            | Self::NotRoot(_)
            | Self::NotRunning(_)
            | Self::AlreadyRunning(_)
            | Self::Selftest(_)
            | Self::Sandboxed
            | Self::Unit(_)
            | Self::System(..) => ExitCode::FAILURE,
        }
    }

    /// Prints it to standard error, one cause a line.
    pub fn print(&self) {
        let text = self.to_string();
        let mut stderr = io::stderr().lock();
        for line in text.lines() {
            // There is nowhere left to report a failure of this.
            let _ = writeln!(stderr, "memory-monitor: error: {line}");
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Proc(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Process(pid, reason) => write!(f, "process {pid} {reason}"),
            Self::File(path, error) => write!(f, "can't read {}: {error}", quoted_path(path)),
            Self::RootReads(path, command) => write!(
                f,
                "only root may read {}: sudo memory-monitor {command} ...",
                quoted_path(path)
            ),
            Self::Write(path, error) => write!(f, "can't write {}: {error}", quoted_path(path)),
            Self::Listen(path, error) => {
                write!(f, "can't listen on {}: {error}", quoted_path(path))
            }
            Self::Start(path, error) => write!(f, "can't start {}: {error}", quoted_path(path)),
            Self::AlreadyRunning(which) => write!(
                f,
                "a memory-monitor runs already ({which}): stop it first, or run with --dry-run, with --once, or with \
                 RUNTIME_DIRECTORY set to a directory of its own"
            ),
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
                write!(f, "\"{option}\" needs a terminal as standard output")
            }
            Self::System(call, error) => write!(f, "{call} failed: {error}"),
        }
    }
}

impl std::error::Error for Error {}

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
        Self::Proc(error)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A printer that follows the sources prints each text once.
    #[test]
    fn an_error_of_the_system_is_shown_once() {
        let errno = || io::Error::from_raw_os_error(libc::ENOENT);
        let config = config::Config::load(Some("/nowhere/config.toml".as_ref()));
        for error in [
            Error::Config(config.unwrap_err()),
            Error::File("/a".into(), errno()),
            Error::Write("/a".into(), errno()),
            Error::Listen("/a".into(), errno()),
            Error::System("poll", errno()),
        ] {
            let first: &dyn std::error::Error = &error;
            let chain = std::iter::successors(Some(first), |error| error.source());
            let text: Vec<_> = chain.map(ToString::to_string).collect();
            let text = text.join(": ");
            assert_eq!(text.matches("No such file").count(), 1, "{text}");
        }
    }
}

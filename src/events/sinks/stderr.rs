//! Standard error: a terminal, a pipe or file, or the journal's stream. Never waits for long.

use super::health::Health;
use super::journal::Journal;
use super::line::{Line, level_name};
use super::syslog::severity;
pub use crate::cli::Verbosity;
use crate::sys::terminal::wants_colour;
use crate::sys::writable::wait_writable;
use log::{Level, LevelFilter};
use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// How long a record may wait for a slow reader of a pipe or of the syslog socket. It waits so once: a
/// reader that stays stuck is asked again at each record without waiting.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// After poll(2) said that there is room, a pipe takes this much without blocking (`PIPE_BUF`).
const PIECE: usize = libc::PIPE_BUF;

/// How a record looks on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As in the log file.
    Plain,
    /// As in the log file, the level in colour.
    Coloured,
    /// The priority in front, as the journal takes it off again, and no time.
    Journal,
}

/// The sink on standard error.
pub struct Console {
    out: File,
    mode: Verbosity,
    style: Style,
    torn: bool,
    line: Vec<u8>,
    /// The better way to the journal, where standard error leads there.
    journal: Option<Journal>,
    pub(super) health: Health,
}

impl Console {
    /// Standard error as it is; None where it is closed.
    pub fn stderr(mode: Verbosity) -> Option<Self> {
        let stderr = io::stderr();
        let copy = File::from(stderr.as_fd().try_clone_to_owned().ok()?);
        if !stderr.is_terminal() {
            let stream = env::var("JOURNAL_STREAM").unwrap_or_default();
            let style = if is_journal(&copy, &stream) {
                Style::Journal
            } else {
                Style::Plain
            };
            let journal = (style == Style::Journal).then(Journal::connect).flatten();
            let console = Self::new(copy, mode, style);
            return Some(Self { journal, ..console });
        }
        // A description of its own can be set not to block without doing that to the shell as well;
        // otherwise a stopped terminal (Ctrl-S, a hung ssh) would stop the daemon.
        let own = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open("/proc/self/fd/2");
        let style = if wants_colour(&stderr) {
            Style::Coloured
        } else {
            Style::Plain
        };
        Some(Self::new(own.unwrap_or(copy), mode, style))
    }

    /// Any open file in the place of standard error.
    pub fn new(out: File, mode: Verbosity, style: Style) -> Self {
        Self {
            out,
            mode,
            style,
            torn: false,
            line: Vec::new(),
            journal: None,
            health: Health::new("standard error", Path::new("/dev/stderr")),
        }
    }

    /// The least level that is written here, given the configured one.
    pub(super) fn level(&self, configured: LevelFilter) -> LevelFilter {
        match self.mode {
            Verbosity::Quiet => LevelFilter::Error,
            Verbosity::Normal => configured,
            Verbosity::Verbose => configured.max(LevelFilter::Debug),
        }
    }

    /// Writes the record and says whether the journal has it now.
    pub(super) fn write(&mut self, line: &Line<'_>) -> bool {
        if let Some(journal) = &mut self.journal {
            if journal.write(line, line.attached).is_ok() {
                self.health.note(Ok(()), 1);
                return true;
            }
        }
        let result = self.try_write(line);
        let written = result.is_ok();
        self.health.note(result, 1);
        written && self.style == Style::Journal
    }

    fn try_write(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.line.clear();
        if self.torn {
            self.line.push(b'\n');
        }
        let (time, level, message) = (line.time, level_name(line.level), line.message);
        match self.style {
            Style::Plain => line.append_to(&mut self.line)?,
            Style::Coloured => {
                let colour = colour(line.level);
                writeln!(
                    self.line,
                    "{time} - \x1b[{colour}m{level}\x1b[0m - {message}"
                )?;
            }
            Style::Journal => writeln!(self.line, "<{}>{message}", severity(line.level) as u8)?,
        }
        let patience = if self.health.is_failing() {
            Duration::ZERO
        } else {
            PATIENCE
        };
        let mut written = 0;
        while written < self.line.len() {
            let end = self.line.len().min(written + PIECE);
            match write_piece(&mut self.out, &self.line[written..end], patience) {
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.torn |= written > 0;
                    return Err(error);
                }
            }
        }
        self.torn = false;
        Ok(())
    }
}

fn write_piece(out: &mut File, piece: &[u8], patience: Duration) -> io::Result<usize> {
    if !wait_writable(out.as_fd(), patience)? {
        return Err(io::Error::from_raw_os_error(libc::EAGAIN));
    }
    match out.write(piece)? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
    }
}

/// The SGR parameter for a level.
fn colour(level: Level) -> u8 {
    match level {
        Level::Error => 31,
        Level::Warn => 33,
        Level::Info => 32,
        Level::Debug | Level::Trace => 36,
    }
}

/// Whether `out` is the stream that systemd connected to the journal: `JOURNAL_STREAM` is its device and
/// inode number, and is inherited by children whose standard error may lead elsewhere.
fn is_journal(out: &File, journal_stream: &str) -> bool {
    let Some((device, inode)) = journal_stream.split_once(':') else {
        return false;
    };
    out.metadata().is_ok_and(|metadata| {
        device.parse() == Ok(metadata.dev()) && inode.parse() == Ok(metadata.ino())
    })
}

//! Standard error: a terminal, a pipe or file, or the journal's stream. Never waits for long.

use super::journal::Journal;
use super::line::{self, Arguments, level_name, severity};
use super::patience::PATIENCE;
use super::sink::Output;
use super::sink_health::SinkHealth;
use crate::config::LogFormat;
use crate::events::text::Message;
use crate::sys::clock::local_time;
use crate::sys::terminal::wants_colour;
use crate::sys::writable::wait_writable;
use log::{Level, Record};
use std::env;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// After poll(2) said that it is writable, a pipe takes this much without blocking (`PIPE_BUF`).
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

/// Standard error as a sink.
pub struct Stderr {
    out: File,
    style: Style,
    /// Whether the last line was written in part.
    torn: bool,
    line: Vec<u8>,
    /// The better way to the journal, where standard error leads there.
    journal: Option<Journal>,
    /// Told whether the journal has the record that goes through.
    in_journal: Arc<AtomicBool>,
    health: SinkHealth,
}

impl Stderr {
    /// The standard error of this process; None where it is closed.
    pub fn open() -> Option<Self> {
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
            let stderr = Self::new(copy, style);
            return Some(Self { journal, ..stderr });
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
        Some(Self::new(own.unwrap_or(copy), style))
    }

    /// Any open file instead of standard error.
    pub fn new(out: File, style: Style) -> Self {
        Self {
            out,
            style,
            torn: false,
            line: Vec::new(),
            journal: None,
            in_journal: Arc::default(),
            health: SinkHealth::new("standard error", Path::new("/dev/stderr")),
        }
    }

    pub(super) fn telling(self, in_journal: &Arc<AtomicBool>) -> Self {
        let in_journal = Arc::clone(in_journal);
        Self { in_journal, ..self }
    }

    /// Whether what is at this path is this very file, such as /dev/stderr.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let id = |file: Metadata| (file.dev(), file.ino());
        let own = self.out.metadata().ok().map(id);
        own.is_some() && own == path.metadata().ok().map(id)
    }

    fn try_write(&mut self, record: &Record<'_>, format: LogFormat) -> io::Result<()> {
        self.line.clear();
        if self.torn {
            self.line.push(b'\n');
        }
        let message = Message(*record.args());
        match self.style {
            Style::Plain => line::append(&mut self.line, record, format, Arguments::LeftOut)?,
            Style::Coloured => {
                let time = local_time(SystemTime::now());
                let (level, colour) = (level_name(record.level()), colour(record.level()));
                writeln!(
                    self.line,
                    "{time} - \x1b[{colour}m{level}\x1b[0m - {message}"
                )?;
            }
            Style::Journal => writeln!(self.line, "<{}>{message}", severity(record.level()) as u8)?,
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

impl Output for Stderr {
    const HIDES_REPORTS: bool = true;

    fn write(&mut self, record: &Record<'_>, format: LogFormat) {
        let by_protocol = match &mut self.journal {
            Some(journal) => journal.write(record).is_ok(),
            None => false,
        };
        // What is too long for a datagram goes as a line, as does all where there is no journal.
        let result = if by_protocol {
            Ok(())
        } else {
            self.try_write(record, format)
        };
        let in_journal = result.is_ok() && self.style == Style::Journal;
        self.in_journal.store(in_journal, Ordering::Relaxed);
        self.health.note(result, 1);
    }

    fn health(&mut self) -> &mut SinkHealth {
        &mut self.health
    }

    fn is_quiet(&self) -> bool {
        self.style == Style::Journal
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

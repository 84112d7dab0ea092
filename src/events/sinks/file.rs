//! The log file: whole lines or none, opened again by itself when it was moved, deleted or replaced.

use super::line::{self, Arguments};
use super::sink::Output;
use super::sink_health::SinkHealth;
use crate::config::LogFormat;
use crate::quantities::Uid;
use crate::sys::{effective_uid, trust};
use log::Record;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(super) struct LogFile {
    path: PathBuf,
    open: Option<(File, FileId)>,
    /// The file that ends with a part of a line.
    torn: Option<FileId>,
    line: Vec<u8>,
    health: SinkHealth,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl LogFile {
    /// The file at `path`, made where it is missing.
    pub(super) fn open(path: &Path) -> Self {
        let mut file = Self {
            path: path.to_owned(),
            open: None,
            torn: None,
            line: Vec::new(),
            health: SinkHealth::new("log file", path),
        };
        file.reopen();
        file
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file and opens what is at the path now.
    pub(super) fn reopen(&mut self) {
        self.open = None;
        if let Err(error) = self.try_open(None) {
            self.health.note(Err(error), 0);
        }
    }

    fn try_write(&mut self, record: &Record<'_>, format: LogFormat) -> io::Result<()> {
        let metadata = self.try_open(fs::metadata(&self.path).ok())?;
        let id = FileId::from(&metadata);
        self.line.clear();
        if self.torn == Some(id) {
            self.line.push(b'\n');
        }
        line::append(&mut self.line, record, format, arguments_in(&metadata))?;
        if let Some((file, _)) = &mut self.open {
            write_whole(file, &self.line).map_err(|Torn { error, part_left }| {
                self.torn = part_left.then_some(id).or(self.torn);
                error
            })?;
        }
        self.torn = None;
        Ok(())
    }

    /// Opens what is at the path, unless it is open already: `at_path` is what is there now. Returns what is open.
    fn try_open(&mut self, at_path: Option<Metadata>) -> io::Result<Metadata> {
        let open = self.open.take();
        if let (Some((file, id)), Some(metadata)) = (open, at_path) {
            if id == FileId::from(&metadata) {
                self.open = Some((file, id));
                return Ok(metadata);
            }
        }
        trust::check_own_output(&self.path)?;
        let mut flags = libc::O_NOCTTY | libc::O_NONBLOCK;
        if effective_uid() == Uid::ROOT && !trust::is_link_of_system(&self.path) {
            flags |= libc::O_NOFOLLOW;
        }
        // Never waits: not for the reader of a FIFO, and a terminal does not become the controlling one.
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(flags)
            .open(&self.path)?;
        let metadata = file.metadata()?;
        self.open = Some((file, FileId::from(&metadata)));
        Ok(metadata)
    }
}

impl Output for LogFile {
    fn write(&mut self, record: &Record<'_>, format: LogFormat) {
        let result = self.try_write(record, format);
        if result.is_err() {
            // Opened again for the next record, which repairs what can be repaired.
            self.open = None;
        }
        self.health.note(result, 1);
    }

    fn health(&mut self) -> &mut SinkHealth {
        &mut self.health
    }

    fn is_quiet(&self) -> bool {
        false
    }
}

/// They are left out of a file that every user can read, and of what is no file: who reads at the other end of a pipe
/// or a terminal, and keeps it where, is not known.
fn arguments_in(metadata: &Metadata) -> Arguments {
    if metadata.is_file() && metadata.mode() & 0o004 == 0 {
        Arguments::Shown
    } else {
        Arguments::LeftOut
    }
}

/// Why a line is not in the file, and whether a part of it still is.
struct Torn {
    error: io::Error,
    part_left: bool,
}

/// One write(2), unless the disk is just getting full: then what was written of the line is cut off.
fn write_whole(file: &mut File, line: &[u8]) -> Result<(), Torn> {
    let mut written = 0;
    while written < line.len() {
        let error = match file.write(&line[written..]) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(more) => {
                written += more;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        let part_left = written > 0 && cut_off(file, written as u64).is_err();
        return Err(Torn { error, part_left });
    }
    Ok(())
}

/// Cuts the last `length` bytes off, which this process has just appended. Fails on a FIFO and on a file
/// with the append-only attribute, and does not touch what another program has appended since.
fn cut_off(file: &mut File, length: u64) -> io::Result<()> {
    let end = file.stream_position()?;
    if file.metadata()?.len() != end {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    file.set_len(end.saturating_sub(length))
}

//! The log file: whole lines or none, opened again by itself when it was moved, deleted or replaced.

use super::health::Health;
use super::line::Line;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(super) struct LogFile {
    path: PathBuf,
    open: Option<(File, FileId)>,
    /// The file that ends with a piece of a line.
    torn: Option<FileId>,
    line: Vec<u8>,
    pub(super) health: Health,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl From<Metadata> for FileId {
    fn from(metadata: Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl LogFile {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            open: None,
            torn: None,
            line: Vec::new(),
            health: Health::new("log file", path),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file and opens what is at the path now.
    pub(super) fn reopen(&mut self) {
        self.open = None;
        if let Err(error) = self.open() {
            self.health.note(Err(error), 0);
        }
    }

    pub(super) fn write(&mut self, line: &Line<'_>) {
        let result = self.try_write(line);
        if result.is_err() {
            // Opened again for the next record, which heals whatever can be healed.
            self.open = None;
        }
        self.health.note(result, 1);
    }

    fn try_write(&mut self, line: &Line<'_>) -> io::Result<()> {
        let at_path = fs::metadata(&self.path).ok().map(FileId::from);
        if self.open.as_ref().map(|(_, id)| *id) != at_path {
            self.open = None;
        }
        let id = self.open()?;
        self.line.clear();
        if self.torn == Some(id) {
            self.line.push(b'\n');
        }
        line.append_to(&mut self.line)?;
        if let Some((file, _)) = &mut self.open {
            write_whole(file, &self.line).map_err(|Torn { error, piece_left }| {
                self.torn = piece_left.then_some(id).or(self.torn);
                error
            })?;
        }
        self.torn = None;
        Ok(())
    }

    fn open(&mut self) -> io::Result<FileId> {
        if let Some((_, id)) = self.open {
            return Ok(id);
        }
        // Never waits: not for the reader of a FIFO, and a terminal does not become the controlling one.
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
            .open(&self.path)?;
        let id = FileId::from(file.metadata()?);
        self.open = Some((file, id));
        Ok(id)
    }
}

/// Why a line is not in the file, and whether a piece of it still is.
struct Torn {
    error: io::Error,
    piece_left: bool,
}

/// One write(2), unless the disk is just getting full: then what went in is taken back.
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
        let piece_left = written > 0 && take_back(file, written as u64).is_err();
        return Err(Torn { error, piece_left });
    }
    Ok(())
}

/// Cuts the last `length` bytes off, which this process has just appended. Fails on a FIFO and on a file
/// with the append-only attribute, and leaves alone what someone else has appended since.
fn take_back(file: &mut File, length: u64) -> io::Result<()> {
    let end = file.stream_position()?;
    if file.metadata()?.len() != end {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    file.set_len(end.saturating_sub(length))
}

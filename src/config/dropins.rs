//! The files of the directory config.d beside the configuration, as configuration management adds them.
//! Reads that directory and nothing else.

use super::error::{Cause, Error};
use super::file;
use crate::quantities::Uid;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name of the directory.
const DIRECTORY: &str = "config.d";
/// The configuration that it belongs to: a file of another name is a configuration by itself.
const MAIN_FILE: &str = "config.toml";
/// Write permission for the group and for others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// One drop-in.
#[derive(Debug)]
pub(super) struct DropIn {
    pub(super) file: PathBuf,
    pub(super) text: Vec<u8>,
}

/// All drop-ins of the configuration `main`, in the order of their names. With `is_root`, only what
/// root alone can write is taken: they say whom a daemon of root's ends.
pub(super) fn read(main: &Path, is_root: bool) -> Result<Vec<DropIn>, Error> {
    if main.file_name().is_none_or(|name| name != MAIN_FILE) {
        return Ok(Vec::new());
    }
    let directory = main.with_file_name(DIRECTORY);
    let mut names: Vec<PathBuf> = match fs::read_dir(&directory).and_then(Iterator::collect) {
        Ok(entries) => {
            let entries: Vec<fs::DirEntry> = entries;
            entries.iter().map(fs::DirEntry::path).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::unreadable(&directory, error)),
    };
    names.retain(|path| is_drop_in(path));
    names.sort_unstable();
    let mut causes = Vec::new();
    if is_root && !names.is_empty() {
        match fs::metadata(&directory) {
            Ok(metadata) => causes.extend(mistrust(&directory, &metadata)),
            Err(error) => return Err(Error::unreadable(&directory, error)),
        }
    }
    let mut dropins = Vec::new();
    for file in names {
        match read_one(&file, is_root) {
            Ok(text) => dropins.push(DropIn { file, text }),
            Err(cause) => causes.push(cause),
        }
    }
    if causes.is_empty() {
        Ok(dropins)
    } else {
        Err(Error::new(causes))
    }
}

/// As the shell's `*.toml`: editors' and package managers' left-overs have other endings or a dot.
fn is_drop_in(path: &Path) -> bool {
    let is_hidden = path
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && path.extension().is_some_and(|ending| ending == "toml")
}

fn read_one(path: &Path, is_root: bool) -> Result<Vec<u8>, Cause> {
    let unreadable = |error| Cause::Unreadable {
        file: path.to_owned(),
        error,
    };
    let mut open = File::open(path).map_err(unreadable)?;
    // What is asked is the open file, so that it can't be another one by the time it is read.
    let metadata = open.metadata().map_err(unreadable)?;
    if let Some(cause) = mistrust(path, &metadata).filter(|_| is_root) {
        return Err(cause);
    }
    file::read_open(&mut open).map_err(unreadable)
}

/// Why root should not believe what is in there.
fn mistrust(path: &Path, metadata: &Metadata) -> Option<Cause> {
    let path = format!("{:?}", path.to_string_lossy());
    let message = if metadata.uid() != Uid::ROOT.get() {
        format!(
            "{path} belongs to uid {}, not to root: chown root {path}",
            metadata.uid()
        )
    } else if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        format!("{path} can be written by others than root: chmod go-w {path}")
    } else {
        return None;
    };
    Some(Cause::Refused {
        place: None,
        message,
    })
}

//! Reading the files of a configuration, bounded: the main file, and the drop-ins of the directory config.d beside it.

use super::error::{Cause, Error};
use crate::sys::trust;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The name of the directory.
const DIRECTORY: &str = "config.d";
/// The configuration that it belongs to: a file of another name is a configuration by itself.
const MAIN_FILE: &str = "config.toml";
/// More than any configuration needs: a larger file is a mistake, such as a log file.
const LARGEST_FILE: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct DropIn {
    pub(super) file: PathBuf,
    pub(super) text: Vec<u8>,
}

/// The bytes of `file`.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let bytes = File::open(file).and_then(|mut open| read_open(&mut open));
    bytes.map_err(|error| Error::unreadable(file, error))
}

/// The bytes of `file`; None where there is no such file. A dangling symbolic link is an error.
pub(super) fn read_if_exists(file: &Path) -> Result<Option<Vec<u8>>, Error> {
    match file.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(file).map(Some),
    }
}

/// All drop-ins of the configuration `main`, in the order of their names. With `is_root`, one that others than root
/// can write is an error: a drop-in says which processes root's daemon kills.
pub(super) fn drop_ins(main: &Path, is_root: bool) -> Result<Vec<DropIn>, Error> {
    if main.file_name().is_none_or(|name| name != MAIN_FILE) {
        return Ok(Vec::new());
    }
    let directory = main.with_file_name(DIRECTORY);
    let unreadable = |error| Error::unreadable(&directory, error);
    let entries: Vec<fs::DirEntry> = match fs::read_dir(&directory).and_then(Iterator::collect) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    files.retain(|path| is_drop_in(path));
    files.sort_unstable();
    let mut causes = Vec::new();
    if is_root && !files.is_empty() {
        let status = fs::metadata(&directory).map_err(unreadable)?;
        causes.extend(
            trust::check_status(&directory, &status)
                .err()
                .map(|doubt| untrusted(&doubt)),
        );
    }
    let mut drop_ins = Vec::new();
    for file in files {
        match read_drop_in(&file, is_root) {
            Ok(text) => drop_ins.push(DropIn { file, text }),
            Err(cause) => causes.push(cause),
        }
    }
    if causes.is_empty() {
        Ok(drop_ins)
    } else {
        Err(Error::new(causes))
    }
}

/// As the shell's `*.toml`: what editors and package managers leave behind has another ending or a leading dot.
fn is_drop_in(path: &Path) -> bool {
    let name = path.file_name();
    let is_hidden = name.is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && path.extension().is_some_and(|ending| ending == "toml")
}

fn read_drop_in(file: &Path, is_root: bool) -> Result<Vec<u8>, Cause> {
    let unreadable = |error| Cause::Unreadable {
        file: file.to_owned(),
        error,
    };
    let mut open = File::open(file).map_err(unreadable)?;
    if is_root {
        // The status is that of the open file, so that it can't be replaced between the check and the reading.
        let status = open.metadata().map_err(unreadable)?;
        trust::check_status(file, &status).map_err(|doubt| untrusted(&doubt))?;
    }
    read_open(&mut open).map_err(unreadable)
}

fn untrusted(doubt: &trust::Doubt) -> Cause {
    Cause::Invalid {
        location: None,
        message: doubt.to_string(),
    }
}

fn read_open(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it is larger than 1 MiB, which no configuration needs",
        ));
    }
    Ok(bytes)
}

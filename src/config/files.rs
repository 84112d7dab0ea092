//! Reading the files of a configuration, bounded: the main file, and the drop-ins of the directory config.d beside it.
//! Also tells whether there is a directory for the files that it names.

use super::configuration::Config;
use super::error::{Cause, Error};
use super::warning::{Warning, WarningKind};
use super::written::Written;
use crate::paths;
use crate::quantities::Digest;
use crate::sys::fs::open_to_read;
use crate::sys::trust;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{self, Path, PathBuf};

/// The name of the directory.
const DIRECTORY: &str = "config.d";
/// The configuration that it belongs to: a file of another name is a configuration by itself.
const MAIN_FILE: &str = "config.toml";
/// More than any configuration needs: a larger file is a mistake, such as a log file.
const LARGEST_FILE: u64 = 1 << 20;
/// The ends of names that editors and package managers give to what they leave behind, and administrators to what is
/// switched off.
const LEFT_BEHIND: [&str; 14] = [
    "~",
    ".bak",
    ".old",
    ".orig",
    ".rej",
    ".save",
    ".swp",
    ".tmp",
    ".disabled",
    ".off",
    ".rpmnew",
    ".rpmorig",
    ".rpmsave",
    ".pacnew",
];

/// Whether a file may also be a stream that this process was given: standard input, or a pipe such as the shell's
/// `<(...)`. It may wait for what is written there, and can be read once only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Streams {
    Accept,
    Reject,
}

/// A file with content that a configuration was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedFile {
    /// Its absolute path.
    pub path: PathBuf,
    /// The digest of its content, in 16 hexadecimal digits: whether it is still the same.
    pub content: String,
}

impl LoadedFile {
    pub(super) fn new(path: &Path, text: &[u8]) -> Self {
        Self {
            path: absolute(path),
            content: format!("{:016x}", Digest::default().with(text).0),
        }
    }
}

#[derive(Debug)]
pub(super) struct DropIn {
    pub(super) file: PathBuf,
    pub(super) text: Vec<u8>,
}

/// What is in the directory of the drop-ins.
#[derive(Debug, Default)]
pub(super) struct DropIns {
    /// In the order of their names.
    pub(super) files: Vec<DropIn>,
    /// What is not read, and probably meant to be.
    pub(super) ignored: Vec<PathBuf>,
}

impl DropIns {
    /// The paths of those that have an effect.
    pub(super) fn with_content(self) -> Vec<PathBuf> {
        let files = self.files.into_iter();
        let with_content = files.filter(|drop_in| !is_blank(&drop_in.text));
        with_content.map(|drop_in| drop_in.file).collect()
    }
}

/// The bytes of `file`. With `is_root`, one that others than root can write, or replace, is an error: it says which
/// processes root's daemon kills.
pub(super) fn read(file: &Path, streams: Streams, is_root: bool) -> Result<Vec<u8>, Error> {
    let inherited = ["/dev/fd", "/proc/self/fd"];
    let is_inherited = inherited.iter().any(|start| file.starts_with(start));
    let bytes = match streams {
        Streams::Accept if file == Path::new(paths::STDIN) => read_open(&mut io::stdin().lock()),
        Streams::Accept if is_inherited => {
            File::open(file).and_then(|mut open| read_open(&mut open))
        }
        _ => return read_trusted(file, is_root).map_err(|cause| Error::new(vec![cause])),
    };
    bytes.map_err(|error| Error::unreadable(file, error))
}

/// The bytes of `file`; None where there is no such file. A dangling symbolic link is an error.
pub(super) fn read_if_exists(file: &Path, is_root: bool) -> Result<Option<Vec<u8>>, Error> {
    match file.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(file, Streams::Reject, is_root).map(Some),
    }
}

/// Whether a text has nothing in it, not even a comment.
pub(super) fn is_blank(text: &[u8]) -> bool {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.iter()
        .all(|byte| byte.is_ascii_whitespace() || *byte == 0)
}

/// All drop-ins of the configuration `main`. With `is_root`, one that others than root can write is an error: a drop-in
/// says which processes root's daemon kills.
pub(super) fn drop_ins(main: &Path, is_root: bool) -> Result<DropIns, Error> {
    if main.file_name().is_none_or(|name| name != MAIN_FILE) {
        return Ok(DropIns::default());
    }
    let directory = main.with_file_name(DIRECTORY);
    let unreadable = |error| Error::unreadable(&directory, error);
    let entries: Vec<fs::DirEntry> = match fs::read_dir(&directory).and_then(Iterator::collect) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(DropIns::default()),
        entries => entries.map_err(unreadable)?,
    };
    let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort_unstable();
    let (paths, mut ignored): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| is_drop_in(path));
    ignored.retain(|path| !is_left_behind(path));
    let mut causes = Vec::new();
    if is_root && !paths.is_empty() {
        let status = fs::metadata(&directory).map_err(unreadable)?;
        let checked = trust::check_status(&directory, &status)
            .and_then(|()| trust::check_file(&absolute(&directory)));
        causes.extend(checked.err().map(|doubt| untrusted(&doubt)));
    }
    let mut files = Vec::new();
    for file in paths {
        match read_trusted(&file, is_root) {
            Ok(text) => files.push(DropIn { file, text }),
            Err(cause) => causes.push(cause),
        }
    }
    if causes.is_empty() {
        Ok(DropIns { files, ignored })
    } else {
        Err(Error::new(causes))
    }
}

/// As the shell's `*.toml`.
fn is_drop_in(path: &Path) -> bool {
    !is_hidden(path) && path.extension().is_some_and(|ending| ending == "toml")
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name();
    name.is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Whether this file is a leftover of a package or an editor, or documentation: it is no drop-in.
fn is_left_behind(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_packaged = [".dpkg-", ".ucf-", ".toml~", ".toml.sw"];
    is_hidden(path)
        || name.starts_with("README")
        || LEFT_BEHIND.iter().any(|ending| name.ends_with(ending))
        || is_packaged.iter().any(|part| name.contains(part))
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn read_trusted(file: &Path, is_root: bool) -> Result<Vec<u8>, Cause> {
    let unreadable = |error| Cause::Unreadable {
        file: file.to_owned(),
        error,
    };
    let mut open = open_to_read(file).map_err(unreadable)?;
    if is_root {
        // The status is that of the open file, so that it can't be replaced between the check and the reading.
        let status = open.metadata().map_err(unreadable)?;
        if status.is_file() {
            trust::check_status(file, &status)
                .and_then(|()| trust::check_file(&absolute(file)))
                .map_err(|doubt| untrusted(&doubt))?;
        }
    }
    read_open(&mut open).map_err(unreadable)
}

fn untrusted(doubt: &trust::Doubt) -> Cause {
    Cause::Invalid {
        location: None,
        message: doubt.to_string(),
    }
}

fn read_open(file: &mut impl Read) -> io::Result<Vec<u8>> {
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

/// The files that can't be written because they are directories, or their directories are missing.
pub(super) fn unwritable(config: &Config, written: &Written) -> Vec<Warning> {
    let files = [
        ("log_file", &config.log.file),
        ("metrics_file", &config.metrics_file),
    ];
    let warnings = files.into_iter().filter_map(|(key, path)| {
        let path = path.as_deref()?;
        let directory = path.parent().unwrap_or(path);
        // systemd makes these when it starts the service.
        let made = [paths::RUNTIME_DIRECTORY, paths::STATE_DIRECTORY];
        let is_missing = |path: &Path| {
            let error = path.metadata().err().map(|error| error.kind());
            error == Some(io::ErrorKind::NotFound)
                && !made.iter().any(|made| path.starts_with(made))
        };
        let kind = if path.is_dir() {
            WarningKind::IsDirectory(key, path.to_owned())
        } else if is_missing(directory) {
            WarningKind::NoDirectory(key, path.to_owned())
        } else {
            return None;
        };
        let entry = written.entry("settings", key);
        Some(Warning {
            location: entry.and_then(|entry| entry.location.clone()),
            kind,
        })
    });
    warnings.collect()
}

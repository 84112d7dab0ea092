//! Reading a configuration file, bounded.

use super::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// More than any configuration needs: a larger file is a mistake, such as a log file.
const LARGEST_FILE: u64 = 1 << 20;

/// The bytes of `file`.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Error> {
    try_read(file).map_err(|error| Error::unreadable(file, error))
}

/// The bytes of `file`; None where there is no such file. A dangling symbolic link is not nothing.
pub(super) fn read_if_exists(file: &Path) -> Result<Option<Vec<u8>>, Error> {
    let is_missing =
        |result: io::Result<()>| result.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if is_missing(file.symlink_metadata().map(drop)) {
        Ok(None)
    } else {
        read(file).map(Some)
    }
}

fn try_read(file: &Path) -> io::Result<Vec<u8>> {
    read_open(&mut File::open(file)?)
}

/// The bytes of an open file.
pub(super) fn read_open(file: &mut File) -> io::Result<Vec<u8>> {
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

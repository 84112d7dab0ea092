//! Why there is no snapshot.

use std::{fmt, io};

/// Why there is no snapshot. The text has the whole cause, so [`source`](std::error::Error::source) has none.
#[derive(Debug)]
pub enum Error {
    /// This file below the proc root can't be read.
    Read {
        /// Its path as shown to people.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// This file below the proc root has an unexpected format.
    Format {
        /// Its path as shown to people.
        path: String,
    },
    /// The proc file system belongs to another pid namespace: its PIDs mean other processes here.
    ForeignNamespace {
        /// Its path as shown to people.
        path: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "can't read \"{path}\": {source}"),
            Self::Format { path } => write!(f, "\"{path}\" has an unexpected format"),
            Self::ForeignNamespace { path } => write!(
                f,
                "\"{path}\" shows the processes of another pid namespace, mount the proc file \
                 system of this one there"
            ),
        }
    }
}

impl std::error::Error for Error {}

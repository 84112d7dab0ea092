//! /proc -> [`Snapshot`]. Touches files below a given proc root and nothing else: no configuration,
//! no signals, no log. A process that is gone is normal and is sorted out here; one that can't be
//! read is reported as such, and never ends a scan.

mod executable;
mod inquiry;
mod largest;
mod meminfo;
mod name;
mod parse;
mod process;
mod process_details;
mod root;
mod scan;
mod watch;

pub use executable::{Program, Standing};
pub use inquiry::{Class, Details, Inquiry, Known, Subject, Wanted};
pub use largest::Largest;
pub use meminfo::SystemMemory;
pub use name::Name;
pub use parse::Levels;
pub use process::{Facts, Process, State, Unreadable};
pub use process_details::ProcessDetails;
pub use root::ProcRoot;
pub use scan::{Sampler, Seen};
pub use watch::{Bound, Watch};

pub mod parsers {
    //! The parsers of single files, for property tests and fuzzing: bytes in, values out.
    pub use super::parse::{Meminfo, Stat, levels, meminfo, real_uid, stat, statm};
}

use std::fmt;
use std::io;

/// What one look at all processes found. Its memory is kept between two looks.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The machine's memory when the look began.
    pub memory: SystemMemory,
    /// How many processes there were, kernel threads included.
    pub scanned: usize,
    /// How many of them would not say their size, and why the first of them did not.
    pub unreadable: Option<(usize, i32)>,
    /// Those over the sieve, in detail, the largest first.
    pub near: Vec<Process>,
    /// The largest of those that are not over it, but over an eighth of it.
    pub below: Largest,
}

impl Snapshot {
    /// An empty one with room for so many processes over the sieve.
    pub fn with_capacity(near: usize) -> Self {
        Self {
            near: Vec::with_capacity(near),
            ..Self::default()
        }
    }
}

/// Why there is no snapshot.
#[derive(Debug)]
pub enum Error {
    /// This file below the proc root can't be read.
    Read {
        /// Its path as shown to people.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// This file below the proc root is not what Linux writes there.
    Format {
        /// Its path as shown to people.
        path: String,
    },
    /// The proc file system belongs to another pid namespace: its numbers are not ours to signal.
    ForeignNamespace {
        /// Its path as shown to people.
        path: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "can't read \"{path}\": {source}"),
            Self::Format { path } => write!(f, "\"{path}\" is not what Linux writes there"),
            Self::ForeignNamespace { path } => write!(
                f,
                "\"{path}\" shows the processes of another pid namespace, mount the proc file \
                 system of this one there"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Format { .. } | Self::ForeignNamespace { .. } => None,
        }
    }
}

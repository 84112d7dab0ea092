//! One daemon a machine, or a runtime directory: a lock that the running one holds, and loses with its exit however
//! that comes. Touches its file.

use super::atomic_file::{directory, make_directory_of};
use crate::paths;
use crate::sys::fs::try_lock;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

/// What came of locking.
#[derive(Debug)]
pub enum DaemonLock {
    /// This daemon holds it as long as this value lives.
    #[allow(dead_code, reason = "the file is only kept open")]
    Held(File),
    /// Another daemon holds it.
    Taken,
    /// The runtime directory can't be written, as by a normal user: then nothing else of this daemon is written there.
    Unavailable(io::Error),
}

impl DaemonLock {
    /// Tries once. Only its owner may open the file, so that no other user can hold it.
    pub fn take() -> Self {
        let directory = directory("RUNTIME_DIRECTORY", paths::RUNTIME_DIRECTORY);
        let path = directory.join("daemon.lock");
        let open = || {
            make_directory_of(&path)?;
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(&path)
        };
        match open() {
            Ok(file) => match try_lock(&file) {
                Ok(true) => Self::Held(file),
                Ok(false) => Self::Taken,
                Err(error) => Self::Unavailable(error),
            },
            Err(error) => Self::Unavailable(error),
        }
    }
}

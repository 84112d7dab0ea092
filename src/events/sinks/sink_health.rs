//! Whether a sink works, and what the other sinks report when that changes. Asks nothing but the uid of this process.

use crate::escape::Escaped;
use crate::quantities::Uid;
use crate::sys::effective_uid;
use log::Level;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The health of one sink: each reason to fail is reported once, however many records are lost, and so is the recovery.
#[derive(Debug)]
pub(crate) struct SinkHealth {
    name: &'static str,
    path: PathBuf,
    is_root: bool,
    outage: Option<Outage>,
    unreported: Option<Change>,
}

#[derive(Debug)]
struct Outage {
    errno: Option<i32>,
    lost: u64,
}

/// What is to be reported of a sink.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) level: Level,
    pub(crate) text: String,
    /// The sink works again, so it can be reported there as well.
    pub(crate) works: bool,
}

impl SinkHealth {
    pub(crate) fn new(name: &'static str, path: &Path) -> Self {
        Self {
            name,
            path: path.to_owned(),
            is_root: effective_uid() == Uid::ROOT,
            outage: None,
            unreported: None,
        }
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.outage.is_some()
    }

    /// An attempt to write ended with `result`; where it failed, `records` are lost.
    pub(crate) fn note(&mut self, result: io::Result<()>, records: u64) {
        match result {
            Ok(()) => self.works(),
            Err(error) => self.fails(&error, records),
        }
    }

    /// What changed since the last call.
    pub(crate) fn take_change(&mut self) -> Option<Change> {
        self.unreported.take()
    }

    fn works(&mut self) {
        if let Some(outage) = self.outage.take() {
            self.unreported = Some(Change {
                level: Level::Warn,
                text: format!(
                    "Writing to {} again: {}, Lost={}",
                    self.name,
                    self.subject(),
                    outage.lost
                ),
                works: true,
            });
        }
    }

    fn fails(&mut self, error: &io::Error, records: u64) {
        let errno = error.raw_os_error();
        let before = self.outage.take();
        if before.as_ref().is_none_or(|before| before.errno != errno) {
            // Other users may not write to the files of the service, which is intended.
            let is_foreign = !self.is_root && errno == Some(libc::EACCES);
            self.unreported = Some(Change {
                level: if is_foreign {
                    Level::Warn
                } else {
                    Level::Error
                },
                text: format!(
                    "Can't write to {}: {}, Error={error}{}",
                    self.name,
                    self.subject(),
                    self.fix(errno)
                ),
                works: false,
            });
        }
        let lost = before
            .map_or(0, |before| before.lost)
            .saturating_add(records);
        self.outage = Some(Outage { errno, lost });
    }

    /// The sandbox of the service shows most directories read-only.
    fn fix(&self, errno: Option<i32>) -> String {
        match (errno, self.path.parent()) {
            (Some(libc::EROFS), Some(directory)) => format!(
                ", where the service may not write: 'systemctl edit memory-monitor' and add, below [Service], ReadWritePaths={}",
                Escaped(directory.as_os_str().as_bytes())
            ),
            (Some(libc::ELOOP), _) => {
                ", a symbolic link is not followed: name the file that it leads to".to_owned()
            }
            (Some(libc::EACCES), _) if !self.is_root => {
                ", this user may not write there: name another file, or none, in a configuration of your own".to_owned()
            }
            _ => String::new(),
        }
    }

    fn subject(&self) -> String {
        format!("Path={}", Escaped(self.path.as_os_str().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(number))
    }

    #[test]
    fn says_each_reason_once_and_the_recovery_with_the_loss() {
        let mut health = SinkHealth::new("log file", Path::new("/var/log/a b,c"));
        health.note(Ok(()), 1);
        assert!(health.take_change().is_none());
        health.note(error(libc::ENOSPC), 1);
        let change = health.take_change().unwrap();
        assert_eq!(
            change.text,
            "Can't write to log file: Path=\"/var/log/a b,c\", Error=No space left on device (os error 28)"
        );
        assert!(change.level == Level::Error && !change.works);
        health.note(error(libc::ENOSPC), 1);
        assert!(health.take_change().is_none() && health.is_failing());
        health.note(error(libc::EIO), 1);
        assert!(
            health
                .take_change()
                .unwrap()
                .text
                .contains("Input/output error")
        );
        health.note(Ok(()), 1);
        let change = health.take_change().unwrap();
        assert_eq!(
            change.text,
            "Writing to log file again: Path=\"/var/log/a b,c\", Lost=3"
        );
        assert!(change.works && !health.is_failing());
    }

    #[test]
    fn what_is_not_for_this_user_is_a_warning() {
        for (is_root, number, level) in [
            (false, libc::EACCES, Level::Warn),
            (true, libc::EACCES, Level::Error),
            (false, libc::ENOSPC, Level::Error),
        ] {
            let mut health = SinkHealth::new("log file", Path::new("/var/log/a"));
            health.is_root = is_root;
            health.note(error(number), 1);
            let change = health.take_change().unwrap();
            assert_eq!(change.level, level, "{}", change.text);
            let has_fix = change.text.contains("this user may not write there");
            assert_eq!(has_fix, level == Level::Warn, "{}", change.text);
        }
    }

    #[test]
    fn says_what_the_sandbox_of_the_service_needs() {
        let mut health = SinkHealth::new("log file", Path::new("/srv/logs/a.log"));
        health.note(error(libc::EROFS), 1);
        let text = health.take_change().unwrap().text;
        assert!(
            text.ends_with("below [Service], ReadWritePaths=/srv/logs"),
            "{text}"
        );
    }
}

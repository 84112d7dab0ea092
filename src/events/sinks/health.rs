//! Whether a sink works, and the notices that tell the other sinks when that changes. Asks
//! nothing but who this process is.

use crate::escape::Escaped;
use crate::quantities::Uid;
use crate::sys::effective_uid;
use log::Level;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The state of one sink: each reason to fail makes one notice however many records it costs, and so
/// does the end of it.
#[derive(Debug)]
pub(crate) struct Health {
    name: &'static str,
    path: PathBuf,
    is_root: bool,
    failure: Option<Failure>,
    unsaid: Option<Notice>,
}

#[derive(Debug)]
struct Failure {
    reason: Option<i32>,
    lost: u64,
}

/// What is to be said about a sink.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) level: Level,
    pub(crate) text: String,
    /// The sink works again, so that it can be said there as well.
    pub(crate) works: bool,
}

impl Health {
    pub(crate) fn new(name: &'static str, path: &Path) -> Self {
        Self {
            name,
            path: path.to_owned(),
            is_root: effective_uid() == Uid::ROOT,
            failure: None,
            unsaid: None,
        }
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failure.is_some()
    }

    /// An attempt ended with `result`, and with it were lost `records`.
    pub(crate) fn note(&mut self, result: io::Result<()>, records: u64) {
        match result {
            Ok(()) => self.works(),
            Err(error) => self.fails(&error, records),
        }
    }

    /// What changed since the last call.
    pub(crate) fn take_notice(&mut self) -> Option<Notice> {
        self.unsaid.take()
    }

    fn works(&mut self) {
        if let Some(failure) = self.failure.take() {
            self.unsaid = Some(Notice {
                level: Level::Warn,
                text: format!(
                    "Writing to {} again: {}, Lost={}",
                    self.name,
                    self.subject(),
                    failure.lost
                ),
                works: true,
            });
        }
    }

    fn fails(&mut self, error: &io::Error, records: u64) {
        let reason = error.raw_os_error();
        let before = self.failure.take();
        if before.as_ref().is_none_or(|before| before.reason != reason) {
            // The places of the service are not another user's, which is as it should be.
            let is_foreign = !self.is_root && reason == Some(libc::EACCES);
            self.unsaid = Some(Notice {
                level: if is_foreign {
                    Level::Warn
                } else {
                    Level::Error
                },
                text: format!(
                    "Cannot write to {}: {}, Error={error}{}",
                    self.name,
                    self.subject(),
                    self.mend(reason)
                ),
                works: false,
            });
        }
        let lost = before
            .map_or(0, |before| before.lost)
            .saturating_add(records);
        self.failure = Some(Failure { reason, lost });
    }

    /// The sandbox of the service shows most directories read-only.
    fn mend(&self, reason: Option<i32>) -> String {
        match (reason, self.path.parent()) {
            (Some(libc::EROFS), Some(directory)) => format!(
                ", where the service may not write: 'systemctl edit memory-monitor' and add, below [Service], ReadWritePaths={}",
                Escaped(directory.as_os_str().as_bytes())
            ),
            (Some(libc::EACCES), _) if !self.is_root => {
                ", which is not for this user: give another one, or none, in a configuration of your own".to_owned()
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
        let mut health = Health::new("log file", Path::new("/var/log/a b,c"));
        health.note(Ok(()), 1);
        assert!(health.take_notice().is_none());
        health.note(error(libc::ENOSPC), 1);
        let notice = health.take_notice().unwrap();
        assert_eq!(
            notice.text,
            "Cannot write to log file: Path=\"/var/log/a b,c\", Error=No space left on device (os error 28)"
        );
        assert!(notice.level == Level::Error && !notice.works);
        health.note(error(libc::ENOSPC), 1);
        assert!(health.take_notice().is_none() && health.is_failing());
        health.note(error(libc::EIO), 1);
        assert!(
            health
                .take_notice()
                .unwrap()
                .text
                .contains("Input/output error")
        );
        health.note(Ok(()), 1);
        let notice = health.take_notice().unwrap();
        assert_eq!(
            notice.text,
            "Writing to log file again: Path=\"/var/log/a b,c\", Lost=3"
        );
        assert!(notice.works && !health.is_failing());
    }

    #[test]
    fn what_is_not_for_this_user_is_a_warning() {
        for (is_root, number, level) in [
            (false, libc::EACCES, Level::Warn),
            (true, libc::EACCES, Level::Error),
            (false, libc::ENOSPC, Level::Error),
        ] {
            let mut health = Health::new("log file", Path::new("/var/log/a"));
            health.is_root = is_root;
            health.note(error(number), 1);
            let notice = health.take_notice().unwrap();
            assert_eq!(notice.level, level, "{}", notice.text);
            let has_mend = notice.text.contains("not for this user");
            assert_eq!(has_mend, level == Level::Warn, "{}", notice.text);
        }
    }

    #[test]
    fn says_what_the_sandbox_of_the_service_needs() {
        let mut health = Health::new("log file", Path::new("/srv/logs/a.log"));
        health.note(error(libc::EROFS), 1);
        let text = health.take_notice().unwrap().text;
        assert!(
            text.ends_with("below [Service], ReadWritePaths=/srv/logs"),
            "{text}"
        );
    }
}

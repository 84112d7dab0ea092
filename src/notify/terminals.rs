//! Messages on the terminals of a process's owner. Touches what [`sessions`] reads, and terminals.
//!
//! A message is written to a terminal where there is a session on it, the device is the owner's, and its owner takes
//! messages, mesg(1). The owner's other terminals are left alone: what `script` or a test runs in is no screen.

use crate::event::Ended;
use crate::messages::MessageChannel;
use crate::sessions;
use memory_monitor::events::notifier_test::Delivery;
use memory_monitor::quantities::Uid;
use memory_monitor::sys::terminal::Terminal;
use std::fmt::{self, Write};
use std::fs::symlink_metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of a name; terminals are small.
const LONGEST_NAME: usize = 64;

/// The terminals of this machine.
#[derive(Debug)]
pub(crate) struct Terminals {
    host: String,
}

impl Terminals {
    pub(crate) fn new(host: &str) -> Self {
        let host = host.to_owned();
        Self { host }
    }
}

impl MessageChannel for Terminals {
    type Recipient = Uid;

    fn recipient(owner: Option<Uid>) -> Option<Uid> {
        owner
    }

    fn text(&self, ended: &Ended, more: usize) -> String {
        let (host, name) = (Plain(&self.host), Plain(&ended.name));
        let process = format!("your process {name} (PID {})", ended.pid);
        format!(
            "memory-monitor on {host}: {}",
            ended.sentence(process, more)
        )
    }

    fn send(&mut self, owner: Uid, text: &str) -> (Delivery, String) {
        let names = match sessions::terminals() {
            Ok(names) => names,
            Err(error) => {
                log::warn!("Sessions can't be read: UID={owner}, Error={error}");
                return (Delivery::Failed, error.to_string());
            }
        };
        let written = write(Path::new("/dev"), &names, owner, text);
        let Written {
            shown,
            closed,
            failed,
        } = written;
        log::debug!("Terminals: UID={owner}, Shown={shown}, Closed={closed}, Failed={failed}");
        let result = match written {
            Written { failed: 1.., .. } => Delivery::Failed,
            Written { shown: 0, .. } => Delivery::NoRecipient,
            _ => Delivery::Delivered,
        };
        let detail =
            format!("uid {owner}: shown on {shown}, {closed} take no messages, {failed} failed");
        (result, detail)
    }
}

/// How many terminals of a user show a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Written {
    shown: usize,
    /// Those that take no messages.
    closed: usize,
    /// Those that were stopped, have hung up, or can't be opened.
    failed: usize,
}

fn write(devices: &Path, names: &[String], owner: Uid, text: &str) -> Written {
    let mut written = Written::default();
    for name in names {
        let path = devices.join(name);
        // Other users' terminals are not even opened.
        match symlink_metadata(&path) {
            Ok(status) if status.uid() == owner.get() => {}
            _ => continue,
        }
        match Terminal::open(&path) {
            Ok(terminal) if terminal.owner != owner => {}
            Ok(terminal) if !terminal.takes_messages => written.closed += 1,
            Ok(mut terminal) => match terminal.write(format!("\r\n{text}\r\n").as_bytes()) {
                Ok(length) if length > 0 => written.shown += 1,
                _ => written.failed += 1,
            },
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => written.closed += 1,
            Err(_) => written.failed += 1,
        }
    }
    written
}

/// A name in printable ASCII, any other byte as `\xNN`: which characters a terminal has is not known, and in another
/// encoding a byte of a letter is a control character.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0.as_bytes().iter().take(LONGEST_NAME) {
            match byte {
                b' '..=b'~' => f.write_char(byte.into())?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        if self.0.len() > LONGEST_NAME {
            f.write_str("...")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(host: &str, name: &str, more: usize) -> String {
        Terminals::new(host).text(&Ended::of(name, None), more)
    }

    #[test]
    fn the_text_has_process_memory_and_threshold() {
        assert_eq!(
            text("here", "chrome", 0),
            "memory-monitor on here: your process chrome (PID 123) was killed: 3.50 GB, threshold 2.00 GB"
        );
        assert!(text("here", "chrome", 3).ends_with(" GB (and 3 more)"));
        assert!(text("h", "\u{9b}1m\x1bc\n", 0).contains("\\xc2\\x9b1m\\x1bc\\x0a (PID"));
        assert!(text("h", &"x".repeat(70), 0).contains("xxxx... (PID"));
    }

    proptest! {
        #[test]
        fn no_name_controls_a_terminal(name in any::<String>(), host in any::<String>()) {
            let text = text(&host, &name, 1);
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text:?}");
        }
    }

    #[test]
    fn only_terminals_are_written_to() {
        let devices = tempfile::tempdir().unwrap();
        let file = devices.path().join("tty1");
        std::fs::write(&file, "untouched").unwrap();
        let me = memory_monitor::sys::effective_uid();
        let failed = Written {
            failed: 1,
            ..Written::default()
        };
        let names = ["tty1".to_owned()];
        assert_eq!(write(devices.path(), &names, me, "text"), failed);
        assert_eq!(std::fs::read(&file).unwrap(), b"untouched");
        // A device, but not a terminal.
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/null", &file).unwrap();
        assert_eq!(write(devices.path(), &names, me, "text"), failed);
    }
}

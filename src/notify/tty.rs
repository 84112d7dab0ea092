//! Tells a process's owner on their own terminals. Touches utmp, the login
//! manager's sessions and terminals, nothing else.
//!
//! A terminal is taken where utmp(5) or the login manager has a session on it, the device is the owner's, and its owner takes
//! messages (mesg(1)). Other terminals of the owner are left alone: what `script` or a test runs in is
//! nobody's screen.

use super::event::Ending;
use super::{sessions, utmp};
use crate::quantities::Uid;
use crate::sys::terminal::Terminal;
use std::fmt::Write;
use std::fs::symlink_metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where utmp(5) is.
const UTMP: &str = "/run/utmp";
/// More of a name is not shown: it is the owner's own, but others' terminals are small.
const LONGEST_NAME: usize = 64;

/// What became of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Terminals that show it.
    pub shown: usize,
    /// Terminals that want no messages.
    pub unwanted: usize,
    /// Terminals that take nothing now, or can't be opened.
    pub failed: usize,
}

/// Writes `text` on each terminal of `owner`.
pub fn tell(owner: Uid, text: &str) -> io::Result<Told> {
    let utmp = match std::fs::read(UTMP) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let mut terminals = utmp::terminals(&utmp);
    let sessions = sessions::read();
    terminals.extend(sessions.iter().filter_map(|text| sessions::terminal(text)));
    terminals.sort_unstable();
    terminals.dedup();
    Ok(tell_in(Path::new("/dev"), &terminals, owner, text))
}

fn tell_in(devices: &Path, terminals: &[&str], owner: Uid, text: &str) -> Told {
    let mut told = Told::default();
    for line in terminals {
        let path = devices.join(line);
        // Looked at first, as others' terminals are not even opened.
        match symlink_metadata(&path) {
            Ok(status) if status.uid() == owner.get() => {}
            _ => continue,
        }
        match Terminal::open(&path) {
            Ok(terminal) if terminal.owner != owner => {}
            Ok(terminal) if !terminal.takes_messages => told.unwanted += 1,
            Ok(mut terminal) => match terminal.write(text.as_bytes()) {
                Ok(length) if length > 0 => told.shown += 1,
                // It was stopped, or has hung up.
                _ => told.failed += 1,
            },
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => told.unwanted += 1,
            Err(_) => told.failed += 1,
        }
    }
    told
}

/// What is told of the end of a process, and of so many more.
pub fn text(host: &str, ending: &Ending, more: usize) -> String {
    let mut text = format!(
        "\r\nmemory-monitor on {}: your process {} (PID {}) was ended",
        Plain(host),
        Plain(&ending.name),
        ending.pid
    );
    if let Some(figures) = ending.figures() {
        text.push_str(": ");
        text.push_str(&figures);
    }
    if more > 0 {
        // A String takes any text.
        let _ = write!(text, " (and {more} more)");
    }
    text.push_str("\r\n");
    text
}

/// A name in printable ASCII, anything else as `\xNN`: nobody knows which characters that terminal has,
/// and in another encoding a byte of a letter is a control character.
struct Plain<'a>(&'a str);

impl std::fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
    use crate::quantities::{Bytes, Pid};
    use proptest::prelude::*;

    fn ending(name: &str) -> Ending {
        Ending {
            pid: Pid::new(123).unwrap(),
            owner: Some(Uid::new(1000)),
            name: name.to_owned(),
            used: Bytes::from_gb(3.5),
            allowed: Bytes::from_gb(2.0),
        }
    }

    #[test]
    fn says_what_was_ended_and_why() {
        assert_eq!(
            text("here", &ending("chrome"), 0),
            "\r\nmemory-monitor on here: your process chrome (PID 123) was ended: 3.50 GB, allowed 2.00 GB\r\n"
        );
        assert!(text("here", &ending("chrome"), 3).ends_with(" GB (and 3 more)\r\n"));
        assert!(text("h", &ending("\u{9b}1m\x1bc\n"), 0).contains("\\xc2\\x9b1m\\x1bc\\x0a (PID"));
        assert!(text("h", &ending(&"x".repeat(70)), 0).contains("xxxx... (PID"));
    }

    proptest! {
        #[test]
        fn no_name_controls_a_terminal(name in any::<String>(), host in any::<String>()) {
            let text = text(&host, &ending(&name), 1);
            let line = text.strip_prefix("\r\n").unwrap().strip_suffix("\r\n").unwrap();
            prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
        }
    }

    #[test]
    fn writes_on_nothing_but_terminals() {
        let devices = tempfile::tempdir().unwrap();
        let file = devices.path().join("tty1");
        std::fs::write(&file, "untouched").unwrap();
        let me = crate::sys::effective_uid();
        let failed = Told {
            failed: 1,
            ..Told::default()
        };
        assert_eq!(tell_in(devices.path(), &["tty1"], me, "text"), failed);
        assert_eq!(std::fs::read(&file).unwrap(), b"untouched");
        // A device, but none that anybody reads.
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/null", &file).unwrap();
        assert_eq!(tell_in(devices.path(), &["tty1"], me, "text"), failed);
    }
}

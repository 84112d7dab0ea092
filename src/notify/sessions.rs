//! The sessions of systemd-logind(8), where utmp(5) is no longer kept. Reads its files.
//!
//! They are not promised to stay as they are; whatever they say, a terminal is asked whose it is.

use super::utmp::is_terminal;
use std::fs;

const DIRECTORY: &str = "/run/systemd/sessions";

/// The text of each session's file.
pub(super) fn read() -> Vec<String> {
    let entries = fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
    // Beside each session there is a pipe, which would be waited for.
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .collect()
}

/// The terminal of a session, below /dev.
pub(super) fn terminal(session: &str) -> Option<&str> {
    let name = session.lines().find_map(|line| line.strip_prefix("TTY="))?;
    let name = name.strip_prefix("/dev/").unwrap_or(name);
    is_terminal(name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_terminal_of_a_session() {
        let session = "# private\nUID=1000\nUSER=john\nTTY=pts/3\nACTIVE=1\n";
        assert_eq!(terminal(session), Some("pts/3"));
        assert_eq!(terminal("TTY=/dev/tty1\n"), Some("tty1"));
        for other in ["UID=1\n", "TTY=../etc/passwd\n", "TTY=\n", "XTTY=pts/1\n"] {
            assert_eq!(terminal(other), None, "{other}");
        }
    }
}

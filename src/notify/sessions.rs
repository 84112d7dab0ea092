//! On which terminals there are sessions: utmp(5), and systemd-logind(8) where utmp is no longer kept. Reads their
//! files.
//!
//! Terminal emulators may write utmp through a helper and could name any file there, so only names of terminals are
//! taken. logind does not promise that its files stay as they are. Whatever both say, the device tells its owner.

use memory_monitor::sys::terminal::{UTMP_LINE, UTMP_RECORD, UTMP_SESSION, UTMP_TYPE};
use std::fs;
use std::io;
use std::str;

const UTMP: &str = "/run/utmp";
const LOGIND: &str = "/run/systemd/sessions";

/// The terminals of all sessions, as paths below /dev; each once. Fails where utmp exists but can't be read.
pub(crate) fn terminals() -> io::Result<Vec<String>> {
    let utmp = match fs::read(UTMP) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    let mut names: Vec<String> = of_utmp(&utmp).map(str::to_owned).collect();
    let entries = fs::read_dir(LOGIND).into_iter().flatten().flatten();
    // Beside each session's file there is a pipe, which would block.
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    names.extend(texts.filter_map(|text| of_session(&text).map(str::to_owned)));
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The terminals in the records of sessions, which are one of utmp's types.
fn of_utmp(utmp: &[u8]) -> impl Iterator<Item = &str> {
    utmp.chunks_exact(UTMP_RECORD).filter_map(|record| {
        let kind = record.get(UTMP_TYPE)?.try_into().ok()?;
        let line = record.get(UTMP_LINE)?.split(|&byte| byte == 0).next()?;
        let line = str::from_utf8(line).ok()?;
        (i16::from_ne_bytes(kind) == UTMP_SESSION && is_terminal(line)).then_some(line)
    })
}

/// The terminal in a session's file; None where it has none.
fn of_session(text: &str) -> Option<&str> {
    let name = text.lines().find_map(|line| line.strip_prefix("TTY="))?;
    let name = name.strip_prefix("/dev/").unwrap_or(name);
    is_terminal(name).then_some(name)
}

/// `pts/3`, `tty1`, `ttyS0`.
fn is_terminal(name: &str) -> bool {
    let only = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(is);
    match (name.strip_prefix("pts/"), name.strip_prefix("tty")) {
        (Some(number), _) => only(number, u8::is_ascii_digit),
        (_, Some(rest)) => only(rest, u8::is_ascii_alphanumeric),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, line: &[u8]) -> Vec<u8> {
        let mut record = vec![0; UTMP_RECORD];
        record[UTMP_TYPE].copy_from_slice(&kind.to_ne_bytes());
        record[UTMP_LINE.start..UTMP_LINE.start + line.len()].copy_from_slice(line);
        record[UTMP_LINE.end + 4..UTMP_LINE.end + 8].copy_from_slice(b"john");
        record
    }

    fn terminals(utmp: &[u8]) -> Vec<&str> {
        of_utmp(utmp).collect()
    }

    #[test]
    fn utmp_has_the_terminals_of_sessions() {
        let utmp = [
            record(2, b"~"),
            record(UTMP_SESSION, b"tty1"),
            record(UTMP_SESSION, b"pts/12"),
            record(8, b"pts/3"),
            record(6, b"tty2"),
            record(UTMP_SESSION, b":0"),
            b"rest".to_vec(),
        ]
        .concat();
        assert_eq!(terminals(&utmp), ["tty1", "pts/12"]);
        assert!(terminals(b"").is_empty());
    }

    #[test]
    fn utmp_names_no_other_file() {
        for line in [
            &b"pts/../sda"[..],
            b"pts/",
            b"tty",
            b"tty/../mem",
            b"../etc/passwd",
            b"sda",
            b"pts/1/2",
            b"pts/\xff",
            b"",
            &[b'1'; 32],
        ] {
            let utmp = record(UTMP_SESSION, line);
            assert!(terminals(&utmp).is_empty(), "{line:?}");
        }
    }

    #[test]
    fn a_session_of_logind_has_its_terminal() {
        let session = "# private\nUID=1000\nUSER=john\nTTY=pts/3\nACTIVE=1\n";
        assert_eq!(of_session(session), Some("pts/3"));
        assert_eq!(of_session("TTY=/dev/tty1\n"), Some("tty1"));
        for other in ["UID=1\n", "TTY=../etc/passwd\n", "TTY=\n", "XTTY=pts/1\n"] {
            assert_eq!(of_session(other), None, "{other}");
        }
    }
}

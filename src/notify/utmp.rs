//! utmp(5), the list of who is logged in where: bytes -> names of terminals. Pure.

use std::str;

/// A record of the C library; the same on all of its platforms, those of 64 bits included.
const RECORD: usize = 384;
/// Where its parts are: the kind, then the number of a process, then the terminal.
const KIND: std::ops::Range<usize> = 0..2;
const LINE: std::ops::Range<usize> = 8..40;
/// `USER_PROCESS`: a session, as opposed to a boot, a login prompt or a session that is over.
const SESSION: i16 = 7;

/// The terminals of all sessions, below /dev; each once.
///
/// Whoever may write utmp (terminal emulators may, through a helper) could name any file there: only
/// names that are those of terminals are taken.
pub(super) fn terminals(utmp: &[u8]) -> Vec<&str> {
    let records = utmp.chunks_exact(RECORD);
    let mut lines: Vec<&str> = records.filter_map(terminal).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

fn terminal(record: &[u8]) -> Option<&str> {
    let kind = record.get(KIND)?.try_into().ok()?;
    let line = record.get(LINE)?;
    let end = line.iter().position(|&byte| byte == 0);
    let line = str::from_utf8(line.get(..end.unwrap_or(line.len()))?).ok()?;
    (i16::from_ne_bytes(kind) == SESSION && is_terminal(line)).then_some(line)
}

/// `pts/3`, `tty1`, `ttyS0`.
pub(super) fn is_terminal(line: &str) -> bool {
    let only = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(is);
    match (line.strip_prefix("pts/"), line.strip_prefix("tty")) {
        (Some(number), _) => only(number, u8::is_ascii_digit),
        (_, Some(rest)) => only(rest, u8::is_ascii_alphanumeric),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, line: &[u8]) -> Vec<u8> {
        let mut record = vec![0; RECORD];
        record[KIND].copy_from_slice(&kind.to_ne_bytes());
        record[8..8 + line.len()].copy_from_slice(line);
        record[44..48].copy_from_slice(b"john");
        record
    }

    #[test]
    fn has_the_terminals_of_sessions() {
        let utmp = [
            record(2, b"~"),
            record(SESSION, b"tty1"),
            record(SESSION, b"pts/12"),
            record(SESSION, b"pts/12"),
            record(8, b"pts/3"),
            record(6, b"tty2"),
            record(SESSION, b":0"),
            b"rest".to_vec(),
        ]
        .concat();
        assert_eq!(terminals(&utmp), ["pts/12", "tty1"]);
        assert!(terminals(b"").is_empty());
    }

    #[test]
    fn takes_no_other_file() {
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
            assert!(terminals(&record(SESSION, line)).is_empty(), "{line:?}");
        }
    }

    #[test]
    fn is_laid_out_as_the_c_library_has_it() {
        assert_eq!(
            crate::sys::terminal::UTMP_LAYOUT,
            (RECORD, LINE.start, SESSION)
        );
    }
}

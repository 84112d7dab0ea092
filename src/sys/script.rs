//! The first line of a script, and why the kernel could not start it: of that it says no more than that a file is
//! missing, and not which.

use super::regular_file::open_to_read;
use crate::escape::Escaped;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where programs are looked for that a script has started by name.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The kernel reads no more of the first line (BINPRM_BUF_SIZE).
const LONGEST: u64 = 256;

/// Why a script can't be started.
#[derive(Debug)]
pub enum Fault {
    /// Its lines end as on Windows, so that the name of the interpreter does.
    CarriageReturn,
    /// A byte order mark stands before the `#!`.
    ByteOrderMark,
    /// The interpreter can't be accessed.
    Interpreter(PathBuf, io::Error),
    /// env(1) is to start a program that is in no directory of [`PATH`].
    NotInPath(PathBuf),
}

/// The end of a sentence that begins with the path of the script.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CarriageReturn => {
                f.write_str("has lines that end in CR LF, so that its interpreter is not found")
            }
            Self::ByteOrderMark => f.write_str(
                "has a byte order mark before its #!, so that its interpreter is not found: remove it",
            ),
            Self::Interpreter(path, error) => write!(
                f,
                "has the interpreter {}, which can't be accessed: {error}",
                Escaped(path.as_os_str().as_bytes())
            ),
            Self::NotInPath(name) => write!(
                f,
                "has the interpreter {}, which is not in {PATH}",
                Escaped(name.as_os_str().as_bytes())
            ),
        }
    }
}

/// What is wrong with the first line of this file; None for what is no script, and for what can't be read.
pub(super) fn fault(file: &Path) -> Option<Fault> {
    let mut head = Vec::new();
    let open = open_to_read(file).ok()?;
    open.take(LONGEST).read_to_end(&mut head).ok()?;
    if head.starts_with("\u{feff}#!".as_bytes()) {
        return Some(Fault::ByteOrderMark);
    }
    let line = head
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    if line.ends_with(b"\r") {
        return Some(Fault::CarriageReturn);
    }
    let mut words = line.split(u8::is_ascii_whitespace);
    let mut words = words.by_ref().filter(|word| !word.is_empty());
    let interpreter = Path::new(OsStr::from_bytes(words.next()?));
    if let Err(error) = interpreter.metadata() {
        return Some(Fault::Interpreter(interpreter.to_owned(), error));
    }
    if interpreter.file_name() != Some("env".as_ref()) {
        return None;
    }
    // Its options and variables stand before the name.
    let is_name = |word: &&[u8]| !word.starts_with(b"-") && !word.contains(&b'=');
    let name = Path::new(OsStr::from_bytes(words.find(is_name)?));
    let is_found = PATH
        .split(':')
        .any(|directory| Path::new(directory).join(name).is_file());
    (!is_found).then(|| Fault::NotInPath(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_can_not_be_started_is_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("hook");
        let told = |text: &str| {
            std::fs::write(&file, text).unwrap();
            fault(&file).map(|fault| fault.to_string())
        };
        for (text, part) in [
            ("#!/bin/sh\r\ntrue\r\n", "end in CR LF"),
            ("\u{feff}#!/bin/sh\n", "byte order mark"),
            (
                "#!/no/python3\n",
                "has the interpreter /no/python3, which can't be accessed: No such file",
            ),
            (
                "#!/usr/bin/env no-such-program\n",
                "no-such-program, which is not in /usr/local/sbin",
            ),
            (
                "#!/usr/bin/env -S A=1 no-such-program -x\n",
                "no-such-program, which",
            ),
        ] {
            let told = told(text).unwrap_or_default();
            assert!(told.contains(part), "{text:?}: {told:?}");
        }
        for text in [
            "#!/bin/sh\ntrue\n",
            "#! /bin/sh -e\n",
            "#!/usr/bin/env sh\n",
            "\x7fELF",
            "",
            "#!",
        ] {
            assert_eq!(told(text), None, "{text:?}");
        }
    }
}

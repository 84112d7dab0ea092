//! Reads what rules need to know of a process, and what is recorded of one that is to be killed. Touches the files of
//! its directory; the texts are in buffers on the stack.

use super::facts::Facts;
use super::name::Name;
use super::procfile::{self, BUFFER, Failure, Unreadable};
use super::questions::{Questions, RuleFiles, RuleInput, RuleMatch, Text};
use super::{parse, unit};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::ffi::CStr;
use std::os::fd::AsFd;

/// What is read of a command line: a pattern is matched against its first bytes only.
const CMDLINE: usize = 8192;

/// Reads what the rules need and asks which one matches.
pub(super) fn match_rule(
    directory: &ProcessDirectory,
    questions: &dyn Questions,
    facts: &Facts,
) -> Result<RuleMatch, Failure> {
    let files = questions.rule_files();
    let mut input = RuleInput {
        facts,
        exe: None,
        cmdline: None,
        cgroup: None,
    };
    if files == RuleFiles::default() {
        return Ok(questions.match_rule(&input));
    }
    let (mut exe, mut cmdline, mut cgroup) = ([0; BUFFER + 1], [0; CMDLINE], [0; BUFFER]);
    if files.exe {
        input.exe = Some(read_exe(directory, &mut exe)?);
    }
    if files.cmdline {
        let text = procfile::read(directory, c"cmdline", &mut cmdline);
        let length = procfile::unless_gone(text.map(<[u8]>::len))?;
        input.cmdline = Some(length.map(|length| joined(&mut cmdline, length)));
    }
    let mut path = [0; BUFFER];
    if files.cgroup {
        let text = procfile::read(directory, c"cgroup", &mut cgroup);
        let text = procfile::unless_gone(text)?;
        input.cgroup =
            Some(text.map(|text| terminated(parse::cgroup_path(text).unwrap_or(b"/"), &mut path)));
    }
    Ok(questions.match_rule(&input))
}

/// The executable, None where there is none or it can't be read, and the command line.
pub(super) fn exe_and_cmdline(directory: &ProcessDirectory) -> (Option<Name>, Option<Name>) {
    let mut buffer = [0; BUFFER + 1];
    let exe = match read_exe(directory, &mut buffer) {
        Ok(Ok(exe)) if !exe.is_empty() => Some(Name::new(exe.to_bytes())),
        _ => None,
    };
    let mut buffer = [0; BUFFER];
    let length = fs::read_at(directory.as_fd(), c"cmdline", &mut buffer).map(<[u8]>::len);
    let cmdline = length.map(|length| Name::new(joined(&mut buffer, length).to_bytes()));
    (exe, cmdline.ok())
}

/// The systemd unit, or else the control group.
pub(super) fn read_unit(directory: &ProcessDirectory) -> Option<Name> {
    let mut buffer = [0; BUFFER];
    let text = fs::read_at(directory.as_fd(), c"cgroup", &mut buffer).ok()?;
    unit::of_cgroup(text).map(Name::new)
}

fn read_exe<'b>(directory: &ProcessDirectory, buffer: &'b mut [u8]) -> Result<Text<'b>, Failure> {
    let capacity = buffer.len() - 1;
    let target = buffer.get_mut(..capacity).unwrap_or_default();
    let length = match fs::read_link_at(directory.as_fd(), c"exe", target) {
        Ok(link) => link.len(),
        // A kernel thread has none, and neither has a process whose main thread has exited.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => 0,
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Err(Failure::Gone),
        Err(error) => return Ok(Err(Unreadable::new("exe", &error))),
    };
    if let Some(end) = buffer.get_mut(length) {
        *end = 0;
    }
    Ok(Ok(CStr::from_bytes_until_nul(buffer).unwrap_or_default()))
}

/// Arguments that end with a NUL each, as one text with spaces between them.
fn joined(buffer: &mut [u8], length: usize) -> &CStr {
    let last = buffer.len() - 1;
    let mut end = length.min(last);
    while end > 0 && buffer.get(end - 1) == Some(&0) {
        end -= 1;
    }
    for byte in buffer.iter_mut().take(end).filter(|byte| **byte == 0) {
        *byte = b' ';
    }
    if let Some(byte) = buffer.get_mut(end) {
        *byte = 0;
    }
    CStr::from_bytes_until_nul(buffer).unwrap_or_default()
}

/// The text as a C string in `buffer`, all of whose bytes are NUL before.
fn terminated<'b>(text: &[u8], buffer: &'b mut [u8]) -> &'b CStr {
    let capacity = buffer.len() - 1;
    for (target, byte) in buffer.iter_mut().take(capacity).zip(text) {
        *target = *byte;
    }
    CStr::from_bytes_until_nul(buffer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_joined_as_ps_shows_them() {
        for (arguments, shown) in [
            (&b"java\0-jar\0x.jar\0"[..], c"java -jar x.jar"),
            (b"", c""),
            (b"\0\0", c""),
            (b"no final", c"no final"),
            (b"a\0\0b\0", c"a  b"),
        ] {
            let mut buffer = [0xff; 32];
            buffer[..arguments.len()].copy_from_slice(arguments);
            assert_eq!(joined(&mut buffer, arguments.len()), shown);
        }
        // What fills the buffer is cut.
        assert_eq!(joined(&mut [b'x'; 4], 4), c"xxx");
    }
}

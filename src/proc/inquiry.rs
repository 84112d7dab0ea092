//! What the policy asks of a process that is near a threshold, beside the facts that are read of
//! everybody. The questions come from above as an [`Inquiry`]; here they are only answered, from
//! the process's directory, into buffers on the stack.

use super::executable::Program;
use super::name::Name;
use super::parse;
use super::process::{BUFFER, Facts, Failure, Unreadable, read_file};
use crate::quantities::{Bytes, Metric};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::ffi::CStr;
use std::fmt;
use std::os::fd::AsFd;

/// What is read of a command line: a pattern is matched against its first bytes only.
const CMDLINE: usize = 8192;

/// A text in a buffer of the look, or why it can't be read.
pub type Known<'b> = Result<&'b CStr, Unreadable>;

/// The files that the rules need. Nothing is read that no rule asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Where the exe link leads.
    pub exe: bool,
    /// The command line.
    pub cmdline: bool,
    /// The path of the control group.
    pub cgroup: bool,
}

/// A process as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'b> {
    /// Name, user and the other facts.
    pub facts: &'b Facts,
    /// Where the exe link leads; None where it was not wanted, empty where there is none.
    pub exe: Option<Known<'b>>,
    /// Its arguments with a space between two of them, as ps(1) shows them.
    pub cmdline: Option<Known<'b>>,
    /// The path of its control group.
    pub cgroup: Option<Known<'b>>,
}

/// Which rule a process belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// The place of the first rule that matches; None where none does.
    pub rule: Option<u16>,
    /// An earlier rule of which it can't be told whether it matches, and why.
    pub doubt: Option<(u16, Unreadable)>,
}

/// The answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Its rule; None where nobody asked.
    pub class: Option<Class>,
    /// Its memory by another metric than RSS, where its rule has one and RSS alone does not decide.
    pub memory: Option<(Metric, Result<Bytes, Unreadable>)>,
    /// Its systemd unit or control group; read only of a process that is held to be ended.
    pub unit: Option<Name>,
    /// Its executable, cut at 255 bytes; read only of a process that is held to be ended.
    pub exe: Option<Name>,
    /// Its arguments with a space between two of them, cut likewise; read likewise.
    pub cmdline: Option<Name>,
    /// Its anonymous resident memory.
    pub anon: Option<Bytes>,
    /// What of it was swapped out.
    pub swap: Option<Bytes>,
    /// Whether its program bears its name out; read only of one that its name may protect.
    pub program: Option<Program>,
}

impl Details {
    /// Its share of the memory it maps, where that was measured.
    pub fn pss(&self) -> Option<Bytes> {
        match self.memory {
            Some((Metric::Pss, memory)) => memory.ok(),
            _ => None,
        }
    }
}

/// The questions. Implementations are pure.
pub trait Inquiry: fmt::Debug {
    /// Which files have to be read for [`Inquiry::classify`].
    fn wanted(&self) -> Wanted;
    /// Which rule a process belongs to.
    fn classify(&self, subject: &Subject<'_>) -> Class;
    /// By which metric a process of this class is to be measured on a machine with `total` memory;
    /// RSS where that alone shows that it is within its thresholds.
    fn metric(&self, class: Class, rss: Bytes, total: Bytes) -> Metric;
    /// The sieve for those who are measured by anonymous memory and swap; None where nobody is.
    fn anonymous_sieve(&self, total: Bytes) -> Option<Bytes>;
    /// Whether processes with this name are protected by it.
    fn protects_name(&self, name: &CStr) -> bool;
    /// Whether a file with the name `file` bears out that a process with the name `name` is protected.
    fn bears(&self, name: &CStr, file: &CStr) -> bool;
}

/// Asks nothing: everybody is measured by RSS and belongs to no rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoInquiry;

impl Inquiry for NoInquiry {
    fn wanted(&self) -> Wanted {
        Wanted::default()
    }

    fn classify(&self, _: &Subject<'_>) -> Class {
        Class::default()
    }

    fn metric(&self, _: Class, _: Bytes, _: Bytes) -> Metric {
        Metric::Rss
    }

    fn anonymous_sieve(&self, _: Bytes) -> Option<Bytes> {
        None
    }

    fn protects_name(&self, _: &CStr) -> bool {
        false
    }

    fn bears(&self, _: &CStr, _: &CStr) -> bool {
        false
    }
}

/// Reads what a rule needs and asks which one it is.
pub(super) fn classify(
    directory: &ProcessDirectory,
    inquiry: &dyn Inquiry,
    facts: &Facts,
) -> Result<Class, Failure> {
    let wanted = inquiry.wanted();
    let mut subject = Subject {
        facts,
        exe: None,
        cmdline: None,
        cgroup: None,
    };
    if wanted == Wanted::default() {
        return Ok(inquiry.classify(&subject));
    }
    let (mut exe, mut cmdline, mut cgroup) = ([0; BUFFER + 1], [0; CMDLINE], [0; BUFFER]);
    if wanted.exe {
        subject.exe = Some(read_exe(directory, &mut exe)?);
    }
    if wanted.cmdline {
        let length =
            known(read_file(directory, c"cmdline", "cmdline", &mut cmdline))?.map(<[u8]>::len);
        subject.cmdline = Some(length.map(|length| joined(&mut cmdline, length)));
    }
    let mut path = [0; BUFFER];
    if wanted.cgroup {
        let text = known(read_file(directory, c"cgroup", "cgroup", &mut cgroup))?;
        subject.cgroup =
            Some(text.map(|text| terminated(parse::cgroup_path(text).unwrap_or(b"/"), &mut path)));
    }
    Ok(inquiry.classify(&subject))
}

/// PSS by smaps_rollup. It costs 25 us for a small process and grows with its page tables, so RSS,
/// which is never less, decides first whether it is worth it.
pub(super) fn read_pss(directory: &ProcessDirectory) -> Option<Result<Bytes, Unreadable>> {
    let mut buffer = [0; BUFFER];
    match read_file(directory, c"smaps_rollup", "smaps_rollup", &mut buffer) {
        Ok(text) => Some(parse::amount(text, b"Pss").ok_or(Unreadable {
            file: "smaps_rollup",
            errno: None,
        })),
        // The main thread has exited: RSS stands, which is not less.
        Err(Failure::Gone) => None,
        Err(Failure::Unreadable(unreadable)) => Some(Err(unreadable)),
    }
}

/// Anonymous memory and swap by status (RssAnon since Linux 4.5).
pub(super) fn anonymous(status: &[u8]) -> Option<Anonymous> {
    let resident = parse::amount(status, b"RssAnon")?;
    let swapped = parse::amount(status, b"VmSwap").unwrap_or(Bytes::ZERO);
    Some(Anonymous { resident, swapped })
}

/// Memory that no file backs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anonymous {
    pub(super) resident: Bytes,
    pub(super) swapped: Bytes,
}

impl Anonymous {
    pub(super) fn sum(self) -> Bytes {
        self.resident.saturating_add(self.swapped)
    }
}

/// The executable and the command line, for those who read of an end.
pub(super) fn read_words(directory: &ProcessDirectory, details: &mut Details) {
    let mut buffer = [0; BUFFER + 1];
    if let Ok(Ok(exe)) = read_exe(directory, &mut buffer) {
        details.exe = Some(Name::new(exe.to_bytes())).filter(|exe| !exe.as_bytes().is_empty());
    }
    let mut buffer = [0; BUFFER];
    if let Ok(length) = fs::read_at(directory.as_fd(), c"cmdline", &mut buffer).map(<[u8]>::len) {
        details.cmdline = Some(Name::new(joined(&mut buffer, length).to_bytes()));
    }
}

/// The systemd unit, or failing that the control group. A slice holds units of all kinds and is none.
pub(super) fn read_unit(directory: &ProcessDirectory) -> Option<Name> {
    let mut buffer = [0; BUFFER];
    let text = fs::read_at(directory.as_fd(), c"cgroup", &mut buffer).ok()?;
    parse::unit(text)
        .filter(|unit| !unit.ends_with(b".slice"))
        .map(Name::new)
}

fn read_exe<'b>(directory: &ProcessDirectory, buffer: &'b mut [u8]) -> Result<Known<'b>, Failure> {
    let room = buffer.len() - 1;
    let length = match fs::read_link_at(
        directory.as_fd(),
        c"exe",
        buffer.get_mut(..room).unwrap_or_default(),
    ) {
        Ok(link) => link.len(),
        // A kernel thread has none, and neither has a process whose main thread has exited.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => 0,
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Err(Failure::Gone),
        Err(error) => {
            return Ok(Err(Unreadable {
                file: "exe",
                errno: error.raw_os_error(),
            }));
        }
    };
    if let Some(end) = buffer.get_mut(length) {
        *end = 0;
    }
    Ok(Ok(CStr::from_bytes_until_nul(buffer).unwrap_or_default()))
}

/// What could be read, or why not; an error only where the process has ended.
fn known<T>(read: Result<T, Failure>) -> Result<Result<T, Unreadable>, Failure> {
    match read {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::Unreadable(unreadable)) => Ok(Err(unreadable)),
        Err(Failure::Gone) => Err(Failure::Gone),
    }
}

/// Arguments that end with a NUL each, as one text with spaces between them.
fn joined(buffer: &mut [u8], length: usize) -> &CStr {
    let last = buffer.len() - 1;
    let mut end = length.min(last);
    while end > 0 && buffer.get(end - 1) == Some(&0) {
        end -= 1;
    }
    for byte in buffer.iter_mut().take(end) {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    if let Some(byte) = buffer.get_mut(end) {
        *byte = 0;
    }
    CStr::from_bytes_until_nul(buffer).unwrap_or_default()
}

fn terminated<'b>(text: &[u8], buffer: &'b mut [u8]) -> &'b CStr {
    let room = buffer.len() - 1;
    for (place, byte) in buffer.iter_mut().take(room).zip(text) {
        *place = *byte;
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

    #[test]
    fn anonymous_memory_counts_what_was_swapped_out() {
        let status = b"Name:\tx\nVmRSS:\t 9 kB\nRssAnon:\t 3 kB\nVmSwap:\t 4 kB\n";
        assert_eq!(
            anonymous(status).map(Anonymous::sum),
            Some(Bytes::from_kib(7))
        );
        assert_eq!(
            anonymous(b"RssAnon:\t 3 kB\n").map(Anonymous::sum),
            Some(Bytes::from_kib(3))
        );
        assert!(anonymous(b"VmSwap:\t 4 kB\n").is_none());
    }
}

//! What is shown of one process beside what decides about it, parsed by the procfs crate. Too slow for a scan:
//! smaps_rollup alone takes 25 to 160 us, and it takes the lock of the process's memory, which the process can hold.

use super::procfile::{Unreadable, is_gone};
use super::{exe_link, rule_inputs};
use crate::quantities::{Bytes, Pid};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use procfs::FromRead;
use procfs::process::{SmapsRollup, Status};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

/// More than any of these files has: status with the 65,536 groups that a process can be in.
const LIMIT: u64 = 1 << 20;

/// The longest path of an executable that is shown.
const EXE: usize = 4096;

/// A value, or why it can't be read; None where there is none, as for a kernel thread.
type Known<T> = Option<Result<T, Unreadable>>;

/// What is shown of a process beside what decides about it. Names and paths are bytes, as the process chose them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessDetails {
    /// Where the exe link leads.
    pub exe: Known<Vec<u8>>,
    /// Its systemd unit, or else its control group; None for the root group.
    pub unit: Option<Vec<u8>>,
    /// Its proportional share of the memory that it maps.
    pub pss: Known<Bytes>,
    /// Resident memory that no file backs; None where it has none of its own.
    pub anonymous: Option<Bytes>,
    /// Its memory in swap; None where it has none of its own.
    pub swap: Option<Bytes>,
    /// The process it belongs to, where it is a thread; None for a process.
    pub thread_of: Option<Pid>,
}

impl ProcessDetails {
    /// Reads them; None if the process has ended.
    pub(super) fn read(directory: &ProcessDirectory) -> Option<Self> {
        let status = match read(directory, c"status", "status") {
            Some(text) => text.and_then(|text| status(&text)).ok(),
            None => return None,
        };
        let amount = |kib: Option<u64>| kib.map(Bytes::from_kib);
        let process = status
            .as_ref()
            .and_then(|status| u32::try_from(status.tgid).ok());
        Some(Self {
            exe: exe(directory),
            unit: rule_inputs::read_unit(directory).map(|unit| unit.name.as_bytes().to_vec()),
            pss: match read(directory, c"smaps_rollup", "smaps_rollup") {
                Some(Ok(text)) => pss(&text),
                Some(Err(unreadable)) => Some(Err(unreadable)),
                // A kernel thread or a zombie has no memory.
                None => None,
            },
            anonymous: amount(status.as_ref().and_then(|status| status.rssanon)),
            swap: amount(status.as_ref().and_then(|status| status.vmswap)),
            thread_of: process
                .and_then(Pid::new)
                .filter(|&pid| pid != directory.pid()),
        })
    }
}

/// A file of the process; None if the process, or what the file is about, is gone.
fn read(directory: &ProcessDirectory, path: &CStr, file: &'static str) -> Known<Vec<u8>> {
    let read = || -> io::Result<Vec<u8>> {
        let opened = File::from(fs::open_file_at(directory.as_fd(), path)?);
        let mut text = Vec::new();
        opened.take(LIMIT).read_to_end(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) => Some(Ok(text)),
        Err(error) if is_gone(&error) => None,
        Err(error) => Some(Err(Unreadable {
            file,
            errno: error.raw_os_error(),
        })),
    }
}

/// procfs takes UTF-8 only, and the name in the first line is any bytes.
fn status(text: &[u8]) -> Result<Status, Unreadable> {
    let text = String::from_utf8_lossy(text);
    Status::from_read(text.as_bytes()).map_err(|_| not_linux("status"))
}

/// None where there are no mappings.
fn pss(text: &[u8]) -> Known<Bytes> {
    let Ok(rollup) = SmapsRollup::from_read(text) else {
        return Some(Err(not_linux("smaps_rollup")));
    };
    let map = rollup.memory_map_rollup.into_iter().next()?;
    let pss = map.extension.map.get("Pss").copied();
    Some(pss.map(Bytes::new).ok_or(not_linux("smaps_rollup")))
}

/// The executable, cut at [`EXE`] bytes; None where there is none, as for a kernel thread.
fn exe(directory: &ProcessDirectory) -> Known<Vec<u8>> {
    let mut buffer = [0; EXE];
    match fs::read_link_at(directory.as_fd(), c"exe", &mut buffer) {
        Ok(path) => Some(Ok(exe_link::path_of_link(path).to_vec())),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => None,
        Err(error) => Some(Err(Unreadable {
            file: "exe",
            errno: error.raw_os_error(),
        })),
    }
}

fn not_linux(file: &'static str) -> Unreadable {
    Unreadable { file, errno: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_utf_8_hides_nothing() {
        let own = std::fs::read("/proc/self/status").unwrap();
        let rest = own.split(|&byte| byte == b'\n').skip(1);
        let mut text = b"Name:\t\xff\xfe: \x1b[2J".to_vec();
        for line in rest {
            text.push(b'\n');
            text.extend(line);
        }
        let tgid = u32::try_from(status(&text).unwrap().tgid).unwrap();
        assert_eq!(tgid, std::process::id());
        assert_eq!(status(b"\xff").unwrap_err(), not_linux("status"));
    }

    #[test]
    fn pss_is_in_kib_in_the_rollup() {
        let text = b"55aa00000000-7fff00000000 ---p 00000000 00:00 0                          [rollup]\n\
            Rss:                1840 kB\nPss:                 423 kB\nPss_Dirty:            92 kB\n";
        assert_eq!(pss(text), Some(Ok(Bytes::from_kib(423))));
        assert_eq!(pss(b""), None);
        assert_eq!(pss(b"x\n"), Some(Err(not_linux("smaps_rollup"))));
    }
}

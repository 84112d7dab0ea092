//! All that is known of one process, for people who want to understand a verdict. Too dear for the
//! walk: smaps_rollup alone costs 25 to 160 us.

use super::procfile::{self, BUFFER, Failure, Unreadable};
use super::{parse, rule_inputs};
use crate::quantities::{Bytes, Pid};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::os::fd::AsFd;

/// A value, or why the kernel does not say it; None where there is none, as for a kernel thread.
type Known<T> = Option<Result<T, Unreadable>>;

/// What is shown of a process beside what the decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portrait {
    /// The executable, as the kernel names it.
    pub exe: Known<Vec<u8>>,
    /// Its systemd unit or cgroup.
    pub unit: Option<Vec<u8>>,
    /// Its share of the memory it maps: shared pages divided among those who share them.
    pub pss: Known<Bytes>,
    /// Resident memory that no file backs.
    pub anonymous: Option<Bytes>,
    /// What of it was swapped out.
    pub swap: Option<Bytes>,
    /// The process it belongs to, where the number is that of a further thread.
    pub thread_of: Option<Pid>,
}

impl Portrait {
    /// Reads it; None if the process has ended.
    pub(super) fn read(directory: &ProcessDirectory) -> Option<Self> {
        let mut buffer = [0; BUFFER];
        let status = match procfile::read(directory, c"status", &mut buffer) {
            Ok(status) => status,
            Err(Failure::Gone) => return None,
            Err(Failure::Unreadable(_)) => &[],
        };
        let (anonymous, swap) = (
            parse::amount(status, b"RssAnon"),
            parse::amount(status, b"VmSwap"),
        );
        let thread_of = parse::thread_group(status).filter(|&pid| pid != directory.pid());
        let unit = rule_inputs::read_unit(directory).map(|unit| unit.as_bytes().to_vec());
        let mut buffer = [0; BUFFER];
        let exe = fs::read_link_at(directory.as_fd(), c"exe", &mut buffer)
            .map(<[u8]>::to_vec)
            .map_err(|error| Unreadable {
                file: "exe",
                errno: error.raw_os_error(),
            });
        let mut buffer = [0; BUFFER];
        let rollup = procfile::read(directory, c"smaps_rollup", &mut buffer);
        let pss = match rollup {
            Ok(text) => parse::amount(text, b"Pss").map(Ok),
            // A kernel thread, a zombie: it has no memory.
            Err(Failure::Gone) => None,
            Err(Failure::Unreadable(unreadable)) => Some(Err(unreadable)),
        };
        Some(Self {
            // A kernel thread has none: ENOENT.
            exe: Some(exe).filter(
                |exe| !matches!(exe, Err(unreadable) if unreadable.errno == Some(libc::ENOENT)),
            ),
            unit,
            pss,
            anonymous,
            swap,
            thread_of,
        })
    }
}

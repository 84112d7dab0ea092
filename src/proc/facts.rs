//! What a decision about a process rests on beside its memory. Touches the files of its directory; no heap
//! allocation.

use super::memory::Anonymous;
use super::name::{Name, full_name};
use super::parse;
use super::procfile::{self, BUFFER, Failure};
use crate::quantities::{StartTime, Uid};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::os::fd::AsFd;
use std::{fmt, io};

/// The kernel's limit for comm without its final NUL (TASK_COMM_LEN - 1).
const FULL_COMM: usize = 15;

/// What a decision rests on beside the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// With the PID: its identity.
    pub start_time: StartTime,
    /// The full name, as psutil has it.
    pub name: Name,
    /// The real user, as psutil has it.
    pub uid: Uid,
    /// Whether it runs, sleeps or is stopped.
    pub state: State,
    /// PF_KTHREAD in its flags.
    pub is_kernel_thread: bool,
    /// -1000 (never) to 1000: how the kernel's OOM killer weighs it.
    pub oom_score_adj: i16,
}

/// The kernel's letter for the state of a process: field 3 of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(pub u8);

impl State {
    /// Whether it may take a SIGTERM only when it is continued: stopped by a signal or a tracer, or with a main thread
    /// that has exited, whose state says nothing of the other threads.
    pub fn may_be_stopped(self) -> bool {
        matches!(self.0, b'T' | b't') || self.is_zombie()
    }

    /// Exited and not yet reaped; with live threads where only the main thread has exited.
    pub fn is_zombie(self) -> bool {
        self.0 == b'Z'
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// The facts, and the anonymous memory, which is in one of the files they are read from.
pub(super) fn read(directory: &ProcessDirectory) -> Result<(Facts, Option<Anonymous>), Failure> {
    let mut buffer = [0; BUFFER];
    let text = procfile::read(directory, c"stat", &mut buffer)?;
    let stat = parse::stat(text).ok_or(Failure::unexpected("stat"))?;
    let (state, is_kernel_thread) = (State(stat.state), stat.is_kernel_thread);
    let start_time = stat.start_time;
    let mut arguments = [0; BUFFER];
    let name = if stat.comm.len() >= FULL_COMM {
        // Its full name may be one that is protected.
        full_name(
            stat.comm,
            procfile::read(directory, c"cmdline", &mut arguments)?,
        )
    } else {
        Name::new(stat.comm)
    };
    let text = procfile::read(directory, c"status", &mut buffer)?;
    let uid = parse::real_uid(text).ok_or(Failure::unexpected("status"))?;
    let anonymous = Anonymous::parse(text);
    let text = procfile::read(directory, c"oom_score_adj", &mut buffer)?;
    let oom_score_adj = parse::integer(text)
        .and_then(|value| i16::try_from(value).ok())
        .ok_or(Failure::unexpected("oom_score_adj"))?;
    let facts = Facts {
        start_time,
        name,
        uid,
        state,
        is_kernel_thread,
        oom_score_adj,
    };
    Ok((facts, anonymous))
}

/// The start time alone, for comparing identities.
pub(super) fn read_start_time(directory: &ProcessDirectory) -> io::Result<StartTime> {
    let mut buffer = [0; BUFFER];
    let text = fs::read_at(directory.as_fd(), c"stat", &mut buffer)?;
    parse::stat(text)
        .map(|stat| stat.start_time)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

//! One process in detail, all of it read through one open directory /proc/PID, so that it is about one
//! process.

use super::inquiry::{self, Anonymous, Details, Inquiry};
use super::name::{Name, full_name};
use super::{ProcRoot, executable, parse};
use crate::quantities::{Bytes, Metric, Pid, ProcessKey, StartTime, Uid};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::ffi::CStr;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The kernel's limit for comm without its final NUL (TASK_COMM_LEN - 1).
const FULL_COMM: usize = 15;

/// Enough for every file read here: the longest is status, about 1.5 KiB.
pub(super) const BUFFER: usize = 4096;

/// A process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Resident memory; of a living thread where the main thread has exited.
    pub rss: Bytes,
    /// What else is known of it.
    pub facts: Result<Facts, Unreadable>,
    /// What the policy asked of it.
    pub details: Details,
}

/// What a decision rests on beside the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// With the number: its identity.
    pub start_time: StartTime,
    /// Its full name.
    pub name: Name,
    /// Its real user, as psutil has it.
    pub uid: Uid,
    /// What it is doing.
    pub state: State,
    /// Whether it is a thread of the kernel.
    pub is_kernel_thread: bool,
    /// -1000 (never) to 1000: how the kernel's OOM killer weighs it.
    pub oom_score_adj: i16,
}

/// The letter that the kernel gives for what a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(pub u8);

impl State {
    /// Whether it may take a SIGTERM only when it is continued: stopped by a signal or a tracer, or
    /// with a main thread that has exited, whose state says nothing of the other threads.
    pub fn may_be_stopped(self) -> bool {
        matches!(self.0, b'T' | b't') || self.is_zombie()
    }

    /// Exited and not yet reaped; with living threads where only the main thread has exited.
    pub fn is_zombie(self) -> bool {
        self.0 == b'Z'
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// Which file of the process's directory could not be read or understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its name below /proc/PID.
    pub file: &'static str,
    /// The error number; None where the bytes made no sense.
    pub errno: Option<i32>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Some(errno) => write!(f, "{}: {}", self.file, io::Error::from_raw_os_error(errno)),
            None => write!(f, "{}: not what Linux writes there", self.file),
        }
    }
}

impl Process {
    /// One of which nothing is known but why.
    pub(super) fn unreadable(pid: Pid, unreadable: Unreadable) -> Self {
        Self {
            pid,
            rss: Bytes::ZERO,
            facts: Err(unreadable),
            details: Details::default(),
        }
    }

    /// Its memory by the metric that was asked for, RSS where none was; or why that can't be read.
    pub fn memory(&self) -> Result<Bytes, Unreadable> {
        self.details
            .memory
            .map_or(Ok(self.rss), |(_, memory)| memory)
    }

    /// Its identity, where it is known.
    pub fn key(&self) -> Option<ProcessKey> {
        let start_time = self.facts.as_ref().ok()?.start_time;
        Some(ProcessKey {
            pid: self.pid,
            start_time,
        })
    }
}

/// Why a file gave nothing.
pub(super) enum Failure {
    /// The process has ended meanwhile.
    Gone,
    /// The kernel would not say, or its answer made no sense.
    Unreadable(Unreadable),
}

/// Whether this error means that the process has ended, which is normal.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH))
}

/// What is asked when a process is looked at.
#[derive(Clone, Copy)]
pub(super) struct Asking<'s> {
    /// The policy's questions.
    pub(super) inquiry: &'s dyn Inquiry,
    /// MemTotal.
    pub(super) total: Bytes,
    /// Whether it is held to be ended, and what is told of it then is wanted.
    pub(super) is_held: bool,
}

/// Reads the process behind an open directory; None if it has ended.
pub(super) fn read(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    asking: Asking<'_>,
) -> Option<Process> {
    match try_read(root, directory, asking) {
        Ok(process) => Some(process),
        Err(Failure::Unreadable(unreadable)) => {
            Some(Process::unreadable(directory.pid(), unreadable))
        }
        Err(Failure::Gone) => None,
    }
}

fn try_read(
    root: &ProcRoot,
    directory: &ProcessDirectory,
    asking: Asking<'_>,
) -> Result<Process, Failure> {
    let pid = directory.pid();
    let (facts, anonymous) = match read_facts(directory) {
        Ok((facts, anonymous)) => (Ok(facts), anonymous),
        Err(Failure::Unreadable(unreadable)) => (Err(unreadable), None),
        Err(Failure::Gone) => return Err(Failure::Gone),
    };
    let rss = read_rss(root, directory)?;
    let mut details = Details::default();
    if let Ok(facts) = &facts {
        let class = inquiry::classify(directory, asking.inquiry, facts)?;
        details.class = Some(class);
        if asking.inquiry.protects_name(facts.name.as_c_str()) {
            let program = executable::read(root, directory, &facts.name, asking.inquiry);
            details.program = Some(program);
        }
        let metric = asking.inquiry.metric(class, rss, asking.total);
        let memory = match metric {
            Metric::Rss => None,
            Metric::Pss => inquiry::read_pss(directory),
            // A main thread that has exited shows none, as a kernel before 4.5: RSS stands.
            Metric::Anon => anonymous.map(|anonymous| Ok(anonymous.sum())),
        };
        details.anon = anonymous.map(|anonymous| anonymous.resident);
        details.swap = anonymous.map(|anonymous| anonymous.swapped);
        details.memory = memory.map(|memory| (metric, memory));
        if asking.is_held {
            details.unit = inquiry::read_unit(directory);
            inquiry::read_words(directory, &mut details);
        }
    }
    Ok(Process {
        pid,
        rss,
        facts,
        details,
    })
}

/// The start time alone, for comparing identities.
pub(super) fn read_start_time(directory: &ProcessDirectory) -> io::Result<StartTime> {
    let mut buffer = [0; BUFFER];
    let text = fs::read_at(directory.as_fd(), c"stat", &mut buffer)?;
    parse::stat(text)
        .map(|stat| stat.start_time)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The facts, and the anonymous memory, which stands in one of the files they are read from.
fn read_facts(directory: &ProcessDirectory) -> Result<(Facts, Option<Anonymous>), Failure> {
    let mut buffer = [0; BUFFER];
    let text = read_file(directory, c"stat", "stat", &mut buffer)?;
    let stat = parse::stat(text).ok_or_else(|| nonsense("stat"))?;
    let (state, is_kernel_thread) = (State(stat.state), stat.is_kernel_thread);
    let start_time = stat.start_time;
    let mut arguments = [0; BUFFER];
    let name = if stat.comm.len() >= FULL_COMM {
        // Its full name may be one that is protected.
        full_name(
            stat.comm,
            read_file(directory, c"cmdline", "cmdline", &mut arguments)?,
        )
    } else {
        Name::new(stat.comm)
    };
    let text = read_file(directory, c"status", "status", &mut buffer)?;
    let uid = parse::real_uid(text).ok_or_else(|| nonsense("status"))?;
    let anonymous = inquiry::anonymous(text);
    let text = read_file(directory, c"oom_score_adj", "oom_score_adj", &mut buffer)?;
    let oom_score_adj = parse::integer(text)
        .and_then(|value| i16::try_from(value).ok())
        .ok_or_else(|| nonsense("oom_score_adj"))?;
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

/// RSS by statm. A process whose main thread has exited shows zeros there while its other threads
/// run on; they all share one address space, so the first of them that has one speaks for it.
fn read_rss(root: &ProcRoot, directory: &ProcessDirectory) -> Result<Bytes, Failure> {
    let mut buffer = [0; 256];
    let text = read_file(directory, c"statm", "statm", &mut buffer)?;
    let (size, mut resident) = parse::statm(text).ok_or_else(|| nonsense("statm"))?;
    if size == 0 {
        resident = living_thread_resident(directory).unwrap_or(0);
    }
    Ok(Bytes::from_pages(resident, root.page_size()))
}

fn living_thread_resident(directory: &ProcessDirectory) -> Option<u64> {
    living(directory, |tasks, thread| {
        let mut path = [0; 32];
        let mut buffer = [0; 256];
        let path = file_path(thread, b"/statm", &mut path)?;
        let statm = fs::read_at(tasks, path, &mut buffer).ok()?;
        match parse::statm(statm) {
            Some((1.., resident)) => Some(resident),
            _ => None,
        }
    })
}

/// The directory of a thread that has not exited.
pub(super) fn living_thread(directory: &ProcessDirectory) -> Option<OwnedFd> {
    living(directory, |tasks, thread| {
        let mut path = [0; 32];
        let path = file_path(thread, b"/exe", &mut path)?;
        fs::status_at(tasks, path).ok()?;
        fs::open_directory_at(tasks, thread).ok()
    })
}

/// What the first thread says that has an answer.
fn living<T>(
    directory: &ProcessDirectory,
    ask: impl Fn(BorrowedFd<'_>, &CStr) -> Option<T>,
) -> Option<T> {
    let tasks = fs::open_directory_at(directory.as_fd(), c"task").ok()?;
    let mut entries = [0; BUFFER];
    loop {
        let threads = fs::read_entries(tasks.as_fd(), &mut entries).ok()?;
        if threads.is_empty() {
            return None;
        }
        for thread in threads {
            if let Some(answer) = ask(tasks.as_fd(), thread) {
                return Some(answer);
            }
        }
    }
}

/// The open statm of a process; None if it has ended or can't be opened.
pub(super) fn open_statm(root: &ProcRoot, pid: Pid) -> Option<OwnedFd> {
    let mut path = [0; 32];
    // Ten digits, the file's name and the final NUL always fit.
    write!(path.as_mut_slice(), "{pid}/statm").ok()?;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    fs::open_file_at(root.as_fd(), path).ok()
}

/// `NUMBER/file` as a C string in `buffer`; None for what is not a number.
pub(super) fn file_path<'b>(number: &CStr, file: &[u8], buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let number = number.to_bytes();
    if !number.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (start, rest) = buffer.split_at_mut_checked(number.len())?;
    start.copy_from_slice(number);
    let (end, rest) = rest.split_at_mut_checked(file.len())?;
    end.copy_from_slice(file);
    *rest.first_mut()? = 0;
    CStr::from_bytes_until_nul(buffer).ok()
}

pub(super) fn nonsense(file: &'static str) -> Failure {
    Failure::Unreadable(Unreadable { file, errno: None })
}

pub(super) fn read_file<'b>(
    directory: &ProcessDirectory,
    path: &CStr,
    file: &'static str,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Failure> {
    fs::read_at(directory.as_fd(), path, buffer).map_err(|error| {
        if is_gone(&error) {
            Failure::Gone
        } else {
            Failure::Unreadable(Unreadable {
                file,
                errno: error.raw_os_error(),
            })
        }
    })
}

/// The anonymous memory of the process whose status is at `status` below the root; None if it can't
/// be told, which the detailed look then finds out.
pub(super) fn read_anonymous(root: &ProcRoot, status: &CStr) -> Option<Bytes> {
    let mut buffer = [0; BUFFER];
    inquiry::anonymous(fs::read_at(root.as_fd(), status, &mut buffer).ok()?).map(Anonymous::sum)
}

//! The hot walk: one look at every process, three calls each and no heap allocation once its
//! buffers have grown. Only what passes the sieve is looked at in detail.

use super::inquiry::{Inquiry, NoInquiry};
use super::{
    Error, Name, ProcRoot, Process, ProcessDetails, Snapshot, SystemMemory, meminfo, parse, process,
};
use crate::quantities::{Bytes, Pid, ProcessKey};
use crate::sys::fs;
use crate::sys::process::{ProcessDirectory, ProcessHandle};
use std::cell::Cell;
use std::cmp::Reverse;
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// getdents64 takes as much at once as it is given: 32 KiB hold about 1,300 processes.
const ENTRIES: usize = 32 * 1024;

/// So many processes over the sieve cost no heap allocation.
const CANDIDATES: usize = 1024;

/// Looks at the processes below a proc root.
#[derive(Debug)]
pub struct Sampler {
    root: ProcRoot,
    entries: Box<[u8]>,
    /// Numbers of the processes over the sieve in the running walk.
    candidates: Vec<Pid>,
    /// Numbers of those below it that may have enough in swap to be over theirs.
    swapped: Vec<Pid>,
    /// What the policy wants to know of those near a threshold.
    inquiry: Box<dyn Inquiry>,
    /// MemTotal when it was last read.
    total: Cell<Bytes>,
}

/// What the walk sees of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// So much resident memory.
    Rss(Bytes),
    /// No memory in its own name, but more than one thread: its main thread has exited.
    DeadLeader,
    /// A kernel thread or a zombie.
    Nothing,
    /// It would not say, for this error number; 0 where the bytes made no sense.
    Unreadable(i32),
}

impl Sampler {
    /// For this proc root.
    pub fn new(root: ProcRoot) -> Self {
        Self {
            root,
            entries: vec![0; ENTRIES].into(),
            candidates: Vec::with_capacity(CANDIDATES),
            swapped: Vec::with_capacity(CANDIDATES),
            inquiry: Box::new(NoInquiry),
            total: Cell::new(Bytes::ZERO),
        }
    }

    /// From now on asks this of every process that is looked at in detail.
    pub fn inquire(&mut self, inquiry: Box<dyn Inquiry>) {
        self.inquiry = inquiry;
    }

    /// The proc root it looks at.
    pub fn root(&self) -> &ProcRoot {
        &self.root
    }

    /// The machine's memory.
    pub fn memory(&self) -> Result<SystemMemory, Error> {
        let memory = SystemMemory::read(&self.root)?;
        self.total.set(memory.total);
        Ok(memory)
    }

    /// Whether hidepid keeps other users' processes from this one.
    pub fn hides_processes(&self) -> bool {
        meminfo::hides_processes(&self.root)
    }

    /// One look at all processes; those with more than what `sieve` makes of the machine's memory in
    /// detail, the largest first.
    pub fn scan(
        &mut self,
        sieve: impl FnOnce(&SystemMemory) -> Bytes,
        snapshot: &mut Snapshot,
    ) -> Result<(), Error> {
        snapshot.near.clear();
        snapshot.scanned = 0;
        snapshot.unreadable = None;
        snapshot.memory = self.memory()?;
        let sieve = sieve(&snapshot.memory);
        snapshot.below.clear(Bytes::new(sieve.get() / 8));
        let anonymous_sieve = self.inquiry.anonymous_sieve(snapshot.memory.total);
        // Who is measured by anonymous memory may have little of it resident; but it has no more of
        // it in swap than there is in swap at all. Without swap in use nobody is looked at here.
        let swap_used = snapshot.memory.swap_used();
        let swap_floor = anonymous_sieve
            .filter(|_| swap_used > Bytes::ZERO)
            .map(|sieve| sieve.saturating_sub(swap_used));
        let mut candidates = std::mem::take(&mut self.candidates);
        let mut swapped = std::mem::take(&mut self.swapped);
        candidates.clear();
        swapped.clear();
        let walked = self.walk(|pid, seen| {
            snapshot.scanned += 1;
            match seen {
                Seen::Rss(rss) if rss > sieve => candidates.push(pid),
                Seen::DeadLeader => candidates.push(pid),
                Seen::Rss(rss) => {
                    if swap_floor.is_some_and(|floor| rss >= floor) {
                        swapped.push(pid);
                    }
                    snapshot.below.offer(pid, rss);
                }
                Seen::Nothing => {}
                Seen::Unreadable(errno) => {
                    let (count, first) = snapshot.unreadable.unwrap_or((0, errno));
                    snapshot.unreadable = Some((count + 1, first));
                }
            }
        });
        if let Some(sieve) = anonymous_sieve {
            let is_over = |pid: &Pid| self.anonymous(*pid).is_some_and(|memory| memory > sieve);
            candidates.extend(swapped.iter().copied().filter(is_over));
        }
        let looks = candidates.iter().filter_map(|&pid| self.look(pid));
        let is_near = |process: &Process| {
            let is_by_other = |memory| anonymous_sieve.is_some_and(|sieve| memory > sieve);
            process.rss > sieve || process.facts.is_err() || process.memory().is_ok_and(is_by_other)
        };
        snapshot.near.extend(looks.filter(is_near));
        snapshot
            .near
            .sort_unstable_by_key(|process| (Reverse(process.rss), process.pid));
        (self.candidates, self.swapped) = (candidates, swapped);
        walked
    }

    /// Visits every process once. A process that ends meanwhile is left out.
    pub fn walk(&mut self, mut visit: impl FnMut(Pid, Seen)) -> Result<(), Error> {
        let listing = |source| Error::Read {
            path: self.root.path_of(""),
            source,
        };
        fs::rewind(self.root.as_fd()).map_err(listing)?;
        loop {
            let entries =
                fs::read_entries(self.root.as_fd(), &mut self.entries).map_err(listing)?;
            if entries.is_empty() {
                return Ok(());
            }
            for name in entries {
                let pid = parse::number(name.to_bytes())
                    .and_then(|pid| u32::try_from(pid).ok())
                    .and_then(Pid::new);
                if let Some(pid) = pid {
                    let mut path = [0; 32];
                    let path = process::file_path(name, b"/statm", &mut path);
                    if let Some(seen) = path.and_then(|path| see(&self.root, path)) {
                        visit(pid, seen);
                    }
                }
            }
        }
    }

    /// One process in detail; None if it has ended. What can't be opened counts as unreadable.
    pub fn look(&self, pid: Pid) -> Option<Process> {
        match ProcessDirectory::open(self.root.as_fd(), pid) {
            Ok(directory) => process::read(&self.root, &directory, self.asking(false)),
            Err(error) if process::is_gone(&error) => None,
            Err(error) => {
                let unreadable = process::Unreadable {
                    file: "",
                    errno: error.raw_os_error(),
                };
                Some(Process::unreadable(pid, unreadable))
            }
        }
    }

    /// One process in detail and held, so that it can be signalled; None if it has ended or can't be
    /// held. What was read is of the very process that is held.
    pub fn hold(&self, pid: Pid) -> Option<(Process, ProcessHandle)> {
        self.try_hold(pid).ok()
    }

    /// The same, with the kernel's reason where it can't be held: ENOENT or ESRCH if it has ended.
    pub fn try_hold(&self, pid: Pid) -> io::Result<(Process, ProcessHandle)> {
        let directory = ProcessDirectory::open(self.root.as_fd(), pid)?;
        let handle = ProcessHandle::new(directory);
        let process = process::read(&self.root, handle.directory(), self.asking(true));
        let process = process.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
        Ok((process, handle))
    }

    /// What a held process is like now; None if it has ended.
    pub fn look_again(&self, handle: &ProcessHandle) -> Option<Process> {
        process::read(&self.root, handle.directory(), self.asking(true))
    }

    fn asking(&self, is_held: bool) -> process::Asking<'_> {
        if self.total.get() == Bytes::ZERO {
            // Without it, shares are of nothing, which the policy takes for off.
            let _ = self.memory();
        }
        process::Asking {
            inquiry: &*self.inquiry,
            total: self.total.get(),
            is_held,
        }
    }

    /// The anonymous memory of a process; None if it has ended or would not say.
    fn anonymous(&self, pid: Pid) -> Option<Bytes> {
        let mut path = [0; 32];
        // Ten digits and the name always fit.
        let _ = write!(path.as_mut_slice(), "{pid}/status");
        process::read_anonymous(&self.root, CStr::from_bytes_until_nul(&path).ok()?)
    }

    /// What is shown of a held process beside what decides about it; None if it has ended.
    pub fn details(&self, handle: &ProcessHandle) -> Option<ProcessDetails> {
        ProcessDetails::read(handle.directory())
    }

    /// The systemd unit or cgroup of a held process, without heap allocation.
    pub fn unit(&self, handle: &ProcessHandle) -> Option<Name> {
        super::inquiry::read_unit(handle.directory())
    }

    /// Whether this /proc is mounted with hidepid, whoever it hides from.
    pub fn is_hidepid(&self) -> bool {
        meminfo::is_hidepid()
    }

    /// Who has this number now; None if nobody has.
    pub fn identify(&self, pid: Pid) -> io::Result<Option<ProcessKey>> {
        let start_time = ProcessDirectory::open(self.root.as_fd(), pid)
            .and_then(|directory| process::read_start_time(&directory));
        match start_time {
            Ok(start_time) => Ok(Some(ProcessKey { pid, start_time })),
            Err(error) if process::is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the number of this process is still its own; doubt says no.
    pub fn is_still(&self, key: ProcessKey) -> bool {
        self.identify(key.pid).is_ok_and(|now| now == Some(key))
    }
}

/// The size of one process by its statm; None if it has ended.
fn see(root: &ProcRoot, statm: &CStr) -> Option<Seen> {
    let mut buffer = [0; 256];
    let text = match fs::read_at(root.as_fd(), statm, &mut buffer) {
        Ok(text) => text,
        Err(error) if process::is_gone(&error) => return None,
        Err(error) => return Some(Seen::Unreadable(error.raw_os_error().unwrap_or(0))),
    };
    match parse::statm(text) {
        Some((0, _)) => see_without_memory(root, statm),
        Some((_, pages)) => Some(Seen::Rss(Bytes::from_pages(pages, root.page_size()))),
        None => Some(Seen::Unreadable(0)),
    }
}

/// Kernel threads and zombies have one thread; a process that goes on without its main thread has
/// more, and the link count of its task directory, 2 + threads, says so with one more system call
/// (`proc_task_getattr` in the kernel's fs/proc/base.c).
fn see_without_memory(root: &ProcRoot, statm: &CStr) -> Option<Seen> {
    let mut path = [0; 32];
    let number = statm.to_bytes().split(|&byte| byte == b'/').next()?;
    let task = path.get_mut(..number.len())?;
    task.copy_from_slice(number);
    path.get_mut(number.len()..number.len() + 5)?
        .copy_from_slice(b"/task");
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    match fs::link_count_at(root.as_fd(), path) {
        Ok(3) => Some(Seen::Nothing),
        Ok(_) => Some(Seen::DeadLeader),
        Err(error) if process::is_gone(&error) => None,
        Err(error) => Some(Seen::Unreadable(error.raw_os_error().unwrap_or(0))),
    }
}

//! The hot path: one walk over all processes, three system calls each and no heap allocation once its buffers have
//! grown. Only what is over the sieve is read in detail. Touches files below the proc root.

use super::blocking::{Blocking, Reader};
use super::context::Context;
use super::meminfo;
use super::parse::{Status, SystemMemory};
use super::process::{self, Process};
use super::process_details::ProcessDetails;
use super::procfile::{self, Unreadable};
use super::questions::Questions;
use super::seen::Seen;
use super::snapshot::{Snapshot, UnreadableProcesses};
use super::young::{LastPid, Young};
use super::{Error, ProcRoot, facts_reader, memory};
use crate::quantities::{Bytes, Pid, ProcessKey};
use crate::sys::process::{ProcessDirectory, ProcessHandle};
use std::cell::Cell;
use std::cmp::Reverse;
use std::io;
use std::os::fd::AsFd;

/// getdents64 takes as much at once as it is given: 32 KiB hold about 1,300 processes.
const ENTRIES: usize = 32 * 1024;

/// Smaller ones are not among the largest, however few there are.
const SMALLEST: Bytes = Bytes::new(1 << 20);

/// So many processes over the sieve cost no heap allocation.
const CANDIDATES: usize = 1024;

/// Reads the processes below a proc root.
#[derive(Debug)]
pub struct Sampler {
    pub(super) root: ProcRoot,
    pub(super) blocking: Blocking,
    has_whole_names: bool,
    pub(super) entries: Box<[u8]>,
    /// The processes over the sieve in the last walk, the largest first.
    pub(super) candidates: Vec<(Bytes, Pid)>,
    /// Those below it that may have enough in swap or in huge pages to be over the sieve.
    hidden: Vec<(Bytes, Pid)>,
    sieve: Sieve,
    /// MemTotal when it was last read.
    total: Cell<Bytes>,
    pub(super) last_pid: LastPid,
    /// The processes that are younger than the last scan of all.
    pub(super) young: Young,
}

/// What a process must have more of to be read in detail.
#[derive(Clone, Copy, Debug, Default)]
struct Sieve {
    rss: Bytes,
    /// None where nothing is measured by that.
    anonymous: Option<Bytes>,
}

impl Sampler {
    /// Of this proc root.
    pub fn new(root: ProcRoot) -> Self {
        let last_pid = LastPid::open(&root);
        Self {
            last_pid,
            young: Young::since(None),
            root,
            blocking: Blocking::default(),
            has_whole_names: false,
            entries: vec![0; ENTRIES].into(),
            candidates: Vec::with_capacity(CANDIDATES),
            hidden: Vec::with_capacity(CANDIDATES),
            sieve: Sieve::default(),
            total: Cell::new(Bytes::ZERO),
        }
    }

    /// For a command: completes every name that the kernel has cut, also where that decides nothing, since it is shown;
    /// and waits 3 s rather than 0.1 for what can block.
    #[must_use]
    pub fn for_command(self) -> Self {
        self.blocking.be_patient();
        Self {
            has_whole_names: true,
            ..self
        }
    }

    /// Reads what can block by this process. Without one it starts one when there is such a thing to read.
    #[must_use]
    pub fn with_reader(self, reader: Reader) -> Self {
        self.blocking.adopt(reader);
        self
    }

    /// A turn of the loop begins, in which what can block has a budget of 100 ms.
    pub fn begin_turn(&self) {
        self.blocking.renew();
    }

    /// The proc root it reads.
    pub fn root(&self) -> &ProcRoot {
        &self.root
    }

    /// The machine's memory.
    ///
    /// # Errors
    /// Where meminfo can't be read or has an unexpected format.
    pub fn memory(&self) -> Result<SystemMemory, Error> {
        let memory = SystemMemory::read(&self.root)?;
        self.total.set(memory.total);
        Ok(memory)
    }

    /// Whether hidepid hides other users' processes from this one.
    pub fn hides_processes(&self) -> bool {
        meminfo::hides_processes(&self.root)
    }

    /// Scans all processes, and reads those in detail that are over the sieve of `questions`.
    ///
    /// # Errors
    /// Where the proc root or its meminfo can't be read.
    pub fn scan(
        &mut self,
        questions: &dyn Questions,
        snapshot: &mut Snapshot,
    ) -> Result<(), Error> {
        self.list(questions, snapshot)?;
        self.read_all(questions, snapshot);
        Ok(())
    }

    /// The same, and reads every process with memory in detail.
    ///
    /// # Errors
    /// As [`Sampler::scan`].
    pub fn scan_all(
        &mut self,
        questions: &dyn Questions,
        snapshot: &mut Snapshot,
    ) -> Result<(), Error> {
        self.list_over(questions, |_| Bytes::ZERO, None, snapshot)?;
        self.read_all(questions, snapshot);
        Ok(())
    }

    fn read_all(&self, questions: &dyn Questions, snapshot: &mut Snapshot) {
        self.begin_turn();
        let indices = 0..self.candidates();
        snapshot
            .near
            .extend(indices.filter_map(|index| self.candidate(questions, index)));
        snapshot
            .near
            .sort_unstable_by_key(|process| (Reverse(process.rss), process.pid));
    }

    /// The first part of a scan: finds the processes over the sieve of `questions`, which [`Sampler::candidate`] reads.
    /// Clears the processes of the snapshot.
    ///
    /// # Errors
    /// As [`Sampler::scan`].
    pub fn list(
        &mut self,
        questions: &dyn Questions,
        snapshot: &mut Snapshot,
    ) -> Result<(), Error> {
        self.young = Young::since(self.last_pid.read());
        self.blocking.begin_scan();
        self.list_over(questions, |memory| questions.sieve(memory), None, snapshot)
    }

    pub(super) fn list_over(
        &mut self,
        questions: &dyn Questions,
        sieve: impl FnOnce(&SystemMemory) -> Bytes,
        few: Option<&[Pid]>,
        snapshot: &mut Snapshot,
    ) -> Result<(), Error> {
        snapshot.near.clear();
        snapshot.scanned = 0;
        snapshot.young = Bytes::ZERO;
        snapshot.unreadable = UnreadableProcesses::default();
        snapshot.memory = self.memory()?;
        let sieve = sieve(&snapshot.memory);
        snapshot.below.clear(Bytes::new(sieve.get() / 8));
        snapshot.largest.clear(SMALLEST);
        snapshot.sizes.clear();
        let anonymous = questions.anonymous_sieve(snapshot.memory.total);
        self.sieve = Sieve {
            rss: sieve,
            anonymous,
        };
        // A process that is measured by anonymous memory may have little of it resident; but it has no more of it in
        // swap than there is in swap at all, and no more reserved huge pages than are in use. Where neither is in use
        // no further file is read here.
        let (swap, huge) = (snapshot.memory.swap_used(), snapshot.memory.huge_used);
        let swap_floor = anonymous
            .filter(|_| swap > Bytes::ZERO)
            .map(|sieve| sieve.saturating_sub(swap.saturating_add(huge)));
        let huge_floor = (huge > Bytes::ZERO).then(|| sieve.saturating_sub(huge));
        let floor = swap_floor.into_iter().chain(huge_floor).min();
        let young = self.young;
        let mut candidates = std::mem::take(&mut self.candidates);
        let mut hidden = std::mem::take(&mut self.hidden);
        candidates.clear();
        hidden.clear();
        let visit = |pid, seen| {
            snapshot.scanned += 1;
            if let Seen::Rss(rss) = seen {
                snapshot.largest.offer(pid, rss);
                if young.contains(pid) {
                    snapshot.young = snapshot.young.saturating_add(rss);
                }
                snapshot.sizes.offer(pid, rss);
            }
            match seen {
                Seen::Rss(rss) if rss > sieve => candidates.push((rss, pid)),
                // Its size is known when it is read.
                Seen::DeadLeader => {
                    candidates.push((Bytes::new(u64::MAX), pid));
                    snapshot.sizes.offer_leader(pid);
                }
                Seen::Rss(rss) => {
                    if floor.is_some_and(|floor| rss >= floor) {
                        hidden.push((rss, pid));
                    }
                    snapshot.below.offer(pid, rss);
                }
                Seen::Nothing => {}
                Seen::Unreadable(unreadable) => snapshot.unreadable.add(unreadable),
            }
        };
        let walked = match few {
            None => self.walk(visit),
            Some(pids) => self.walk_few(pids, visit),
        };
        candidates.extend(hidden.iter().filter_map(|&(rss, pid)| {
            let status = self.status(pid)?;
            let rss = rss.saturating_add(status.huge.unwrap_or(Bytes::ZERO));
            let is_over = self.sieve.is_over(rss, memory::anonymous(&status));
            is_over.then_some((rss, pid))
        }));
        self.add_leaders(&mut snapshot.sizes);
        candidates.sort_unstable_by_key(|&(rss, pid)| (Reverse(rss), pid));
        (self.candidates, self.hidden) = (candidates, hidden);
        walked
    }

    /// How many processes were over the sieve in the last walk.
    pub fn candidates(&self) -> usize {
        self.candidates.len()
    }

    /// The one with this index, the largest first; None where it has ended, or is not over the sieve any more.
    pub fn candidate(&self, questions: &dyn Questions, index: usize) -> Option<Process> {
        let &(_, pid) = self.candidates.get(index)?;
        let process = self.read(questions, pid)?;
        let anonymous = process.memory().ok();
        let is_near = process.facts.is_err() || self.sieve.is_over(process.rss, anonymous);
        is_near.then_some(process)
    }

    /// One process in detail; None if it has ended. What can't be opened counts as unreadable.
    pub fn read(&self, questions: &dyn Questions, pid: Pid) -> Option<Process> {
        match ProcessDirectory::open(self.root.as_fd(), pid) {
            Ok(directory) => process::read(&directory, self.context(questions, false)),
            Err(error) if procfile::is_gone(&error) => None,
            Err(error) => Some(Process::unreadable(pid, Unreadable::new("", &error))),
        }
    }

    /// Holds a process, so that it can be signalled. Whether it is the right one, a read through the handle says.
    ///
    /// # Errors
    /// The kernel's reason: ENOENT or ESRCH if it has ended.
    pub fn open(&self, pid: Pid) -> io::Result<ProcessHandle> {
        ProcessDirectory::open(self.root.as_fd(), pid).map(ProcessHandle::new)
    }

    /// One process in detail and held, so that it can be signalled; None if it has ended or can't be held. What is
    /// read is of the very process that is held.
    pub fn hold(&self, questions: &dyn Questions, pid: Pid) -> Option<(Process, ProcessHandle)> {
        self.try_hold(questions, pid).ok()
    }

    /// The same.
    ///
    /// # Errors
    /// The kernel's reason: ENOENT or ESRCH if it has ended.
    pub fn try_hold(
        &self,
        questions: &dyn Questions,
        pid: Pid,
    ) -> io::Result<(Process, ProcessHandle)> {
        let handle = self.open(pid)?;
        let process = self.read_held(questions, &handle);
        let mut process = process.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
        if self.has_whole_names {
            self.ask_words(&process, &handle, true);
            self.add_words(&mut process);
        }
        Ok((process, handle))
    }

    /// A held process as it is now; None if it has ended.
    pub fn read_held(&self, questions: &dyn Questions, handle: &ProcessHandle) -> Option<Process> {
        process::read(handle.directory(), self.context(questions, true))
    }

    pub(super) fn context<'c>(
        &'c self,
        questions: &'c dyn Questions,
        is_held: bool,
    ) -> Context<'c> {
        if self.total.get() == Bytes::ZERO {
            // Without it, shares are of nothing, which the policy takes for off.
            let _ = self.memory();
        }
        Context {
            root: &self.root,
            blocking: &self.blocking,
            questions,
            total: self.total.get(),
            is_held,
            has_whole_names: self.has_whole_names,
        }
    }

    /// The status of a process; None if it has ended or can't be read, which the detailed read finds out.
    fn status(&self, pid: Pid) -> Option<Status> {
        let directory = ProcessDirectory::open(self.root.as_fd(), pid).ok()?;
        let mut status = Status::default();
        procfile::each_line(&directory, c"status", |line| status.take(line)).ok()?;
        Some(status)
    }

    /// What is shown of a held process beside what decides about it; None if it has ended.
    pub fn details(&self, handle: &ProcessHandle) -> Option<ProcessDetails> {
        ProcessDetails::read(handle.directory())
    }

    /// Whether this /proc is mounted with hidepid, whether or not it hides anything from this process.
    pub fn is_hidepid(&self) -> bool {
        meminfo::is_hidepid()
    }

    /// The process that has this PID now; None if there is none.
    ///
    /// # Errors
    /// Where that can't be read.
    pub fn identify(&self, pid: Pid) -> io::Result<Option<ProcessKey>> {
        let start_time = ProcessDirectory::open(self.root.as_fd(), pid)
            .and_then(|directory| facts_reader::read_start_time(&directory));
        match start_time {
            Ok(start_time) => Ok(Some(ProcessKey { pid, start_time })),
            Err(error) if procfile::is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this process still has its PID; false where that can't be read.
    pub fn is_still(&self, key: ProcessKey) -> bool {
        self.identify(key.pid).is_ok_and(|now| now == Some(key))
    }
}

impl Sieve {
    fn is_over(self, rss: Bytes, anonymous: Option<Bytes>) -> bool {
        let is_over = |sieve: Bytes| anonymous.is_some_and(|memory| memory > sieve);
        rss > self.rss || self.anonymous.is_some_and(is_over)
    }
}

//! What the log says of a process beside what decided about it: its whole name, its arguments, its share of its memory.
//! The helper reads it; nothing here waits for longer than it says.

use super::blocking::{Arguments, Request};
use super::name::{FULL_COMM, Name, base_name};
use super::process::Process;
use super::procfile::BUFFER;
use super::scan::Sampler;
use super::unit::Unit;
use super::{package_manager, relatives, rule_inputs};
use crate::quantities::ProcessKey;
use crate::sys::process::{ProcessDirectory, ProcessHandle};
use std::os::fd::AsFd;

impl Sampler {
    /// Asks for what the log says of a process that is to be signalled, and does not wait for the answer: nothing that
    /// can block stands before the signal. `wants_share`: also for its share of its memory, for which the kernel visits
    /// all its pages, and does not free them meanwhile.
    pub fn ask_words(&self, process: &Process, handle: &ProcessHandle, wants_share: bool) {
        if let (Some(key), Ok(facts)) = (process.key(), &process.facts) {
            let cut = Some(&facts.name).filter(|_| facts.is_name_cut);
            let directory = handle.directory();
            if wants_share {
                let request = Request::SmapsRollup;
                self.blocking.ask_words(directory, key, None, request);
            }
            self.blocking
                .ask_words(directory, key, cut, Request::Cmdline);
        }
    }

    /// Waits for the words of a process, 25 ms for all of a scan together: it may end as soon as it is signalled.
    /// Before it is decided, not between the decision and the signal.
    pub fn wait_for_words(&self, key: ProcessKey) {
        self.blocking.wait_for_words(key);
    }

    /// Asks for the whole name of a process that is not held, where the kernel has cut it.
    pub fn ask_name(&self, process: &Process) {
        if let (Some(key), Ok(facts)) = (process.key(), &process.facts) {
            if !facts.is_name_cut {
                return;
            }
            if let Ok(directory) = ProcessDirectory::open(self.root.as_fd(), process.pid) {
                let cut = Some(&facts.name);
                self.blocking
                    .ask_words(&directory, key, cut, Request::Cmdline);
            }
        }
    }

    /// The signals are sent: the words that were asked for have 50 ms.
    pub fn begin_words(&self) {
        self.blocking.renew_for_words();
    }

    /// Adds the words that were asked for of this process, as far as there is an answer.
    pub fn add_words(&self, process: &mut Process) {
        let Some(key) = process.key() else { return };
        let words = self.blocking.take_words(key);
        let details = &mut process.details;
        details.cmdline = details.cmdline.or(words.cmdline);
        if details.share.is_none() {
            (details.share, details.own) = (words.share, words.own);
        }
        if let Ok(facts) = &mut process.facts {
            let comm = facts.name.as_bytes();
            let comm = comm.get(..FULL_COMM).unwrap_or(comm);
            let is_alone = |parent| relatives::is_alone(&self.root, process.pid, parent, comm);
            details.is_alone &= facts.parent.is_some_and(is_alone);
            let exe = details.exe.as_ref().map(|exe| base_name(exe.as_bytes()));
            let exe = exe.filter(|exe| exe.starts_with(facts.name.as_bytes()));
            if facts.is_name_cut {
                let name = words.name.or_else(|| exe.map(Name::new));
                facts.name = name.unwrap_or(facts.name);
            }
        }
    }

    /// Does to a held process what is done to one that may be a package manager, so that the code is in memory when
    /// there is little left.
    pub fn rehearse_package_manager(&self, process: &Process, handle: &ProcessHandle) {
        if let Some(key) = process.key() {
            let directory = handle.directory();
            let mut arguments = Arguments::of(&self.blocking, directory, key);
            let exe = process
                .details
                .exe
                .as_ref()
                .map_or(&b""[..], Name::as_bytes);
            package_manager::rehearse(&self.root, directory, exe, &mut arguments);
        }
    }

    /// The path of the control group of a process that is not held; None where it can't be read, or has ended.
    pub fn cgroup(&self, process: &Process) -> Option<Vec<u8>> {
        let directory = ProcessDirectory::open(self.root.as_fd(), process.pid).ok()?;
        let path = &mut [0; BUFFER];
        let path = rule_inputs::read_cgroup(&directory, path).ok()?;
        Some(path.to_vec())
    }

    /// The unit of a process that is not held; None where it has none, or has ended.
    pub fn unit(&self, process: &Process) -> Option<Unit> {
        let directory = ProcessDirectory::open(self.root.as_fd(), process.pid).ok()?;
        rule_inputs::read_unit(&directory)
    }

    /// Frees the memory of a process that was sent SIGKILL, where the kernel can (Linux 5.15).
    pub fn reclaim(&self, process: &ProcessHandle) {
        self.blocking.reclaim(process);
    }
}

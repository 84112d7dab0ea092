//! The walk over the processes, all of them or a few: three system calls each. Touches files below the proc root; no
//! heap allocation.

use super::procfile;
use super::seen::{Seen, see};
use super::{Error, Questions, Sampler, Snapshot, SystemMemory, parse};
use crate::quantities::Pid;
use crate::sys::fs;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::AsFd;

/// In the directory /proc the process with PID n is at this position + n or a little later: since Linux 3.17, 2 after
/// it.
const BEFORE_PIDS: i64 = 256;

impl Sampler {
    /// As [`Sampler::list`], of the processes that are younger than the last scan of all, and of these.
    ///
    /// # Errors
    /// As [`Sampler::scan`].
    pub fn list_few(
        &mut self,
        questions: &dyn Questions,
        pids: &[Pid],
        snapshot: &mut Snapshot,
    ) -> Result<(), Error> {
        self.note_last_pid();
        let sieve = |memory: &SystemMemory| questions.sieve(memory);
        self.list_over(questions, sieve, Some(pids), snapshot)
    }

    /// Notes which PID was given last: after each further turn of them, the processes that are younger than the last
    /// scan are not known.
    pub fn note_last_pid(&mut self) {
        self.young.extend(self.last_pid.read());
    }

    /// Whether a process with this PID may be younger than the last scan of all.
    pub fn is_young(&self, pid: Pid) -> bool {
        self.young.contains(pid)
    }

    /// Visits every process once; one that ends meanwhile is left out.
    ///
    /// # Errors
    /// Where the proc root can't be listed.
    pub fn walk(&mut self, visit: impl FnMut(Pid, Seen)) -> Result<(), Error> {
        self.walk_range((0, u32::MAX), visit)
    }

    /// Visits the processes that are younger than the last scan of all, and these, each of them once.
    ///
    /// # Errors
    /// Where the proc root can't be listed.
    pub fn walk_few(
        &mut self,
        pids: &[Pid],
        mut visit: impl FnMut(Pid, Seen),
    ) -> Result<(), Error> {
        self.note_last_pid();
        for range in self.young.ranges() {
            self.walk_range(range, &mut visit)?;
        }
        for &pid in pids.iter().filter(|&&pid| !self.young.contains(pid)) {
            if let Some(seen) = self.see(pid) {
                visit(pid, seen);
            }
        }
        Ok(())
    }

    /// Visits those with PIDs from the first to the last.
    fn walk_range(
        &mut self,
        (first, last): (u32, u32),
        mut visit: impl FnMut(Pid, Seen),
    ) -> Result<(), Error> {
        let listing = |source| Error::Read {
            path: self.root.path_of(""),
            source,
        };
        let position = if first == 0 {
            0
        } else {
            BEFORE_PIDS + i64::from(first)
        };
        fs::seek(self.root.as_fd(), position).map_err(listing)?;
        loop {
            let entries =
                fs::read_entries(self.root.as_fd(), &mut self.entries).map_err(listing)?;
            if entries.is_empty() {
                return Ok(());
            }
            for name in entries {
                let Some(pid) = parse::pid(name.to_bytes()).filter(|pid| pid.get() >= first) else {
                    continue;
                };
                if pid.get() > last {
                    return Ok(());
                }
                let mut buffer = [0; 32];
                let statm = procfile::path(name, b"/statm", &mut buffer);
                if let Some(seen) = statm.and_then(|statm| see(&self.root, name, statm)) {
                    visit(pid, seen);
                }
            }
        }
    }

    /// The size of one process; None if it has ended.
    fn see(&self, pid: Pid) -> Option<Seen> {
        let (mut number, mut path) = ([0; 16], [0; 32]);
        // Ten digits and the final NUL always fit.
        write!(number.as_mut_slice(), "{pid}").ok()?;
        let number = CStr::from_bytes_until_nul(&number).ok()?;
        see(
            &self.root,
            number,
            procfile::path(number, b"/statm", &mut path)?,
        )
    }
}

//! Whether a number is the ID of a process or of one of its threads: /proc has a directory for each thread too, which
//! its listing leaves out. Touches `status`, which takes no lock of the process.

use super::parse::{number, words};
use super::procfile;
use super::scan::Sampler;
use crate::quantities::{Pid, ProcessKey};
use crate::sys::process::ProcessDirectory;
use std::io;
use std::os::fd::AsFd;

impl Sampler {
    /// As [`Sampler::identify`]; None also where the number is the ID of a thread.
    ///
    /// # Errors
    /// Where that can't be read.
    pub fn identify_process(&self, pid: Pid) -> io::Result<Option<ProcessKey>> {
        let key = self.identify(pid)?;
        Ok(key.filter(|_| self.thread_of(pid).is_none()))
    }

    /// The process that the thread with this ID belongs to; None where it is no thread, or that can't be read.
    pub fn thread_of(&self, id: Pid) -> Option<Pid> {
        let directory = ProcessDirectory::open(self.root().as_fd(), id).ok()?;
        let mut process = None;
        let read = procfile::each_line(&directory, c"status", |line| {
            let group = line.strip_prefix(b"Tgid:").map(words);
            let group = group.and_then(|mut words| number(words.next()?));
            process = process.or(group);
        });
        read.ok()?;
        let process = process.and_then(|process| u32::try_from(process).ok());
        process.and_then(Pid::new).filter(|process| *process != id)
    }
}

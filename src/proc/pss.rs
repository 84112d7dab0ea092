//! The PSS of one process whatever the policy asks for: for commands that compare it with RSS.

use super::memory;
use super::scan::Sampler;
use crate::quantities::{Bytes, ProcessKey};
use crate::sys::process::ProcessDirectory;
use std::os::fd::AsFd;

impl Sampler {
    /// The PSS of this process, within what is left of the time of the turn for what can block; None where it has
    /// ended, has no memory, or that can't be read.
    pub fn pss(&self, key: ProcessKey) -> Option<Bytes> {
        let directory = ProcessDirectory::open(self.root.as_fd(), key.pid).ok()?;
        memory::pss(&directory, key, &self.blocking)?.ok()
    }
}

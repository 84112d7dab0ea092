//! Processes that share one memory, as after clone(2) with CLONE_VM: each shows all of it as its own, and it comes back
//! only when the last of them has ended. Asks the kernel about pairs of processes of the same size.

use super::Sampler;
use crate::quantities::{Bytes, Pid};
use crate::sys::process::share_memory;

/// After so many processes of the same size that do not share its memory no further one is compared with a process: as
/// a rule those that do have one PID after the other.
const MISSES: usize = 4;

impl Sampler {
    /// Moves the candidates that share the memory of the one with this index right behind it; how many there are.
    /// Compares only what the last walk saw with exactly the same size.
    pub fn gather_sharers(&mut self, index: usize) -> usize {
        let Some((first, rest)) = self
            .candidates
            .get_mut(index..)
            .and_then(<[(Bytes, Pid)]>::split_first_mut)
        else {
            return 0;
        };
        let (size, pid) = *first;
        // The memory of a process whose main thread has exited is not where kcmp(2) looks for it.
        if size == Bytes::new(u64::MAX) {
            return 0;
        }
        let (mut sharers, mut misses) = (0, 0);
        for at in 0..rest.len() {
            match rest.get(at) {
                Some(&(own, other)) if own == size && misses < MISSES => {
                    if share_memory(pid, other) {
                        rest.swap(sharers, at);
                        sharers += 1;
                    } else {
                        misses += 1;
                    }
                }
                _ => break,
            }
        }
        sharers
    }

    /// The candidate with this index; None where there are fewer.
    pub fn candidate_pid(&self, index: usize) -> Option<Pid> {
        self.candidates.get(index).map(|&(_, pid)| pid)
    }
}

//! The largest few of many processes, kept in one pass without a heap allocation. Pure.

use crate::quantities::{Bytes, Pid};
use std::cmp::Reverse;

/// How many are kept: twice what is watched, since some of them turn out to be protected.
const CAPACITY: usize = 64;

/// The largest processes of a walk that are over a lower bound and not over the sieve.
#[derive(Clone, Debug)]
pub struct Largest {
    kept: Vec<(Pid, Bytes)>,
    /// What is not larger is not kept.
    floor: Bytes,
    /// The largest size that was not kept, at least the floor.
    passed_over: Bytes,
}

impl Default for Largest {
    fn default() -> Self {
        Self {
            kept: Vec::with_capacity(CAPACITY),
            floor: Bytes::ZERO,
            passed_over: Bytes::ZERO,
        }
    }
}

impl Largest {
    /// Forgets all, and keeps only what is larger than `floor` from now on.
    pub fn clear(&mut self, floor: Bytes) {
        self.kept.clear();
        (self.floor, self.passed_over) = (floor, floor);
    }

    /// Keeps a process if it is among the largest so far.
    pub fn offer(&mut self, pid: Pid, rss: Bytes) {
        if rss <= self.floor {
            return;
        }
        if self.kept.len() < CAPACITY {
            self.kept.push((pid, rss));
        } else if let Some(least) = self.kept.iter_mut().min_by_key(|(_, rss)| *rss) {
            let lost = least.1.min(rss);
            if least.1 < rss {
                *least = (pid, rss);
            }
            self.passed_over = self.passed_over.max(lost);
            // What is smaller than all that are kept is not compared with them again.
            self.floor = self.floor.max(lost);
        }
    }

    /// The processes that are kept, the largest first.
    pub fn sorted(&mut self) -> &[(Pid, Bytes)] {
        self.kept
            .sort_unstable_by_key(|&(pid, rss)| (Reverse(rss), pid));
        &self.kept
    }

    /// No process that was offered and not kept is larger than this.
    pub fn passed_over(&self) -> Bytes {
        self.passed_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_the_largest_and_knows_what_it_passed_over(
            sizes in proptest::collection::vec(0_u64..500, 0..300),
            floor in 0_u64..300,
        ) {
            let mut largest = Largest::default();
            largest.clear(Bytes::new(floor));
            for (pid, &size) in (1..).zip(&sizes) {
                largest.offer(Pid::new(pid).unwrap(), Bytes::new(size));
            }
            let mut expected: Vec<u64> = sizes.into_iter().filter(|&size| size > floor).collect();
            expected.sort_unstable_by_key(|&size| Reverse(size));
            let beyond = expected.get(CAPACITY).copied().unwrap_or(floor);
            expected.truncate(CAPACITY);
            let kept: Vec<u64> = largest.sorted().iter().map(|(_, rss)| rss.get()).collect();
            prop_assert_eq!(kept, expected);
            prop_assert_eq!(largest.passed_over(), Bytes::new(beyond));
        }
    }
}

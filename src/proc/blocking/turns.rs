//! Whose answers are waited for, and for how long: what keeps others waiting is left alone for a while, and what there
//! was no time for has its turn in one of the next scans. Pure: times are handed in.

use crate::quantities::ProcessKey;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How many processes are remembered that gave no answer. The oldest is forgotten.
const REMEMBERED: usize = 256;
/// How many processes are remembered that were read while there is not time for all. Beyond that they are read anew.
const READ: usize = 4096;
/// After so long a process that gave no answer is asked again: on loaded processors it has done nothing wrong.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The same where it gave no answer then either. On a thrashing machine it may still have done nothing wrong.
const PAUSE: Duration = Duration::from_secs(60);
/// What was that long ago tells nothing any more: it is the first time again.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// A process that gave no answer in time.
#[derive(Clone, Copy, Debug)]
struct LateProcess {
    key: ProcessKey,
    since: Instant,
    /// That it gave none the time before either.
    is_again: bool,
}

/// What is known of processes that were asked before. Where the time of a scan is not enough for all, they are read in
/// turn, over as many scans as that takes: a round.
#[derive(Debug)]
pub(super) struct Turns {
    late: VecDeque<LateProcess>,
    /// The scans of this round in which processes were read last. It takes memory only on machines where there is not
    /// time for all: 200 KB for 4096.
    read: HashMap<ProcessKey, u64>,
    scan: u64,
    /// That there was no time for one that was not yet read in this round: in this scan, and in the one before.
    is_unfinished: bool,
    was_unfinished: bool,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            late: VecDeque::with_capacity(REMEMBERED),
            read: HashMap::new(),
            scan: 0,
            is_unfinished: false,
            was_unfinished: false,
        }
    }
}

impl Turns {
    /// Whether this process is not asked, because it gave no answer in time a while ago.
    pub(super) fn is_left_alone(&self, key: ProcessKey, now: Instant) -> bool {
        let own = self.late.iter().find(|late| late.key == key);
        own.is_some_and(|late| {
            let pause = if late.is_again { PAUSE } else { FIRST_PAUSE };
            now.saturating_duration_since(late.since) < pause
        })
    }

    /// Whether this process has given no answer twice in a row: it keeps its memory from being read.
    pub(super) fn is_blocked(&self, key: ProcessKey) -> bool {
        let mut late = self.late.iter();
        late.any(|late| late.key == key && late.is_again)
    }

    /// A scan of all processes begins.
    pub(super) fn begin_scan(&mut self) {
        if !self.is_unfinished || self.read.len() >= READ {
            self.read.clear();
        }
        self.was_unfinished = self.is_unfinished;
        self.is_unfinished = false;
        self.scan += 1;
    }

    /// What of the time for a scan is not for this process. While a round is unfinished, half of it is for those that
    /// were not yet read in it: the larger ones, which come before them in each scan, can't keep them from being read.
    pub(super) fn reserve(&self, key: ProcessKey, budget: Duration) -> Duration {
        let read = self.read.get(&key);
        if self.was_unfinished && read.is_some_and(|scan| *scan != self.scan) {
            budget / 2
        } else {
            Duration::ZERO
        }
    }

    /// This process gave no answer, and nothing else is to blame for that.
    pub(super) fn note_late(&mut self, key: ProcessKey, now: Instant) {
        let is_new = |since| now.saturating_duration_since(since) < FORGOTTEN;
        let mut late = self.late.iter();
        let is_again = late.any(|late| late.key == key && is_new(late.since));
        self.late
            .retain(|late| late.key != key && is_new(late.since));
        if self.late.len() >= REMEMBERED {
            self.late.pop_front();
        }
        self.late.push_back(LateProcess {
            key,
            since: now,
            is_again,
        });
    }

    /// There was no time for this process.
    pub(super) fn note_unread(&mut self, key: ProcessKey) {
        self.is_unfinished |= !self.read.contains_key(&key);
    }

    /// This process gave an answer.
    pub(super) fn note_answer(&mut self, key: ProcessKey) {
        self.late.retain(|late| late.key != key);
        if self.was_unfinished && self.read.len() < READ {
            self.read.insert(key, self.scan);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::{Pid, StartTime};

    const BUDGET: Duration = Duration::from_millis(100);

    fn key(pid: u32) -> ProcessKey {
        ProcessKey {
            pid: Pid::new(pid).unwrap(),
            start_time: StartTime(1),
        }
    }

    #[test]
    fn one_that_gives_no_answer_is_left_alone_and_blocked_the_second_time() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut turns = Turns::default();
        turns.note_late(key(2), start);
        assert!(turns.is_left_alone(key(2), start) && !turns.is_left_alone(key(3), start));
        assert!(!turns.is_left_alone(key(2), after(1)) && !turns.is_blocked(key(2)));
        turns.note_late(key(2), after(30));
        assert!(turns.is_left_alone(key(2), after(89)) && turns.is_blocked(key(2)));
        assert!(!turns.is_left_alone(key(2), after(90)));
        turns.note_answer(key(2));
        turns.note_late(key(2), after(100));
        assert!(!turns.is_blocked(key(2)), "it was read meanwhile");
        turns.note_late(key(2), after(100 + 3600));
        assert!(!turns.is_blocked(key(2)), "that is long ago");
    }

    #[test]
    fn all_of_the_time_is_for_each_where_it_is_enough() {
        let mut turns = Turns::default();
        for _ in 0..3 {
            turns.begin_scan();
            assert_eq!(turns.reserve(key(2), BUDGET), Duration::ZERO);
            turns.note_answer(key(2));
        }
        turns.note_unread(key(2));
        turns.begin_scan();
        assert_eq!(turns.reserve(key(2), BUDGET), Duration::ZERO);
    }

    #[test]
    fn half_of_the_time_is_for_those_that_were_not_read() {
        let mut turns = Turns::default();
        for _ in 0..2 {
            turns.begin_scan();
            assert_eq!(turns.reserve(key(2), BUDGET), Duration::ZERO);
            turns.note_answer(key(2));
            turns.note_unread(key(3));
        }
        turns.begin_scan();
        assert_eq!(turns.reserve(key(2), BUDGET), BUDGET / 2);
        assert_eq!(turns.reserve(key(3), BUDGET), Duration::ZERO);
        turns.note_answer(key(3));
        let again = turns.reserve(key(3), BUDGET);
        assert_eq!(again, Duration::ZERO, "it is read once more before a kill");
        turns.begin_scan();
        assert_eq!(turns.reserve(key(2), BUDGET), Duration::ZERO);
    }

    #[test]
    fn each_has_its_turn_however_many_wait() {
        let mut turns = Turns::default();
        let all = 2..102;
        // In each scan there is time for ten, and the last one comes behind all others.
        let mut scans = [0; 102];
        let last = (0..100).filter(|_| {
            turns.begin_scan();
            let mut left = 10;
            all.clone().fold(false, |_, pid| {
                let reserve = turns.reserve(key(pid), Duration::from_secs(10)).as_secs();
                if left <= reserve {
                    turns.note_unread(key(pid));
                    return false;
                }
                left -= 1;
                turns.note_answer(key(pid));
                scans[pid as usize] += 1;
                true
            })
        });
        let last = last.count();
        assert_eq!(last, 5, "once in 20 scans");
        assert!(scans[2..].iter().all(|&scans| scans >= 5), "{scans:?}");
    }

    #[test]
    fn no_more_are_remembered_than_are_allowed() {
        let now = Instant::now();
        let mut turns = Turns {
            was_unfinished: true,
            ..Turns::default()
        };
        for pid in 2..2 * u32::try_from(READ).unwrap() {
            turns.note_late(key(pid), now);
            turns.note_answer(key(pid));
            turns.note_late(key(pid), now);
        }
        assert_eq!((turns.late.len(), turns.read.len()), (REMEMBERED, READ));
        assert_eq!(turns.late.capacity(), REMEMBERED, "nothing is allocated");
        turns.is_unfinished = true;
        turns.begin_scan();
        assert!(turns.read.is_empty(), "a new round");
    }
}

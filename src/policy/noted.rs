//! What was said of processes near their thresholds, so that it is said once. Bounded, and found by hash, whatever the
//! number of processes. Pure: times are handed in.

use crate::quantities::ProcessKey;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A process is not warned about more often than this.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// So many processes are remembered; nothing is said of further ones.
const CAPACITY: usize = 16_384;

/// What is reported only once of a process while it stays near its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reported {
    /// It is over a threshold but protected.
    Protected,
    /// It is over a threshold but protected by a name that its executable does not verify. Reported once in its life.
    UnverifiedName,
    /// It may not be signalled.
    NotPermitted,
    /// The limit of kills in a minute protects it for now.
    KillLimitReached,
    /// It would have been killed, but this is a dry run.
    DryRun,
    /// It is over a threshold, but its kill is delayed.
    Delayed,
    /// It is near its threshold.
    Near,
    /// It is over a threshold, but memory is plentiful.
    Plentiful,
}

impl Reported {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What was said of one process.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// The last scan that has found it near its threshold.
    seen: Instant,
    /// When it was warned about.
    warned: Option<Instant>,
    /// The bits of what was reported.
    reported: u8,
}

/// What was said of each process.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted(HashMap<ProcessKey, Said>);

impl Noted {
    pub(super) fn with_capacity(processes: usize) -> Self {
        Self(HashMap::with_capacity(processes))
    }

    /// A process is near its threshold, or over it, or protected. None where no more are remembered.
    fn see(&mut self, key: ProcessKey, now: Instant) -> Option<&mut Said> {
        if self.0.len() >= CAPACITY && !self.0.contains_key(&key) {
            return None;
        }
        let said = self.0.entry(key).or_insert(Said {
            seen: now,
            warned: None,
            reported: 0,
        });
        said.seen = now;
        Some(said)
    }

    /// Whether something was said of this process.
    pub(super) fn is_known(&self, key: ProcessKey) -> bool {
        let said = self.0.get(&key);
        said.is_some_and(|said| said.reported != 0)
    }

    /// A process was read in a scan: what was said of it, if anything, is kept.
    pub(super) fn touch(&mut self, key: ProcessKey, now: Instant) {
        if let Some(said) = self.0.get_mut(&key) {
            said.seen = now;
        }
    }

    /// Whether an early warning is due: once for each rise, and not for one that goes up and down all the time.
    pub(super) fn warn(&mut self, key: ProcessKey, now: Instant) -> bool {
        self.see(key, now)
            .is_some_and(|said| said.warned.replace(said.warned.unwrap_or(now)).is_none())
    }

    /// Whether this is reported of this process for the first time; from now on it no longer is.
    pub(super) fn is_first(&mut self, key: ProcessKey, what: Reported, now: Instant) -> bool {
        self.see(key, now).is_some_and(|said| {
            let is_first = said.reported & what.bit() == 0;
            said.reported |= what.bit();
            is_first
        })
    }

    /// After a scan at `now`: what was not seen then is no longer near its threshold. What is said once in the life of
    /// a process is forgotten when that `exists` no longer.
    pub(super) fn forget_unseen(&mut self, now: Instant, exists: impl Fn(ProcessKey) -> bool) {
        const FOR_LIFE: u8 = Reported::UnverifiedName.bit();
        self.0.retain(|&key, said| {
            if said.seen == now {
                return true;
            }
            said.reported &= FOR_LIFE;
            let is_recent = |at: Instant| now.saturating_duration_since(at) < WARNING_PAUSE;
            said.warned = said.warned.filter(|&at| is_recent(at));
            said.warned.is_some() || (said.reported != 0 && exists(key))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::key;

    #[test]
    fn warns_once_for_each_rise() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut noted = Noted::default();
        assert!(noted.warn(key(5), at(0)));
        noted.forget_unseen(at(0), |_| true);
        assert!(!noted.warn(key(5), at(30)));
        noted.forget_unseen(at(30), |_| true);
        // Below in one scan, and up again within a minute: no new warning.
        noted.forget_unseen(at(40), |_| true);
        assert!(!noted.warn(key(5), at(50)));
        noted.forget_unseen(at(50), |_| true);
        noted.forget_unseen(at(70), |_| true);
        assert!(noted.warn(key(5), at(80)));
    }

    #[test]
    fn reports_once_until_the_process_is_no_longer_near() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut noted = Noted::default();
        let mut first = |what, s| noted.is_first(key(5), what, at(s));
        assert!(first(Reported::NotPermitted, 0));
        assert!(!first(Reported::NotPermitted, 0));
        assert!(first(Reported::Protected, 0));
        assert!(first(Reported::UnverifiedName, 0));
        noted.touch(key(5), at(1));
        noted.forget_unseen(at(1), |_| true);
        assert!(!noted.is_first(key(5), Reported::Protected, at(1)));
        noted.forget_unseen(at(2), |_| true);
        assert!(noted.is_first(key(5), Reported::Protected, at(3)));
        let again = noted.is_first(key(5), Reported::UnverifiedName, at(3));
        assert!(!again, "once in its life");
        noted.forget_unseen(at(4), |_| false);
        assert!(noted.is_first(key(5), Reported::UnverifiedName, at(5)));
    }

    #[test]
    fn remembers_a_bounded_number_and_says_nothing_of_more() {
        let now = Instant::now();
        let mut noted = Noted::default();
        let first = (1..20_000).filter(|&pid| noted.is_first(key(pid), Reported::Delayed, now));
        assert_eq!(first.count(), CAPACITY);
    }
}

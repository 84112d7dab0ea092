//! Exemptions that root has granted for a while with `memory-monitor exempt`. Pure: the clock is handed in.

use crate::quantities::ProcessKey;
use std::time::Duration;

/// An exemption of one process for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// Whom it holds for. Another process with the same number is not exempt.
    pub process: ProcessKey,
    /// Its name when it was exempted.
    pub name: Vec<u8>,
    /// When it ends, by the time since boot: a changed wall clock neither ends nor prolongs it, and with a
    /// new boot the process is gone as well.
    pub until: Duration,
    /// What it was granted for; empty where nothing was said.
    pub reason: String,
}

/// All that are known, and the time they are judged by.
#[derive(Clone, Debug, Default)]
pub struct Exemptions {
    known: Vec<Exemption>,
    clock: Duration,
}

impl Exemptions {
    /// These, at this time since boot.
    pub fn new(known: Vec<Exemption>, clock: Duration) -> Self {
        Self { known, clock }
    }

    /// It is so long since boot.
    pub fn set_clock(&mut self, clock: Duration) {
        self.clock = clock;
    }

    /// These are known now, and no others.
    pub fn replace(&mut self, known: Vec<Exemption>) {
        self.known = known;
    }

    /// Forgets those of which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Exemption) -> bool) {
        self.known.retain(keep);
    }

    /// All of them.
    pub fn all(&self) -> &[Exemption] {
        &self.known
    }

    /// The one that holds for this process, and how long it still does.
    pub fn of(&self, process: ProcessKey) -> Option<(&Exemption, Duration)> {
        let known = self.known.iter().filter(|known| known.process == process);
        known
            .map(|exemption| (exemption, self.left(exemption)))
            .find(|(_, left)| !left.is_zero())
    }

    /// How long it still holds; zero for one that is over.
    pub fn left(&self, exemption: &Exemption) -> Duration {
        exemption.until.saturating_sub(self.clock)
    }

    /// How long it is until the next one is over.
    pub fn next_end(&self) -> Option<Duration> {
        self.known
            .iter()
            .map(|exemption| self.left(exemption))
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::{Pid, StartTime};

    #[test]
    fn holds_for_the_very_process_until_its_time_is_over() {
        let key = |start_time| ProcessKey {
            pid: Pid::new(300).unwrap(),
            start_time: StartTime(start_time),
        };
        let exemption = Exemption {
            process: key(1),
            name: b"a".to_vec(),
            until: Duration::from_secs(60),
            reason: String::new(),
        };
        let mut exemptions = Exemptions::new(vec![exemption], Duration::from_secs(59));
        let left =
            |exemptions: &Exemptions, key| exemptions.of(key).map(|(_, left)| left.as_secs());
        assert_eq!(left(&exemptions, key(1)), Some(1));
        assert_eq!(left(&exemptions, key(2)), None);
        assert_eq!(exemptions.next_end(), Some(Duration::from_secs(1)));
        exemptions.set_clock(Duration::from_secs(60));
        assert_eq!(left(&exemptions, key(1)), None);
    }
}

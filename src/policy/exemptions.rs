//! Exemptions that root has given for a while with `memory-monitor exempt`. Pure: the clock is handed in.

use crate::quantities::ProcessKey;
use std::time::Duration;

/// An exemption of one process for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The exempt process. Another one with the same PID is not exempt.
    pub process: ProcessKey,
    /// Its name when it was exempted.
    pub name: Vec<u8>,
    /// When it expires, by the time since boot: a changed wall clock neither ends nor prolongs it, and a new boot ends
    /// the process as well.
    pub until: Duration,
    /// Why root has given it; empty where no reason was given.
    pub reason: String,
}

impl Exemption {
    /// How long it still holds, so long after boot; zero for one that has expired.
    pub fn left(&self, since_boot: Duration) -> Duration {
        self.until.saturating_sub(since_boot)
    }
}

/// All exemptions that are known.
#[derive(Clone, Debug, Default)]
pub struct Exemptions {
    known: Vec<Exemption>,
}

impl Exemptions {
    /// Exactly these.
    pub fn new(known: Vec<Exemption>) -> Self {
        Self { known }
    }

    /// Forgets those for which `keep` returns false.
    pub fn retain(&mut self, keep: impl FnMut(&Exemption) -> bool) {
        self.known.retain(keep);
    }

    /// All that are known, expired ones included.
    pub fn all(&self) -> &[Exemption] {
        &self.known
    }

    /// How long this process is still exempt, so long after boot; None where it is not.
    pub fn left_of(&self, process: ProcessKey, since_boot: Duration) -> Option<Duration> {
        let own = self.known.iter().filter(|known| known.process == process);
        own.map(|exemption| exemption.left(since_boot))
            .find(|left| !left.is_zero())
    }

    /// Why this process is exempt; empty where no reason was given.
    pub fn reason_of(&self, process: ProcessKey) -> &str {
        let own = self.known.iter().find(|known| known.process == process);
        own.map_or("", |exemption| &exemption.reason)
    }

    /// How long it is until the next one expires, so long after boot; None where there is none.
    pub fn next_end(&self, since_boot: Duration) -> Option<Duration> {
        let left = self.known.iter().map(|known| known.left(since_boot));
        left.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::{Pid, StartTime};

    #[test]
    fn holds_for_the_very_process_until_it_expires() {
        let key = |start_time| ProcessKey {
            pid: Pid::new(300).unwrap(),
            start_time: StartTime(start_time),
        };
        let exemptions = Exemptions::new(vec![Exemption {
            process: key(1),
            name: b"a".to_vec(),
            until: Duration::from_secs(60),
            reason: String::new(),
        }]);
        let left = |key, seconds| {
            let left = exemptions.left_of(key, Duration::from_secs(seconds));
            left.map(|left| left.as_secs())
        };
        assert_eq!(left(key(1), 59), Some(1));
        assert_eq!(left(key(2), 59), None);
        let next = exemptions.next_end(Duration::from_secs(59));
        assert_eq!(next, Some(Duration::from_secs(1)));
        assert_eq!(left(key(1), 60), None);
    }
}

//! What was done before: which processes were sent signals and when, and what was reported already. Pure: times are
//! handed in.

use super::restart_loop::{RestartLoop, RestartLoops};
use super::sustained::OverSince;
use super::verdict::Breach;
use crate::proc::Process;
use crate::quantities::{Now, ProcessKey, Signal};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The span of `max_kills_per_minute`.
const MINUTE: Duration = Duration::from_secs(60);

/// After SIGKILL the kernel ends a process within milliseconds, or seconds where it frees hundreds of GB; one that
/// exists after this is blocked in the kernel.
const SURVIVAL: Duration = Duration::from_secs(5);

/// A process is not warned about more often than this.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// A process that was sent SIGTERM and has not ended yet.
#[derive(Clone, Copy, Debug)]
pub struct Victim {
    /// Its identity.
    pub key: ProcessKey,
    /// As it was read right before SIGTERM.
    pub process: Process,
    /// Why it was sent SIGTERM.
    pub breach: Breach,
    /// When it was sent SIGTERM.
    pub terminated: Instant,
    /// How far its kill has come.
    pub stage: Stage,
}

/// How far the kill of a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was sent SIGTERM and has its grace period.
    Terminating,
    /// It was sent SIGKILL then.
    Killed(Instant),
    /// It still exists long after SIGKILL, which was reported.
    Surviving,
}

/// What is due for a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Its grace period is over: SIGKILL.
    Kill,
    /// It has survived SIGKILL, which is to be reported.
    Survives,
}

impl Victim {
    /// The strongest signal it was sent.
    pub fn signal(&self) -> Signal {
        match self.stage {
            Stage::Terminating => Signal::Terminate,
            Stage::Killed(_) | Stage::Surviving => Signal::Kill,
        }
    }

    /// What is due next, and when; None where nothing is.
    fn next(&self, term_timeout: Duration) -> Option<(Due, Instant)> {
        match self.stage {
            Stage::Terminating => Some((Due::Kill, self.terminated + term_timeout)),
            Stage::Killed(then) => Some((Due::Survives, then + SURVIVAL)),
            Stage::Surviving => None,
        }
    }
}

/// What is reported only once of a process while it stays near its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// A process that an early warning was given of.
#[derive(Clone, Copy, Debug)]
struct Warned {
    key: ProcessKey,
    at: Instant,
    seen: Instant,
}

/// What was done before, and what was reported.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    victims: Vec<Victim>,
    /// When processes were sent SIGTERM within the last minute, the oldest first.
    kills: VecDeque<Instant>,
    reported: Vec<(ProcessKey, Reported)>,
    warned: Vec<Warned>,
    /// Since when processes have been over their thresholds.
    pub over: OverSince,
    /// The units that are started again as often as they are killed.
    pub restarts: RestartLoops,
}

impl Ledger {
    /// So many processes over their thresholds at once cost no heap allocation.
    pub fn with_capacity(victims: usize) -> Self {
        Self {
            victims: Vec::with_capacity(victims),
            kills: VecDeque::with_capacity(victims),
            reported: Vec::with_capacity(victims),
            warned: Vec::with_capacity(victims),
            over: OverSince::with_capacity(victims),
            restarts: RestartLoops::with_capacity(victims),
        }
    }

    /// Whether this process was sent SIGTERM already.
    pub fn is_victim(&self, key: ProcessKey) -> bool {
        self.victims.iter().any(|victim| victim.key == key)
    }

    /// The processes that were sent SIGTERM and have not ended.
    pub fn victims(&self) -> &[Victim] {
        &self.victims
    }

    /// When processes were sent SIGTERM in the minute before `now`, the oldest first.
    pub fn kills_within_minute(&self, now: Instant) -> impl Iterator<Item = Instant> {
        let kills = self.kills.iter().copied();
        kills.filter(move |&then| now.duration_since(then) < MINUTE)
    }

    /// A process was sent SIGTERM. Returns the restart loop where it is one of a unit that was killed before.
    pub fn record_kill(
        &mut self,
        key: ProcessKey,
        process: Process,
        breach: Breach,
        now: &Now,
    ) -> Option<RestartLoop> {
        let terminated = now.monotonic;
        self.over.forget(key);
        let is_old = |then: &Instant| terminated.duration_since(*then) >= MINUTE;
        while self.kills.front().is_some_and(is_old) {
            self.kills.pop_front();
        }
        self.kills.push_back(terminated);
        self.victims.push(Victim {
            key,
            process,
            breach,
            terminated,
            stage: Stage::Terminating,
        });
        let unit = process.details.unit?;
        let name = process.facts.ok()?.name;
        self.restarts.record(unit, name, key.start_time, now)
    }

    /// A process is near its threshold, or over it. Whether an early warning is due: once for each rise, and not for
    /// one that goes up and down all the time.
    pub fn record_near(&mut self, key: ProcessKey, now: Instant) -> bool {
        if let Some(warned) = self.warned.iter_mut().find(|warned| warned.key == key) {
            warned.seen = now;
            return false;
        }
        let (at, seen) = (now, now);
        self.warned.push(Warned { key, at, seen });
        true
    }

    /// After a scan at `now`: a process that was not seen near a threshold then is below.
    pub fn forget_unseen(&mut self, now: Instant) {
        self.over.forget_unseen(now);
        self.warned.retain(|warned| {
            warned.seen == now || now.saturating_duration_since(warned.at) < WARNING_PAUSE
        });
    }

    /// The kill of a victim has come this far.
    pub fn record_stage(&mut self, key: ProcessKey, stage: Stage) {
        if let Some(victim) = self.victims.iter_mut().find(|victim| victim.key == key) {
            victim.stage = stage;
        }
    }

    /// A victim was read again: its memory is what it has now.
    pub fn record_memory(&mut self, key: ProcessKey, process: &Process) {
        if let Some(victim) = self.victims.iter_mut().find(|victim| victim.key == key) {
            let details = &mut victim.process.details;
            (details.anon, details.swap) = (process.details.anon, process.details.swap);
        }
    }

    /// What the log says of a victim is known by now.
    pub fn record_words(&mut self, key: ProcessKey, process: &Process) {
        if let Some(victim) = self.victims.iter_mut().find(|victim| victim.key == key) {
            victim.process = *process;
        }
    }

    /// A victim has ended, or its kill was cancelled. None where it is no victim.
    pub fn remove(&mut self, key: ProcessKey) -> Option<Victim> {
        let index = self.victims.iter().position(|victim| victim.key == key)?;
        Some(self.victims.remove(index))
    }

    /// A victim for which something is due.
    pub fn next_due(&self, term_timeout: Duration, now: Instant) -> Option<(Victim, Due)> {
        self.victims
            .iter()
            .find_map(|victim| match victim.next(term_timeout) {
                Some((due, then)) if then <= now => Some((*victim, due)),
                _ => None,
            })
    }

    /// When the next thing is due for a victim; None where nothing is.
    pub fn next_deadline(&self, term_timeout: Duration) -> Option<Instant> {
        self.victims
            .iter()
            .filter_map(|victim| Some(victim.next(term_timeout)?.1))
            .min()
    }

    /// Whether this is reported of this process for the first time; from now on it no longer is.
    pub fn is_first(&mut self, key: ProcessKey, what: Reported) -> bool {
        let is_first = !self.reported.contains(&(key, what));
        if is_first {
            self.reported.push((key, what));
        }
        is_first
    }

    /// Forgets what was reported of processes that are not among those near their thresholds.
    pub fn forget_others(&mut self, near: &[Process]) {
        let is_near = |key| near.iter().any(|process| process.key() == Some(key));
        self.reported
            .retain(|(key, what)| *what == Reported::UnverifiedName || is_near(*key));
    }

    /// Forgets what is reported once in the life of a process, of those that have ended.
    pub fn forget_ended(&mut self, exists: impl Fn(ProcessKey) -> bool) {
        self.reported
            .retain(|(key, what)| *what != Reported::UnverifiedName || exists(*key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Threshold;
    use crate::policy::tests::{at, process};
    use crate::quantities::{Bytes, Metric, Percent, Pid, StartTime};

    fn key(pid: u32) -> ProcessKey {
        ProcessKey {
            pid: Pid::new(pid).unwrap(),
            start_time: StartTime(1),
        }
    }

    fn breach() -> Breach {
        let share = Percent::new(50.0).unwrap();
        Breach {
            rss: Bytes::new(1),
            metric: Metric::Rss,
            memory: Bytes::new(1),
            share,
            threshold: Threshold::Percent(share),
            threshold_bytes: Bytes::new(1),
            rule: None,
            sustained: Duration::ZERO,
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn escalates_by_time() {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        ledger.record_kill(key(5), process(5), breach(), &at(start));
        assert!(ledger.is_victim(key(5)));
        assert!(!ledger.is_victim(ProcessKey {
            start_time: StartTime(2),
            ..key(5)
        }));
        assert_eq!(ledger.next_deadline(seconds(5)), Some(start + seconds(5)));
        assert!(ledger.next_due(seconds(5), start + seconds(4)).is_none());
        let (victim, due) = ledger.next_due(seconds(5), start + seconds(5)).unwrap();
        assert_eq!((victim.key, due), (key(5), Due::Kill));
        assert_eq!(victim.signal(), Signal::Terminate);
        ledger.record_stage(key(5), Stage::Killed(start + seconds(5)));
        assert!(ledger.next_due(seconds(5), start + seconds(9)).is_none());
        let (victim, due) = ledger.next_due(seconds(5), start + seconds(10)).unwrap();
        assert_eq!((victim.signal(), due), (Signal::Kill, Due::Survives));
        ledger.record_stage(key(5), Stage::Surviving);
        assert_eq!(ledger.next_deadline(seconds(5)), None);
        assert!(ledger.remove(key(5)).is_some());
        assert!(ledger.remove(key(5)).is_none());
    }

    #[test]
    fn warns_once_for_each_rise() {
        let start = Instant::now();
        let at = |s| start + seconds(s);
        let mut ledger = Ledger::default();
        assert!(ledger.record_near(key(5), at(0)));
        ledger.forget_unseen(at(0));
        assert!(!ledger.record_near(key(5), at(30)));
        ledger.forget_unseen(at(30));
        // Below in one scan, and up again within a minute: no new warning.
        ledger.forget_unseen(at(40));
        assert!(!ledger.record_near(key(5), at(50)));
        ledger.forget_unseen(at(50));
        ledger.forget_unseen(at(70));
        assert!(ledger.record_near(key(5), at(80)));
    }

    #[test]
    fn counts_the_kills_of_a_minute() {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        let kills = |ledger: &Ledger, s| ledger.kills_within_minute(start + seconds(s)).count();
        for pid in 10..15 {
            let now = at(start + seconds(u64::from(pid)));
            ledger.record_kill(key(pid), process(pid), breach(), &now);
        }
        assert_eq!(kills(&ledger, 14), 5);
        assert_eq!(kills(&ledger, 71), 3);
        assert_eq!(kills(&ledger, 80), 0);
    }

    #[test]
    fn reports_once_until_the_process_is_no_longer_near() {
        let mut ledger = Ledger::default();
        assert!(ledger.is_first(key(5), Reported::NotPermitted));
        assert!(!ledger.is_first(key(5), Reported::NotPermitted));
        assert!(ledger.is_first(key(5), Reported::Protected));
        ledger.forget_others(&[process(5)]);
        assert!(!ledger.is_first(key(5), Reported::Protected));
        assert!(ledger.is_first(key(5), Reported::UnverifiedName));
        ledger.forget_others(&[process(6)]);
        assert!(ledger.is_first(key(5), Reported::Protected));
        assert!(
            !ledger.is_first(key(5), Reported::UnverifiedName),
            "once in its life"
        );
        ledger.forget_ended(|_| false);
        assert!(ledger.is_first(key(5), Reported::UnverifiedName));
        assert!(!ledger.is_first(key(5), Reported::Protected));
    }
}

//! What was done before: who was asked to end and when, how many in the last minute, and what was
//! said already. Times are handed in.

use super::Breach;
use super::restart_loop::{RestartLoop, RestartLoops};
use super::sustained::OverSince;
use crate::proc::Process;
use crate::quantities::{Bytes, ProcessKey};
use crate::sys::process::Signal;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The span of `max_kills_per_minute`.
const MINUTE: Duration = Duration::from_secs(60);

/// After SIGKILL the kernel ends a process within milliseconds, or seconds where it frees hundreds
/// of GB; what is still there then waits in the kernel and can't be helped.
const SURVIVAL: Duration = Duration::from_secs(5);

/// A process that was asked to end and has not ended yet.
#[derive(Clone, Copy, Debug)]
pub struct Victim {
    /// Which process.
    pub key: ProcessKey,
    /// What it was when it was asked.
    pub process: Process,
    /// Why it was asked.
    pub breach: Breach,
    /// Its resident memory when it was last seen.
    pub last_rss: Bytes,
    /// When it was sent SIGTERM.
    pub terminated: Instant,
    /// How far it has come.
    pub stage: Stage,
}

/// How far the end of a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was sent SIGTERM and has its grace time.
    Terminating,
    /// It was sent SIGKILL then.
    Killed(Instant),
    /// It is there long after SIGKILL, which was said.
    Surviving,
}

/// What is due for a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Its grace time is over: SIGKILL.
    Kill,
    /// It has survived SIGKILL: say so.
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

    /// What it waits for next, and when that is due.
    fn next(&self, term_timeout: Duration) -> Option<(Due, Instant)> {
        match self.stage {
            Stage::Terminating => Some((Due::Kill, self.terminated + term_timeout)),
            Stage::Killed(then) => Some((Due::Survives, then + SURVIVAL)),
            Stage::Surviving => None,
        }
    }
}

/// What needs saying only once for a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// It is over a threshold but protected.
    Protected,
    /// It is over a threshold but protected by a name that its program may not bear out. Reported once in
    /// its life.
    Doubted,
    /// It may not be signalled.
    NotPermitted,
    /// The limit of kills in a minute protects it for now.
    KillLimitReached,
    /// It would have been ended, but this is a dry run.
    Pretended,
    /// It is over a threshold but waits for its end.
    Waits,
}

/// Not more often than this an early warning is given of one process.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// A process that an early warning was given of.
#[derive(Clone, Copy, Debug)]
struct Warned {
    key: ProcessKey,
    said: Instant,
    seen: Instant,
}

/// Who was asked to end and when, and what was said.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    victims: Vec<Victim>,
    /// When processes were asked to end within the last minute, the oldest first.
    terminated: VecDeque<Instant>,
    said: Vec<(ProcessKey, Reported)>,
    warned: Vec<Warned>,
    /// Since when processes have been over their thresholds.
    pub timed: OverSince,
    /// Units that come back as often as they are ended.
    pub restarts: RestartLoops,
}

impl Ledger {
    /// With room for so many victims from the start.
    pub fn with_capacity(victims: usize) -> Self {
        Self {
            victims: Vec::with_capacity(victims),
            terminated: VecDeque::with_capacity(victims),
            said: Vec::with_capacity(victims),
            warned: Vec::with_capacity(victims),
            timed: OverSince::with_capacity(victims),
            restarts: RestartLoops::with_capacity(victims),
        }
    }

    /// Whether this process was asked to end already.
    pub fn awaits(&self, key: ProcessKey) -> bool {
        self.victims.iter().any(|victim| victim.key == key)
    }

    /// All who were asked to end and are still there.
    pub fn victims(&self) -> &[Victim] {
        &self.victims
    }

    /// How many were asked to end in the minute before `now`.
    pub fn terminated_within_minute(&self, now: Instant) -> usize {
        self.times_of_minute(now).count()
    }

    /// When they were asked, the oldest first.
    pub fn times_of_minute(&self, now: Instant) -> impl Iterator<Item = Instant> {
        let times = self.terminated.iter().copied();
        times.filter(move |&then| now.duration_since(then) < MINUTE)
    }

    /// A process was sent SIGTERM. Where its unit has come back after it was ended before, that loop.
    pub fn record_terminated(
        &mut self,
        key: ProcessKey,
        process: Process,
        breach: Breach,
        now: Instant,
    ) -> Option<RestartLoop> {
        self.timed.forget(key);
        while self
            .terminated
            .front()
            .is_some_and(|&then| now.duration_since(then) >= MINUTE)
        {
            self.terminated.pop_front();
        }
        self.terminated.push_back(now);
        self.victims.push(Victim {
            key,
            process,
            breach,
            last_rss: process.rss,
            terminated: now,
            stage: Stage::Terminating,
        });
        let unit = process.details.unit?;
        let name = process.facts.ok()?.name;
        self.restarts.record((unit, name, key.start_time), now)
    }

    /// A process is seen near its threshold; whether an early warning is due: once for each rise, and
    /// not for one that goes up and down all the time.
    pub fn record_approach(&mut self, key: ProcessKey, now: Instant) -> bool {
        if let Some(warned) = self.warned.iter_mut().find(|warned| warned.key == key) {
            warned.seen = now;
            return false;
        }
        self.warned.push(Warned {
            key,
            said: now,
            seen: now,
        });
        true
    }

    /// After a look at everybody at `now`: who was not seen near a threshold then is below.
    pub fn forget_unseen(&mut self, now: Instant) {
        self.timed.forget_unseen(now);
        self.warned.retain(|warned| {
            warned.seen == now || now.saturating_duration_since(warned.said) < WARNING_PAUSE
        });
    }

    /// A victim came to this stage.
    pub fn record_stage(&mut self, key: ProcessKey, stage: Stage) {
        if let Some(victim) = self.victims.iter_mut().find(|victim| victim.key == key) {
            victim.stage = stage;
        }
    }

    /// A victim was seen with this much memory.
    pub fn record_rss(&mut self, key: ProcessKey, rss: Bytes) {
        if let Some(victim) = self.victims.iter_mut().find(|victim| victim.key == key) {
            victim.last_rss = rss;
        }
    }

    /// A victim has ended, or is let go.
    pub fn remove(&mut self, key: ProcessKey) -> Option<Victim> {
        let index = self.victims.iter().position(|victim| victim.key == key)?;
        Some(self.victims.remove(index))
    }

    /// A victim for whom something is due.
    pub fn next_due(&self, term_timeout: Duration, now: Instant) -> Option<(Victim, Due)> {
        self.victims
            .iter()
            .find_map(|victim| match victim.next(term_timeout) {
                Some((due, then)) if then <= now => Some((*victim, due)),
                _ => None,
            })
    }

    /// When the next thing is due for a victim.
    pub fn next_deadline(&self, term_timeout: Duration) -> Option<Instant> {
        self.victims
            .iter()
            .filter_map(|victim| Some(victim.next(term_timeout)?.1))
            .min()
    }

    /// Whether this is the first time that this is to be said of this process.
    pub fn is_news(&mut self, key: ProcessKey, said: Reported) -> bool {
        let is_news = !self.said.contains(&(key, said));
        if is_news {
            self.said.push((key, said));
        }
        is_news
    }

    /// Forgets what was said of processes that are not among those seen near their thresholds.
    pub fn forget_others(&mut self, near: &[Process]) {
        let is_near = |key| near.iter().any(|process| process.key() == Some(key));
        self.said
            .retain(|(key, said)| *said == Reported::Doubted || is_near(*key));
    }

    /// Forgets what is said once in the life of a process of those that have ended.
    pub fn forget_ended(&mut self, is_there: impl Fn(ProcessKey) -> bool) {
        self.said
            .retain(|(key, said)| *said != Reported::Doubted || is_there(*key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Threshold;
    use crate::policy::tests::process;
    use crate::quantities::{Metric, Percent, Pid, StartTime};

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
            limit: Threshold::Percent(share),
            allowed: Bytes::new(1),
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
        ledger.record_terminated(key(5), process(5), breach(), start);
        assert!(ledger.awaits(key(5)));
        assert!(!ledger.awaits(ProcessKey {
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
        assert!(ledger.record_approach(key(5), at(0)));
        ledger.forget_unseen(at(0));
        assert!(!ledger.record_approach(key(5), at(30)));
        ledger.forget_unseen(at(30));
        // Below at one look, and up again within a minute: nothing new.
        ledger.forget_unseen(at(40));
        assert!(!ledger.record_approach(key(5), at(50)));
        ledger.forget_unseen(at(50));
        ledger.forget_unseen(at(70));
        assert!(ledger.record_approach(key(5), at(80)));
    }

    #[test]
    fn counts_the_kills_of_a_minute() {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        for pid in 10..15 {
            ledger.record_terminated(
                key(pid),
                process(pid),
                breach(),
                start + seconds(u64::from(pid)),
            );
        }
        assert_eq!(ledger.terminated_within_minute(start + seconds(14)), 5);
        assert_eq!(ledger.terminated_within_minute(start + seconds(71)), 3);
        assert_eq!(ledger.terminated_within_minute(start + seconds(80)), 0);
    }

    #[test]
    fn says_a_thing_once_until_the_process_is_no_longer_near() {
        let mut ledger = Ledger::default();
        assert!(ledger.is_news(key(5), Reported::NotPermitted));
        assert!(!ledger.is_news(key(5), Reported::NotPermitted));
        assert!(ledger.is_news(key(5), Reported::Protected));
        ledger.forget_others(&[process(5)]);
        assert!(!ledger.is_news(key(5), Reported::Protected));
        assert!(ledger.is_news(key(5), Reported::Doubted));
        ledger.forget_others(&[process(6)]);
        assert!(ledger.is_news(key(5), Reported::Protected));
        assert!(
            !ledger.is_news(key(5), Reported::Doubted),
            "once in its life"
        );
        ledger.forget_ended(|_| false);
        assert!(ledger.is_news(key(5), Reported::Doubted));
        assert!(!ledger.is_news(key(5), Reported::Protected));
    }
}

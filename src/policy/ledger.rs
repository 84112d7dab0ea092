//! What was done before: which processes were sent signals and when, and what was reported already. Pure: times are
//! handed in.

use super::lineage::Lineage;
use super::noted::{Noted, Reported};
use super::restart_loop::RestartLoops;
use super::sustained::OverSince;
use super::verdict::Breach;
use super::victim::{Due, Kill, Repeated, Stage, Victim};
use super::workers::Pools;
use crate::proc::{Process, Unit};
use crate::quantities::{Now, ProcessKey};
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// The span of `max_kills_per_minute`.
const MINUTE: Duration = Duration::from_secs(60);

/// So many kills are counted at most, of all users.
const KILLS: usize = 4096;

/// What was done before, and what was reported.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    victims: Vec<Victim>,
    /// The same, to be found by.
    keys: HashSet<ProcessKey>,
    lineage: Lineage,
    /// The processes that were sent SIGTERM within the last minute, the oldest first.
    kills: VecDeque<Kill>,
    noted: Noted,
    /// Since when processes have been over their thresholds.
    pub over: OverSince,
    /// The units that are started again as often as they are killed.
    pub restarts: RestartLoops,
    pools: Pools,
    /// Whether the machine is short of memory, so that no limit of kills holds.
    pub is_short: bool,
}

impl Ledger {
    /// So many processes over their thresholds at once cost no heap allocation.
    pub fn with_capacity(victims: usize) -> Self {
        Self {
            victims: Vec::with_capacity(victims),
            keys: HashSet::with_capacity(victims),
            lineage: Lineage::with_capacity(victims),
            kills: VecDeque::with_capacity(victims),
            noted: Noted::with_capacity(victims),
            over: OverSince::with_capacity(victims),
            restarts: RestartLoops::with_capacity(victims),
            pools: Pools::with_capacity(victims),
            is_short: false,
        }
    }

    /// One that knows of these kills alone, the oldest first, and of nothing else that was done before.
    pub fn of_kills(kills: impl IntoIterator<Item = Kill>, is_short: bool) -> Self {
        Self {
            kills: kills.into_iter().collect(),
            is_short,
            ..Self::default()
        }
    }

    /// Whether this process was sent SIGTERM already.
    pub fn is_victim(&self, key: ProcessKey) -> bool {
        self.keys.contains(&key)
    }

    /// Whether this process was sent SIGTERM and may still end: it has not survived SIGKILL.
    pub fn is_awaited(&self, key: ProcessKey) -> bool {
        let mut victims = self.victims.iter();
        self.is_victim(key)
            && victims.any(|victim| victim.key == key && victim.stage != Stage::Surviving)
    }

    /// The processes that were sent SIGTERM and have not ended.
    pub fn victims(&self) -> &[Victim] {
        &self.victims
    }

    /// The processes that were sent SIGTERM in the minute before `now`, the oldest first.
    pub fn kills_within_minute(&self, now: Instant) -> impl Iterator<Item = Kill> {
        let kills = self.kills.iter().copied();
        kills.filter(move |kill| now.duration_since(kill.at) < MINUTE)
    }

    /// Those of the user of this process.
    pub fn kills_of_user(&self, process: &Process, now: &Now) -> impl Iterator<Item = Kill> {
        let uid = process.facts.as_ref().ok().map(|facts| facts.uid);
        let kills = self.kills_within_minute(now.monotonic);
        kills.filter(move |kill| Some(kill.uid) == uid)
    }

    /// A process was sent SIGTERM. Returns what comes back as often as it is killed, where it is that.
    pub fn record_kill(
        &mut self,
        key: ProcessKey,
        process: Process,
        breach: Breach,
        now: &Now,
    ) -> Option<Repeated> {
        self.record_ordered_kill(key, &process, breach, (true, now))
    }

    /// The same of a process that is killed by an order, of which the first one alone counts for the limit of kills.
    pub fn record_ordered_kill(
        &mut self,
        key: ProcessKey,
        process: &Process,
        breach: Breach,
        (is_first, now): (bool, &Now),
    ) -> Option<Repeated> {
        self.over.forget(key);
        let inherited = self.inherited(process, process.details.unit.as_ref(), now);
        let terminated = inherited.unwrap_or(now.monotonic);
        self.lineage.add(key, process, terminated, now);
        let is_old = |kill: &Kill| now.monotonic.duration_since(kill.at) >= MINUTE;
        while self.kills.len() >= KILLS || self.kills.front().is_some_and(is_old) {
            self.kills.pop_front();
        }
        // A victim and what it forks count once.
        if let (None, true, Ok(facts)) = (inherited, is_first, &process.facts) {
            self.kills.push_back(Kill {
                at: now.monotonic,
                uid: facts.uid,
                anonymous: process.anonymous(),
            });
        }
        self.push(key, process, breach, (terminated, false));
        if let Some(workers) = self.pools.record(process, now) {
            return Some(Repeated::Workers(workers));
        }
        let unit = process.restarted_unit()?;
        let name = process.facts.as_ref().ok()?.name;
        let found = self.restarts.record(unit, name, key.start_time, now)?;
        Some(Repeated::Restart(found))
    }

    /// A process that shares its memory with one that is killed was sent SIGTERM: it counts as nothing by itself.
    pub fn record_sharer(&mut self, key: ProcessKey, process: &Process, breach: Breach, now: &Now) {
        self.push(key, process, breach, (now.monotonic, true));
    }

    fn push(&mut self, key: ProcessKey, process: &Process, breach: Breach, at: (Instant, bool)) {
        let (terminated, is_sharer) = at;
        self.keys.insert(key);
        self.victims.push(Victim {
            key,
            process: *process,
            breach,
            terminated,
            stage: Stage::Terminating,
            not_before: terminated,
            is_sharer,
            has_sharers: is_sharer,
        });
    }

    /// Other processes share the memory of this victim.
    pub fn record_sharers_of(&mut self, key: ProcessKey) {
        if let Some(victim) = self.victim_mut(key) {
            victim.has_sharers = true;
        }
    }

    /// Whether this process can descend from a victim; then its unit decides.
    pub fn may_be_heir(&self, process: &Process, now: &Now) -> bool {
        self.lineage.may_be_heir(process, now)
    }

    /// When the victim that this process of this unit descends from was sent SIGTERM; None where it descends from none.
    pub fn inherited(&self, process: &Process, unit: Option<&Unit>, now: &Now) -> Option<Instant> {
        self.lineage.inherited(process, unit, now)
    }

    /// A process is near its threshold, or over it. Whether an early warning is due: once for each rise, and not for
    /// one that goes up and down all the time.
    pub fn record_near(&mut self, key: ProcessKey, now: Instant) -> bool {
        self.noted.warn(key, now)
    }

    /// Whether something was said of this process, so that it need not be known better.
    pub fn is_known(&self, key: ProcessKey) -> bool {
        self.noted.is_known(key)
    }

    /// A process was read in a scan.
    pub fn record_seen(&mut self, key: ProcessKey, now: Instant) {
        self.noted.touch(key, now);
    }

    /// After a scan at `now`: a process that was not seen near a threshold then is below, or exists no longer.
    pub fn forget_unseen(&mut self, now: Instant, exists: impl Fn(ProcessKey) -> bool) {
        self.over.forget_unseen(now);
        self.noted.forget_unseen(now, exists);
    }

    /// A victim can't be read now, or has ended: what is due for it is tried again then.
    pub fn postpone(&mut self, key: ProcessKey, until: Instant) {
        if let Some(victim) = self.victim_mut(key) {
            victim.not_before = until;
        }
    }

    /// The kill of a victim has come this far.
    pub fn record_stage(&mut self, key: ProcessKey, stage: Stage) {
        if let Some(victim) = self.victim_mut(key) {
            victim.stage = stage;
        }
    }

    /// A victim was read again: its memory is what it has now.
    pub fn record_memory(&mut self, key: ProcessKey, process: &Process) {
        if let Some(victim) = self.victim_mut(key) {
            let details = &mut victim.process.details;
            (details.anon, details.swap) = (process.details.anon, process.details.swap);
        }
    }

    /// A victim has another grace period by now.
    pub fn record_timeout(&mut self, key: ProcessKey, timeout: Duration) {
        if let Some(victim) = self.victim_mut(key) {
            victim.breach.term_timeout = timeout;
        }
    }

    /// What the log says of a victim is known by now.
    pub fn record_words(&mut self, key: ProcessKey, process: &Process) {
        if let Some(victim) = self.victim_mut(key) {
            victim.process = *process;
        }
    }

    /// A victim has ended. None where it is no victim.
    pub fn end(&mut self, key: ProcessKey, now: &Now) -> Option<Victim> {
        self.lineage.end(key, now);
        self.remove(key)
    }

    /// The kill of a victim was cancelled. None where it is no victim.
    pub fn cancel(&mut self, key: ProcessKey) -> Option<Victim> {
        self.lineage.forget(key);
        self.remove(key)
    }

    /// Whether this process was a victim and has ended: what is still seen of it is no process any more.
    pub fn has_ended(&self, key: ProcessKey) -> bool {
        self.lineage.has_ended(key)
    }

    fn victim_mut(&mut self, key: ProcessKey) -> Option<&mut Victim> {
        self.victims.iter_mut().find(|victim| victim.key == key)
    }

    fn remove(&mut self, key: ProcessKey) -> Option<Victim> {
        self.keys.remove(&key);
        let index = self.victims.iter().position(|victim| victim.key == key)?;
        Some(self.victims.remove(index))
    }

    /// A victim for which something is due.
    pub fn next_due(&self, now: Instant) -> Option<(Victim, Due)> {
        self.victims.iter().find_map(|victim| match victim.next() {
            Some((due, then)) if then <= now => Some((*victim, due)),
            _ => None,
        })
    }

    /// When the last of the victims is due for SIGKILL; None without one.
    pub fn last_deadline(&self) -> Option<Instant> {
        let deadline = |victim: &Victim| victim.terminated + victim.breach.term_timeout;
        self.victims.iter().map(deadline).max()
    }

    /// When the next thing is due for a victim; None where nothing is.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.victims
            .iter()
            .filter_map(|victim| Some(victim.next()?.1))
            .min()
    }

    /// Whether this is reported of this process for the first time; from now on it no longer is.
    pub fn is_first(&mut self, key: ProcessKey, what: Reported, now: Instant) -> bool {
        self.noted.is_first(key, what, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Threshold;
    use crate::policy::tests::{at, key, process};
    use crate::quantities::{Bytes, Metric, Percent, Signal, StartTime};

    fn breach() -> Breach {
        let share = Percent::new(50.0).unwrap();
        Breach {
            rss: Bytes::new(1),
            rss_share: share,
            metric: Metric::Rss,
            memory: Bytes::new(1),
            share,
            threshold: Threshold::Percent(share),
            threshold_bytes: Bytes::new(1),
            rule: None,
            group: None,
            sustained: Duration::ZERO,
            term_timeout: seconds(5),
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
        assert_eq!(ledger.next_deadline(), Some(start + seconds(5)));
        assert!(ledger.next_due(start + seconds(4)).is_none());
        let (victim, due) = ledger.next_due(start + seconds(5)).unwrap();
        assert_eq!((victim.key, due), (key(5), Due::Kill));
        assert_eq!(victim.signal(), Signal::Terminate);
        ledger.record_stage(key(5), Stage::Killed(start + seconds(5)));
        assert!(ledger.next_due(start + seconds(9)).is_none());
        let (victim, due) = ledger.next_due(start + seconds(10)).unwrap();
        assert_eq!((victim.signal(), due), (Signal::Kill, Due::Survives));
        ledger.postpone(key(5), start + seconds(11));
        assert!(ledger.next_due(start + seconds(10)).is_none());
        ledger.record_stage(key(5), Stage::Surviving);
        assert_eq!(ledger.next_deadline(), None);
        assert!(ledger.end(key(5), &at(start)).is_some());
        assert!(ledger.end(key(5), &at(start)).is_none());
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
}

//! One check: a scan, a decision for each process near its threshold, SIGTERM to all who are to end,
//! and only then the report, so that no log and no user database keeps a signal waiting.

use super::Daemon;
use super::victims::Held;
use crate::Error;
use crate::events::Event;
use crate::kill::Outcome;
use crate::policy::{Breach, Decision, Delay, Reported, RestartLoop, Verdict};
use crate::proc::{Process, Unreadable};
use crate::quantities::Percent;
use crate::sys;
use crate::sys::process::Signal;
use std::time::{Duration, Instant};

/// What was done about a process over a threshold.
#[derive(Debug)]
pub(super) enum Deed {
    /// It was to be ended, with this outcome; its unit, where that was ended again and again.
    Ended(Process, Breach, Outcome, Option<RestartLoop>),
    /// It was left alone.
    Left(Process),
    /// It is near this threshold, which is news.
    Near(Process, Breach),
    /// It is not ended yet, which is news.
    KillDelayed(Process, Breach, Delay, Duration),
}

/// Why a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// It was due.
    Regular,
    /// A process could have crossed its threshold since the last one. It is mentioned only if it ends
    /// somebody.
    Early,
}

impl Daemon<'_> {
    /// One check, and whether it is to be mentioned; when it fails that is reported, and the next one is made
    /// all the same.
    pub(super) fn check(&mut self, occasion: Occasion, now: Instant) -> bool {
        let before = sys::cpu_time();
        let checked = self.scan_and_act(occasion, now);
        if let Err(error) = &checked {
            self.reporter.emit(&Event::ScanFailed(error));
        }
        let was_in_vain = occasion == Occasion::Early && !checked.is_ok_and(|ended| ended > 0);
        if let Some(early) = &mut self.early {
            let cost = was_in_vain.then(|| sys::cpu_time().saturating_sub(before));
            let rules = (&self.policy, &self.ledger.timed);
            early.renew(rules, &self.sampler, &mut self.snapshot, cost, now);
        }
        !was_in_vain
    }

    /// How many it has asked to end.
    pub(super) fn scan_and_act(
        &mut self,
        occasion: Occasion,
        now: Instant,
    ) -> Result<usize, Error> {
        let begun = Instant::now();
        self.scan_and_signal(now)?;
        self.count_scan(occasion, begun.elapsed());
        let mut deeds = std::mem::take(&mut self.deeds);
        let killed = deeds.iter().filter(|deed| deed.has_signalled()).count();
        let is_regular = occasion == Occasion::Regular || killed > 0;
        if is_regular {
            self.reporter.emit(&Event::Memory(&self.snapshot.memory));
        }
        for deed in deeds.drain(..) {
            self.report(&deed, is_regular);
        }
        self.deeds = deeds;
        self.ledger.forget_others(&self.snapshot.near);
        let sampler = &self.sampler;
        self.ledger.forget_ended(|key| sampler.is_still(key));
        self.ledger.forget_unseen(now);
        self.report_unreadable();
        self.report_exemptions();
        self.notice_ended_pins();
        if is_regular {
            self.reporter.emit(&Event::ScanComplete {
                scanned: self.snapshot.scanned,
                killed,
            });
        }
        Ok(killed)
    }

    /// All that is urgent: a scan, the decisions, the signals. Allocates nothing in the steady state, so
    /// that it works when there is no memory left.
    pub(super) fn scan_and_signal(&mut self, now: Instant) -> Result<(), Error> {
        self.set_start_clock();
        self.take_over_exemptions();
        let policy = &self.policy;
        self.sampler
            .scan(|memory| policy.sieve(memory), &mut self.snapshot)?;
        let near = std::mem::take(&mut self.snapshot.near);
        let mut deeds = std::mem::take(&mut self.deeds);
        deeds.extend(near.iter().filter_map(|process| self.treat(process, now)));
        (self.snapshot.near, self.deeds) = (near, deeds);
        Ok(())
    }

    /// Tells systemd how things are.
    pub(super) fn report_status(&mut self, next_check: Instant) {
        let is_over = |process: &&Process| {
            self.policy.judge(process, &self.snapshot.memory) != Verdict::Within
        };
        let over = self.snapshot.near.iter().filter(is_over).count();
        let wait = next_check.saturating_duration_since(Instant::now());
        self.service.status(self.snapshot.scanned, over, wait);
    }

    fn treat(&mut self, process: &Process, now: Instant) -> Option<Deed> {
        if self.only.is_some() && self.only != process.key() {
            return None;
        }
        let memory = &self.snapshot.memory;
        let decision = self.policy.decide(process, memory, &self.ledger, now);
        let key = process.key();
        let is_news = match (&decision, key) {
            (Decision::Leave | Decision::Protected(_) | Decision::Await, Some(key)) => {
                self.ledger.timed.forget(key);
                false
            }
            (Decision::Warn(_), Some(key)) => {
                self.ledger.timed.forget(key);
                self.ledger.record_approach(key, now)
            }
            (Decision::Delay(_, _, until), Some(key)) => {
                self.ledger.timed.record(key, now, Some(*until));
                self.ledger.record_approach(key, now);
                self.ledger.is_news(key, Reported::Waits)
            }
            (Decision::Terminate(_) | Decision::KillLimitReached(_), Some(key)) => {
                self.ledger.timed.record(key, now, None);
                self.ledger.record_approach(key, now);
                false
            }
            (_, None) => false,
        };
        match decision {
            Decision::Leave => None,
            Decision::Protected(_) | Decision::KillLimitReached(_) => Some(Deed::Left(*process)),
            Decision::Await => {
                self.ledger.record_rss(key?, process.rss);
                None
            }
            Decision::Warn(breach) => is_news.then_some(Deed::Near(*process, breach)),
            Decision::Delay(breach, wait, until) => is_news.then(|| {
                let left = until.saturating_duration_since(now);
                Deed::KillDelayed(*process, breach, wait, left)
            }),
            Decision::Terminate(_) => self.terminate(process, now),
        }
    }

    /// Looks at those who wait for their end when that is due.
    pub(super) fn attend_timed(&mut self, now: Instant) {
        if self.ledger.timed.due(now).is_none() {
            return;
        }
        self.set_start_clock();
        self.take_over_exemptions();
        // Whether the machine is short of memory counts now, not at the last check.
        if let Ok(memory) = self.sampler.memory() {
            self.snapshot.memory = memory;
        }
        let mut has_news = false;
        while let Some(key) = self.ledger.timed.due(now) {
            let looked = self.sampler.look(key.pid);
            let Some(process) = looked.filter(|process| process.key() == Some(key)) else {
                self.ledger.timed.forget(key);
                continue;
            };
            if let Some(deed) = self.treat(&process, now) {
                self.report(&deed, false);
                has_news = true;
            }
        }
        if has_news {
            self.leave_victims();
        }
    }

    /// Tells the ledger how late it is by the clock that the start times of processes count by.
    fn set_start_clock(&mut self) {
        self.ledger.restarts.set_clock(sys::start_time_now());
    }

    /// Looks and decides once more on the process that is held now, then signals that very process.
    /// None if it is not the one that was seen, or no longer to be ended.
    fn terminate(&mut self, seen: &Process, now: Instant) -> Option<Deed> {
        let (process, handle) = self.sampler.hold(seen.pid)?;
        let key = process.key().filter(|key| seen.key() == Some(*key))?;
        if self.only.is_some_and(|only| only != key) {
            return None;
        }
        let decision = self
            .policy
            .decide(&process, &self.snapshot.memory, &self.ledger, now);
        if let Decision::Delay(breach, wait, until) = decision {
            // Only now it is known which unit it belongs to.
            self.ledger.timed.record(key, now, Some(until));
            let left = until.saturating_duration_since(now);
            let is_news = self.ledger.is_news(key, Reported::Waits);
            return is_news.then_some(Deed::KillDelayed(process, breach, wait, left));
        }
        let (Decision::Terminate(breach), Ok(facts)) = (decision, &process.facts) else {
            return None;
        };
        let is_same = || self.sampler.is_still(key);
        let outcome = self.actor().terminate(&handle, facts.state, &is_same);
        if matches!(outcome, Outcome::Signalled) {
            let found = self.ledger.record_terminated(key, process, breach, now);
            self.held.push(Held::new(key, handle));
            return Some(Deed::Ended(process, breach, outcome, found));
        }
        Some(Deed::Ended(process, breach, outcome, None))
    }

    fn report(&mut self, deed: &Deed, is_regular: bool) {
        match deed {
            Deed::Ended(process, breach, outcome, found) => match outcome {
                Outcome::Signalled => {
                    self.reporter.emit(&Event::Killing(process, breach));
                    self.reporter.emit(&Event::Reason(process, breach));
                    if let Some(found) = found {
                        let wait = found.until.saturating_duration_since(Instant::now());
                        self.reporter.emit(&Event::RestartLoop(found, wait));
                    }
                }
                Outcome::Pretended => self.report_pretended(process, breach, is_regular),
                Outcome::NotPermitted if self.is_news(process, Reported::NotPermitted) => {
                    self.reporter.emit(&Event::NotPermitted(process, breach));
                }
                Outcome::AlreadyGone | Outcome::NotPermitted => {}
                Outcome::Failed(error) => {
                    self.reporter
                        .emit(&Event::SignalFailed(process, Signal::Terminate, error));
                }
            },
            Deed::Left(process) => self.report_left(process),
            Deed::Near(process, breach) => self.reporter.emit(&Event::Near(process, breach)),
            Deed::KillDelayed(process, breach, wait, left) => {
                self.reporter
                    .emit(&Event::KillDelayed(process, breach, wait, *left));
            }
        }
    }

    /// What a dry run would do is repeated at each regular check only, and counted once.
    fn report_pretended(&mut self, process: &Process, breach: &Breach, is_regular: bool) {
        let is_news = self.is_news(process, Reported::Pretended);
        if is_news || is_regular {
            self.reporter
                .emit(&Event::WouldKill(process, breach, is_news));
            self.reporter.emit(&Event::Reason(process, breach));
        }
    }

    fn report_left(&mut self, process: &Process) {
        let memory = &self.snapshot.memory;
        match self.policy.judge(process, memory) {
            Verdict::Protected(protection) => {
                let said = if protection.is_doubtful_name() {
                    Reported::Doubted
                } else {
                    Reported::Protected
                };
                let is_news = |key| self.ledger.is_news(key, said);
                if process.key().is_some_and(is_news) {
                    let share = Percent::share(process.rss, memory.total);
                    self.reporter
                        .emit(&Event::Protected(process, share, &protection));
                }
            }
            Verdict::Breach(breach) => {
                let limit = self.policy.config.max_kills_per_minute;
                if let Some(limit) =
                    limit.filter(|_| self.is_news(process, Reported::KillLimitReached))
                {
                    self.reporter
                        .emit(&Event::KillLimitReached(process, &breach, limit.get()));
                }
            }
            Verdict::Within => {}
        }
    }

    fn is_news(&mut self, process: &Process, said: Reported) -> bool {
        process
            .key()
            .is_some_and(|key| self.ledger.is_news(key, said))
    }

    /// Says it when the reason is new, not at every check: hidepid makes every other user's process
    /// unreadable for ever.
    fn report_unreadable(&mut self) {
        let near = self
            .snapshot
            .near
            .iter()
            .filter_map(|process| process.facts.err());
        let (mut count, mut first) = (0, None);
        if let Some((unreadable, errno)) = self.snapshot.unreadable {
            count = unreadable;
            first = Some(Unreadable {
                file: "statm",
                errno: (errno != 0).then_some(errno),
            });
        }
        for unreadable in near {
            count += 1;
            first = first.or(Some(unreadable));
        }
        let errno = |unreadable: Unreadable| unreadable.errno;
        if first.map(errno) != self.unreadable_said.map(errno) {
            if let Some(Unreadable { errno, .. }) = first {
                self.reporter.emit(&Event::Unreadable { count, errno });
            }
        }
        self.unreadable_said = first;
    }

    /// A number that is protected means one process; when that has ended it is said, once.
    fn notice_ended_pins(&mut self) {
        let (sampler, reporter) = (&self.sampler, &mut self.reporter);
        self.policy
            .pinned
            .retain(|pinned| match sampler.identify(pinned.pid) {
                Ok(now) if now != Some(*pinned) => {
                    reporter.emit(&Event::PidEnded(pinned.pid));
                    false
                }
                // What can't be read stays protected.
                Ok(_) | Err(_) => true,
            });
    }
}

impl Deed {
    fn has_signalled(&self) -> bool {
        matches!(self, Self::Ended(_, _, Outcome::Signalled, _))
    }
}

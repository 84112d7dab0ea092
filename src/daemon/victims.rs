//! Those who were asked to end: held until they have, escalated when their grace time is over.

use super::Daemon;
use crate::events::Event;
use crate::kill::{Actor, Outcome};
use crate::policy::{Due, Stage, Victim};
use crate::quantities::{Bytes, ProcessKey};
use crate::sys::process::{ProcessHandle, Signal};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// How often a process is asked whether it has ended where the kernel has no pidfd to wait on.
pub(super) const ASKING: Duration = Duration::from_millis(100);

/// A process that was asked to end.
#[derive(Debug)]
pub(super) struct Held {
    key: ProcessKey,
    handle: ProcessHandle,
}

impl Held {
    pub(super) fn new(key: ProcessKey, handle: ProcessHandle) -> Self {
        Self { key, handle }
    }

    pub(super) fn pidfd(&self) -> Option<BorrowedFd<'_>> {
        self.handle.pidfd()
    }

    /// Whether its end can only be found out by looking.
    pub(super) fn must_be_asked(&self) -> bool {
        self.pidfd().is_none()
    }
}

impl Daemon<'_> {
    /// Does what is due for the victims: SIGKILL first, to all, and then the rest.
    pub(super) fn attend_victims(&mut self, now: Instant) {
        let timeout = self.policy.config.term_timeout;
        let mut killed = Vec::new();
        if !self.ledger.victims().is_empty() {
            self.take_over_exemptions();
        }
        while let Some((victim, due)) = self.ledger.next_due(timeout, now) {
            match due {
                Due::Kill => killed.extend(self.kill(&victim, now)),
                Due::Survives => {
                    self.ledger.record_stage(victim.key, Stage::Surviving);
                    let after = now.duration_since(victim.terminated);
                    self.reporter.emit(&Event::Survives(&victim, after));
                }
            }
        }
        for victim in &killed {
            if let Some(held) = self.held.iter().find(|held| held.key == victim.key) {
                Actor::reclaim(&held.handle);
            }
            self.reporter.emit(&Event::Escalating(victim));
        }
    }

    /// Sends SIGKILL if the victim is still there and not protected by now.
    fn kill(&mut self, victim: &Victim, now: Instant) -> Option<Victim> {
        let key = victim.key;
        let held = self.held.iter().find(|held| held.key == key);
        let looked = held.and_then(|held| Some((held, self.sampler.look_again(&held.handle)?)));
        let Some((held, process)) = looked else {
            // It has ended; the poll that follows notices.
            self.ledger.record_stage(key, Stage::Surviving);
            return None;
        };
        let is_protected = match &process.facts {
            Ok(facts) => self.policy.protection(&process, facts).is_some(),
            Err(_) => true,
        };
        let outcome = if is_protected {
            Outcome::Pretended
        } else {
            self.actor()
                .kill(&held.handle, &|| self.sampler.is_still(key))
        };
        if process.rss > Bytes::ZERO {
            self.ledger.record_rss(key, process.rss);
        }
        match outcome {
            Outcome::Signalled => {
                self.ledger.record_stage(key, Stage::Killed(now));
                return Some(*victim);
            }
            Outcome::AlreadyGone => self.ledger.record_stage(key, Stage::Surviving),
            Outcome::Pretended => {
                self.release(key);
                self.reporter.emit(&Event::KillCancelled(victim));
            }
            Outcome::NotPermitted => {
                self.release(key);
                self.reporter
                    .emit(&Event::NotPermitted(&victim.process, &victim.breach));
            }
            Outcome::Failed(error) => {
                self.release(key);
                self.reporter
                    .emit(&Event::SignalFailed(&victim.process, Signal::Kill, &error));
            }
        }
        None
    }

    /// Reports the victims that have ended since the last poll(2).
    pub(super) fn notice_ends(&mut self) {
        let mut place = 0;
        let mut ended = Vec::new();
        for held in &self.held {
            let has_ended = if held.must_be_asked() {
                // A zombie without any memory has no thread left.
                self.sampler.look_again(&held.handle).is_none_or(|process| {
                    process.rss == Bytes::ZERO
                        && process.facts.is_ok_and(|facts| facts.state.is_zombie())
                })
            } else {
                // The first place is the signals'.
                place += 1;
                self.poll.is_ready(place)
            };
            if has_ended {
                ended.push(held.key);
            }
        }
        let now = Instant::now();
        let has_news = !ended.is_empty();
        if let Some(early) = self.early.as_mut().filter(|_| !ended.is_empty()) {
            early.look_now(Instant::now());
        }
        for key in ended {
            if let Some(victim) = self.release(key) {
                let after = now.duration_since(victim.terminated);
                self.reporter.emit(&Event::Ended(&victim, after));
            }
        }
        if has_news && !self.options.once {
            self.leave_victims();
        }
    }

    fn release(&mut self, key: ProcessKey) -> Option<Victim> {
        self.held.retain(|held| held.key != key);
        self.ledger.remove(key)
    }
}

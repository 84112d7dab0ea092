//! The decision about one process of a scan, and its SIGTERM. Touches /proc and sends signals.

use super::judged::{Judged, Limits, Report};
use super::scan::{Context, Machine};
use super::victims::Victims;
use crate::kill::SignalOutcome;
use crate::policy::{Decision, Delay, Policy, Victim};
use crate::proc::{Process, Seen, SystemMemory};
use crate::quantities::{Bytes, Percent, Pid, ProcessKey, Uid};
use crate::sys::ticks_per_second;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Of a larger process its share of its memory is not read when it is killed: the kernel frees nothing of it meanwhile,
/// and visits 100,000 pages in a millisecond.
const LARGEST_SHARE: Bytes = Bytes::new(4 << 30);

/// So many large processes are looked at for what a victim has forked.
const HEIRS: usize = 4096;
/// So many processes that share a memory are signalled in one scan.
const SHARERS: usize = 4096;

impl Machine {
    /// Decides about one process, and carries that out.
    pub(super) fn judge(&mut self, process: &mut Process, context: &mut Context<'_>) -> Judged {
        let mut judged = Judged {
            decision: Decision::Leave,
            report: None,
        };
        if !self.may_signal(process.key()) {
            return judged;
        }
        judged.decision = self.decide(process, context);
        // Without an identity it is protected, and nothing can be remembered of it.
        let Some(key) = process.key() else {
            return judged;
        };
        let (ledger, now) = (&mut context.victims.ledger, context.now.monotonic);
        if ledger.has_ended(key) {
            judged.decision = Decision::Leave;
            return judged;
        }
        ledger.record_seen(key, now);
        match judged.decision {
            Decision::Delay(_, _, until) => ledger.over.record(key, now, Some(until)),
            // Since when it has been over counts only where it must be so for a time: of thousands nothing is kept.
            Decision::Terminate(breach)
            | Decision::KillLimitReached(breach)
            | Decision::Plentiful(breach, _)
                if breach.sustained > Duration::ZERO =>
            {
                ledger.over.record(key, now, None);
            }
            _ => ledger.over.forget(key),
        }
        // What a victim has forked inherits its deadline, and neither waits nor counts.
        let mut is_heir = false;
        if let Decision::Delay(breach, ..) | Decision::KillLimitReached(breach) = judged.decision {
            is_heir = ledger.may_be_heir(process, context.now)
                && ledger
                    .inherited(process, self.sampler.unit(process).as_ref(), context.now)
                    .is_some();
            if is_heir {
                judged.decision = Decision::Terminate(breach);
            }
        }
        match judged.decision {
            Decision::Leave => {}
            Decision::Await { .. } => ledger.record_memory(key, process),
            Decision::Protected(_) => judged.report = Some(Report::Decision),
            Decision::Warn(_) => {
                let is_due = ledger.record_near(key, now);
                judged.report = is_due.then_some(Report::Decision);
            }
            Decision::Delay(..) | Decision::KillLimitReached(_) | Decision::Plentiful(..) => {
                ledger.record_near(key, now);
                judged.report = Some(Report::Decision);
            }
            Decision::Terminate(_) => {
                ledger.record_near(key, now);
                let limits = if is_heir {
                    Limits::Lifted
                } else {
                    Limits::Hold
                };
                self.terminate(key, process, &mut judged, context, limits);
            }
        }
        judged
    }

    /// Reads the process again once it is held, decides again, and signals that very process. Does nothing if it has
    /// ended, and its PID may be another process's.
    pub(super) fn terminate(
        &mut self,
        key: ProcessKey,
        process: &mut Process,
        judged: &mut Judged,
        context: &mut Context<'_>,
        limits: Limits,
    ) {
        if !context.victims.has_capacity() {
            self.tally.postponed += 1;
            return;
        }
        let handle = match self.sampler.open(key.pid) {
            Ok(handle) => handle,
            // Without a descriptor or without memory it is tried again; else it has ended.
            Err(error) => {
                let is_passing = matches!(
                    error.raw_os_error(),
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)
                );
                self.tally.postponed += usize::from(is_passing);
                return;
            }
        };
        let memory = &self.snapshot.memory;
        let is_short = memory.is_short();
        let wants_share = !is_short && Self::wants_share(process);
        self.sampler.ask_words(process, &handle, wants_share);
        if !is_short {
            self.sampler.wait_for_words(key);
        }
        let held = self.sampler.read_held(context.policy, &handle);
        let Some(held) = held.filter(|held| held.key() == Some(key)) else {
            return;
        };
        *process = held;
        let memory = self.memory_now(process, context.policy);
        judged.decision = match decide(&memory, process, context) {
            Decision::KillLimitReached(breach)
            | Decision::Delay(breach, Delay::Sustained(_), _)
                if limits == Limits::Lifted =>
            {
                Decision::Terminate(breach)
            }
            decision => decision,
        };
        let Context {
            policy,
            victims,
            now,
        } = context;
        match (judged.decision, process.facts) {
            (Decision::Terminate(breach), Ok(facts)) => {
                let is_same = || self.sampler.is_still(key);
                let signaller = Victims::signaller(policy);
                let outcome = signaller.terminate(&handle, facts.state, &is_same);
                let mut found = None;
                if matches!(outcome, SignalOutcome::Sent) {
                    found = victims.ledger.record_kill(key, *process, breach, now);
                    victims.hold(key, handle);
                }
                judged.report = Some(Report::Signal(outcome, found));
            }
            (Decision::Plentiful(..), _) => judged.report = Some(Report::Decision),
            // Only of a process that is held it is known which unit it belongs to.
            (Decision::Delay(_, _, until), _) => {
                let over = &mut victims.ledger.over;
                over.record(key, now.monotonic, Some(until));
                judged.report = Some(Report::Decision);
            }
            _ => {}
        }
    }

    /// Whether the share of a process that is to be signalled is asked for: of a large one that takes too long.
    pub(super) fn wants_share(process: &Process) -> bool {
        process.rss <= LARGEST_SHARE
    }

    /// The machine's memory as it was at the scan, or as it is now where a kill of this process depends on that.
    fn memory_now(&self, process: &Process, policy: &Policy) -> SystemMemory {
        let memory = self.snapshot.memory;
        if policy.criteria(process).only_below_available >= Percent::ALL {
            return memory;
        }
        self.sampler.memory().unwrap_or(memory)
    }

    /// Signals the candidates with these indices, which share their memory with one that is killed: it comes back when
    /// the last of them has ended. Each is read when it is held and must be over its threshold and not protected by
    /// itself.
    pub(super) fn terminate_sharers(
        &mut self,
        indices: RangeInclusive<usize>,
        context: &mut Context<'_>,
    ) {
        let Context {
            policy,
            victims,
            now,
        } = context;
        for index in indices.take(SHARERS) {
            let pid = self.sampler.candidate_pid(index);
            let held = pid.and_then(|pid| self.sampler.hold(*policy, pid));
            let Some((process, handle)) = held else {
                continue;
            };
            let Some(key) = process.key() else { continue };
            let memory = &self.memory_now(&process, policy);
            let (Decision::Terminate(breach)
            | Decision::KillLimitReached(breach)
            | Decision::Delay(breach, Delay::Sustained(_), _)) =
                policy.decide(&process, memory, &victims.ledger, now)
            else {
                continue;
            };
            let Ok(facts) = process.facts else { continue };
            let is_same = || self.sampler.is_still(key);
            let signaller = Victims::signaller(policy);
            let outcome = signaller.terminate(&handle, facts.state, &is_same);
            if matches!(outcome, SignalOutcome::Sent) {
                self.tally.sharers += 1;
                self.tally.sharers_now += 1;
                victims.ledger.over.forget(key);
                // Of those that are not held the next scan finds what is left.
                if victims.has_capacity_for_sharers() {
                    victims.ledger.record_sharer(key, &process, breach, now);
                    victims.hold(key, handle);
                }
            }
        }
    }

    /// What shares the memory of a victim, or what it has forked after its SIGTERM, may have its memory: then it is not
    /// known what came back. Looks at processes of at least half the size.
    pub(super) fn doubt_freed(&mut self, ended: &mut [Victim], context: &Context<'_>) {
        for victim in ended.iter_mut().filter(|victim| victim.has_sharers) {
            victim.process.forget_freed();
        }
        let freed = ended.iter().filter_map(|victim| victim.process.freed());
        let Some(least) = freed.min().map(|freed| Bytes::new(freed.get() / 2)) else {
            return;
        };
        let mut large = Vec::new();
        let visit = |pid, seen| {
            let is_large = matches!(seen, Seen::Rss(rss) if rss >= least);
            if is_large && large.len() < HEIRS {
                large.push(pid);
            }
        };
        let first = ended.iter().map(|victim| victim.terminated).min();
        // What was forked later is younger than a scan before.
        let is_young = self
            .listed
            .is_some_and(|at| first.is_some_and(|first| at <= first));
        let walked = if is_young {
            self.sampler.walk_few(&[], visit)
        } else {
            self.sampler.walk(visit)
        };
        let is_unknown = walked.is_err() || large.len() >= HEIRS;
        let ago = first.map(|first| context.now.monotonic.duration_since(first));
        // A second more, since start times are in whole ticks.
        let ago = ago.unwrap_or_default().as_secs() + 2;
        let since = context.now.ticks.0.saturating_sub(ago * ticks_per_second());
        let is_young = |pid: &Pid| {
            let key = self.sampler.identify(*pid);
            key.is_ok_and(|key| key.is_some_and(|key| key.start_time.0 >= since))
        };
        let young = large.into_iter().filter(is_young);
        let heirs = young
            .filter_map(|pid| self.sampler.read(context.policy, pid))
            .filter(|process| context.victims.ledger.may_be_heir(process, context.now));
        let users: Vec<Uid> = heirs
            .filter_map(|process| Some(process.facts.ok()?.uid))
            .collect();
        for victim in ended {
            let facts = victim.process.facts.as_ref();
            if is_unknown || facts.is_ok_and(|facts| users.contains(&facts.uid)) {
                victim.process.forget_freed();
            }
        }
    }

    fn decide(&self, process: &Process, context: &Context<'_>) -> Decision {
        decide(&self.snapshot.memory, process, context)
    }
}

fn decide(memory: &SystemMemory, process: &Process, context: &Context<'_>) -> Decision {
    let Context {
        policy,
        victims,
        now,
    } = context;
    policy.decide(process, memory, &victims.ledger, now)
}

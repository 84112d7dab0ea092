//! What is reported of a scan, after its signals. Reads the decisions, decides nothing; touches the log.

use super::exemptions::ExemptionReader;
use super::groups::Groups;
use super::judged::{Report, ScanKind, ScanOutcome};
use super::scan::Machine;
use crate::events::{Event, GroupMemory, Reporter, Scan, SystemEvent};
use crate::kill::SignalOutcome;
use crate::policy::{Breach, Decision, Extent, Ledger, Policy, Protection, Repeated, Reported};
use crate::proc::{Process, Unreadable};
use crate::quantities::{Now, Percent, Signal, Uid};

/// Where the reports go, and what they need.
pub(super) struct Reports<'r> {
    pub(super) reporter: &'r mut Reporter,
    pub(super) ledger: &'r mut Ledger,
    pub(super) policy: &'r mut Policy,
    pub(super) now: &'r Now,
    pub(super) lines: Lines,
}

/// So many lines of a kind are written of a user in a scan.
const LINES: u32 = 10;
/// Of so many users and kinds.
const USERS: usize = 64;

/// How many lines were written in a scan.
#[derive(Debug, Default)]
pub(super) struct Lines {
    written: Vec<(Reported, Uid, u32)>,
    left_out: usize,
}

impl Lines {
    fn may_write(&mut self, what: Reported, uid: Uid) -> bool {
        let is_it = |(own, user, _): &(Reported, Uid, u32)| (*own, *user) == (what, uid);
        let may_write = if let Some(at) = self.written.iter().position(is_it) {
            self.written.get_mut(at).is_some_and(|(_, _, lines)| {
                *lines += 1;
                *lines <= LINES
            })
        } else {
            let may_write = self.written.len() < USERS;
            if may_write {
                self.written.push((what, uid, 1));
            }
            may_write
        };
        self.left_out += usize::from(!may_write);
        may_write
    }
}

impl Reports<'_> {
    /// Reports a scan, and forgets what was reported of processes that are no longer near their thresholds.
    pub(super) fn scan(
        &mut self,
        outcome: &ScanOutcome,
        machine: &mut Machine,
        exemptions: &mut ExemptionReader,
        groups: &mut Groups,
    ) {
        self.reporter.metrics().note_scan(Scan {
            is_early: outcome.kind == ScanKind::Early,
            took: outcome.took,
            memory: outcome.memory,
            processes: outcome.processes,
            over: outcome.over,
        });
        let is_reported = outcome.kind == ScanKind::Regular || outcome.killed > 0;
        if is_reported {
            let now = self.now.monotonic;
            self.reporter.begin_scan(&outcome.memory, now);
        }
        self.judged(machine);
        self.groups(groups, machine.snapshot.memory.total);
        self.more(machine);
        let now = self.now.monotonic;
        if outcome.extent == Extent::All {
            let sampler = &machine.sampler;
            self.ledger.forget_unseen(now, |key| sampler.is_still(key));
            self.unreadable(machine);
            exemptions.report(self.policy, &machine.sampler, self.reporter, self.now);
            self.ended_pids(machine);
        }
        if is_reported {
            let (scanned, killed) = (outcome.scanned, outcome.killed);
            self.reporter.end_scan(scanned, killed, now);
        }
    }

    /// Reports what was decided about each process and not reported yet.
    pub(super) fn judged(&mut self, machine: &mut Machine) {
        let total = machine.snapshot.memory.total;
        for (process, judged) in machine.judged_mut() {
            let share = Percent::share(process.rss, total);
            match judged.report.take() {
                Some(Report::Decision) => self.decision(process, &judged.decision, share),
                Some(Report::Signal(outcome, found)) => {
                    let Decision::Terminate(breach) = &judged.decision else {
                        continue;
                    };
                    let reason = Event::Reason(process, breach);
                    self.signal(process, breach, &outcome, (&reason, None));
                    self.repeated(found.as_ref());
                }
                None => {}
            }
        }
    }

    /// Reports what comes back as often as it is killed.
    pub(super) fn repeated(&mut self, found: Option<&Repeated>) {
        match found {
            Some(Repeated::Restart(found)) => {
                let wait = found.until.saturating_duration_since(self.now.monotonic);
                self.reporter.emit(&Event::RestartLoop(found, wait));
            }
            Some(Repeated::Workers(workers)) => {
                self.reporter.emit(&Event::WorkersReturn(workers));
            }
            None => {}
        }
    }

    /// Reports how a signal went; `reason` is why it was sent, for the group where it is one.
    pub(super) fn signal(
        &mut self,
        process: &Process,
        breach: &Breach,
        outcome: &SignalOutcome,
        (reason, group): (&Event<'_>, Option<GroupMemory<'_>>),
    ) {
        let emit = |reporter: &mut Reporter, event: &Event<'_>| match group {
            Some(group) => reporter.emit(&Event::InGroup(group, event)),
            None => reporter.emit(event),
        };
        match outcome {
            SignalOutcome::Sent => {
                emit(self.reporter, &Event::Killing(process, breach));
                emit(self.reporter, reason);
            }
            SignalOutcome::DryRun => {
                if self.is_first(process, Reported::DryRun) {
                    emit(self.reporter, &Event::WouldKill(process, breach));
                    emit(self.reporter, reason);
                }
            }
            SignalOutcome::NotPermitted => {
                if self.is_first(process, Reported::NotPermitted) {
                    self.reporter.emit(&Event::NotPermitted(process, breach));
                }
            }
            SignalOutcome::Gone => {}
            SignalOutcome::Failed(error) => {
                let event = Event::SignalFailed(process, Signal::Terminate, error);
                self.reporter.emit(&event);
            }
        }
    }

    fn decision(&mut self, process: &Process, decision: &Decision, share: Percent) {
        match decision {
            Decision::Protected(protection) => self.protected(process, protection, share),
            Decision::KillLimitReached(breach) => self.kill_limit(process, breach),
            Decision::Warn(breach) => {
                let uid = process.facts.as_ref().map(|facts| facts.uid);
                if uid.is_ok_and(|uid| self.lines.may_write(Reported::Near, uid)) {
                    self.reporter.emit(&Event::Near(process, breach));
                }
            }
            Decision::Delay(breach, delay, until) => {
                if self.is_first(process, Reported::Delayed) {
                    let left = until.saturating_duration_since(self.now.monotonic);
                    let event = Event::KillDelayed(process, breach, delay, left);
                    self.reporter.emit(&event);
                }
            }
            Decision::Plentiful(breach, share) => {
                if self.is_first(process, Reported::Plentiful) {
                    let event = SystemEvent::Plentiful(process, breach, *share);
                    self.reporter.emit(&Event::System(event));
                }
            }
            Decision::Leave | Decision::Await { .. } | Decision::Terminate(_) => {}
        }
    }

    /// Reports a process that the limit of kills in a minute protects.
    pub(super) fn kill_limit(&mut self, process: &Process, breach: &Breach) {
        let limit = self.policy.config.max_kills_per_minute;
        let limit = limit.filter(|_| self.is_first(process, Reported::KillLimitReached));
        if let Some(limit) = limit {
            let event = Event::KillLimitReached(process, breach, limit.get());
            self.reporter.emit(&event);
        }
    }

    fn protected(&mut self, process: &Process, protection: &Protection, share: Percent) {
        let what = if protection.is_unverified_name() {
            Reported::UnverifiedName
        } else {
            Reported::Protected
        };
        if self.is_first(process, what) {
            let shown = self.policy.shown(protection);
            self.reporter.emit(&Event::Protected(process, share, shown));
        }
    }

    /// Without an identity nothing can be remembered of a process, and nothing is reported. Of each user and kind only
    /// some are reported in a scan; the others are counted.
    fn is_first(&mut self, process: &Process, what: Reported) -> bool {
        let is_first = process
            .key()
            .is_some_and(|key| self.ledger.is_first(key, what, self.now.monotonic));
        let uid = process.facts.as_ref().map(|facts| facts.uid);
        is_first && uid.is_ok_and(|uid| self.lines.may_write(what, uid))
    }

    /// Reports how many processes were not reported one by one, where that has changed.
    fn more(&mut self, machine: &mut Machine) {
        let more = [
            machine.unlisted() + self.lines.left_out,
            machine.postponed(),
            machine.sharers_now(),
        ];
        let before = std::mem::replace(&mut machine.more, more);
        let whats = [
            "near or over their thresholds, or protected; not listed",
            "will be killed when the victims before them have ended",
            "share their memory with one that is killed, and are killed with it",
        ];
        // What is killed in a scan is reported each time.
        let before = [Some(before[0]), Some(before[1]), None];
        for ((count, before), what) in more.into_iter().zip(before).zip(whats) {
            if count > 0 && Some(count) != before {
                self.reporter.emit(&Event::More { count, what });
            }
        }
    }

    /// Reports processes that can't be read where the reason is new, not in each scan: hidepid makes every other user's
    /// process unreadable for ever.
    fn unreadable(&mut self, machine: &mut Machine) {
        let all = machine.snapshot.all_unreadable();
        let errno = |unreadable: &Option<Unreadable>| unreadable.map(|unreadable| unreadable.errno);
        let before = std::mem::replace(&mut machine.unreadable, all.first);
        if let Some(first) = all.first.filter(|_| errno(&all.first) != errno(&before)) {
            let (count, errno) = (all.count, first.errno);
            self.reporter.emit(&Event::Unreadable { count, errno });
        }
    }

    /// A PID of `whitelist.pids` means one process; when that has ended it is reported, once.
    fn ended_pids(&mut self, machine: &Machine) {
        let reporter = &mut *self.reporter;
        self.policy
            .pinned
            .retain(|pinned| match machine.sampler.identify(pinned.pid) {
                Ok(now) if now != Some(*pinned) => {
                    reporter.emit(&Event::PidEnded(pinned.pid));
                    false
                }
                // What can't be read stays protected.
                Ok(_) | Err(_) => true,
            });
    }
}

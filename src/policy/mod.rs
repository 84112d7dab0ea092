//! The decision: configuration + what was seen + what was done before -> what to do. Pure: touches
//! its arguments only, no I/O, no clock, no log. The daemon and every command ask the same function.

mod bound;
mod criteria;
pub mod early_scan;
mod exemptions;
mod ledger;
mod restart_loop;
mod rules;
mod sustained;
mod verdict;

pub use criteria::Criteria;
pub use early_scan::{Next, Tick};
pub use exemptions::{Exemption, Exemptions};
pub use ledger::{Due, Ledger, Reported, Stage, Victim};
pub use restart_loop::{RestartLoop, RestartLoops};
pub use rules::Survey;
pub use sustained::OverSince;
pub use verdict::{Breach, Delay, Protection, Threshold, Verdict};

use crate::config::{Action, Config, Rule, Thresholds, UserMatch};
use crate::proc::{Facts, Process, Program, SystemMemory, Unreadable};
use crate::quantities::{Bytes, Percent, Pid, ProcessKey};
use std::time::Instant;

/// The kernel's OOM killer never takes a process with this oom_score_adj (OOM_SCORE_ADJ_MIN in
/// include/uapi/linux/oom.h), and neither do we.
const NEVER: i16 = -1000;

/// A configuration and what it means on this machine since it was read.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The configuration in force.
    pub config: Config,
    /// The processes that had the numbers of `whitelist.pids` when it was read.
    pub pinned: Vec<ProcessKey>,
    /// memory-monitor's own number.
    pub own: Pid,
    /// Who is exempt for a while.
    pub exemptions: Exemptions,
}

/// What to do about one process.
#[allow(clippy::large_enum_variant)] // a breach in a fixed place costs no allocation
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision<'p> {
    /// Nothing.
    Leave,
    /// Nothing, although it is over a threshold or can't be judged, for this reason.
    Protected(Protection<'p>),
    /// Nothing more: it was asked to end already.
    Await,
    /// Nothing yet, but it is near its threshold; the one it is nearest to.
    Warn(Breach),
    /// Nothing before this time.
    Delay(Breach, Delay, Instant),
    /// End it.
    Terminate(Breach),
    /// It should end, but the limit of kills in a minute is reached.
    KillLimitReached(Breach),
}

impl Policy {
    /// Nothing with this much RSS or less is worth a look: not over a threshold, nor near one.
    pub fn sieve(&self, memory: &SystemMemory) -> Bytes {
        rules::sieve(&self.config, memory.total)
    }

    /// What to do about this process now.
    pub fn decide(
        &self,
        process: &Process,
        memory: &SystemMemory,
        ledger: &Ledger,
        now: Instant,
    ) -> Decision<'_> {
        if process.key().is_some_and(|key| ledger.awaits(key)) {
            return Decision::Await;
        }
        match self.judge(process, memory) {
            Verdict::Within => self
                .approach(process, memory)
                .map_or(Decision::Leave, Decision::Warn),
            Verdict::Protected(protection) => Decision::Protected(protection),
            Verdict::Breach(breach) => match wait(process, &breach, memory, ledger, now) {
                Some((wait, until)) => Decision::Delay(breach, wait, until),
                None if self.is_limit_reached(ledger, now) => Decision::KillLimitReached(breach),
                None => Decision::Terminate(breach),
            },
        }
    }

    /// What this process is, whatever was done before.
    pub fn judge(&self, process: &Process, memory: &SystemMemory) -> Verdict<'_> {
        let facts = match &process.facts {
            Ok(facts) => facts,
            // Doubt never kills, whatever the size may be.
            Err(unreadable) => return Verdict::Protected(Protection::Unreadable(*unreadable)),
        };
        let total = memory.total;
        let breach = match self.doubt(process, total) {
            Ok(()) => self.breach(process, total, None),
            Err(unreadable) => {
                // Something protects it for sure, or the doubt does.
                let protection = self.protection(process, facts);
                let doubt = Protection::Unreadable(unreadable);
                return Verdict::Protected(protection.unwrap_or(doubt));
            }
        };
        let Some(breach) = breach else {
            return Verdict::Within;
        };
        let protection = self
            .protection(process, facts)
            .or_else(|| self.rule_protection(process));
        protection.map_or(Verdict::Breach(breach), Verdict::Protected)
    }

    /// The limits of this process: its rule's, or everybody's.
    pub fn limits(&self, process: &Process) -> Criteria {
        let rule = self.rule(process).map(|(_, rule)| rule);
        Criteria::general(&self.config).of_rule(rule)
    }

    /// The rule that matches this process, with its number from 1.
    pub fn rule(&self, process: &Process) -> Option<(usize, &Rule)> {
        rules::rule_of(&self.config.rules, process.details.class)
    }

    /// The threshold that this process, which is over none, is near to: where it is ended at that
    /// threshold, or a rule wants a warning.
    pub fn approach(&self, process: &Process, memory: &SystemMemory) -> Option<Breach> {
        let share = self.config.warn_percent?;
        let facts = process.facts.as_ref().ok()?;
        let breach = self.breach(process, memory.total, Some(share))?;
        let is_protected = matches!(self.rule_protection(process), Some(Protection::Rule(..)))
            || self.protection(process, facts).is_some();
        (!is_protected).then_some(breach)
    }

    /// What of a process that may be over its threshold can't be told.
    fn doubt(&self, process: &Process, total: Bytes) -> Result<(), Unreadable> {
        let is_over = |thresholds: Thresholds| process.rss > thresholds.lowest(total);
        let limits = self.limits(process);
        match process.details.class {
            None if !self.config.rules.is_empty() => Err(Unreadable {
                file: "rules were not asked for",
                errno: None,
            }),
            // An earlier rule might be its own: it counts where it could make a difference, that is,
            // where the process is over the limits of the one or of the other.
            Some(class) => match class.doubt {
                Some((place, unreadable)) => {
                    let rule = self.config.rules.get(usize::from(place));
                    let other = Criteria::general(&self.config).of_rule(rule);
                    if is_over(limits.thresholds) || is_over(other.thresholds) {
                        Err(unreadable)
                    } else {
                        Ok(())
                    }
                }
                None => process.memory().map(drop),
            },
            None => Ok(()),
        }
    }

    /// The threshold that this process is over; with `share`, this share of a threshold.
    fn breach(&self, process: &Process, total: Bytes, share: Option<Percent>) -> Option<Breach> {
        let Criteria {
            thresholds,
            metric,
            sustained,
        } = self.limits(process);
        let memory = process.memory().ok()?;
        let is_over = |limit: Bytes| memory > share.map_or(limit, |share| share.of(limit));
        let percent = || {
            thresholds
                .percent()
                .filter(|percent| is_over(percent.of(total)))
                .map(|percent| (Threshold::Percent(percent), percent.of(total)))
        };
        let amount = || {
            thresholds
                .amount()
                .filter(|amount| is_over(*amount))
                .map(|amount| (Threshold::Amount(amount), amount))
        };
        let (limit, allowed) = percent().or_else(amount)?;
        Some(Breach {
            rss: process.rss,
            metric,
            memory,
            share: Percent::share(memory, total),
            limit,
            allowed,
            rule: self.rule(process).map(|(number, _)| number),
            sustained,
        })
    }

    /// What its rule protects this process by.
    pub fn rule_protection(&self, process: &Process) -> Option<Protection<'_>> {
        let (number, rule) = self.rule(process)?;
        match rule.action {
            Action::Kill => None,
            Action::Warn => Some(Protection::WarnOnly(number, rule)),
            Action::Protect => Some(Protection::Rule(number, rule)),
        }
    }

    /// What protects this process, however large it is.
    pub fn protection(&self, process: &Process, facts: &Facts) -> Option<Protection<'_>> {
        let whitelist = &self.config.whitelist;
        let pid = process.pid;
        let key = ProcessKey {
            pid,
            start_time: facts.start_time,
        };
        if let Some(protection) = built_in(process, facts, self.own) {
            Some(protection)
        } else if let Some((exemption, left)) = self.exemptions.of(key) {
            Some(Protection::Exempt(exemption, left))
        } else if self.pinned.contains(&key) {
            Some(Protection::Pid(pid))
        } else if let Some(protection) = self.name_protection(process, facts) {
            Some(protection)
        } else {
            whitelist
                .protects_user(facts.uid)
                .map(|protection| match protection {
                    UserMatch::Listed(user) => Protection::User(user),
                    UserMatch::ProtectRoot => Protection::Root,
                })
        }
    }

    /// The entry of `whitelist.names` that protects this process. With `verify_names` it does not where
    /// its program certainly does not bear the name out; doubt protects, and is said.
    fn name_protection(&self, process: &Process, facts: &Facts) -> Option<Protection<'_>> {
        let whitelist = &self.config.whitelist;
        let pattern = whitelist.protects_name(facts.name.as_c_str())?;
        let program = process.details.program;
        let is_refuted = program.is_some_and(|program| program.standing.is_refuted());
        if whitelist.verify_names {
            return (!is_refuted).then_some(Protection::Name(pattern, program));
        }
        let renamed = program.filter(|program| program.standing.is_renamed());
        Some(Protection::Name(pattern, renamed))
    }

    /// Why the name of this process, which is in `whitelist.names`, does not protect it.
    pub fn refuted_name(&self, process: &Process) -> Option<Program> {
        let program = process.details.program;
        program
            .filter(|program| self.config.whitelist.verify_names && program.standing.is_refuted())
    }

    fn is_limit_reached(&self, ledger: &Ledger, now: Instant) -> bool {
        self.config
            .max_kills_per_minute
            .is_some_and(|limit| ledger.terminated_within_minute(now) >= limit.get() as usize)
    }
}

/// What protects this process always, whatever is configured; `own` is memory-monitor's number.
pub fn built_in(process: &Process, facts: &Facts, own: Pid) -> Option<Protection<'static>> {
    if process.pid == Pid::INIT {
        Some(Protection::Init)
    } else if facts.is_kernel_thread {
        Some(Protection::KernelThread)
    } else if process.pid == own {
        Some(Protection::Itself)
    } else if facts.oom_score_adj == NEVER {
        Some(Protection::OomScoreAdj)
    } else {
        None
    }
}

/// Why a process is not ended before some later time.
fn wait(
    process: &Process,
    breach: &Breach,
    memory: &SystemMemory,
    ledger: &Ledger,
    now: Instant,
) -> Option<(Delay, Instant)> {
    let key = process.key()?;
    let until = ledger.timed.since(key).unwrap_or(now) + breach.sustained;
    if now < until {
        return Some((Delay::Sustained(breach.sustained), until));
    }
    // There is no time to wait for a unit to settle where memory is short, or where what waits has more of
    // it than is left.
    let has_most = |available: Bytes| process.rss > available;
    if memory.is_short() || memory.available.is_some_and(has_most) {
        return None;
    }
    let unit = process.details.unit?;
    let name = process.facts.as_ref().ok()?.name;
    let found = ledger.restarts.wait((unit, name, key.start_time), now)?;
    Some((Delay::Restart(found), found.until))
}

#[cfg(test)]
mod tests;

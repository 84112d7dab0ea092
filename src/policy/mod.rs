//! The decision: configuration + what was seen + what was done before -> what to do. Pure: touches
//! its arguments only, no I/O, no clock, no log. The daemon and every command ask the same function.

pub mod headroom;
mod ledger;
mod verdict;

pub use headroom::{Next, Tick};
pub use ledger::{Due, Ledger, Said, Stage, Victim};
pub use verdict::{Breach, Exemption, Limit, Verdict};

use crate::config::{Config, Thresholds, UserProtection};
use crate::sample::{Facts, Process, SystemMemory};
use crate::units::{Bytes, Percent, Pid, ProcessKey};
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
}

/// What to do about one process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision<'p> {
    /// Nothing.
    Leave,
    /// Nothing, although it is over a threshold or can't be judged, for this reason.
    Spare(Exemption<'p>),
    /// Nothing more: it was asked to end already.
    Await,
    /// End it.
    Terminate(Breach),
    /// It should end, but the limit of kills in a minute is reached.
    Withhold(Breach),
}

impl Policy {
    /// Nothing with this much memory or less can be over a threshold.
    pub fn sieve(&self, memory: &SystemMemory) -> Bytes {
        self.config.thresholds.lowest(memory.total)
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
            Verdict::Within => Decision::Leave,
            Verdict::Spared(exemption) => Decision::Spare(exemption),
            Verdict::Breach(breach) if self.is_limit_reached(ledger, now) => {
                Decision::Withhold(breach)
            }
            Verdict::Breach(breach) => Decision::Terminate(breach),
        }
    }

    /// What this process is, whatever was done before.
    pub fn judge(&self, process: &Process, memory: &SystemMemory) -> Verdict<'_> {
        let facts = match &process.facts {
            Ok(facts) => facts,
            // Doubt never kills, whatever the size may be.
            Err(unreadable) => return Verdict::Spared(Exemption::Unreadable(*unreadable)),
        };
        match self.breach(process.rss, memory.total) {
            None => Verdict::Within,
            Some(breach) => match self.exemption(process.pid, facts) {
                Some(exemption) => Verdict::Spared(exemption),
                None => Verdict::Breach(breach),
            },
        }
    }

    /// The most resident memory this process may have; None for one that nothing is asked of, because it
    /// is protected or can't be judged.
    pub fn limit(&self, process: &Process, memory: &SystemMemory) -> Option<Bytes> {
        let facts = process.facts.as_ref().ok()?;
        let is_protected = self.exemption(process.pid, facts).is_some();
        (!is_protected).then(|| self.config.thresholds.lowest(memory.total))
    }

    /// The threshold that this much memory is over.
    fn breach(&self, rss: Bytes, total: Bytes) -> Option<Breach> {
        let over_percent =
            |percent: Percent| (rss > percent.of(total)).then_some(Limit::Percent(percent));
        let over_amount = |amount: Bytes| (rss > amount).then_some(Limit::Amount(amount));
        let limit = match self.config.thresholds {
            Thresholds::Percent(percent) => over_percent(percent),
            Thresholds::Amount(amount) => over_amount(amount),
            Thresholds::Either(percent, amount) => {
                over_percent(percent).or_else(|| over_amount(amount))
            }
        }?;
        Some(Breach {
            rss,
            share: Percent::share(rss, total),
            limit,
        })
    }

    /// What protects this process, however large it is.
    pub fn exemption(&self, pid: Pid, facts: &Facts) -> Option<Exemption<'_>> {
        let whitelist = &self.config.whitelist;
        let key = ProcessKey {
            pid,
            start_time: facts.start_time,
        };
        if pid == Pid::INIT {
            Some(Exemption::Init)
        } else if facts.is_kernel_thread {
            Some(Exemption::KernelThread)
        } else if pid == self.own {
            Some(Exemption::Itself)
        } else if facts.oom_score_adj == NEVER {
            Some(Exemption::OomScoreAdj)
        } else if self.pinned.contains(&key) {
            Some(Exemption::Pid(pid))
        } else if let Some(pattern) = whitelist.protects_name(facts.name.as_c_str()) {
            Some(Exemption::Name(pattern))
        } else {
            whitelist
                .protects_user(facts.uid)
                .map(|protection| match protection {
                    UserProtection::Listed(user) => Exemption::User(user),
                    UserProtection::ProtectRoot => Exemption::Root,
                })
        }
    }

    fn is_limit_reached(&self, ledger: &Ledger, now: Instant) -> bool {
        self.config
            .max_kills_per_minute
            .is_some_and(|limit| ledger.terminated_within_minute(now) >= limit.get() as usize)
    }
}

#[cfg(test)]
mod tests;

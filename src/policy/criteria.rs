//! The policy, and the criteria it has for one process: thresholds, metric and time, of its own rule or of the general
//! configuration. Pure.

use super::exemptions::Exemptions;
use crate::config::{Action, Config, Rule, Thresholds};
use crate::proc::{Process, SystemMemory};
use crate::quantities::{Bytes, Metric, Percent, Pid, ProcessKey};
use std::time::Duration;

/// A configuration and what it means on this machine since it was read.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The configuration in force.
    pub config: Config,
    /// The processes that had the PIDs of `whitelist.pids` when it was read.
    pub pinned: Vec<ProcessKey>,
    /// memory-monitor's own PID.
    pub own: Pid,
    /// What root has exempted for a while.
    pub exemptions: Exemptions,
}

/// What a process must not exceed, by which metric, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Criteria {
    /// At least one of the two.
    pub thresholds: Thresholds,
    /// What is compared with them.
    pub metric: Metric,
    /// How long it must be over one of them before it is killed.
    pub sustained: Duration,
    /// How long it has from SIGTERM to SIGKILL.
    pub term_timeout: Duration,
    /// It is killed only while less than this share of MemTotal is available; 100 for always.
    pub only_below_available: Percent,
}

impl Criteria {
    /// The share that is available where that is so much that a process over its threshold stays; None where it is
    /// killed, and where the kernel does not say.
    pub fn plenty(&self, memory: &SystemMemory) -> Option<Percent> {
        let is_always = self.only_below_available >= Percent::ALL;
        let available = memory.available.filter(|_| !is_always)?;
        (available >= self.plenty_from(memory.total))
            .then(|| Percent::share(available, memory.total))
    }

    /// From so much available memory on a process over its threshold stays.
    pub fn plenty_from(&self, total: Bytes) -> Bytes {
        self.only_below_available.of(total)
    }

    /// The same with what a rule has instead.
    #[must_use]
    pub fn of_rule(self, rule: Option<&Rule>) -> Self {
        let Some(rule) = rule else { return self };
        Self {
            thresholds: rule.thresholds.unwrap_or(self.thresholds),
            metric: rule.metric.unwrap_or(self.metric),
            sustained: rule.sustained.unwrap_or(self.sustained),
            term_timeout: rule.term_timeout.unwrap_or(self.term_timeout),
            only_below_available: rule
                .only_below_available
                .unwrap_or(self.only_below_available),
        }
    }
}

impl Policy {
    /// One in which no PID is pinned and nothing is exempt.
    pub fn new(config: Config, own: Pid) -> Self {
        Self {
            config,
            pinned: Vec::new(),
            own,
            exemptions: Exemptions::default(),
        }
    }

    /// The criteria for this process: its rule's, or the general ones.
    pub fn criteria(&self, process: &Process) -> Criteria {
        self.general()
            .of_rule(self.rule(process).map(|(_, rule)| rule))
    }

    /// The rule that matches this process, with its number from 1; None where none does.
    pub fn rule(&self, process: &Process) -> Option<(usize, &Rule)> {
        let index = usize::from(process.details.rule_match?.rule?);
        Some((index + 1, self.config.rules.get(index)?))
    }

    /// The criteria for a process that no rule matches.
    pub(super) fn general(&self) -> Criteria {
        Criteria {
            thresholds: self.config.thresholds,
            metric: self.config.metric,
            sustained: self.config.sustained,
            term_timeout: self.config.term_timeout,
            only_below_available: self.config.only_below_available,
        }
    }

    /// No process with this much RSS or less is over a threshold, nor near one.
    pub fn sieve(&self, memory: &SystemMemory) -> Bytes {
        let lowest = self
            .effective()
            .map(|criteria| criteria.thresholds.lowest(memory.total));
        self.warning_at(lowest.min().unwrap_or_default())
    }

    /// The general criteria, then those of the rules that can lead to anything.
    pub(super) fn effective(&self) -> impl Iterator<Item = Criteria> {
        let rules = self.config.rules.iter();
        let effective = rules.filter(|rule| rule.action != Action::Protect);
        let general = self.general();
        let criteria = effective.map(move |rule| general.of_rule(Some(rule)));
        std::iter::once(general).chain(criteria)
    }

    /// Where the early warning for this threshold comes.
    pub(super) fn warning_at(&self, threshold: Bytes) -> Bytes {
        let share: Option<Percent> = self.config.warn_percent;
        share.map_or(threshold, |share| share.of(threshold))
    }
}

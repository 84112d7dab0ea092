//! What protects a process while memory is short: all that does at any time, by what can be read without waiting for
//! the process. Pure.

use super::choice::Tier;
use crate::config::{Action, NamePattern, Rule, WhenShort};
use crate::policy::criteria::Policy;
use crate::policy::protections::{Protection, ProtectionTest};
use crate::policy::rules::name_of;
use crate::policy::verdict::{Breach, Threshold};
use crate::proc::{Facts, Process, SystemMemory, Unreadable};
use crate::quantities::{Bytes, Metric, Now, Percent};
use std::time::Duration;

/// From this oom_score_adj on a process is one of those that the kernel's OOM killer takes last.
const LAST: i16 = -500;

/// What a process is while memory is short.
#[allow(clippy::large_enum_variant, reason = "it is looked at and thrown away")]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ShortageStanding {
    /// It may be killed, in this tier.
    Candidate(Tier),
    /// It is protected. A rule that may match, and would protect it then, protects it.
    Protected(Protection),
}

impl Policy {
    /// The tier of a process, or what protects it. `is_session` says that it is one of those that a desktop consists
    /// of.
    pub fn standing(
        &self,
        process: &Process,
        is_session: bool,
        memory: &SystemMemory,
        now: &Now,
    ) -> ShortageStanding {
        let general = self.protections(process, memory, now);
        let mut general = general.filter(|(test, _)| *test != ProtectionTest::Rule);
        if let Some(protection) = general.find_map(|(_, protection)| protection) {
            return ShortageStanding::Protected(protection);
        }
        let facts = match process.facts {
            Ok(facts) => facts,
            Err(unreadable) => {
                return ShortageStanding::Protected(Protection::Unreadable(unreadable));
            }
        };
        let matched = process.details.rule_match;
        if let Some((index, unreadable)) = matched.and_then(|found| found.doubt) {
            // This rule or one of the next may be its own, up to the one that certainly matches.
            let end = matched
                .and_then(|found| found.rule)
                .map_or(usize::MAX, usize::from);
            let rules = self.config.rules.iter().enumerate();
            let mut doubtful = rules
                .skip(usize::from(index))
                .take_while(|(own, _)| *own < end);
            if doubtful.any(|(_, rule)| protects(rule) && may_match(rule, &facts)) {
                return ShortageStanding::Protected(Protection::Unreadable(unreadable));
            }
        }
        let rule = self.rule(process);
        match rule {
            Some((number, rule)) if protects(rule) => {
                return ShortageStanding::Protected(match rule.action {
                    Action::Warn => Protection::WarnOnly(number),
                    Action::Kill | Action::Protect => Protection::Rule(number),
                });
            }
            None if process.details.rule_match.is_none() && !self.config.rules.is_empty() => {
                let (file, errno) = ("what the rules need", None);
                return ShortageStanding::Protected(Protection::Unreadable(Unreadable {
                    file,
                    errno,
                }));
            }
            _ => {}
        }
        ShortageStanding::Candidate(match rule.and_then(|(_, rule)| rule.when_short) {
            Some(WhenShort::First) => Tier::First,
            Some(WhenShort::Last) => Tier::Last,
            _ if is_session || facts.oom_score_adj <= LAST => Tier::Last,
            _ => Tier::Normal,
        })
    }

    /// Why a victim of the guard is killed, as the log, the history and the metrics have it.
    pub fn shortage_breach(
        &self,
        process: &Process,
        threshold: Threshold,
        memory: &SystemMemory,
    ) -> Breach {
        Breach {
            rss: process.rss,
            metric: Metric::Rss,
            memory: process.rss,
            share: Percent::share(process.rss, memory.total),
            rss_share: Percent::share(process.rss, memory.total),
            threshold,
            threshold_bytes: match threshold {
                Threshold::Stall(_) => Bytes::ZERO,
                _ => self.config.system.floor(memory.total),
            },
            rule: self.rule(process).map(|(number, _)| number),
            group: None,
            sustained: Duration::ZERO,
            term_timeout: self.criteria(process).term_timeout,
        }
    }
}

/// Whether a rule may match a process, as far as its name and its user show, of which something else can't be read.
fn may_match(rule: &Rule, facts: &Facts) -> bool {
    let matcher = &rule.matcher;
    let by_name = |name: &NamePattern| name_of(name, facts).is_some();
    let is_by_files = matcher.exe.is_some() || matcher.cmdline.is_some() || matcher.unit.is_some();
    (is_by_files || facts.is_name_cut)
        && matcher.name.as_ref().is_none_or(by_name)
        && matcher
            .user
            .as_ref()
            .is_none_or(|user| user.matches(facts.uid))
}

/// Whether the processes of a rule are never killed for a shortage.
fn protects(rule: &Rule) -> bool {
    rule.action != Action::Kill || rule.when_short == Some(WhenShort::Spare)
}

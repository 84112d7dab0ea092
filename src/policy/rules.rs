//! What is asked of a process near a threshold so that its rule and its memory are known. Pure.

use super::criteria::Criteria;
use crate::config::{Action, Config, Matcher, NamePattern, Rule};
use crate::proc::{Class, Inquiry, Known, Subject, Unreadable, Wanted};
use crate::quantities::{Bytes, Metric, Percent};
use std::ffi::CStr;

/// The questions of one configuration at one time of the week.
#[derive(Clone, Debug)]
pub struct Survey {
    rules: Vec<Rule>,
    names: Vec<NamePattern>,
    general: Criteria,
    warn_percent: Option<Percent>,
    wanted: Wanted,
}

impl Survey {
    /// Of the thresholds that are in force in `config` now.
    pub fn new(config: &Config) -> Self {
        let is_wanted =
            |given: fn(&Matcher) -> bool| config.rules.iter().any(|rule| given(&rule.matcher));
        Self {
            rules: config.rules.clone(),
            names: config.whitelist.names.clone(),
            general: Criteria::general(config),
            warn_percent: config.warn_percent,
            wanted: Wanted {
                exe: is_wanted(|matcher| matcher.exe.is_some()),
                cmdline: is_wanted(|matcher| matcher.cmdline.is_some()),
                cgroup: is_wanted(|matcher| matcher.unit.is_some()),
            },
        }
    }
}

/// Everybody's limits, then those of the rules that can lead to anything.
fn all_limits(rules: &[Rule], general: Criteria) -> impl Iterator<Item = Criteria> {
    let effective = rules.iter().filter(|rule| rule.action != Action::Protect);
    let limits = effective.map(move |rule| general.of_rule(Some(rule)));
    std::iter::once(general).chain(limits)
}

/// Nothing with this much RSS or less is worth a look.
pub(super) fn sieve(config: &Config, total: Bytes) -> Bytes {
    let lowest = all_limits(&config.rules, Criteria::general(config))
        .map(|limits| limits.thresholds.lowest(total));
    warned(config.warn_percent, lowest.min().unwrap_or_default())
}

/// Where the early warning for this threshold comes.
fn warned(share: Option<Percent>, threshold: Bytes) -> Bytes {
    share.map_or(threshold, |share| share.of(threshold))
}

impl Inquiry for Survey {
    fn wanted(&self) -> Wanted {
        self.wanted
    }

    fn classify(&self, subject: &Subject<'_>) -> Class {
        let mut class = Class::default();
        for (place, rule) in (0_u16..).zip(&self.rules) {
            match matches(&rule.matcher, subject) {
                Match::Yes => {
                    class.rule = Some(place);
                    return class;
                }
                Match::No => {}
                Match::Doubt(unreadable) => class.doubt = class.doubt.or(Some((place, unreadable))),
            }
        }
        class
    }

    fn metric(&self, class: Class, rss: Bytes, total: Bytes) -> Metric {
        let rule = class
            .rule
            .and_then(|rule| self.rules.get(usize::from(rule)));
        let limits = self.general.of_rule(rule);
        match limits.metric {
            // PSS is never more than RSS.
            Metric::Pss if rss <= warned(self.warn_percent, limits.thresholds.lowest(total)) => {
                Metric::Rss
            }
            metric => metric,
        }
    }

    fn anonymous_sieve(&self, total: Bytes) -> Option<Bytes> {
        all_limits(&self.rules, self.general)
            .filter(|limits| limits.metric == Metric::Anon)
            .map(|limits| warned(self.warn_percent, limits.thresholds.lowest(total)))
            .min()
    }

    fn protects_name(&self, name: &CStr) -> bool {
        self.names.iter().any(|pattern| pattern.matches(name))
    }

    fn bears(&self, name: &CStr, file: &CStr) -> bool {
        let both = |pattern: &NamePattern| pattern.matches(name) && pattern.matches(file);
        self.names.iter().any(both)
    }
}

/// Whether a rule matches.
enum Match {
    Yes,
    No,
    /// Everything that can be read matches, and this can't be read.
    Doubt(Unreadable),
}

/// The cheap tests come first: nothing that can't be read matters where another pattern says no.
fn matches(matcher: &Matcher, subject: &Subject<'_>) -> Match {
    let facts = subject.facts;
    let by_name = |own: &NamePattern| own.matches(facts.name.as_c_str());
    if !matcher.name.as_ref().is_none_or(by_name)
        || !matcher
            .user
            .as_ref()
            .is_none_or(|own| own.matches(facts.uid))
    {
        return Match::No;
    }
    let exe = compare(matcher.exe.as_ref(), subject.exe, NamePattern::matches);
    let cmdline = compare(
        matcher.cmdline.as_ref(),
        subject.cmdline,
        NamePattern::matches,
    );
    let unit = compare(
        matcher.unit.as_ref(),
        subject.cgroup,
        NamePattern::matches_unit,
    );
    exe.and(cmdline).and(unit)
}

/// Whether one pattern matches, if it is given.
fn compare(
    pattern: Option<&NamePattern>,
    text: Option<Known<'_>>,
    matches: fn(&NamePattern, &CStr) -> bool,
) -> Match {
    let Some(pattern) = pattern else {
        return Match::Yes;
    };
    match text {
        Some(Ok(text)) if matches(pattern, text) => Match::Yes,
        Some(Ok(_)) => Match::No,
        Some(Err(unreadable)) => Match::Doubt(unreadable),
        None => Match::Doubt(Unreadable {
            file: "exe, cmdline or cgroup",
            errno: None,
        }),
    }
}

impl Match {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Doubt(unreadable), _) | (_, Self::Doubt(unreadable)) => Self::Doubt(unreadable),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// What a class's rule is in these rules.
pub(super) fn rule_of(rules: &[Rule], class: Option<Class>) -> Option<(usize, &Rule)> {
    let place = usize::from(class?.rule?);
    Some((place + 1, rules.get(place)?))
}

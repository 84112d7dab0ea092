//! The policy's answers to the questions of a scan: which rule matches a process, and how its memory is measured. Pure.

use super::criteria::Policy;
use crate::config::{Matcher, NamePattern};
use crate::proc::{Questions, RuleFiles, RuleInput, RuleMatch, SystemMemory, Text, Unreadable};
use crate::quantities::{Bytes, Metric};
use std::ffi::CStr;

impl Questions for Policy {
    fn sieve(&self, memory: &SystemMemory) -> Bytes {
        Self::sieve(self, memory)
    }

    fn anonymous_sieve(&self, total: Bytes) -> Option<Bytes> {
        self.effective()
            .filter(|criteria| criteria.metric == Metric::Anon)
            .map(|criteria| self.warning_at(criteria.thresholds.lowest(total)))
            .min()
    }

    fn rule_files(&self) -> RuleFiles {
        let rules = &self.config.rules;
        let is_given = |given: fn(&Matcher) -> bool| rules.iter().any(|rule| given(&rule.matcher));
        RuleFiles {
            exe: is_given(|matcher| matcher.exe.is_some()),
            cmdline: is_given(|matcher| matcher.cmdline.is_some()),
            cgroup: is_given(|matcher| matcher.unit.is_some()),
        }
    }

    fn match_rule(&self, input: &RuleInput<'_>) -> RuleMatch {
        let mut found = RuleMatch::default();
        for (index, rule) in (0_u16..).zip(&self.config.rules) {
            match matches(&rule.matcher, input) {
                Match::Yes => {
                    found.rule = Some(index);
                    return found;
                }
                Match::No => {}
                Match::Doubt(unreadable) => found.doubt = found.doubt.or(Some((index, unreadable))),
            }
        }
        found
    }

    fn metric(&self, matched: RuleMatch, rss: Bytes, total: Bytes) -> Metric {
        let rule = matched.rule.map(usize::from);
        let rule = rule.and_then(|index| self.config.rules.get(index));
        let criteria = self.general().of_rule(rule);
        match criteria.metric {
            // PSS is never more than RSS.
            Metric::Pss if rss <= self.warning_at(criteria.thresholds.lowest(total)) => Metric::Rss,
            metric => metric,
        }
    }

    fn protects_name(&self, name: &CStr) -> bool {
        self.config.whitelist.protects_name(name).is_some()
    }

    fn verifies(&self, name: &CStr, file: &CStr) -> bool {
        let both = |pattern: &NamePattern| pattern.matches(name) && pattern.matches(file);
        self.config.whitelist.names.iter().any(both)
    }
}

/// Whether a rule matches.
enum Match {
    Yes,
    No,
    /// Everything that can be read matches, and this can't be read.
    Doubt(Unreadable),
}

/// The cheap tests come first: nothing that can't be read matters where another pattern does not match.
fn matches(matcher: &Matcher, input: &RuleInput<'_>) -> Match {
    let facts = input.facts;
    let by_name = |own: &NamePattern| own.matches(facts.name.as_c_str());
    let is_name = matcher.name.as_ref().is_none_or(by_name);
    let user = matcher.user.as_ref();
    if !is_name || !user.is_none_or(|own| own.matches(facts.uid)) {
        return Match::No;
    }
    let exe = compare(matcher.exe.as_ref(), input.exe, NamePattern::matches);
    let cmdline = compare(
        matcher.cmdline.as_ref(),
        input.cmdline,
        NamePattern::matches,
    );
    let unit = compare(
        matcher.unit.as_ref(),
        input.cgroup,
        NamePattern::matches_unit,
    );
    exe.and(cmdline).and(unit)
}

/// Whether one pattern matches, if it is given.
fn compare(
    pattern: Option<&NamePattern>,
    text: Option<Text<'_>>,
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

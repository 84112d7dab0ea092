//! The policy's answers to the questions of a scan: which rule matches a process, and how its memory is measured. Pure.

use super::criteria::Policy;
use crate::config::{Action, Matcher, NamePattern};
use crate::proc::{
    Facts, Name, Questions, RuleFiles, RuleInput, RuleMatch, SystemMemory, Text, Unreadable,
};
use crate::quantities::{Bytes, Metric};

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
            // An executable that anyone can forge protects nothing.
            let is_protecting = rule.action != Action::Kill && rule.matcher.exe.is_some();
            if is_protecting && input.is_exe_forgeable {
                continue;
            }
            match matches(&rule.matcher, input) {
                Match::Yes => {
                    found.rule = Some(index);
                    return found;
                }
                Match::No => {}
                // A process that keeps its arguments from being read in time gains nothing by it.
                Match::Doubt(unreadable) if unreadable.is_late() && rule.action == Action::Kill => {
                }
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

    fn matches_name(&self, name: &[u8]) -> bool {
        self.name_patterns().any(|pattern| pattern.matches(name))
    }

    fn matches_longer_name(&self, start: &[u8]) -> bool {
        self.name_patterns()
            .any(|pattern| pattern.matches_longer(start))
    }

    fn protecting_name<'f>(&self, facts: &'f Facts) -> Option<&'f Name> {
        let mut names = self.config.whitelist.names.iter();
        names.find_map(|pattern| Some(name_of(pattern, facts)?.1))
    }

    fn verifies(&self, name: &[u8], file: &[u8]) -> bool {
        let both = |pattern: &NamePattern| pattern.matches(name) && pattern.matches(file);
        self.config.whitelist.names.iter().any(both)
    }
}

impl Policy {
    /// The patterns that names are compared with.
    fn name_patterns(&self) -> impl Iterator<Item = &NamePattern> {
        let rules = self.config.rules.iter();
        let rules = rules.filter_map(|rule| rule.matcher.name.as_ref());
        let groups = self.config.groups.iter();
        let groups = groups.filter_map(|group| group.matcher.name.as_ref());
        self.config
            .whitelist
            .names
            .iter()
            .chain(rules)
            .chain(groups)
    }
}

/// How a pattern matches a process by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// It matches the name.
    Name,
    /// It matches the name of the executable, and the process has given itself another one.
    Executable,
    /// The name was cut at 15 bytes, nothing completes it, and the pattern may match the whole of it.
    Start,
}

/// How a pattern matches a process by name, and the name that it matches; None where it does not.
pub fn name_of<'f>(pattern: &NamePattern, facts: &'f Facts) -> Option<(NamedBy, &'f Name)> {
    let alias = facts.alias.as_ref();
    if let Some(alias) = alias.filter(|alias| pattern.matches(alias.as_bytes())) {
        return Some((NamedBy::Executable, alias));
    }
    let name = facts.name.as_bytes();
    let by = if facts.is_name_cut {
        let is_start = pattern.matches_longer(name);
        is_start.then_some(NamedBy::Start)
    } else {
        pattern.matches(name).then_some(NamedBy::Name)
    };
    Some((by?, &facts.name))
}

/// Whether a rule matches.
pub(super) enum Match {
    Yes,
    No,
    /// Everything that can be read matches, and this can't be read.
    Doubt(Unreadable),
}

/// The cheap tests come first: nothing that can't be read matters where another pattern does not match.
pub(super) fn matches(matcher: &Matcher, input: &RuleInput<'_>) -> Match {
    let facts = input.facts;
    let by_name = matcher.name.as_ref().map(|own| name_of(own, facts));
    let name = match by_name {
        Some(None) => Match::No,
        Some(Some((NamedBy::Start, _))) => Match::Doubt(Unreadable {
            file: "its whole name",
            errno: None,
        }),
        None | Some(Some(_)) => Match::Yes,
    };
    let user = matcher.user.as_ref();
    if matches!(name, Match::No) || !user.is_none_or(|own| own.matches(facts.uid)) {
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
    name.and(exe).and(cmdline).and(unit)
}

/// Whether one pattern matches, if it is given.
fn compare(
    pattern: Option<&NamePattern>,
    text: Option<Text<'_>>,
    matches: fn(&NamePattern, &[u8]) -> bool,
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

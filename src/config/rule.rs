//! Rules: thresholds of their own, or none at all, for the processes that they match. Matching allocates nothing.
//! Pure.

use super::error::Location;
use super::pattern::NamePattern;
use super::system::WhenShort;
use super::thresholds::Thresholds;
use super::warning::{Warning, WarningKind};
use crate::quantities::{Metric, Percent, Uid};
use std::time::Duration;

/// What applies to a process that a rule matches. For None, it is as without the rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Where it begins.
    pub location: Option<Location>,
    /// Which processes it matches.
    pub matcher: Matcher,
    /// They replace both of `[thresholds]`.
    pub thresholds: Option<Thresholds>,
    /// What counts as the memory of a process.
    pub metric: Option<Metric>,
    /// How long a process must be over a threshold before it is killed.
    pub sustained: Option<Duration>,
    /// How long a process has from SIGTERM to SIGKILL.
    pub term_timeout: Option<Duration>,
    /// It is killed only while less than this share of MemTotal is available; 100 for always.
    pub only_below_available: Option<Percent>,
    /// What is done with a process over its threshold.
    pub action: Action,
    /// When it is chosen as a victim while memory is short; None for the usual order.
    pub when_short: Option<WhenShort>,
}

/// What is done with a process over the threshold of its rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It is killed.
    #[default]
    Kill,
    /// It is reported and never signalled.
    Warn,
    /// Nothing.
    Protect,
}

impl Action {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Warn => "warn",
            Self::Protect => "protect",
        }
    }
}

/// Which processes a rule matches: all that is given must match, and at least one is given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matcher {
    /// The full name.
    pub name: Option<NamePattern>,
    /// The real user.
    pub user: Option<UserMatcher>,
    /// The target of the exe link.
    pub exe: Option<NamePattern>,
    /// The arguments with spaces between them.
    pub cmdline: Option<NamePattern>,
    /// The systemd unit or control group.
    pub unit: Option<NamePattern>,
}

/// A user as written, and the uids that it had when the configuration was loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct UserMatcher {
    /// A name, a number or a glob.
    pub pattern: NamePattern,
    /// Empty while no such user exists; the rule matches nothing then.
    pub uids: Vec<Uid>,
}

impl UserMatcher {
    /// Whether it matches this user.
    pub fn matches(&self, uid: Uid) -> bool {
        self.uids.contains(&uid)
    }
}

impl Matcher {
    /// Whether something is given, and nothing of it is more than wildcards.
    pub(super) fn is_all_wildcards(&self) -> bool {
        let user = self.user.as_ref().map(|user| &user.pattern);
        let others = [&self.name, &self.exe, &self.cmdline, &self.unit];
        let mut given = others.into_iter().flatten().chain(user).peekable();
        given.peek().is_some() && given.all(NamePattern::is_all_wildcards)
    }

    /// Whether every process that `later` matches is matched by this one, as far as the texts show.
    pub(super) fn covers(&self, later: &Self) -> bool {
        let covers = |own: &Option<NamePattern>, other: &Option<NamePattern>| match (own, other) {
            (None, _) => true,
            (Some(own), None) => own.text() == "*",
            (Some(own), Some(other)) => own.covers(other),
        };
        let covers_user = match (&self.user, &later.user) {
            (None, _) => true,
            (Some(own), None) => own.pattern.text() == "*",
            (Some(own), Some(other)) => {
                own.pattern.covers(&other.pattern)
                    || (!other.uids.is_empty() && other.uids.iter().all(|uid| own.matches(*uid)))
            }
        };
        covers_user
            && covers(&self.name, &later.name)
            && covers(&self.exe, &later.exe)
            && covers(&self.cmdline, &later.cmdline)
            && covers(&self.unit, &later.unit)
    }
}

impl Rule {
    fn replaces(&self, later: &Self) -> bool {
        let file = |rule: &Self| Some(rule.location.as_ref()?.file.clone());
        file(self) != file(later) && later.matcher.covers(&self.matcher)
    }
}

/// The rules that can never match, because an earlier one matches all that they would. A drop-in's rule that matches
/// just what one of another file does is meant to replace it.
pub(super) fn unreachable(rules: &[Rule]) -> Vec<Warning> {
    let later = rules.iter().enumerate();
    later
        .filter_map(|(index, rule)| {
            let mut before = rules.iter().take(index);
            let earlier = before.position(|earlier| earlier.matcher.covers(&rule.matcher))?;
            if rules.get(earlier)?.replaces(rule) {
                return None;
            }
            Some(Warning {
                location: rule.location.clone(),
                kind: WarningKind::UnreachableRule {
                    number: index + 1,
                    earlier: earlier + 1,
                    earlier_location: rules.get(earlier)?.location.clone(),
                },
            })
        })
        .collect()
}

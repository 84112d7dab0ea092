//! Rules: thresholds of their own, or none at all, for processes that match. Asking allocates nothing.

use super::error::{Location, Warning};
use super::thresholds::Thresholds;
use super::whitelist::NamePattern;
use super::{UserLookup, value};
use crate::quantities::{Metric, Uid};
use crate::sys::users;
use std::ffi::CStr;
use std::time::Duration;

/// What holds for a process that a rule matches. What the rule leaves open is as for everybody.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Where it begins; None in the built-in defaults.
    pub place: Option<Location>,
    /// Whom it matches.
    pub matcher: Matcher,
    /// Thresholds of its own, which replace both of `[thresholds]`.
    pub thresholds: Option<Thresholds>,
    /// Its own metric.
    pub metric: Option<Metric>,
    /// Its own time over a threshold.
    pub sustained: Option<Duration>,
    /// What becomes of a process over its threshold.
    pub action: Action,
}

/// What becomes of a process over the threshold of its rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// It is ended.
    #[default]
    Kill,
    /// It is reported and never signalled.
    Warn,
    /// Nothing.
    Protect,
}

impl Action {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Warn => "warn",
            Self::Protect => "protect",
        }
    }
}

/// Whom a rule matches: all that is given must. At least one is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matcher {
    /// The full name.
    pub name: Option<NamePattern>,
    /// The real user.
    pub user: Option<UserMatcher>,
    /// Where the exe link leads.
    pub exe: Option<NamePattern>,
    /// The arguments with spaces between them.
    pub cmdline: Option<NamePattern>,
    /// The systemd unit or control group.
    pub unit: Option<NamePattern>,
}

/// A user as written, and who that was when the configuration was read.
#[derive(Clone, Debug, PartialEq)]
pub struct UserMatcher {
    /// A name, a number or a glob.
    pub pattern: NamePattern,
    /// The users that are meant; none while no such user exists.
    pub uids: Vec<Uid>,
}

impl UserMatcher {
    /// Whether this user is meant.
    pub fn matches(&self, uid: Uid) -> bool {
        self.uids.contains(&uid)
    }
}

impl Rule {
    /// Finds out who its user is; says it when that is nobody.
    pub(super) fn resolve_user(&mut self, lookup: UserLookup<'_>) -> Option<Warning> {
        let user = self.matcher.user.as_mut()?;
        if !user.uids.is_empty() {
            return None;
        }
        let text = user.pattern.text().to_string_lossy().into_owned();
        let found = if user.pattern.is_glob() {
            users::uids_of(|name| user.pattern.matches(name))
        } else {
            // As with chown(1), a name of digits that nobody has is a number.
            lookup(&text).map(|uid| {
                let uid = uid.or_else(|| value::uid(text.parse().ok()));
                uid.into_iter().collect()
            })
        };
        let place = self.place.clone();
        match found {
            Ok(uids) if uids.is_empty() => Some(Warning::RuleUser { place, user: text }),
            Ok(uids) => {
                user.uids = uids;
                None
            }
            Err(error) => Some(Warning::UserLookup {
                place,
                user: text,
                error,
            }),
        }
    }
}

/// The rules that can never match, because an earlier one takes all of theirs.
pub(super) fn unreachable(rules: &[Rule]) -> Vec<Warning> {
    let earlier = |index: usize, rule: &Rule| {
        rules
            .iter()
            .take(index)
            .position(|earlier| earlier.matcher.takes_all_of(&rule.matcher))
    };
    let later = rules.iter().enumerate();
    later
        .filter_map(|(index, rule)| {
            let earlier = earlier(index, rule)?;
            Some(Warning::RuleUnreachable {
                place: rule.place.clone(),
                number: index + 1,
                earlier: earlier + 1,
                earlier_place: rules.get(earlier)?.place.clone(),
            })
        })
        .collect()
}

impl Matcher {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every process that `later` matches is matched by this one, as far as the texts show.
    pub fn takes_all_of(&self, later: &Self) -> bool {
        let is_taken = |own: &Option<NamePattern>, other: &Option<NamePattern>| match (own, other) {
            (None, _) => true,
            (Some(own), None) => own.text() == c"*",
            (Some(own), Some(other)) => own.takes_all_of(other),
        };
        let is_user_taken = match (&self.user, &later.user) {
            (None, _) => true,
            (Some(own), None) => own.pattern.text() == c"*",
            (Some(own), Some(other)) => {
                own.pattern.takes_all_of(&other.pattern)
                    || (!other.uids.is_empty() && other.uids.iter().all(|uid| own.matches(*uid)))
            }
        };
        is_user_taken
            && is_taken(&self.name, &later.name)
            && is_taken(&self.exe, &later.exe)
            && is_taken(&self.cmdline, &later.cmdline)
            && is_taken(&self.unit, &later.unit)
    }
}

impl NamePattern {
    /// Whether everything that `other` matches is matched by this one too. Says no where it is not
    /// sure.
    pub fn takes_all_of(&self, other: &Self) -> bool {
        let is_simple = |pattern: &CStr, special: &[u8]| {
            !pattern.to_bytes().iter().any(|byte| special.contains(byte))
        };
        if self.text() == other.text() {
            true
        } else if !other.is_glob() {
            self.matches(other.text())
        } else {
            // Where the only wildcard here is `*`, each `*` and `?` there falls to one of them.
            self.is_glob()
                && is_simple(self.text(), b"?[\\")
                && is_simple(other.text(), b"[\\")
                && self.matches(other.text())
        }
    }

    /// Whether the control group at `path` is meant: with a slash in the pattern its whole path,
    /// without one any unit that it is in.
    pub fn matches_unit(&self, path: &CStr) -> bool {
        if self.text().to_bytes().contains(&b'/') {
            return self.matches(path);
        }
        let mut part = [0; 256];
        path.to_bytes()
            .split(|&byte| byte == b'/')
            .filter(|unit| !unit.is_empty())
            .any(|unit| {
                // systemd's limit for unit names is 255 bytes (UNIT_NAME_MAX), the kernel's as well.
                let Some(place) = part.get_mut(..unit.len()) else {
                    return false;
                };
                place.copy_from_slice(unit);
                if let Some(end) = part.get_mut(unit.len()) {
                    *end = 0;
                }
                CStr::from_bytes_until_nul(&part).is_ok_and(|unit| self.matches(unit))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        NamePattern::new(text).unwrap()
    }

    #[test]
    fn units_match_by_any_part_and_paths_as_a_whole() {
        let path = c"/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope";
        for (text, matches) in [
            ("user@*.service", true),
            ("app-firefox.scope", true),
            ("app-*.scope", true),
            ("user.slice", true),
            ("ser.slice", false),
            ("/user.slice/*", true),
            ("/system.slice/*", false),
            ("*/app-*", true),
            ("/user.slice", false),
            ("cron.service", false),
        ] {
            assert_eq!(pattern(text).matches_unit(path), matches, "{text}");
        }
        assert!(pattern("/").matches_unit(c"/"));
    }

    #[test]
    fn a_pattern_takes_all_of_another_only_where_that_is_sure() {
        for (own, other, takes) in [
            ("*", "chrome*", true),
            ("chrome*", "chrome-*", true),
            ("chrome*", "chrome", true),
            ("chrome-*", "chrome*", false),
            ("chrome", "chrome*", false),
            ("c?rome", "chrome", true),
            ("c?rome*", "c?rome", false),
            ("c*e", "c?e", true),
            ("*y]z", "[xy]z", false),
            ("*", "[xy]z", false),
            ("java", "java", true),
            ("java", "javac", false),
        ] {
            assert_eq!(
                pattern(own).takes_all_of(&pattern(other)),
                takes,
                "{own} {other}"
            );
        }
    }
}

//! The users that a configuration names: their uids, and what is doubtful about them. May ask the user database.

use super::configuration::Config;
use super::error::Location;
use super::rule::{self, Action, UserMatcher};
use super::value;
use super::warning::{Warning, WarningKind};
use super::written::Written;
use crate::quantities::Uid;
use std::ffi::CStr;
use std::io;

/// Finds the users whose names a condition takes, among those that the user database lists.
pub type UserList<'a> = &'a dyn Fn(&mut dyn FnMut(&CStr) -> bool) -> io::Result<Vec<Uid>>;

/// Finds the uid of a user's name; None where no source of the user database knows it.
pub type UserLookup<'a> = &'a dyn Fn(&str) -> io::Result<Option<Uid>>;

/// Looks up the users of the whitelist, the rules and the groups; returns what is doubtful about them.
pub(super) fn resolve(
    config: &mut Config,
    written: &Written,
    lookup: UserLookup<'_>,
    list: UserList<'_>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let root_is_listed_at = resolve_listed(config, written, lookup, &mut warnings);
    // Without `protect_root`, a list with root suggests that root is protected.
    let protect_root = written.entry("whitelist", "protect_root");
    if protect_root.is_some_and(|entry| entry.location.is_none()) {
        warnings.extend(root_is_listed_at.map(|location| Warning {
            location: Some(location),
            kind: WarningKind::RootNotProtected,
        }));
    }
    for rule in &mut config.rules {
        let user = rule.matcher.user.as_mut();
        let kind = user.and_then(|user| resolve_matcher(user, lookup, list));
        // Without its user there is no process that a rule for the service of this user would report or protect: the
        // shipped rules, and those of the examples, are for services that few machines have all of.
        let is_absent_service = rule.action != Action::Kill
            && rule.matcher.name.is_some()
            && matches!(kind, Some(WarningKind::UnknownRuleUser(_)));
        let kind = kind.filter(|_| !is_absent_service);
        warnings.extend(kind.map(|kind| Warning {
            location: rule.location.clone(),
            kind,
        }));
    }
    for group in &mut config.groups {
        let user = group.matcher.user.as_mut();
        let kind = user.and_then(|user| resolve_matcher(user, lookup, list));
        warnings.extend(kind.map(|kind| Warning {
            location: group.location.clone(),
            kind,
        }));
    }
    warnings.extend(rule::unreachable(&config.rules));
    warnings
}

/// Looks up the users of the whitelist; returns where a file names root.
fn resolve_listed(
    config: &mut Config,
    written: &Written,
    lookup: UserLookup<'_>,
    warnings: &mut Vec<Warning>,
) -> Option<Location> {
    let mut root = None;
    for (index, user) in config.whitelist.users.iter_mut().enumerate() {
        let location = written.item("whitelist", "users", index).cloned();
        let kind = match user.uid {
            Some(_) => None,
            None => match uid_of(&user.text, lookup) {
                Ok(uid) => {
                    user.uid = uid;
                    uid.is_none()
                        .then(|| WarningKind::UnknownUser(user.text.clone()))
                }
                Err(error) => Some(WarningKind::UserLookup(user.text.clone(), error)),
            },
        };
        if root.is_none() && user.uid == Some(Uid::ROOT) {
            root.clone_from(&location);
        }
        warnings.extend(kind.map(|kind| Warning { location, kind }));
    }
    root
}

fn resolve_matcher(
    user: &mut UserMatcher,
    lookup: UserLookup<'_>,
    list: UserList<'_>,
) -> Option<WarningKind> {
    if !user.uids.is_empty() {
        return None;
    }
    let text = user.pattern.text().to_owned();
    let is_glob = user.pattern.is_glob();
    let found = if is_glob {
        list(&mut |name| user.pattern.matches(name.to_bytes()))
    } else {
        uid_of(&text, lookup).map(Vec::from_iter)
    };
    match found {
        Ok(uids) => {
            user.uids = uids;
            let unknown = if is_glob {
                WarningKind::NoRuleUser(text)
            } else {
                WarningKind::UnknownRuleUser(text)
            };
            user.uids.is_empty().then_some(unknown)
        }
        Err(error) => Some(WarningKind::UserLookup(text, error)),
    }
}

/// As with chown(1), a name of digits that no user has is a uid.
fn uid_of(text: &str, lookup: UserLookup<'_>) -> io::Result<Option<Uid>> {
    let uid = lookup(text)?;
    Ok(uid.or_else(|| value::uid(text.parse().ok())))
}

/// Gives a user that is not found now the uid that it had in `before`: a directory that does not answer and a user that
/// was deleted look the same, and doubt never kills.
pub(super) fn keep(config: &mut Config, warnings: &mut [Warning], before: &Config) {
    let mut kept = Vec::new();
    for user in &mut config.whitelist.users {
        if user.uid.is_none() {
            user.uid = known(before, &user.text).first().copied();
            kept.extend(user.uid.map(|_| user.text.clone()));
        }
    }
    let rules = config.rules.iter_mut().map(|rule| &mut rule.matcher);
    let groups = config.groups.iter_mut().map(|group| &mut group.matcher);
    let matchers = rules.chain(groups);
    for user in matchers.filter_map(|matcher| matcher.user.as_mut()) {
        if user.uids.is_empty() {
            let text = user.pattern.text();
            user.uids = known(before, text).to_vec();
            kept.extend((!user.uids.is_empty()).then(|| text.to_owned()));
        }
    }
    for warning in warnings {
        if let WarningKind::UnknownUser(user)
        | WarningKind::UnknownRuleUser(user)
        | WarningKind::NoRuleUser(user)
        | WarningKind::UserLookup(user, _) = &warning.kind
        {
            if kept.contains(user) {
                warning.kind = WarningKind::UserKept(user.clone());
            }
        }
    }
}

/// The uids that this text, of the whitelist, a rule or a group, has in a loaded configuration; empty where there are
/// none.
fn known<'c>(config: &'c Config, text: &str) -> &'c [Uid] {
    let listed = config.whitelist.users.iter();
    let listed = listed.filter(|user| user.text == text);
    let matchers = config.matchers();
    let matchers = matchers.filter_map(|(matcher, _)| matcher.user.as_ref());
    let matched = matchers.filter(|user| user.pattern.text() == text);
    listed
        .map(|user| user.uid.as_slice())
        .chain(matched.map(|user| user.uids.as_slice()))
        .find(|uids| !uids.is_empty())
        .unwrap_or_default()
}

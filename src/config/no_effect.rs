//! Entries of a configuration that have no effect, or not the one that was meant: `check` and the daemon report the
//! same ones, with the fix. Pure.

use super::configuration::Config;
use super::group::{Group, GroupAction};
use super::keys::RULE;
use super::rule::{Action, Matcher, Rule};
use super::schedule;
use super::shown::shown;
use super::slot::Slot;
use super::suspect::{Compared, Suspicion, Within};
use super::warning::{Effect, Warning, WarningKind};
use super::written::Written;
use crate::quantities::{Metric, Percent};

const ONLY_BELOW: &str = "only_below_available_percent";

/// Those of the whitelist, the thresholds, the schedules, the groups and the mail server.
pub(super) fn find(config: &Config, written: &Written) -> Vec<Warning> {
    let mut found = Vec::new();
    for (index, name) in config.whitelist.names.iter().enumerate() {
        let location = written.item("whitelist", "names", index).cloned();
        // The built-in names are right.
        let Some(location) = location else {
            continue;
        };
        let text = name.text();
        found.extend(
            Suspicion::of(text, Compared::Name).map(|suspicion| Warning {
                location: Some(location),
                kind: WarningKind::Suspect {
                    key: "names",
                    text: shown(text),
                    suspicion,
                    within: Within::Whitelist,
                },
            }),
        );
    }
    if is_nothing(config.only_below_available) {
        let entry = written.entry("thresholds", ONLY_BELOW);
        found.push(Warning {
            location: entry.and_then(|entry| entry.location.clone()),
            kind: WarningKind::NothingBelow,
        });
    }
    let values = |schedule: Option<&schedule::Schedule>| {
        let thresholds = schedule.and_then(|schedule| schedule.thresholds);
        let interval = schedule.and_then(|schedule| schedule.check_interval);
        (
            thresholds.unwrap_or(config.base_thresholds),
            interval.unwrap_or(config.base_check_interval),
        )
    };
    let effects = schedule::effects(&config.schedules, values);
    for (index, (schedule, effect)) in config.schedules.iter().zip(effects).enumerate() {
        if effect != Effect::Changes {
            found.push(Warning {
                location: schedule.location.clone(),
                kind: WarningKind::IdleSchedule(index + 1, effect),
            });
        }
    }
    for group in &config.groups {
        let available = group.only_below_available;
        let available = available.unwrap_or(config.only_below_available);
        if group.action == GroupAction::Kill && is_nothing(available) {
            found.push(Warning {
                location: group.location.clone(),
                kind: WarningKind::ReportedGroup(group.label().to_owned()),
            });
        }
    }
    let port = config.notify.smtp.rsplit_once(':').map(|(_, port)| port);
    let port = port.and_then(|port| port.parse().ok());
    if let (Some(port @ (465 | 587)), false) = (port, config.notify.email_to.is_empty()) {
        let entry = written.entry("notify", "smtp");
        found.push(Warning {
            location: entry.and_then(|entry| entry.location.clone()),
            kind: WarningKind::MailPort(port),
        });
    }
    found
}

fn is_nothing(share: Percent) -> bool {
    share.get() <= 0.0
}

/// Those of one rule; `read` has its keys as they were written.
pub(super) fn in_rule(rule: &Rule, read: &Written) -> Vec<Warning> {
    let mut found = in_matcher("[rule]", &rule.matcher, read);
    let location = |key| read.entry("[rule]", key)?.location.clone();
    if rule.action == Action::Protect {
        // The rows reach a value by a mutable reference only, and may make one.
        let rule = &mut rule.clone();
        for key in &RULE {
            let is_about_killing = !matches!(
                key.slot,
                Slot::Pattern(_) | Slot::UnitPattern(_) | Slot::UserPattern(_) | Slot::Action(_)
            );
            if is_about_killing && key.slot.show(rule).is_some() {
                found.push(Warning {
                    location: location(key.name),
                    kind: WarningKind::BesideProtect(key.name),
                });
            }
        }
    }
    if rule.action == Action::Warn {
        let given = [
            ("when_short", rule.when_short.is_some()),
            ("term_timeout", rule.term_timeout.is_some()),
            (ONLY_BELOW, rule.only_below_available.is_some()),
        ];
        let given = given.into_iter().filter(|(_, is_given)| *is_given);
        found.extend(given.map(|(key, _)| Warning {
            location: location(key),
            kind: WarningKind::BesideWarn(key),
        }));
    }
    if rule.action == Action::Kill && rule.only_below_available.is_some_and(is_nothing) {
        found.push(Warning {
            location: location(ONLY_BELOW),
            kind: WarningKind::NothingBelow,
        });
    }
    found
}

/// Those of one group; `read` has its keys as they were written.
pub(super) fn in_group(group: &Group, read: &Written) -> Vec<Warning> {
    let mut found = in_matcher("[group]", &group.matcher, read);
    if group.metric == Metric::Anon {
        let entry = read.entry("[group]", "metric");
        found.push(Warning {
            location: entry.and_then(|entry| entry.location.clone()),
            kind: WarningKind::GroupAnon,
        });
    }
    found
}

/// The patterns of a table that nothing can match as they were meant.
fn in_matcher(table: &str, matcher: &Matcher, read: &Written) -> Vec<Warning> {
    let mut found = Vec::new();
    let location = |key| read.entry(table, key)?.location.clone();
    for (key, pattern, compared) in [
        ("name", &matcher.name, Compared::Name),
        ("exe", &matcher.exe, Compared::Exe),
        ("cmdline", &matcher.cmdline, Compared::Cmdline),
        ("unit", &matcher.unit, Compared::Unit),
    ] {
        let Some(pattern) = pattern else {
            continue;
        };
        let text = pattern.text();
        found.extend(Suspicion::of(text, compared).map(|suspicion| Warning {
            location: location(key),
            kind: WarningKind::Suspect {
                key,
                text: shown(text),
                suspicion,
                within: Within::Matcher,
            },
        }));
    }
    found
}

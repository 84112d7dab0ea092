//! Groups: thresholds for many processes together. Pure.

use super::error::{Cause, Location};
use super::rule::Matcher;
use super::thresholds::Thresholds;
use crate::quantities::{Metric, Percent};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// So many groups can be given.
pub(super) const MOST: usize = 32;

/// Thresholds for the memory of many processes together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Where it begins.
    pub location: Option<Location>,
    /// For log and metrics; None for the word of `by`.
    pub(super) given_label: Option<String>,
    /// What it is called by one of the two; None where that can't be read, which is an error of its own.
    pub(super) label: Option<String>,
    /// What its members have in common; always given in a loaded configuration.
    pub(super) by: Option<GroupBy>,
    /// Which processes count; one that is empty matches every process.
    pub matcher: Matcher,
    /// What all members together must not exceed.
    pub thresholds: Thresholds,
    /// What counts as the memory of a member.
    pub metric: Metric,
    /// How long it must be over a threshold; None for the time of `[thresholds]`.
    pub sustained: Option<Duration>,
    /// Something is killed only while less than this share of MemTotal is available; None for that of `[thresholds]`.
    pub only_below_available: Option<Percent>,
    /// Which members are killed.
    pub kill: GroupKill,
    /// What is done with a group over its threshold.
    pub action: GroupAction,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            location: None,
            given_label: None,
            label: None,
            by: None,
            matcher: Matcher::default(),
            thresholds: Thresholds::default(),
            // Forks share their memory, and a group has many of them.
            metric: Metric::Pss,
            sustained: None,
            only_below_available: None,
            kill: GroupKill::default(),
            action: GroupAction::default(),
        }
    }
}

/// What the members of a group have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// Their real user.
    User,
    /// The part of the path of their control group that `unit` matches.
    Unit,
    /// The process that they descend from, which matches.
    Tree,
    /// Only that they match.
    #[default]
    All,
}

impl GroupBy {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Unit => "unit",
            Self::Tree => "tree",
            Self::All => "all",
        }
    }
}

/// Which members of a group over its threshold are killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKill {
    /// The one with most memory.
    #[default]
    Largest,
    /// The one that was started last.
    Newest,
    /// All of them.
    All,
}

impl GroupKill {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Largest => "largest",
            Self::Newest => "newest",
            Self::All => "all",
        }
    }
}

/// What is done with a group over its threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupAction {
    /// Members are killed.
    #[default]
    Kill,
    /// It is reported.
    Warn,
}

impl GroupAction {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Warn => "warn",
        }
    }
}

impl Group {
    /// What its members have in common.
    pub fn by(&self) -> GroupBy {
        self.by.unwrap_or_default()
    }

    /// Its name in log and metrics: letters, digits, `-`, `_` and `.`.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or_default()
    }

    /// What is wrong with it, and how to correct it; None where nothing is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let Some(by) = self.by else {
            return Some(
                "must say what its members have in common: by = \"user\", \"unit\", \"tree\" or \"all\"",
            );
        };
        let has_matcher = self.matcher != Matcher::default();
        if self.thresholds.are_off() {
            Some(
                "has no threshold: give ram_percent_threshold below 100 or ram_gb_threshold below inf",
            )
        } else if by == GroupBy::Unit && self.matcher.unit.is_none() {
            Some("by = \"unit\" needs unit, such as unit = \"session-*.scope\"")
        } else if matches!(by, GroupBy::Tree | GroupBy::All) && !has_matcher {
            Some(
                "by = \"tree\" and by = \"all\" need name, user, exe or unit: without one of them every process \
                 would be a member",
            )
        } else if by == GroupBy::User && self.kill == GroupKill::All {
            Some(
                "kill = \"all\" would kill all that a user runs, the session as well: give kill = \"largest\" or \
                 \"newest\", or another by",
            )
        } else if self.kill == GroupKill::All && self.matcher.is_all_wildcards() {
            Some(
                "kill = \"all\" needs more than wildcards in name, user, exe or unit: these match every process, \
                 and all of them would be killed; give a narrower pattern, or kill = \"largest\" or \"newest\"",
            )
        } else {
            None
        }
    }
}

/// What is wrong with all groups together.
pub(super) fn faults(groups: &[Group]) -> Vec<Cause> {
    let mut faults = Vec::new();
    let mut fault = |location: &Option<Location>, message| {
        faults.push(Cause::Invalid {
            location: location.clone(),
            message,
        });
    };
    let file = |group: &Group| group.location.as_ref().map(|at| Arc::clone(&at.file));
    // The groups of a later file stand first; an error is about the one that was read later.
    let files = groups.chunk_by(|one, next| file(one) == file(next));
    let as_read: Vec<&Group> = files.rev().flatten().collect();
    for (index, group) in as_read.iter().enumerate() {
        let mut earlier = as_read.iter().take(index);
        let other = earlier.find(|other| group.label.is_some() && other.label == group.label);
        if index == MOST {
            let message = format!(
                "there are more than {MOST} groups, of which each is judged alone: join some by a pattern"
            );
            fault(&group.location, message);
        } else if let Some(other) = other {
            let other = other.location.as_ref();
            let other = other.map_or(String::new(), |at| format!(", as the group at {at} has"));
            let message = format!(
                "[[group]] has the label {:?}{other}: give one of the two another label",
                group.label()
            );
            fault(&group.location, message);
        }
    }
    faults
}

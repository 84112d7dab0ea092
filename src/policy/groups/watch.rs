//! The groups that are over their thresholds, from scan to scan: since when, and which members were killed for it.
//! Pure: times are handed in.

use super::bounds::{GroupStanding, GroupSum};
use crate::config::GroupAction;
use crate::policy::{Ledger, Policy};
use crate::proc::SystemMemory;
use crate::quantities::{Now, Percent, ProcessKey};
use std::time::Instant;

/// So many groups over their thresholds are remembered; nothing is done about further ones.
const CAPACITY: usize = 64;

/// What is reported once of a group while it is over its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SaidOfGroup {
    /// That it is.
    Over,
    /// Every member is protected.
    Protected,
    /// That a member would be killed, but this is a dry run.
    DryRun,
    /// That a member could not be signalled.
    NotSignalled,
    /// That the limit of kills is reached, and no member is killed for that.
    KillLimit,
}

/// What is to be done about a group over its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GroupStep {
    /// Nothing before this time.
    Delay(Instant),
    /// Nothing before the members that were killed have ended.
    Await,
    /// Nothing as long as so much of the memory is available.
    Plentiful(Percent),
    /// It is only reported.
    Warn,
    /// Members are killed.
    Kill,
}

/// What keeps members from being killed where that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// None was found that may be.
    Protected,
    /// So many processes of the user of the first were killed within a minute.
    KillLimit,
}

#[derive(Clone, Debug)]
struct WatchedGroup {
    /// As it was summed up when members were last killed, or when it was found over its threshold.
    sum: GroupSum,
    since: Instant,
    seen: Instant,
    /// The members that were sent SIGTERM.
    victims: Vec<ProcessKey>,
    /// Those that would have been, but for a dry run.
    would_be: Vec<ProcessKey>,
    said: u8,
    /// What was due when it was looked at last; None where that could not be told.
    step: Option<GroupStep>,
    /// What kept members from being killed then.
    obstacle: Option<Obstacle>,
    /// It was within its threshold since, and is remembered for its victims alone.
    was_within: bool,
}

impl WatchedGroup {
    fn is_of(&self, sum: &GroupSum) -> bool {
        (self.sum.group, self.sum.key) == (sum.group, sum.key)
    }
}

/// The groups over their thresholds.
#[derive(Clone, Debug, Default)]
pub struct GroupWatch {
    groups: Vec<WatchedGroup>,
    /// What was killed for the groups of another configuration.
    earlier: Vec<ProcessKey>,
}

impl GroupWatch {
    /// What is to be done about this group now; None where nothing is, because it is not over its threshold or that
    /// can't be told.
    pub fn step(
        &mut self,
        sum: &GroupSum,
        policy: &Policy,
        memory: &SystemMemory,
        ledger: &Ledger,
        now: &Now,
    ) -> Option<GroupStep> {
        let group = policy.group(sum)?;
        let at = now.monotonic;
        match sum.standing {
            GroupStanding::Within => return None,
            GroupStanding::Open => {
                // It may still be over: the time goes on, and nothing is done.
                if let Some(watched) = self.find(sum) {
                    watched.seen = at;
                }
                return None;
            }
            GroupStanding::Over => {}
        }
        self.earlier.retain(|key| ledger.is_awaited(*key));
        let has_earlier = !self.earlier.is_empty();
        if self.find(sum).is_none() && self.groups.len() < CAPACITY {
            self.groups.push(WatchedGroup {
                sum: *sum,
                since: at,
                seen: at,
                victims: Vec::new(),
                would_be: Vec::new(),
                said: 0,
                step: None,
                obstacle: None,
                was_within: false,
            });
        }
        let watched = self.find(sum)?;
        if std::mem::take(&mut watched.was_within) {
            watched.since = at;
        }
        watched.seen = at;
        watched.victims.retain(|key| ledger.is_awaited(*key));
        let until = watched.since + policy.group_criteria(group).sustained;
        let step = if group.action == GroupAction::Warn {
            GroupStep::Warn
        } else if has_earlier || !watched.victims.is_empty() {
            GroupStep::Await
        } else if at < until {
            GroupStep::Delay(until)
        } else if let Some(share) = policy.group_plenty(group, memory) {
            GroupStep::Plentiful(share)
        } else {
            GroupStep::Kill
        };
        watched.step = Some(step);
        Some(step)
    }

    /// What was due of a group when it was looked at last, and what kept that from being done; None where it is not
    /// over its threshold.
    pub fn last_step(&self, sum: &GroupSum) -> Option<(GroupStep, Option<Obstacle>)> {
        let mut groups = self.groups.iter();
        let own = groups.find(|watched| watched.is_of(sum))?;
        Some((own.step?, own.obstacle))
    }

    /// Nothing was done: without what is killed for other thresholds it is within its own. Where a dry run keeps a
    /// member of it from being killed that is what is due.
    pub fn note_enough(&mut self, sum: &GroupSum) {
        if let Some(watched) = self.find(sum).filter(|own| own.would_be.is_empty()) {
            watched.step = Some(GroupStep::Await);
        }
    }

    /// Members were to be killed, and this kept them from being, or nothing did.
    pub fn note_obstacle(&mut self, sum: &GroupSum, obstacle: Option<Obstacle>) {
        if let Some(watched) = self.find(sum) {
            watched.obstacle = obstacle;
        }
    }

    /// Whether this is said of a group for the first time since it is over its threshold.
    pub fn is_first(&mut self, sum: &GroupSum, what: SaidOfGroup) -> bool {
        let bit = 1 << what as u8;
        self.find(sum).is_some_and(|watched| {
            let is_first = watched.said & bit == 0;
            watched.said |= bit;
            is_first
        })
    }

    /// Whether this was said of a group since it is over its threshold.
    pub fn is_said(&self, sum: &GroupSum, what: SaidOfGroup) -> bool {
        let mut groups = self.groups.iter();
        let own = groups.find(|watched| watched.is_of(sum));
        own.is_some_and(|watched| watched.said & (1 << what as u8) != 0)
    }

    /// A member was sent SIGTERM: nothing more is done before it has ended, or has survived SIGKILL.
    pub fn record_kill(&mut self, sum: &GroupSum, key: ProcessKey) {
        if let Some(watched) = self.find(sum) {
            watched.sum = *sum;
            watched.victims.push(key);
        }
    }

    /// A member would have been sent SIGTERM, but for a dry run.
    pub fn record_dry_run(&mut self, sum: &GroupSum, key: ProcessKey) {
        if let Some(watched) = self.find(sum) {
            watched.would_be.push(key);
        }
    }

    /// The members that would have been killed, but for a dry run.
    pub fn would_be_killed(&self) -> impl Iterator<Item = ProcessKey> {
        let groups = self.groups.iter();
        groups.flat_map(|watched| watched.would_be.iter().copied())
    }

    /// The group that this process was killed for; None where there is none, or it is forgotten.
    pub fn group_of(&self, key: ProcessKey) -> Option<&GroupSum> {
        let mut groups = self.groups.iter();
        let own = groups.find(|watched| watched.victims.contains(&key));
        own.map(|watched| &watched.sum)
    }

    /// After all groups were looked at: those that were not over then are over no longer. Where not all were looked at,
    /// nothing is known of those that were not; and a group is remembered as long as a member may still end.
    pub fn forget_unseen(&mut self, is_unknown: bool, ledger: &Ledger, now: Instant) {
        self.groups.retain_mut(|watched| {
            watched.victims.retain(|key| ledger.is_awaited(*key));
            let is_gone = watched.seen != now && !is_unknown;
            if is_gone {
                // Over again, it is so from then on, and all is said anew.
                watched.said = 0;
                watched.would_be.clear();
                watched.was_within = true;
            }
            !is_gone || !watched.victims.is_empty()
        });
    }

    /// Another configuration is in force: what its groups are is found out again.
    pub fn forget(&mut self) {
        let groups = self.groups.drain(..);
        self.earlier
            .extend(groups.flat_map(|watched| watched.victims));
    }

    fn find(&mut self, sum: &GroupSum) -> Option<&mut WatchedGroup> {
        let mut groups = self.groups.iter_mut();
        groups.find(|watched| watched.is_of(sum))
    }
}

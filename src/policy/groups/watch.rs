//! The groups that are over their thresholds, from scan to scan: since when, and which members were killed for it. Pure:
//! times are handed in.

use super::bounds::{GroupStanding, GroupSum};
use super::membership::GroupKey;
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
    /// That the limit of kills in a minute spares its members.
    KillLimit,
}

/// What is to be done about a group over its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GroupStep {
    /// Nothing before this time.
    Delay(Instant),
    /// Nothing before the members that were killed for it have ended.
    Await,
    /// Nothing as long as so much of the memory is available.
    Plentiful(Percent),
    /// It is only reported.
    Warn,
    /// Members are killed.
    Kill,
}

#[derive(Clone, Debug)]
struct Watched {
    group: usize,
    key: GroupKey,
    since: Instant,
    seen: Instant,
    /// The members that were sent SIGTERM.
    victims: Vec<ProcessKey>,
    said: u8,
}

/// The groups over their thresholds.
#[derive(Clone, Debug, Default)]
pub struct GroupWatch(Vec<Watched>);

impl GroupWatch {
    /// What is to be done about this group now; None where nothing is, because it is not over its threshold or that can't
    /// be told.
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
        if self.find(sum).is_none() && self.0.len() < CAPACITY {
            self.0.push(Watched {
                group: sum.group,
                key: sum.key,
                since: at,
                seen: at,
                victims: Vec::new(),
                said: 0,
            });
        }
        let watched = self.find(sum)?;
        watched.seen = at;
        watched.victims.retain(|key| ledger.is_victim(*key));
        let until = watched.since + policy.group_criteria(group).sustained;
        Some(if group.action == GroupAction::Warn {
            GroupStep::Warn
        } else if !watched.victims.is_empty() {
            GroupStep::Await
        } else if at < until {
            GroupStep::Delay(until)
        } else if let Some(share) = policy.group_plenty(group, memory) {
            GroupStep::Plentiful(share)
        } else {
            GroupStep::Kill
        })
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

    /// A member was sent SIGTERM: nothing more is done before it has ended.
    pub fn record_kill(&mut self, sum: &GroupSum, key: ProcessKey) {
        if let Some(watched) = self.find(sum) {
            watched.victims.push(key);
        }
    }

    /// After all groups were looked at: those that were not over then are over no longer.
    pub fn forget_unseen(&mut self, now: Instant) {
        self.0.retain(|watched| watched.seen == now);
    }

    /// Another configuration is in force: what its groups are is found out again.
    pub fn forget(&mut self) {
        self.0.clear();
    }

    fn find(&mut self, sum: &GroupSum) -> Option<&mut Watched> {
        let is_it = |watched: &&mut Watched| (watched.group, watched.key) == (sum.group, sum.key);
        self.0.iter_mut().find(is_it)
    }
}

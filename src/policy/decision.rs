//! What to do about one process: its verdict, and what of it still holds after what was done before. Pure.

use super::criteria::{Criteria, Policy};
use super::ledger::Ledger;
use super::protections::Protection;
use super::verdict::{Breach, Delay, Threshold, Verdict};
use crate::proc::{Process, SystemMemory};
use crate::quantities::{Bytes, Now, Percent};
use std::time::Instant;

/// What to do about one process.
#[allow(
    clippy::large_enum_variant,
    reason = "a breach in an array costs no allocation"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// Nothing.
    Leave,
    /// Nothing, although it is over a threshold or in doubt, for this reason.
    Protected(Protection),
    /// Nothing more: it is a victim already, and over its threshold still or not.
    Await {
        /// Whether it is over a threshold and not protected.
        is_over: bool,
    },
    /// Nothing yet, but it is near its threshold; the one it is nearest to.
    Warn(Breach),
    /// Nothing as long as so much of the memory is available.
    Plentiful(Breach, Percent),
    /// Nothing before this time.
    Delay(Breach, Delay, Instant),
    /// Send it SIGTERM.
    Terminate(Breach),
    /// It would be killed, but so many processes of its user were killed within the last minute.
    KillLimitReached(Breach),
}

impl Decision {
    /// Whether the process is over a threshold and not protected.
    pub const fn is_over(&self) -> bool {
        match self {
            Self::Plentiful(..)
            | Self::Delay(..)
            | Self::Terminate(_)
            | Self::KillLimitReached(_) => true,
            Self::Await { is_over } => *is_over,
            Self::Leave | Self::Protected(_) | Self::Warn(_) => false,
        }
    }
}

impl Policy {
    /// What to do about this process now.
    pub fn decide(
        &self,
        process: &Process,
        memory: &SystemMemory,
        ledger: &Ledger,
        now: &Now,
    ) -> Decision {
        let verdict = self.judge(process, memory, now);
        if process.key().is_some_and(|key| ledger.is_victim(key)) {
            let is_over = matches!(verdict, Verdict::Breach(_) | Verdict::Plentiful(..));
            return Decision::Await { is_over };
        }
        match verdict {
            // Not by `map_or`, which calls a function that no rehearsal has called: its page may be missing then.
            Verdict::Within => match self.near(process, memory, now) {
                Some(breach) => Decision::Warn(breach),
                None => Decision::Leave,
            },
            Verdict::Protected(protection) => Decision::Protected(protection),
            Verdict::Plentiful(breach, share) => Decision::Plentiful(breach, share),
            Verdict::Breach(breach) => match delay(process, &breach, memory, ledger, now) {
                Some((delay, until)) => Decision::Delay(breach, delay, until),
                None if self.is_limit_reached(process, memory, ledger, now) => {
                    Decision::KillLimitReached(breach)
                }
                None => Decision::Terminate(breach),
            },
        }
    }

    /// What this process is, whatever was done before.
    pub fn judge(&self, process: &Process, memory: &SystemMemory, now: &Now) -> Verdict {
        let breach = self.breach(process, memory.total, None);
        if breach.is_none() && self.doubt(process, memory.total).is_none() {
            return Verdict::Within;
        }
        // Doubt is one of the protections: without a breach there is always one.
        match (self.protection(process, memory, now), breach) {
            (Some(protection), _) => Verdict::Protected(protection),
            (None, Some(breach)) => match self.criteria(process).plenty(memory) {
                Some(share) => Verdict::Plentiful(breach, share),
                None => Verdict::Breach(breach),
            },
            (None, None) => Verdict::Within,
        }
    }

    /// The threshold that this process, which is over none, is near to, where it is killed at that threshold or a rule
    /// wants a warning.
    fn near(&self, process: &Process, memory: &SystemMemory, now: &Now) -> Option<Breach> {
        let breach = self.breach(process, memory.total, Some(self.config.warn_percent?))?;
        match self.protection(process, memory, now) {
            None | Some(Protection::WarnOnly(_)) => Some(breach),
            Some(_) => None,
        }
    }

    /// The threshold that this process is over; with `share`, that it is over this share of. None where it is over
    /// none, or its memory can't be read.
    pub fn breach(
        &self,
        process: &Process,
        total: Bytes,
        share: Option<Percent>,
    ) -> Option<Breach> {
        let Criteria {
            thresholds,
            metric,
            sustained,
            term_timeout,
            ..
        } = self.criteria(process);
        let memory = process.memory().ok()?;
        let is_over =
            |threshold: Bytes| memory > share.map_or(threshold, |share| share.of(threshold));
        let mut both = Threshold::both(thresholds, total);
        let (threshold, threshold_bytes) = both.find(|(_, bytes)| is_over(*bytes))?;
        Some(Breach {
            rss: process.rss,
            rss_share: Percent::share(process.rss, total),
            // Where one could not be read in time, another one stands in for it.
            metric: process.details.memory.map_or(metric, |(metric, _)| metric),
            memory,
            share: Percent::share(memory, total),
            threshold,
            threshold_bytes,
            rule: self.rule(process).map(|(number, _)| number),
            group: None,
            sustained,
            term_timeout,
        })
    }

    /// Whether a process that the limit protects is killed all the same, if it is the largest: it has more than twice
    /// the anonymous memory of each of those that have used up the limit, so that no small ones can shelter it.
    pub fn is_above_limit(&self, process: &Process, ledger: &Ledger, now: &Now) -> bool {
        let kills = ledger.kills_of_user(process, now);
        let largest = kills.map(|kill| kill.anonymous).max().unwrap_or_default();
        process.anonymous() > largest.saturating_add(largest)
    }

    /// Whether so many processes of its user were killed within a minute that this one stays. The limit counts the
    /// processes of each user apart, so that no user can use up that of another; and it protects nothing while memory
    /// is short.
    pub fn is_limit_reached(
        &self,
        process: &Process,
        memory: &SystemMemory,
        ledger: &Ledger,
        now: &Now,
    ) -> bool {
        let limit = self.config.max_kills_per_minute;
        limit
            .filter(|_| !memory.is_short() && !ledger.is_short)
            .is_some_and(|limit| ledger.kills_of_user(process, now).count() >= limit.get() as usize)
    }
}

/// Why a process is not killed before some later time; None where it is killed now.
fn delay(
    process: &Process,
    breach: &Breach,
    memory: &SystemMemory,
    ledger: &Ledger,
    now: &Now,
) -> Option<(Delay, Instant)> {
    let key = process.key()?;
    let until = ledger.over.since(key).unwrap_or(now.monotonic) + breach.sustained;
    if now.monotonic < until {
        return Some((Delay::Sustained(breach.sustained), until));
    }
    // There is no time to wait for a unit to settle where memory is short, or where the process has more of it than is
    // available.
    let has_most = |available: Bytes| process.rss > available;
    if memory.is_short() || memory.available.is_some_and(has_most) {
        return None;
    }
    let unit = process.restarted_unit()?;
    let name = process.facts.as_ref().ok()?.name;
    let found = ledger.restarts.find(&unit, &name, key.start_time)?;
    (now.monotonic < found.until).then_some((Delay::Restart(found), found.until))
}

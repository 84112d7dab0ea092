//! A process that was sent SIGTERM, and what is due for it. Pure: times are handed in.

use super::restart_loop::RestartLoop;
use super::verdict::Breach;
use super::workers::Workers;
use crate::proc::Process;
use crate::quantities::{Bytes, ProcessKey, Signal, Uid};
use std::time::{Duration, Instant};

/// After SIGKILL the kernel ends a process within milliseconds, or seconds where it frees hundreds of GB; one that
/// exists after this is blocked in the kernel.
const SURVIVAL: Duration = Duration::from_secs(5);

/// A process that was sent SIGTERM and has not ended yet.
#[derive(Clone, Copy, Debug)]
pub struct Victim {
    /// Its identity.
    pub key: ProcessKey,
    /// As it was read right before SIGTERM.
    pub process: Process,
    /// Why it was sent SIGTERM.
    pub breach: Breach,
    /// When it was sent SIGTERM or, of what a victim has forked, when that victim was.
    pub terminated: Instant,
    /// How far its kill has come.
    pub stage: Stage,
    /// Nothing is due before: it could not be read, or has ended, which is noticed until then.
    pub not_before: Instant,
    /// Whether it was sent SIGTERM because it shares its memory with one that is killed, which is reported for all.
    pub is_sharer: bool,
    /// Whether other processes share its memory, which comes back when the last of them has ended.
    pub has_sharers: bool,
}

/// How far the kill of a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was sent SIGTERM and has its grace period.
    Terminating,
    /// It was sent SIGKILL then.
    Killed(Instant),
    /// It still exists long after SIGKILL, which was reported.
    Surviving,
}

/// What the limit of kills in a minute counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// When it was sent SIGTERM.
    pub at: Instant,
    /// Its user.
    pub uid: Uid,
    /// Its anonymous memory, in RAM and in swap.
    pub anonymous: Bytes,
}

/// What comes back as often as it is killed.
#[allow(
    clippy::large_enum_variant,
    reason = "names in arrays cost no allocation"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// The process of a unit, which the service manager starts again.
    Restart(RestartLoop),
    /// The workers of a process, which it starts again.
    Workers(Workers),
}

/// What is due for a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Its grace period is over: SIGKILL.
    Kill,
    /// It has survived SIGKILL, which is to be reported.
    Survives,
}

impl Victim {
    /// The strongest signal it was sent.
    pub fn signal(&self) -> Signal {
        match self.stage {
            Stage::Terminating => Signal::Terminate,
            Stage::Killed(_) | Stage::Surviving => Signal::Kill,
        }
    }

    /// What is due next, and when; None where nothing is.
    pub(super) fn next(&self) -> Option<(Due, Instant)> {
        match self.stage {
            Stage::Terminating => {
                let then = self.terminated + self.breach.term_timeout;
                Some((Due::Kill, then.max(self.not_before)))
            }
            Stage::Killed(then) => Some((Due::Survives, (then + SURVIVAL).max(self.not_before))),
            Stage::Surviving => None,
        }
    }
}

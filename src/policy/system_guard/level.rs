//! What the guard is handed, and what it says. Pure.

use crate::config::System;
use crate::policy::verdict::Threshold;
use crate::proc::SystemReading;
use crate::quantities::Bytes;
use std::fmt;
use std::time::{Duration, Instant};

/// What is read at once of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// MemTotal.
    pub total: Bytes,
    /// MemAvailable, and what ZFS would give back.
    pub available: Bytes,
    /// The same, and free swap for what it gains.
    pub left: Bytes,
    /// How long all work has waited for memory since boot; None where the kernel does not say.
    pub stalled: Option<Duration>,
}

impl Reading {
    /// What was read; None where the kernel does not say what is available.
    pub fn of(read: &SystemReading) -> Option<Self> {
        Some(Self {
            total: read.levels.total?,
            available: read.available?,
            left: read.left?,
            stalled: read.stalled,
        })
    }
}

/// How far the victims of the order are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Those that have not ended.
    pub left: usize,
    /// Those of them that were sent SIGTERM alone.
    pub terminating: usize,
    /// When the last of the others was sent SIGKILL.
    pub killed: Option<Instant>,
}

/// What is due after a reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Nothing.
    Rest,
    /// To report that memory gets short, and which process would be the first victim.
    Warn,
    /// To choose victims and to signal them; then `Shortage::ordered`, `Shortage::reported`,
    /// `Shortage::found_none` or `Shortage::choose_again`.
    Choose,
    /// To send SIGKILL to the victims that were sent SIGTERM.
    Escalate,
    /// The victims are blocked in the kernel, and others may be chosen.
    SetAside,
    /// To report that memory is no longer short.
    Over {
        /// Since when it was.
        after: Duration,
        /// How many processes were killed for it.
        killed: usize,
    },
}

/// The machine's memory by the thresholds of `[system]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// MemTotal.
    pub total: Bytes,
    /// What is left.
    pub left: Bytes,
    /// Below this memory is short, when it does not fall.
    pub floor: Bytes,
    /// Below this it is, as fast as it falls.
    pub grown_floor: Bytes,
    /// Bytes a second by which it falls.
    pub speed: Bytes,
    /// How long all work has waited for memory within the last ten seconds; None where the kernel does not say.
    pub stall: Option<Duration>,
    /// The threshold that says so where memory is short.
    pub trigger: Option<Threshold>,
}

impl Level {
    /// By one reading alone, which says nothing of speed and stall.
    pub fn of(config: &System, reading: &Reading) -> Self {
        let Reading { total, left, .. } = *reading;
        let floor = config.floor(total);
        Self {
            total,
            left,
            floor,
            grown_floor: floor,
            speed: Bytes::ZERO,
            stall: None,
            trigger: (left < floor).then(|| floor_threshold(config, total)),
        }
    }

    /// By how much the floor has grown: what is lost within one reaction, as fast as memory falls.
    pub fn growth(&self) -> Bytes {
        self.grown_floor.saturating_sub(self.floor)
    }
}

/// The threshold that the floor is from.
pub fn floor_threshold(config: &System, total: Bytes) -> Threshold {
    match config.available {
        Some(amount) if config.is_amount(total) => Threshold::AvailableAmount(amount),
        Some(_) | None => Threshold::Available(config.available_percent),
    }
}

/// `0.61GB left, available_percent_threshold = 4.00%`, as a reason.
impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} left", self.left)?;
        let Some(trigger) = self.trigger else {
            return Ok(());
        };
        if let (Threshold::Stall(_), Some(stall)) = (trigger, self.stall) {
            write!(f, ", stalled {:.1} s of 10", stall.as_secs_f64())?;
        }
        if self.left >= self.floor && self.left < self.grown_floor {
            write!(f, ", falling by {} a second", self.speed)?;
        }
        write!(f, ", {trigger}")
    }
}

/// What an order waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is none.
    Calm,
    /// The exit of its victims.
    Waiting,
    /// Its victims have ended then, and it shows what that has given.
    Settling(Instant),
}

/// When victims may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choosing {
    Now,
    /// Not before this time.
    From(Instant),
    /// Not before memory was enough: this is a dry run, and it was reported.
    Afterwards,
}

//! What happens to the memory of the machine as a whole, as data; one arm of [`SystemEvent::describe`] for each.

use super::description::{Counter, Description, error, info, warning};
use super::text::{Optional, Shown};
use crate::policy::system_guard::{Candidate, Level, Why};
use crate::policy::{Breach, ShownProtection};
use crate::proc::{OtherMemory, Process};
use crate::quantities::{Bytes, Percent};
use crate::users::UserNames;
use std::cell::RefCell;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// Something about the memory of the machine as a whole.
#[derive(Clone, Copy, Debug)]
pub enum SystemEvent<'e> {
    /// Memory gets short, or is; and which process would be the first victim.
    Short(&'e Level, Option<&'e Process>),
    /// Why a process was sent a signal for it.
    Reason(&'e Process, &'e Breach, Reason<'e>),
    /// Memory is no longer short, after this time, and for so many kills.
    Over(&'e Level, Duration, usize),
    /// Memory is short, and there is no process to kill.
    NoCandidate(Whereabouts<'e>),
    /// The kernel's OOM killer has killed so many processes since the last scan.
    KernelKills(u64),
    /// A process is over its threshold and stays as long as so much of the memory is available.
    Plentiful(&'e Process, &'e Breach, Percent),
}

/// Why a process was chosen.
#[derive(Clone, Copy, Debug)]
pub struct Reason<'e> {
    /// The machine then.
    pub level: &'e Level,
    /// The victim as it was compared with others.
    pub victim: &'e Candidate,
    /// Why this one and no other.
    pub why: Why,
    /// What the machine had lost since the last regular scan, and how long ago that was.
    pub lost: (Bytes, Duration),
    /// How many were chosen with it.
    pub victims: usize,
}

/// Where the memory is.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts<'e> {
    /// What protected processes would give.
    pub protected: Bytes,
    /// The one that would give most, and what protects it.
    pub largest: Option<(&'e Process, ShownProtection<'e>)>,
    /// What is in no process.
    pub other: OtherMemory,
    /// Whether processes that nothing protects, and that are too small, would give more.
    pub is_any_small: bool,
}

impl SystemEvent<'_> {
    /// As [`super::Event::describe`].
    #[allow(clippy::unreadable_literal, reason = "MESSAGE_IDs are only compared")]
    pub(super) fn describe(
        &self,
        users: &RefCell<UserNames>,
        tell: &mut dyn FnMut(&Description<'_>, fmt::Arguments<'_>),
    ) {
        match *self {
            Self::Short(level, first) => tell(
                &warning("memory_short", 0x2c199d6a0c114750b261222ccd9bd8a1)
                    .notified()
                    .with(|data| data.process = first),
                format_args!(
                    "Memory is short: {} of {} left (threshold {}){}{}",
                    level.left,
                    level.total,
                    level.floor,
                    Stalled(level.stall),
                    Optional("; first victim would be: ", first.map(Shown::named))
                ),
            ),
            Self::Reason(process, breach, reason) => tell(
                &info("shortage_reason", 0xddadfa914fd24702a6cb99774d1a0f4f)
                    .breach(process, breach),
                format_args!(
                    "Reason: memory is short, {}; PID={} frees {}{reason}",
                    reason.level, process.pid, reason.victim.gives
                ),
            ),
            Self::Over(level, after, killed) => tell(
                &info("memory_restored", 0x3c296171cc7d4f93ae74ac16744bbcd0)
                    .notified()
                    .with(|data| data.duration = Some(after)),
                format_args!(
                    "Memory is no longer short: {} left, After={:.2}s, Killed: {killed}",
                    level.left,
                    after.as_secs_f64()
                ),
            ),
            Self::NoCandidate(whereabouts) => tell(
                &error("no_candidate", 0x3277eb6823154b2da3fda1a71822f9ad)
                    .notified()
                    .with(|data| data.process = whereabouts.largest.map(|(process, _)| process)),
                format_args!("{whereabouts}"),
            ),
            Self::KernelKills(count) => tell(
                &warning("kernel_oom_kill", 0x7755044202cc4e68b2174fa4d8f9305c)
                    .notified()
                    .counts(Counter::KernelKills(count)),
                format_args!(
                    "The kernel's OOM killer killed {count} process{} since the last scan",
                    if count == 1 { "" } else { "es" }
                ),
            ),
            Self::Plentiful(process, breach, share) => tell(
                &info("plentiful", 0xa6907ef029f049379a7ca7b98ab4280e).breach(process, breach),
                format_args!(
                    "Over its threshold, memory is plentiful ({share:.0} available): {}, Threshold: {breach}",
                    Shown::over(process, breach, users)
                ),
            ),
        }
    }
}

/// `, stalled 1.8 s of 10`; nothing where nothing has stalled.
struct Stalled(Option<Duration>);

impl Display for Stalled {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(stall) if stall >= Duration::from_millis(50) => {
                write!(f, ", stalled {:.1} s of 10", stall.as_secs_f64())
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// `, took 2.10GB of 2.60GB in 12 s`, `, one of 8 of its kind`, or nothing.
impl Display for Reason<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (lost, ago) = self.lost;
        match self.why {
            Why::Took => write!(
                f,
                ", took {} of {lost} in {:.0} s",
                self.victim.took,
                ago.as_secs_f64()
            ),
            Why::Most => Ok(()),
            Why::Kin => write!(f, ", one of {} of its kind", self.victims),
        }
    }
}

impl Display for Whereabouts<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Memory is short and ")?;
        f.write_str(if self.is_any_small {
            "no process is worth a kill: "
        } else {
            "every candidate is protected: "
        })?;
        write!(f, "{} protected", self.protected)?;
        if let Some((process, protection)) = &self.largest {
            write!(f, " (largest: {}, {protection})", Shown::named(process))?;
        }
        let OtherMemory { shared, kernel } = self.other;
        write!(f, ", {shared} shared memory and tmpfs, {kernel} kernel")
    }
}

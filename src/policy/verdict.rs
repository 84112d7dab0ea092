//! What a decision says of a process, in the words that the log and every command print. Pure.

use super::protections::Protection;
use super::restart_loop::RestartLoop;
use crate::config::Thresholds;
use crate::escape::Escaped;
use crate::quantities::{Bytes, Metric, Percent};
use std::fmt;
use std::time::Duration;

/// What a process is, whatever was done about it before.
#[allow(
    clippy::large_enum_variant,
    reason = "a path in an array costs no allocation"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Over no threshold.
    Within,
    /// Over a threshold or in doubt, and protected.
    Protected(Protection),
    /// Over a threshold, and nothing protects it; but so much of the memory is available that it stays.
    Plentiful(Breach, Percent),
    /// Over a threshold, and nothing protects it.
    Breach(Breach),
}

/// The threshold that a process is over, and by what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// Its resident memory.
    pub rss: Bytes,
    /// The same as a share of MemTotal.
    pub rss_share: Percent,
    /// How its memory is measured.
    pub metric: Metric,
    /// Its memory by that metric.
    pub memory: Bytes,
    /// The same as a share of MemTotal.
    pub share: Percent,
    /// The threshold as configured; the percentage where it is over both.
    pub threshold: Threshold,
    /// The threshold in bytes.
    pub threshold_bytes: Bytes,
    /// The number of its rule, from 1; None where no rule matches.
    pub rule: Option<usize>,
    /// The group that is over the threshold; None where it is the process itself.
    pub group: Option<OverGroup>,
    /// How long it must be over.
    pub sustained: Duration,
    /// How long it has from SIGTERM to SIGKILL.
    pub term_timeout: Duration,
}

/// A group whose threshold a process is killed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverGroup {
    /// The number of its `[[group]]`, from 1.
    pub number: usize,
    /// How the memory of its members is measured; of this process that may not be known.
    pub metric: Metric,
}

impl Breach {
    /// Why the process is killed, in one word: `threshold` of its own, `group`, or `shortage` of the machine.
    pub const fn cause(&self) -> &'static str {
        if self.threshold.is_of_system() {
            "shortage"
        } else if self.group.is_some() {
            "group"
        } else {
            "threshold"
        }
    }
}

/// `ram_gb_threshold = 2.00GB (metric pss, rule 2, for 60 s)`.
impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.threshold.fmt(f)?;
        let mut separator = " (";
        let mut part = |f: &mut fmt::Formatter<'_>, part: fmt::Arguments<'_>| {
            let written = write!(f, "{separator}{part}");
            separator = ", ";
            written
        };
        let metric = self.group.map_or(self.metric, |group| group.metric);
        if metric != Metric::Rss {
            part(f, format_args!("metric {metric}"))?;
        }
        if let Some(rule) = self.rule {
            part(f, format_args!("rule {rule}"))?;
        }
        if let Some(group) = self.group {
            part(f, format_args!("group {}", group.number))?;
        }
        if self.sustained > Duration::ZERO {
            part(f, format_args!("for {} s", self.sustained.as_secs_f64()))?;
        }
        f.write_str(if separator == ", " { ")" } else { "" })
    }
}

/// Why a process that is over its threshold is not killed yet.
#[allow(
    clippy::large_enum_variant,
    reason = "a unit's name in an array costs no allocation"
)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// It must be over for so long.
    Sustained(Duration),
    /// Its unit was started again after it was killed.
    Restart(RestartLoop),
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sustained(time) => write!(f, "sustained = {}", time.as_secs_f64()),
            Self::Restart(found) => write!(
                f,
                "restart loop, {} of unit {} was killed {} and started again",
                Escaped(found.name.as_bytes()),
                Escaped(found.unit.as_bytes()),
                Times(found.kills)
            ),
        }
    }
}

/// `once`, `twice`, `3 times`.
#[derive(Clone, Copy, Debug)]
pub struct Times(pub u32);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("once"),
            2 => f.write_str("twice"),
            times => write!(f, "{times} times"),
        }
    }
}

/// One of the two thresholds of a process, or one of those of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// `ram_percent_threshold`.
    Percent(Percent),
    /// `ram_gb_threshold`.
    Amount(Bytes),
    /// `available_percent_threshold`.
    Available(Percent),
    /// `available_gb_threshold`.
    AvailableAmount(Bytes),
    /// `stall_seconds`.
    Stall(Duration),
}

impl Threshold {
    /// The two of a process or a group that are on, each with what it is in bytes on a machine with so much memory.
    pub fn both(thresholds: Thresholds, total: Bytes) -> impl Iterator<Item = (Self, Bytes)> {
        let percent = thresholds.percent().zip(thresholds.percent_of(total));
        let percent = percent.map(|(percent, bytes)| (Self::Percent(percent), bytes));
        let amount = thresholds.amount();
        let amount = amount.map(|bytes| (Self::Amount(bytes), bytes));
        percent.into_iter().chain(amount)
    }

    /// Its key in the configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Percent(_) => "ram_percent_threshold",
            Self::Amount(_) => "ram_gb_threshold",
            Self::Available(_) => "available_percent_threshold",
            Self::AvailableAmount(_) => "available_gb_threshold",
            Self::Stall(_) => "stall_seconds",
        }
    }

    /// Whether it is one of the machine as a whole.
    pub const fn is_of_system(self) -> bool {
        match self {
            Self::Percent(_) | Self::Amount(_) => false,
            Self::Available(_) | Self::AvailableAmount(_) | Self::Stall(_) => true,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key();
        match self {
            Self::Percent(percent) | Self::Available(percent) => write!(f, "{key} = {percent}"),
            Self::Amount(bytes) | Self::AvailableAmount(bytes) => write!(f, "{key} = {bytes}"),
            Self::Stall(time) => write!(f, "{key} = {}", time.as_secs_f64()),
        }
    }
}

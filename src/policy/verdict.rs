//! What a decision says of a process, in the words that the log and every command print. Pure.

use super::protections::Protection;
use super::restart_loop::RestartLoop;
use crate::escape::Escaped;
use crate::quantities::{Bytes, Metric, Percent};
use std::fmt;
use std::time::Duration;

/// What a process is, whatever was done about it before.
#[allow(clippy::large_enum_variant)] // a path in an array costs no allocation
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Over no threshold.
    Within,
    /// Over a threshold or in doubt, and protected.
    Protected(Protection),
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
    /// How long it must be over.
    pub sustained: Duration,
    /// How long it has from SIGTERM to SIGKILL.
    pub term_timeout: Duration,
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
        if self.metric != Metric::Rss {
            part(f, format_args!("metric {}", self.metric))?;
        }
        if let Some(rule) = self.rule {
            part(f, format_args!("rule {rule}"))?;
        }
        if self.sustained > Duration::ZERO {
            part(f, format_args!("for {} s", self.sustained.as_secs_f64()))?;
        }
        f.write_str(if separator == ", " { ")" } else { "" })
    }
}

/// Why a process that is over its threshold is not killed yet.
#[allow(clippy::large_enum_variant)] // a unit's name in an array costs no allocation
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

/// One of the two thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// `ram_percent_threshold`.
    Percent(Percent),
    /// `ram_gb_threshold`.
    Amount(Bytes),
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "ram_percent_threshold = {percent}"),
            Self::Amount(bytes) => write!(f, "ram_gb_threshold = {bytes}"),
        }
    }
}

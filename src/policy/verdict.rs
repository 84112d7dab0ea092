//! What a decision says of a process, in words that every front prints alike.

use super::exemptions::Exemption;
use super::restart_loop::RestartLoop;
use crate::config::{NamePattern, Rule, User};
use crate::escape::Escaped;
use crate::proc::{Program, Standing, Unreadable};
use crate::quantities::{Bytes, Metric, Percent, Pid, Span};
use std::fmt;
use std::time::Duration;

/// What a process is, whatever was done about it before.
#[allow(clippy::large_enum_variant)] // a path in a fixed place costs no allocation
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict<'p> {
    /// Over no threshold.
    Within,
    /// Over a threshold or not to be judged, and protected.
    Protected(Protection<'p>),
    /// Over a threshold, and nothing protects it.
    Breach(Breach),
}

/// The threshold that a process is over, and by what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// Its resident memory.
    pub rss: Bytes,
    /// By what its memory is measured.
    pub metric: Metric,
    /// Its memory by that measure.
    pub memory: Bytes,
    /// The same as a share of MemTotal.
    pub share: Percent,
    /// The threshold; the percentage where it is over both.
    pub limit: Threshold,
    /// The same in bytes.
    pub allowed: Bytes,
    /// The number of the rule that the threshold holds for, from 1; None where no rule matches.
    pub rule: Option<usize>,
    /// How long it must be over.
    pub sustained: Duration,
}

/// `ram_gb_threshold = 2.00GB (metric pss, rule 2, for 60 s)`.
impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limit.fmt(f)?;
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

/// Why a process that is over its threshold is not ended yet.
#[allow(clippy::large_enum_variant)] // a unit's name in a fixed place costs no allocation
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// It must be over for so long.
    Sustained(Duration),
    /// Its unit was started again after it was ended.
    Restart(RestartLoop),
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sustained(time) => write!(f, "sustained = {}", time.as_secs_f64()),
            Self::Restart(found) => write!(
                f,
                "restart loop, unit {} was ended {} times",
                Escaped(found.unit.as_bytes()),
                found.rounds
            ),
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

/// Why a process is protected. The order is the order of the tests.
#[allow(clippy::large_enum_variant)] // a path in a fixed place costs no allocation
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protection<'p> {
    /// Something that the decision needs can't be read.
    Unreadable(Unreadable),
    /// It is pid 1.
    Init,
    /// It is a thread of the kernel.
    KernelThread,
    /// It is memory-monitor.
    Itself,
    /// Its oom_score_adj is -1000.
    OomScoreAdj,
    /// Root has exempted it for a while, of which so much is left.
    Exempt(&'p Exemption, Duration),
    /// It had a number of `whitelist.pids` when the configuration was read.
    Pid(Pid),
    /// Its name is among `whitelist.names`, and what is to be said of its program.
    Name(&'p NamePattern, Option<Program>),
    /// Its user is among `whitelist.users`.
    User(&'p User),
    /// It is root's and `protect_root` is true.
    Root,
    /// The rule with this number protects it.
    Rule(usize, &'p Rule),
    /// The rule with this number only reports it.
    WarnOnly(usize, &'p Rule),
}

impl Protection<'_> {
    /// Whether it is a name that may not be what it seems.
    pub fn is_doubtful_name(&self) -> bool {
        matches!(self, Self::Name(_, Some(program)) if program.standing != Standing::RootAlone)
    }
}

impl fmt::Display for Protection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => write!(f, "can't be read ({unreadable})"),
            Self::Init => f.write_str("pid 1 is always protected"),
            Self::KernelThread => f.write_str("kernel threads are always protected"),
            Self::Itself => f.write_str("memory-monitor itself"),
            Self::OomScoreAdj => f.write_str("oom_score_adj is -1000"),
            Self::Exempt(exemption, left) => {
                write!(f, "exempt for another {}", Span(*left))?;
                match exemption.reason.as_str() {
                    "" => Ok(()),
                    reason => write!(f, ", {}", Escaped(reason.as_bytes())),
                }
            }
            Self::Pid(pid) => write!(f, "whitelist.pids has {pid}"),
            Self::Name(pattern, program) => {
                let pattern = Escaped(pattern.text().to_bytes());
                write!(f, "whitelist.names has {pattern}")?;
                match program {
                    Some(program) => write!(f, ", {program}"),
                    None => Ok(()),
                }
            }
            Self::User(user) => write!(f, "whitelist.users has {}", Escaped(user.text.as_bytes())),
            Self::Root => f.write_str("whitelist.protect_root is true"),
            Self::Rule(number, rule) => write_rule(f, *number, rule, "protects it"),
            Self::WarnOnly(number, rule) => write_rule(f, *number, rule, "only warns"),
        }
    }
}

fn write_rule(f: &mut fmt::Formatter<'_>, number: usize, rule: &Rule, what: &str) -> fmt::Result {
    match &rule.location {
        Some(location) => write!(f, "rule {number} at {location} {what}"),
        None => write!(f, "rule {number} {what}"),
    }
}

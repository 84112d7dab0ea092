//! What a decision says of a process, in words that every front prints alike.

use crate::config::{NamePattern, User};
use crate::escape::Escaped;
use crate::sample::Unreadable;
use crate::units::{Bytes, Percent, Pid};
use std::fmt;

/// What a process is, whatever was done about it before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict<'p> {
    /// Over no threshold.
    Within,
    /// Over a threshold or not to be judged, and protected.
    Spared(Exemption<'p>),
    /// Over a threshold, and nothing protects it.
    Breach(Breach),
}

/// The threshold that a process is over, and by what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// Its resident memory.
    pub rss: Bytes,
    /// The same as a share of MemTotal.
    pub share: Percent,
    /// The threshold; the percentage where it is over both.
    pub limit: Limit,
}

/// One of the two thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// `ram_percent_threshold`.
    Percent(Percent),
    /// `ram_gb_threshold`.
    Amount(Bytes),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "ram_percent_threshold = {percent}"),
            Self::Amount(bytes) => write!(f, "ram_gb_threshold = {bytes}"),
        }
    }
}

/// Why a process is protected. The order is the order of the tests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Exemption<'p> {
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
    /// It had a number of `whitelist.pids` when the configuration was read.
    Pid(Pid),
    /// Its name is among `whitelist.names`.
    Name(&'p NamePattern),
    /// Its user is among `whitelist.users`.
    User(&'p User),
    /// It is root's and `protect_root` is true.
    Root,
}

impl fmt::Display for Exemption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(unreadable) => write!(f, "can't be read ({unreadable})"),
            Self::Init => f.write_str("pid 1 is always protected"),
            Self::KernelThread => f.write_str("kernel threads are always protected"),
            Self::Itself => f.write_str("memory-monitor itself"),
            Self::OomScoreAdj => f.write_str("oom_score_adj is -1000"),
            Self::Pid(pid) => write!(f, "whitelist.pids has {pid}"),
            Self::Name(pattern) => {
                write!(
                    f,
                    "whitelist.names has {}",
                    Escaped(pattern.text().to_bytes())
                )
            }
            Self::User(user) => write!(f, "whitelist.users has {}", Escaped(user.text.as_bytes())),
            Self::Root => f.write_str("whitelist.protect_root is true"),
        }
    }
}

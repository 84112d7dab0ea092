//! Quantities, identifiers and moments with their rules: made, compared and displayed here and nowhere else. Pure.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime};

/// An amount of memory in bytes. `GB` means 1024^3 bytes wherever it is read or shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Bytes(u64);

impl Bytes {
    /// No memory.
    pub const ZERO: Self = Self(0);
    const PER_GB: f64 = 1_073_741_824.0;

    /// An amount in bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// An amount in KiB, the unit of /proc/meminfo and /proc/PID/status.
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1024))
    }

    /// An amount in pages of `page_size` bytes, the unit of /proc/PID/statm.
    pub const fn from_pages(pages: u64, page_size: u64) -> Self {
        Self(pages.saturating_mul(page_size))
    }

    /// An amount in GB of 1024^3 bytes; None unless it is finite, positive and at least one byte.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates: no process can have 2^64 bytes"
    )]
    pub fn from_gb(gb: f64) -> Option<Self> {
        let bytes = gb * Self::PER_GB;
        (gb.is_finite() && bytes >= 1.0).then_some(Self(bytes as u64))
    }

    /// In bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// In GB of 1024^3 bytes.
    #[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
    pub fn gb(self) -> f64 {
        self.0 as f64 / Self::PER_GB
    }

    /// This part of it, 0.0 for none and 1.0 for all, rounded down.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no part is larger, or negative"
    )]
    pub fn part(self, part: f64) -> Self {
        Self((self.0 as f64 * part.clamp(0.0, 1.0)) as u64)
    }

    /// The sum; the largest amount on overflow.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; zero where `other` is the larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// `3.50GB`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}GB", self.gb())
    }
}

/// How the memory of a process is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Resident memory: shared pages count in full in every process that maps them.
    #[default]
    Rss,
    /// Resident memory with each shared page divided among the processes that share it.
    Pss,
    /// Memory that no file backs: resident and swapped out.
    Anon,
}

impl Metric {
    /// As written in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rss => "rss",
            Self::Pss => "pss",
            Self::Anon => "anon",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A share in percent; finite and not negative, but possibly over 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, serde::Serialize)]
pub struct Percent(f64);

impl Percent {
    /// A number of percent; None unless it is finite and not negative.
    pub fn new(percent: f64) -> Option<Self> {
        (percent.is_finite() && percent >= 0.0).then_some(Self(percent))
    }

    /// All of a whole.
    pub const ALL: Self = Self(100.0);

    /// The share of `part` in `whole`; zero for an empty whole.
    #[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
    pub fn share(part: Bytes, whole: Bytes) -> Self {
        if whole.0 == 0 {
            Self(0.0)
        } else {
            Self(part.0 as f64 / whole.0 as f64 * 100.0)
        }
    }

    /// This share of `whole`, rounded down to bytes: the sieve and the decision both compare with it, so that they
    /// can't disagree.
    #[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, no share is negative"
    )]
    pub fn of(self, whole: Bytes) -> Bytes {
        Bytes((whole.0 as f64 * self.0 / 100.0) as u64)
    }

    /// In percent.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// `21.88%`, or with a precision `{:.1}`: `21.9%`.
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*}%", f.precision().unwrap_or(2), self.0)
    }
}

/// A PID; never 0, which kill(2) takes for a whole process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Pid(NonZeroU32);

impl Pid {
    /// The first process of a pid namespace.
    pub const INIT: Self = Self(NonZeroU32::MIN);

    /// None for 0 and for what the kernel's `pid_t` can't hold.
    pub fn new(pid: u32) -> Option<Self> {
        i32::try_from(pid).ok()?;
        NonZeroU32::new(pid).map(Self)
    }

    /// As written in /proc.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// As the kernel's `pid_t`.
    #[allow(
        clippy::cast_possible_wrap,
        reason = "`new` has made sure that it fits"
    )]
    pub const fn raw(self) -> i32 {
        self.0.get() as i32
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A numeric user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Uid(u32);

impl Uid {
    /// The superuser.
    pub const ROOT: Self = Self(0);

    /// A uid as in /proc/PID/status.
    pub const fn new(uid: u32) -> Self {
        Self(uid)
    }

    /// As in passwd(5).
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether it is root or a system account: on every distribution since 2012 the uids of people begin at 1000, and
    /// so do their gids (login.defs(5)).
    pub const fn is_of_system(self) -> bool {
        self.0 < 1000
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a process was started, in clock ticks since boot: field 22 of /proc/PID/stat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct StartTime(pub u64);

/// The identity of a process: a PID alone is given to another process after its own has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct ProcessKey {
    /// Unique among the processes that run now.
    pub pid: Pid,
    /// Tells it from an earlier process with this PID.
    pub start_time: StartTime,
}

/// The moment for which a decision is made, by each clock that one depends on. Read once a turn of the daemon's loop.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// CLOCK_MONOTONIC: deadlines. It stands still while the machine is suspended, as all processes do.
    pub monotonic: Instant,
    /// CLOCK_BOOTTIME, since boot and with suspended time: the ends of exemptions.
    pub since_boot: Duration,
    /// The same in clock ticks: what the start time of a process would be that is started now.
    pub ticks: StartTime,
    /// CLOCK_REALTIME: schedules, and what people read.
    pub wall: SystemTime,
}

/// The signals that end a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, which a process may catch.
    Terminate,
    /// SIGKILL, which it can't.
    Kill,
}

impl Signal {
    /// `SIGTERM` or `SIGKILL`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Kill => "SIGKILL",
        }
    }
}

/// The FNV-1a hash of bytes, by which the same ones are recognised, also by another version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Of all bytes before, and these.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(self.0, add))
    }
}

/// A span for people, rounded: `0.3 s`, `30 s`, then as [`Span`].
#[derive(Clone, Copy, Debug)]
pub struct Rounded(pub Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.saturating_add(Duration::from_millis(50)).as_millis() / 100;
        if (1..10).contains(&tenths) {
            write!(f, "0.{tenths} s")
        } else {
            let seconds = self.0.saturating_add(Duration::from_millis(500)).as_secs();
            Span(Duration::from_secs(seconds)).fmt(f)
        }
    }
}

/// A span in its two largest units: `45 s`, `12 min`, `2 h 3 min`, `3 d 4 h`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
        let seconds = self.0.as_secs();
        let first = UNITS
            .iter()
            .position(|&(size, _)| seconds >= size)
            .unwrap_or(3);
        let mut rest = seconds;
        for (i, (size, unit)) in UNITS.iter().enumerate().skip(first).take(2) {
            let (count, further) = (rest / size, rest % size);
            if i == first {
                write!(f, "{count} {unit}")?;
            } else if count > 0 {
                write!(f, " {count} {unit}")?;
            }
            rest = further;
        }
        Ok(())
    }
}

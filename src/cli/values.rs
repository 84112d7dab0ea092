//! The values of options and operands: what each type accepts, and how people type it.

use crate::config::NamePattern;
use crate::quantities::Pid;
use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// A value that is read from an argument; the error says which ones are allowed.
pub(super) trait FromArgument: Sized {
    fn from_argument(typed: &OsStr) -> Result<Self, String>;
}

impl FromArgument for PathBuf {
    fn from_argument(typed: &OsStr) -> Result<Self, String> {
        Ok(Self::from(typed))
    }
}

impl FromArgument for String {
    fn from_argument(typed: &OsStr) -> Result<Self, String> {
        Ok(typed.to_string_lossy().into_owned())
    }
}

impl FromArgument for Pid {
    fn from_argument(typed: &OsStr) -> Result<Self, String> {
        let pid = typed.to_str().and_then(|text| text.parse().ok());
        pid.and_then(Self::new)
            .ok_or_else(|| "a number from 1 to 2147483647".to_owned())
    }
}

impl FromArgument for NonZeroUsize {
    fn from_argument(typed: &OsStr) -> Result<Self, String> {
        let number = typed.to_str().and_then(|text| text.parse().ok());
        number.ok_or_else(|| "a whole number over 0".to_owned())
    }
}

impl FromArgument for NamePattern {
    fn from_argument(typed: &OsStr) -> Result<Self, String> {
        Self::new(&typed.to_string_lossy())
            .map_err(|error| format!("a name or a pattern ({error})"))
    }
}

impl FromArgument for Duration {
    fn from_argument(typed: &OsStr) -> Result<Self, String> {
        let span = typed.to_str().and_then(span);
        span.ok_or_else(|| "a time such as 30s, 10m, 2h or 3d".to_owned())
    }
}

impl FromArgument for Since {
    fn from_argument(typed: &OsStr) -> Result<Self, String> {
        let since = typed.to_str().and_then(since);
        since.ok_or_else(|| "a time such as 30m, 2h or 3d, or a date such as 2026-11-20".to_owned())
    }
}

/// A time in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long before now.
    Ago(Duration),
    /// The beginning of this day in local time.
    Day {
        /// AD.
        year: i32,
        /// 1 to 12.
        month: i32,
        /// 1 to 31.
        day: i32,
    },
}

/// A whole number and `s`, `m`, `h`, `d` or `w`.
fn span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let number: u32 = digits(number)?;
    Some(Duration::from_secs(u64::from(number) * seconds)).filter(|span| !span.is_zero())
}

/// A span, or a date of year, month and day.
fn since(text: &str) -> Option<Since> {
    if let Some(ago) = span(text) {
        return Some(Since::Ago(ago));
    }
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let (year, month, day): (i32, i32, i32) = (digits(year)?, digits(month)?, digits(day)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (year > 0 && (1..=days).contains(&day)).then_some(Since::Day { year, month, day })
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_nonsense_is_not() {
        for (text, seconds) in [("90s", 90), ("2h", 7200), ("3d", 259_200), ("1w", 604_800)] {
            assert_eq!(span(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "h",
            "0s",
            "-1h",
            "+1h",
            "1.5h",
            "2 h",
            "99999999999s",
            "2ü",
            "7",
        ] {
            assert_eq!(span(text), None, "{text}");
        }
        let day = |year, month, day| Some(Since::Day { year, month, day });
        assert_eq!(since("2024-02-29"), day(2024, 2, 29));
        assert_eq!(since("2h"), Some(Since::Ago(Duration::from_secs(7200))));
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "0000-01-01",
            "2026-04-31",
            "2026-04-10-1",
            "x",
        ] {
            assert_eq!(since(text), None, "{text}");
        }
    }
}

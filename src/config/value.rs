//! Readers of single values: a TOML value -> what it means, or a sentence that says what is allowed
//! and what was found instead.

use super::LogFormat;
use super::rule::{Action, UserMatcher};
use super::whitelist::{NamePattern, User};
use crate::nearest::nearest;
use crate::quantities::{Bytes, Metric, Percent, Pid, Uid};
use log::LevelFilter;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// A value, or what is wrong with it as the end of a sentence that begins with the key.
pub(super) type Read<T> = Result<T, String>;

const LEVELS: [(&str, LevelFilter); 4] = [
    ("error", LevelFilter::Error),
    ("warn", LevelFilter::Warn),
    ("info", LevelFilter::Info),
    ("debug", LevelFilter::Debug),
];

/// The share of `MemTotal`; None for 100, which no process can exceed.
pub(super) fn percent(value: &DeValue<'_>) -> Read<Option<Percent>> {
    number(value)
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .and_then(Percent::new)
        .map(|percent| (percent.get() < 100.0).then_some(percent))
        .ok_or_else(|| must_be_bare("a number over 0, up to 100 (100 switches it off)", value))
}

/// An amount of memory in GB; None for inf. What is less than a byte counts as one.
pub(super) fn gb(value: &DeValue<'_>) -> Read<Option<Bytes>> {
    match number(value) {
        Some(f64::INFINITY) => Ok(None),
        Some(gb) if gb > 0.0 => Ok(Some(Bytes::from_gb(gb).unwrap_or(Bytes::new(1)))),
        _ => Err(must_be_bare(
            "a number of GB over 0, or inf to switch it off",
            value,
        )),
    }
}

/// A reader of a time in seconds within `range`.
pub(super) fn seconds(range: RangeInclusive<f64>) -> impl Fn(&DeValue<'_>) -> Read<Duration> {
    move |value| {
        number(value)
            .filter(|seconds| range.contains(seconds))
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| {
                let (from, to) = (range.start(), range.end());
                must_be_bare(&format!("a number of seconds from {from} to {to}"), value)
            })
    }
}

/// A share of a threshold; None for 0, which is none.
pub(super) fn warn_percent(value: &DeValue<'_>) -> Read<Option<Percent>> {
    number(value)
        .filter(|percent| (0.0..100.0).contains(percent))
        .and_then(Percent::new)
        .map(|percent| (percent.get() > 0.0).then_some(percent))
        .ok_or_else(|| must_be_bare("a number from 0 to below 100 (0 for no warning)", value))
}

/// A number of processes a minute; None for 0, which is no limit.
pub(super) fn kill_limit(value: &DeValue<'_>) -> Read<Option<NonZeroU32>> {
    integer(value)
        .map(NonZeroU32::new)
        .ok_or_else(|| must_be_bare("a whole number, 0 for no limit", value))
}

/// True or false.
pub(super) fn boolean(value: &DeValue<'_>) -> Read<bool> {
    value
        .as_bool()
        .ok_or_else(|| must_be_bare("true or false", value))
}

/// An absolute path; None for an empty one.
pub(super) fn file(value: &DeValue<'_>) -> Read<Option<PathBuf>> {
    match value.as_str() {
        Some("") => Ok(None),
        Some(path) if path.starts_with('/') && !path.contains('\0') => Ok(Some(path.into())),
        _ => Err(must_be(
            "a path that begins with \"/\", or \"\" for none",
            value,
        )),
    }
}

/// The least level that is logged.
pub(super) fn log_level(value: &DeValue<'_>) -> Read<LevelFilter> {
    let Some(name) = value.as_str() else {
        return Err(must_be(LEVEL_NAMES, value));
    };
    let level = LEVELS.iter().find(|(n, _)| name.eq_ignore_ascii_case(n));
    level.map(|(_, level)| *level).ok_or_else(|| {
        let hint = nearest(name, LEVELS.iter().map(|(name, _)| *name))
            .map(|near| format!(", did you mean \"{near}\"?"))
            .unwrap_or_default();
        format!("{}{hint}", must_be(LEVEL_NAMES, value))
    })
}

const LEVEL_NAMES: &str = "\"error\", \"warn\", \"info\" or \"debug\"";

/// How a record looks.
pub(super) fn log_format(value: &DeValue<'_>) -> Read<LogFormat> {
    word(value, [LogFormat::Text, LogFormat::Json], LogFormat::name)
}

/// By what memory is measured.
pub(super) fn metric(value: &DeValue<'_>) -> Read<Metric> {
    word(
        value,
        [Metric::Rss, Metric::Pss, Metric::Anon],
        Metric::name,
    )
}

/// What becomes of a process.
pub(super) fn action(value: &DeValue<'_>) -> Read<Action> {
    word(
        value,
        [Action::Kill, Action::Warn, Action::Protect],
        Action::name,
    )
}

/// One of a few words.
fn word<T: Copy, const N: usize>(
    value: &DeValue<'_>,
    words: [T; N],
    name: impl Fn(T) -> &'static str,
) -> Read<T> {
    let names = || words.iter().map(|word| name(*word));
    let typed = value.as_str().unwrap_or_default();
    words
        .iter()
        .copied()
        .find(|word| name(*word).eq_ignore_ascii_case(typed))
        .ok_or_else(|| {
            let quoted: Vec<_> = names().map(|name| format!("\"{name}\"")).collect();
            let (last, first) = quoted
                .split_last()
                .map_or(("", String::new()), |(l, f)| (l.as_str(), f.join(", ")));
            let hint = nearest(typed, names())
                .map(|near| format!(", did you mean \"{near}\"?"))
                .unwrap_or_default();
            format!("{}{hint}", must_be(&format!("{first} or {last}"), value))
        })
}

/// A time of day in minutes. 24:00 is the end of the day.
pub(super) fn minute_of_day(value: &DeValue<'_>) -> Read<u16> {
    let parse = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let digits = |text: &str| match text.len() {
            1 | 2 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<u16>().ok(),
            _ => None,
        };
        let (hours, minutes) = (digits(hours)?, digits(minutes).filter(|m| *m < 60)?);
        let minute = hours * 60 + minutes;
        (minute <= 24 * 60).then_some(minute)
    };
    value
        .as_str()
        .and_then(parse)
        .ok_or_else(|| must_be("a time of day such as \"09:00\"", value))
}

/// A day of the week, 0 for Monday; its first three letters are enough.
pub(super) fn day(value: &DeValue<'_>) -> Read<usize> {
    const LONG: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let typed = value.as_str().unwrap_or_default().to_ascii_lowercase();
    let is_day = |day: &&str| typed == **day || day.get(..3) == Some(typed.as_str());
    LONG.iter().position(is_day).ok_or_else(|| {
        must_be(
            "days in quotes: \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"",
            value,
        )
    })
}

/// A pattern of a rule.
pub(super) fn pattern(value: &DeValue<'_>) -> Read<NamePattern> {
    let Some(text) = value.as_str() else {
        return Err(must_be("text in quotes", value));
    };
    NamePattern::new(text).map_err(|error| format!("is {}: {error}", shown(text)))
}

/// The user of a rule: a name, a glob or a number.
pub(super) fn user_pattern(value: &DeValue<'_>) -> Read<UserMatcher> {
    if value.as_str().is_some() {
        return pattern(value).map(|pattern| UserMatcher {
            pattern,
            uids: Vec::new(),
        });
    }
    uid(integer(value))
        .and_then(|uid| {
            Some(UserMatcher {
                pattern: NamePattern::new(&uid.to_string()).ok()?,
                uids: vec![uid],
            })
        })
        .ok_or_else(|| {
            must_be(
                "a user name in quotes, or a number from 0 to 4294967294",
                value,
            )
        })
}

/// A process number.
pub(super) fn pid(value: &DeValue<'_>) -> Read<Pid> {
    integer(value)
        .and_then(Pid::new)
        .ok_or_else(|| must_be_bare("whole numbers from 1 to 2147483647", value))
}

/// A process name or a glob.
pub(super) fn name(value: &DeValue<'_>) -> Read<NamePattern> {
    let Some(text) = value.as_str() else {
        return Err(must_be("process names in quotes", value));
    };
    NamePattern::new(text).map_err(|error| format!("has {}: {error}", shown(text)))
}

/// A user's name, still to be looked up, or number.
pub(super) fn user(value: &DeValue<'_>) -> Read<User> {
    if let Some(name) = value
        .as_str()
        .filter(|n| !n.is_empty() && !n.contains('\0'))
    {
        return Ok(User {
            text: name.to_owned(),
            uid: None,
        });
    }
    uid(integer(value))
        .map(|uid| User {
            text: uid.to_string(),
            uid: Some(uid),
        })
        .ok_or_else(|| {
            must_be(
                "user names in quotes, or numbers from 0 to 4294967294",
                value,
            )
        })
}

/// The user with this number. The highest one is `(uid_t)-1`, which stands for nobody.
pub(super) fn uid(number: Option<u32>) -> Option<Uid> {
    number.filter(|uid| *uid != u32::MAX).map(Uid::new)
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok().filter(|number: &f64| {
            // `1e999` is a typing error, not a way to write inf.
            number.is_finite() || float.as_str().ends_with("inf")
        }),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
        DeValue::Integer(_) => integer::<u32>(value).map(f64::from),
        _ => None,
    }
}

fn integer<T: TryFrom<i64>>(value: &DeValue<'_>) -> Option<T> {
    let integer = value.as_integer()?;
    let integer = i64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    T::try_from(integer).ok()
}

/// `must be EXPECTED, found VALUE`.
pub(super) fn must_be(expected: &str, value: &DeValue<'_>) -> String {
    let found = match value {
        DeValue::String(text) => format!("the string {}", shown(text)),
        DeValue::Integer(integer) => shortened(&integer.to_string()),
        DeValue::Float(float) => shortened(&float.to_string()),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => format!("the date or time {datetime}"),
        DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
            "a list of tables".to_owned()
        }
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    format!("must be {expected}, found {found}")
}

/// The same for what is written without quotes.
fn must_be_bare(expected: &str, value: &DeValue<'_>) -> String {
    let is_quoted = value
        .as_str()
        .is_some_and(|text| text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok());
    let mend = if is_quoted { ", remove the quotes" } else { "" };
    format!("{}{mend}", must_be(expected, value))
}

/// Text from the file in quotes: what could write to a terminal or forge a line is escaped.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", shortened(text))
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or(text)),
    }
}

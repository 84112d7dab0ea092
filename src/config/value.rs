//! Readers of single values: a TOML value to what it means, None where it is not allowed. Which values are allowed is
//! told in `slot`. Pure.

#![allow(clippy::option_option, reason = "an inner None is a value that is off")]

use super::configuration::LogFormat;
use super::group::{GroupAction, GroupBy, GroupKill};
use super::pattern::{NamePattern, PatternError};
use super::rule::{Action, UserMatcher};
use super::shown::{shortened, shown};
use super::system::{SystemAction, WhenShort};
use super::whitelist::User;
use crate::quantities::{Bytes, Metric, Percent, Pid, Uid};
use log::LevelFilter;
use std::net::Ipv6Addr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// A value that is one of a few words.
pub(super) trait Choice: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl Choice for LevelFilter {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
    ];
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Text.name(), Self::Text),
        (Self::Json.name(), Self::Json),
    ];
}

impl Choice for Metric {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Rss.name(), Self::Rss),
        (Self::Pss.name(), Self::Pss),
        (Self::Anon.name(), Self::Anon),
    ];
}

impl Choice for Action {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Kill.name(), Self::Kill),
        (Self::Warn.name(), Self::Warn),
        (Self::Protect.name(), Self::Protect),
    ];
}

impl Choice for SystemAction {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Kill.name(), Self::Kill),
        (Self::Warn.name(), Self::Warn),
        (Self::Off.name(), Self::Off),
    ];
}

impl Choice for WhenShort {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::First.name(), Self::First),
        (Self::Last.name(), Self::Last),
        (Self::Spare.name(), Self::Spare),
    ];
}

impl Choice for GroupBy {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::User.name(), Self::User),
        (Self::Unit.name(), Self::Unit),
        (Self::Tree.name(), Self::Tree),
        (Self::All.name(), Self::All),
    ];
}

impl Choice for GroupKill {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Largest.name(), Self::Largest),
        (Self::Newest.name(), Self::Newest),
        (Self::All.name(), Self::All),
    ];
}

impl Choice for GroupAction {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Kill.name(), Self::Kill),
        (Self::Warn.name(), Self::Warn),
    ];
}

/// The words of a choice as they are written.
pub(super) fn words<T: Choice>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

/// Case does not count.
pub(super) fn choice<T: Choice>(value: &DeValue<'_>) -> Option<T> {
    let typed = value.as_str()?;
    let mut words = T::WORDS.iter();
    words
        .find(|(word, _)| word.eq_ignore_ascii_case(typed))
        .map(|(_, choice)| *choice)
}

/// A share between 0 and 100; None for `none`, which is one of the two.
pub(super) fn percent(value: &DeValue<'_>, none: f64) -> Option<Option<Percent>> {
    let share = number(value)?;
    if share.partial_cmp(&none)?.is_eq() {
        return Some(None);
    }
    (share > 0.0 && share < 100.0).then(|| Percent::new(share))
}

/// A share within these.
pub(super) fn share(value: &DeValue<'_>, range: &RangeInclusive<f64>) -> Option<Percent> {
    let share = number(value).filter(|share| range.contains(share))?;
    // -0.0 is within 0.0 and more, too.
    Percent::new(share.abs())
}

/// An amount of memory; None for inf. What is less than a byte counts as one.
pub(super) fn gb(value: &DeValue<'_>) -> Option<Option<Bytes>> {
    match number(value)? {
        f64::INFINITY => Some(None),
        gb if gb > 0.0 => Some(Some(Bytes::from_gb(gb).unwrap_or(Bytes::new(1)))),
        _ => None,
    }
}

pub(super) fn seconds(value: &DeValue<'_>, range: &RangeInclusive<f64>) -> Option<Duration> {
    let seconds = number(value).filter(|seconds| range.contains(seconds))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A time within these, or none at all.
pub(super) fn seconds_or_none(
    value: &DeValue<'_>,
    range: &RangeInclusive<f64>,
) -> Option<Duration> {
    seconds(value, &(0.0..=0.0)).or_else(|| seconds(value, range))
}

/// A whole number; None for 0.
pub(super) fn count(value: &DeValue<'_>) -> Option<Option<NonZeroU32>> {
    integer(value).map(NonZeroU32::new)
}

/// An absolute path; None for an empty one.
pub(super) fn file(value: &DeValue<'_>) -> Option<Option<PathBuf>> {
    match value.as_str()? {
        "" => Some(None),
        path => (path.starts_with('/') && !path.contains('\0')).then(|| Some(path.into())),
    }
}

/// The absolute path of a program.
pub(super) fn program(value: &DeValue<'_>) -> Option<PathBuf> {
    file(value)?.filter(|path| path.as_os_str() != "/")
}

/// The label of a group: it stands in log lines and metrics as it is.
pub(super) fn label(value: &DeValue<'_>) -> Option<String> {
    const LONGEST: usize = 32;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let label = value.as_str()?;
    let is_label = (1..=LONGEST).contains(&label.len()) && label.chars().all(is_plain);
    is_label.then(|| label.to_owned())
}

/// An address as it may stand in an envelope: RFC 5321 without quotes, comments and routes.
pub(super) fn address(value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str()?;
    let is_word = |word: &str, extra: &str| {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || extra.contains(c);
        word.split('.').all(|part| !part.is_empty()) && word.chars().all(is_allowed)
    };
    let (local, domain) = text.rsplit_once('@')?;
    let is_address =
        text.len() <= 254 && is_word(local, "!#$%&'*+-/=?^_`{|}~") && is_word(domain, "-");
    is_address.then(|| text.to_owned())
}

/// An address; None for an empty one.
pub(super) fn sender(value: &DeValue<'_>) -> Option<Option<String>> {
    match value.as_str()? {
        "" => Some(None),
        _ => address(value).map(Some),
    }
}

/// The port of a mail server where none is given.
const SMTP_PORT: &str = "25";
/// The ports that mail servers use.
const SMTP_PORTS: [&str; 4] = ["25", "465", "587", "2525"];

/// A host and its port as `host:port`, an IPv6 address in brackets. Without a port, it is 25.
pub(super) fn server(value: &DeValue<'_>) -> Option<String> {
    let text = value.as_str()?;
    let is_ipv6 = |host: &str| host.parse::<Ipv6Addr>().is_ok();
    // `::1:25` is an address; it was always read as a port.
    let with_port = text
        .rsplit_once(':')
        .filter(|(host, port)| !is_ipv6(text) || (is_ipv6(host) && SMTP_PORTS.contains(port)));
    let is_bracketed = text.starts_with('[') && text.ends_with(']');
    let (host, port) = with_port
        .filter(|_| !is_bracketed)
        .unwrap_or((text, SMTP_PORT));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let host = match inner.unwrap_or(host) {
        host if is_ipv6(host) => format!("[{host}]"),
        host if inner.is_none() && !host.is_empty() && host.chars().all(is_name) => host.to_owned(),
        _ => return None,
    };
    is_port.then(|| format!("{host}:{port}"))
}

/// A time of day in minutes. 24:00 is the end of the day.
pub(super) fn minute_of_day(value: &DeValue<'_>) -> Option<u16> {
    let digits = |text: &str| match text.len() {
        1 | 2 if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse::<u16>().ok(),
        _ => None,
    };
    let (hours, minutes) = value.as_str()?.split_once(':')?;
    let minutes = digits(minutes).filter(|minutes| *minutes < 60)?;
    let minute = digits(hours)? * 60 + minutes;
    (minute <= 24 * 60).then_some(minute)
}

/// The index of a day of the week, Monday first; its first three letters are enough.
pub(super) fn day(value: &DeValue<'_>) -> Option<usize> {
    const LONG: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let typed = value.as_str()?.to_ascii_lowercase();
    LONG.iter()
        .position(|day| typed == *day || day.get(..3) == Some(typed.as_str()))
}

/// None where it is not text; an error where the text is not a pattern.
pub(super) fn pattern(value: &DeValue<'_>) -> Result<Option<NamePattern>, String> {
    parse(value, NamePattern::new)
}

/// The same for units and control groups.
pub(super) fn unit_pattern(value: &DeValue<'_>) -> Result<Option<NamePattern>, String> {
    parse(value, NamePattern::of_unit)
}

fn parse(
    value: &DeValue<'_>,
    new: fn(&str) -> Result<NamePattern, PatternError>,
) -> Result<Option<NamePattern>, String> {
    let Some(text) = value.as_str() else {
        return Ok(None);
    };
    let pattern = new(text).map_err(|error| format!("{}: {error}", shown(text)));
    pattern.map(Some)
}

/// The user of a rule: a name, a glob or a number.
pub(super) fn user_pattern(value: &DeValue<'_>) -> Result<Option<UserMatcher>, String> {
    let uid = uid(integer(value));
    let pattern = match uid {
        Some(uid) => NamePattern::new(&uid.to_string()).ok(),
        None => pattern(value)?,
    };
    let uids = Vec::from_iter(uid);
    Ok(pattern.map(|pattern| UserMatcher { pattern, uids }))
}

/// An entry of `users`: a name, still to be looked up, or a number.
pub(super) fn user(value: &DeValue<'_>) -> Option<User> {
    let Some(name) = value.as_str() else {
        let uid = uid(integer(value))?;
        let text = uid.to_string();
        return Some(User {
            text,
            uid: Some(uid),
        });
    };
    (!name.is_empty() && !name.contains('\0')).then(|| User {
        text: name.to_owned(),
        uid: None,
    })
}

/// The user with this number. The highest one is `(uid_t)-1`, which means no user.
pub(super) fn uid(number: Option<u32>) -> Option<Uid> {
    number.filter(|uid| *uid != u32::MAX).map(Uid::new)
}

pub(super) fn pid(value: &DeValue<'_>) -> Option<Pid> {
    integer(value).and_then(Pid::new)
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

/// What was found instead of a value that is allowed.
pub(super) fn found(value: &DeValue<'_>) -> String {
    match value {
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
    }
}

//! The row of a configuration key: what its values may be, and where in a `T` they are stored. Reading a value and
//! printing it are one `match` each. Pure.

use super::configuration::LogFormat;
use super::group::{GroupAction, GroupBy, GroupKill};
use super::items::{In, Items, text, without_quotes};
use super::pattern::NamePattern;
use super::rule::{Action, UserMatcher};
use super::system::{SystemAction, WhenShort};
use super::typed;
use super::value::{self, Choice, found, words};
use crate::escape::quoted_path;
use crate::nearest::nearest;
use crate::quantities::{Bytes, Metric, Percent};
use log::LevelFilter;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// One key of a table that is stored in a `T`.
pub(super) struct Key<T: 'static> {
    pub(super) name: &'static str,
    pub(super) slot: Slot<T>,
    /// As written in TOML; empty where the value is that of `[thresholds]`, or the key has to be given.
    pub(super) default: &'static str,
    /// For the page: one line.
    pub(super) summary: &'static str,
}

/// Where the value of a key is stored that the tables `[[...]]` have as well.
pub(super) enum At<T, V> {
    /// It always has a value.
    Always(In<T, V>),
    /// None where the key is not given.
    IfGiven(In<T, Option<V>>),
}

/// The type of a value, its range, and where it is stored. A value that is None there is off: it has a spelling of its
/// own.
pub(super) enum Slot<T: 'static> {
    Flag(In<T, bool>),
    Seconds(RangeInclusive<f64>, At<T, Duration>),
    SecondsOrNone(RangeInclusive<f64>, In<T, Duration>),
    Share(RangeInclusive<f64>, At<T, Percent>),
    /// The first is what stands for None: 0.0 or 100.0.
    Percent(f64, In<T, Option<Percent>>),
    /// inf for None.
    Gb(In<T, Option<Bytes>>),
    /// 0 for None.
    Count(In<T, Option<NonZeroU32>>),
    /// "" for None.
    File(In<T, Option<PathBuf>>),
    Level(In<T, LevelFilter>),
    Format(In<T, LogFormat>),
    Metric(At<T, Metric>),
    Action(In<T, Action>),
    SystemAction(In<T, SystemAction>),
    WhenShort(In<T, Option<WhenShort>>),
    GroupBy(In<T, Option<GroupBy>>),
    GroupKill(In<T, GroupKill>),
    GroupAction(In<T, GroupAction>),
    /// None where it is not given.
    Label(In<T, Option<String>>),
    /// "" for None.
    Sender(In<T, Option<String>>),
    Server(In<T, String>),
    Pattern(In<T, Option<NamePattern>>),
    UnitPattern(In<T, Option<NamePattern>>),
    UserPattern(In<T, Option<UserMatcher>>),
    Minute(In<T, u16>),
    List(Merge, Items<T>),
}

/// What the list of a drop-in does to that of the files before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    Add,
    Replace,
}

impl<T, V> At<T, V> {
    fn set(&self, owner: &mut T, value: V) {
        match self {
            Self::Always(at) => *at(owner) = value,
            Self::IfGiven(at) => *at(owner) = Some(value),
        }
    }

    fn get<'t>(&self, owner: &'t mut T) -> Option<&'t V> {
        match self {
            Self::Always(at) => Some(at(owner)),
            Self::IfGiven(at) => at(owner).as_ref(),
        }
    }
}

impl<T> Slot<T> {
    /// What may be written, as the end of `must be ...`.
    pub(super) fn allowed(&self) -> String {
        let text = match self {
            Self::Flag(_) => "true or false",
            Self::Seconds(range, _) => {
                let (from, to) = (range.start(), range.end());
                return format!("a number of seconds from {from} to {to}");
            }
            Self::SecondsOrNone(range, _) => {
                let (from, to) = (range.start(), range.end());
                return format!("a number of seconds from {from} to {to} (0 switches it off)");
            }
            Self::Share(range, _) => {
                let (from, to) = (*range.start(), range.end());
                return if from > 0.0 {
                    format!("a number over 0, up to {to}")
                } else {
                    format!("a number from {from} to {to}")
                };
            }
            Self::Percent(none, _) if *none > 0.0 => {
                "a number over 0, up to 100 (100 switches it off)"
            }
            Self::Percent(..) => "a number from 0 to below 100 (0 for no warning)",
            Self::Gb(_) => "a number of GB over 0, or inf to switch it off",
            Self::Count(_) => "a whole number, 0 for no limit",
            Self::File(_) => "a path that begins with \"/\", or \"\" for none",
            Self::Level(_)
            | Self::Format(_)
            | Self::Metric(_)
            | Self::Action(_)
            | Self::SystemAction(_)
            | Self::WhenShort(_)
            | Self::GroupBy(_)
            | Self::GroupKill(_)
            | Self::GroupAction(_) => {
                let words = self.words();
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                return quoted.split_last().map_or(String::new(), |(last, first)| {
                    format!("{} or {last}", first.join(", "))
                });
            }
            Self::Label(_) => "up to 32 letters, digits, \"-\", \"_\" or \".\" in quotes",
            Self::Sender(_) => Items::<T>::ADDRESS,
            Self::Server(_) => {
                "a mail server, with its port where that is not 25, such as \"localhost:25\" or \"[::1]:2525\""
            }
            Self::Pattern(_) | Self::UnitPattern(_) => "text in quotes",
            Self::UserPattern(_) => "a user name in quotes, or a number from 0 to 4294967294",
            Self::Minute(_) => "a time of day such as \"09:00\"",
            Self::List(..) => "a list",
        };
        text.to_owned()
    }

    /// The words of a choice; empty for other types.
    pub(super) fn words(&self) -> Vec<&'static str> {
        match self {
            Self::Level(_) => words::<LevelFilter>(),
            Self::Format(_) => words::<LogFormat>(),
            Self::Metric(_) => words::<Metric>(),
            Self::Action(_) => words::<Action>(),
            Self::SystemAction(_) => words::<SystemAction>(),
            Self::WhenShort(_) => words::<WhenShort>(),
            Self::GroupBy(_) => words::<GroupBy>(),
            Self::GroupKill(_) => words::<GroupKill>(),
            Self::GroupAction(_) => words::<GroupAction>(),
            _ => Vec::new(),
        }
    }

    /// Stores a value that is not a list.
    ///
    /// Fails with the end of a sentence that begins with the key.
    pub(super) fn read(&self, owner: &mut T, value: &DeValue<'_>) -> Result<(), String> {
        let is = |error| format!("is {error}");
        let read = match self {
            Self::Flag(at) => value.as_bool().map(|flag| *at(owner) = flag),
            Self::Seconds(range, at) => value::seconds(value, range).map(|v| at.set(owner, v)),
            Self::SecondsOrNone(range, at) => {
                value::seconds_or_none(value, range).map(|v| *at(owner) = v)
            }
            Self::Share(range, at) => value::share(value, range).map(|v| at.set(owner, v)),
            Self::Percent(none, at) => value::percent(value, *none).map(|v| *at(owner) = v),
            Self::Gb(at) => value::gb(value).map(|v| *at(owner) = v),
            Self::Count(at) => value::count(value).map(|v| *at(owner) = v),
            Self::File(at) => value::file(value).map(|v| *at(owner) = v),
            Self::Level(at) => value::choice(value).map(|v| *at(owner) = v),
            Self::Format(at) => value::choice(value).map(|v| *at(owner) = v),
            Self::Metric(at) => value::choice(value).map(|v| at.set(owner, v)),
            Self::Action(at) => value::choice(value).map(|v| *at(owner) = v),
            Self::SystemAction(at) => value::choice(value).map(|v| *at(owner) = v),
            Self::WhenShort(at) => value::choice(value).map(|v| *at(owner) = Some(v)),
            Self::GroupBy(at) => value::choice(value).map(|v| *at(owner) = Some(v)),
            Self::GroupKill(at) => value::choice(value).map(|v| *at(owner) = v),
            Self::GroupAction(at) => value::choice(value).map(|v| *at(owner) = v),
            Self::Label(at) => value::label(value).map(|v| *at(owner) = Some(v)),
            Self::Sender(at) => value::sender(value).map(|v| *at(owner) = v),
            Self::Server(at) => value::server(value).map(|v| *at(owner) = v),
            Self::Pattern(at) => {
                let pattern = value::pattern(value).map_err(is)?;
                pattern.map(|pattern| *at(owner) = Some(pattern))
            }
            Self::UnitPattern(at) => {
                let pattern = value::unit_pattern(value).map_err(is)?;
                pattern.map(|pattern| *at(owner) = Some(pattern))
            }
            Self::UserPattern(at) => {
                let user = value::user_pattern(value).map_err(is)?;
                user.map(|user| *at(owner) = Some(user))
            }
            Self::Minute(at) => value::minute_of_day(value).map(|v| *at(owner) = v),
            Self::List(..) => None,
        };
        read.ok_or_else(|| {
            let is_bare = matches!(
                self,
                Self::Flag(_)
                    | Self::Seconds(..)
                    | Self::SecondsOrNone(..)
                    | Self::Share(..)
                    | Self::Percent(..)
                    | Self::Gb(_)
                    | Self::Count(_)
            );
            let fix = match (self, value) {
                (Self::List(..), DeValue::String(text)) => self
                    .meant(text)
                    .map_or(String::new(), |meant| format!(", write {meant}")),
                (Self::List(..), DeValue::Integer(integer)) => format!(", write [{integer}]"),
                _ if is_bare => match (without_quotes(value), value.as_str()) {
                    ("", Some(text)) => self
                        .meant(text)
                        .map_or(String::new(), |meant| format!(", write {meant}")),
                    (fix, _) => fix.to_owned(),
                },
                _ => nearest(value.as_str().unwrap_or_default(), self.words().into_iter())
                    .map_or(String::new(), |near| format!(", did you mean \"{near}\"?")),
            };
            format!("must be {}, found {}{fix}", self.allowed(), found(value))
        })
    }

    /// What is to be written where `text` was typed: an allowed value, in quotes where it needs them. None where
    /// nothing is probably meant.
    pub(super) fn meant(&self, text: &str) -> Option<String> {
        let meant = match self {
            Self::Flag(_) => typed::flag(text),
            Self::Seconds(..) => typed::seconds(text),
            Self::Percent(none, _) => typed::percent(text, *none),
            Self::Gb(_) => typed::gb(text),
            Self::Count(_) => typed::count(text),
            Self::List(_, Items::Days(_)) => {
                return typed::days(text).map(|days| format!("[{days}]"));
            }
            Self::List(..) => return typed::list(text),
            _ => return None,
        }?;
        let value = DeValue::parse(&meant).ok()?;
        let value = value.get_ref();
        let is_allowed = match self {
            Self::Seconds(range, _) => value::seconds(value, range).is_some(),
            Self::Percent(none, _) => value::percent(value, *none).is_some(),
            Self::Gb(_) => value::gb(value).is_some(),
            _ => true,
        };
        is_allowed.then_some(meant)
    }

    /// The value for people. None where it is off or the key is not given, and for what is shown otherwise: the times
    /// and the days of a schedule, and lists.
    pub(super) fn show(&self, owner: &mut T) -> Option<String> {
        match self {
            Self::Flag(at) => Some(at(owner).to_string()),
            Self::Seconds(_, at) => at.get(owner).map(|time| time.as_secs_f64().to_string()),
            Self::SecondsOrNone(_, at) => Some(at(owner).as_secs_f64().to_string()),
            Self::Share(_, at) => at.get(owner).map(|share| share.get().to_string()),
            Self::Percent(_, at) => at(owner).map(|share| share.get().to_string()),
            Self::Gb(at) => at(owner).map(|amount| amount.to_string()),
            Self::Count(at) => at(owner).map(|count| count.to_string()),
            Self::File(at) => at(owner).as_deref().map(quoted_path),
            Self::Level(at) => word(*at(owner)),
            Self::Format(at) => word(*at(owner)),
            Self::Metric(at) => at.get(owner).copied().and_then(word),
            Self::Action(at) => word(*at(owner)),
            Self::SystemAction(at) => word(*at(owner)),
            Self::WhenShort(at) => at(owner).and_then(word),
            Self::GroupBy(at) => at(owner).and_then(word),
            Self::GroupKill(at) => word(*at(owner)),
            Self::GroupAction(at) => word(*at(owner)),
            Self::Label(at) => at(owner).as_ref().map(|label| format!("{label:?}")),
            Self::Sender(at) => at(owner).as_ref().map(|sender| format!("{sender:?}")),
            Self::Server(at) => Some(format!("{:?}", at(owner))),
            Self::Pattern(at) | Self::UnitPattern(at) => at(owner).as_ref().map(text),
            Self::UserPattern(at) => at(owner).as_ref().map(|user| text(&user.pattern)),
            Self::Minute(_) | Self::List(..) => None,
        }
    }

    /// How a value that is off is written.
    pub(super) fn off(&self) -> String {
        match self {
            Self::Percent(none, _) => none.to_string(),
            Self::Gb(_) => "inf".to_owned(),
            Self::Count(_) => "0".to_owned(),
            _ => "\"\"".to_owned(),
        }
    }
}

fn word<T: Choice + PartialEq>(choice: T) -> Option<String> {
    let mut words = T::WORDS.iter();
    let found = words.find(|(_, other)| *other == choice)?;
    Some(found.0.to_owned())
}

//! The lists of a configuration: what their items may be, and where in a `T` they are stored. Pure.

use super::pattern::NamePattern;
use super::typed;
use super::value::{self, found};
use super::whitelist::User;
use crate::escape::quoted_path;
use crate::quantities::Pid;
use std::path::PathBuf;
use toml::de::DeValue;

/// Where a value is stored: by this, a `T` is both written and read.
pub(super) type In<T, V> = fn(&mut T) -> &mut V;

/// The type of a list's items.
pub(super) enum Items<T: 'static> {
    Pids(In<T, Vec<Pid>>),
    Names(In<T, Vec<NamePattern>>),
    Users(In<T, Vec<User>>),
    Addresses(In<T, Vec<String>>),
    Programs(In<T, Vec<PathBuf>>),
    Days(In<T, [bool; 7]>),
}

impl<T> Items<T> {
    pub(super) const ADDRESS: &'static str = "an address such as \"admin@example.com\"";

    /// What each item may be, as the end of `must be ...`.
    pub(super) const fn allowed(&self) -> &'static str {
        match self {
            Self::Pids(_) => "whole numbers from 1 to 2147483647",
            Self::Names(_) => "process names in quotes",
            Self::Users(_) => "user names in quotes, or numbers from 0 to 4294967294",
            Self::Addresses(_) => Self::ADDRESS,
            Self::Programs(_) => {
                "the path of a program that begins with \"/\"; arguments and shell text are not taken"
            }
            Self::Days(_) => {
                "days in quotes: \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\""
            }
        }
    }

    /// Adds an item. Fails as `Slot::read`.
    pub(super) fn read(&self, owner: &mut T, value: &DeValue<'_>) -> Result<(), String> {
        let has = |error| format!("has {error}");
        let read = match self {
            Self::Pids(at) => value::pid(value).map(|pid| at(owner).push(pid)),
            Self::Names(at) => {
                let name = value::pattern(value).map_err(has)?;
                name.map(|name| at(owner).push(name))
            }
            Self::Users(at) => value::user(value).map(|user| at(owner).push(user)),
            Self::Addresses(at) => value::address(value).map(|address| at(owner).push(address)),
            Self::Programs(at) => value::program(value).map(|program| at(owner).push(program)),
            Self::Days(at) => {
                let day = value::day(value).and_then(|day| at(owner).get_mut(day));
                day.map(|day| *day = true)
            }
        };
        read.ok_or_else(|| {
            let fix = match (self, value.as_str()) {
                (Self::Pids(_), _) => without_quotes(value).to_owned(),
                (Self::Days(_), Some(text)) => {
                    typed::days(text).map_or(String::new(), |days| format!(", write {days}"))
                }
                _ => String::new(),
            };
            format!("must be {}, found {}{fix}", self.allowed(), found(value))
        })
    }

    pub(super) fn clear(&self, owner: &mut T) {
        match self {
            Self::Pids(at) => at(owner).clear(),
            Self::Names(at) => at(owner).clear(),
            Self::Users(at) => at(owner).clear(),
            Self::Addresses(at) => at(owner).clear(),
            Self::Programs(at) => at(owner).clear(),
            Self::Days(at) => *at(owner) = [false; 7],
        }
    }

    /// The items for people; a user with the uid that it has.
    pub(super) fn show(&self, owner: &mut T) -> Vec<String> {
        match self {
            Self::Pids(at) => at(owner).iter().map(ToString::to_string).collect(),
            Self::Names(at) => at(owner).iter().map(text).collect(),
            Self::Users(at) => {
                let users = at(owner).iter().map(|user| match user.uid {
                    Some(uid) => format!("{:?} ({uid})", user.text),
                    None => format!("{:?}", user.text),
                });
                users.collect()
            }
            Self::Addresses(at) => at(owner).clone(),
            Self::Programs(at) => at(owner)
                .iter()
                .map(|program| quoted_path(program))
                .collect(),
            Self::Days(_) => Vec::new(),
        }
    }
}

pub(super) fn text(pattern: &NamePattern) -> String {
    format!("{:?}", pattern.text())
}

/// The fix where a number or a boolean is in quotes.
pub(super) fn without_quotes(value: &DeValue<'_>) -> &'static str {
    let is_bare = |text: &str| text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok();
    match value.as_str() {
        Some(text) if is_bare(text) => ", remove the quotes",
        _ => "",
    }
}

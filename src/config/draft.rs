//! What the layers of the configuration say together: every key with its table, its reader and where
//! its value came from; and the checks that need more than one value.

use super::document::Document;
use super::error::{Cause, Warning};
use super::table::{Layer, Setting, Table};
use super::value;
use super::whitelist::{NamePattern, User, Whitelist};
use super::written::Written;
use super::{Config, LogSettings, Origin, Thresholds, UserLookup};
use crate::units::{Bytes, Percent, Pid, Uid};
use log::LevelFilter;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeTable;

/// None where no layer has said anything yet; the built-in defaults say everything.
#[derive(Default)]
pub(super) struct Draft {
    ram_percent_threshold: Option<Setting<Option<Percent>>>,
    ram_gb_threshold: Option<Setting<Option<Bytes>>>,
    check_interval: Option<Setting<Duration>>,
    early_scan: Option<Setting<bool>>,
    pids: Option<Vec<Setting<Pid>>>,
    names: Option<Vec<Setting<NamePattern>>>,
    users: Option<Vec<Setting<User>>>,
    protect_root: Option<Setting<bool>>,
    dry_run: Option<Setting<bool>>,
    log_file: Option<Setting<Option<PathBuf>>>,
    enable_syslog: Option<Setting<bool>>,
    log_level: Option<Setting<LevelFilter>>,
    term_timeout: Option<Setting<Duration>>,
    max_kills_per_minute: Option<Setting<Option<NonZeroU32>>>,
    /// All of it as it was written.
    pub(super) written: Written,
}

impl Draft {
    /// Puts the text of one file on top of what is there; says all that is wrong with it.
    pub(super) fn add(&mut self, file: &Path, text: &str, is_default: bool) -> Vec<Cause> {
        let (document, root): (Document<'_>, DeTable<'_>) = Document::parse(file, text);
        let (written, causes) = Layer::read(document, root, is_default, |root| {
            root.table("thresholds", |table| self.read_thresholds(table));
            root.table("whitelist", |table| self.read_whitelist(table));
            root.table("settings", |table| self.read_settings(table));
        });
        self.written.overlay(written);
        causes
    }

    fn read_thresholds(&mut self, table: &mut Table<'_, '_>) {
        table.value(
            "ram_percent_threshold",
            &mut self.ram_percent_threshold,
            value::percent,
        );
        table.value("ram_gb_threshold", &mut self.ram_gb_threshold, value::gb);
        table.value(
            "check_interval",
            &mut self.check_interval,
            value::seconds(0.1..=86_400.0),
        );
        table.value("early_scan", &mut self.early_scan, value::boolean);
    }

    fn read_whitelist(&mut self, table: &mut Table<'_, '_>) {
        table.list("pids", &mut self.pids, value::pid);
        table.list("names", &mut self.names, value::name);
        table.list("users", &mut self.users, value::user);
        table.value("protect_root", &mut self.protect_root, value::boolean);
    }

    fn read_settings(&mut self, table: &mut Table<'_, '_>) {
        table.value("dry_run", &mut self.dry_run, value::boolean);
        table.value("log_file", &mut self.log_file, value::log_file);
        table.value("enable_syslog", &mut self.enable_syslog, value::boolean);
        table.value("log_level", &mut self.log_level, value::log_level);
        table.value(
            "term_timeout",
            &mut self.term_timeout,
            value::seconds(0.0..=300.0),
        );
        table.value(
            "max_kills_per_minute",
            &mut self.max_kills_per_minute,
            value::kill_limit,
        );
    }

    /// What is wrong with values that are fine each by itself.
    pub(super) fn contradiction(&self) -> Option<Cause> {
        let percent = self.ram_percent_threshold.as_ref()?;
        let amount = self.ram_gb_threshold.as_ref()?;
        (percent.value.is_none() && amount.value.is_none()).then(|| Cause::Refused {
            place: amount.place.clone().or_else(|| percent.place.clone()),
            message: "both thresholds are off: set \"ram_percent_threshold\" below 100 \
                      or \"ram_gb_threshold\" below inf"
                .to_owned(),
        })
    }

    /// Looks the users up; says which protect nobody.
    pub(super) fn resolve_users(&mut self, lookup: UserLookup<'_>) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for Setting { value: user, place } in self.users.iter_mut().flatten() {
            if user.uid.is_some() {
                continue;
            }
            match lookup(&user.text) {
                // As with chown(1), a name of digits that nobody has is a number.
                Ok(uid) => user.uid = uid.or_else(|| value::uid(user.text.parse().ok())),
                Err(error) => {
                    warnings.push(Warning::UserLookup {
                        place: place.clone(),
                        user: user.text.clone(),
                        error,
                    });
                    continue;
                }
            }
            if user.uid.is_none() {
                warnings.push(Warning::UnknownUser {
                    place: place.clone(),
                    user: user.text.clone(),
                });
            }
        }
        warnings.extend(self.unprotected_root());
        warnings
    }

    /// Whoever lists root and says nothing about `protect_root` may think that root is protected.
    fn unprotected_root(&self) -> Option<Warning> {
        if self.protect_root.as_ref()?.place.is_some() {
            return None;
        }
        let users = self.users.as_ref()?;
        let root = users
            .iter()
            .find(|user| user.value.uid == Some(Uid::ROOT))?;
        let place = root.place.clone()?;
        Some(Warning::RootNotProtected { place })
    }

    /// The configuration, once every key has its value.
    pub(super) fn finish(self, origin: Origin) -> Option<Config> {
        Some(Config {
            origin,
            thresholds: Thresholds::new(
                self.ram_percent_threshold?.value,
                self.ram_gb_threshold?.value,
            )?,
            check_interval: self.check_interval?.value,
            early_scan: self.early_scan?.value,
            whitelist: Whitelist {
                pids: values(self.pids?),
                names: values(self.names?),
                users: values(self.users?),
                protect_root: self.protect_root?.value,
            },
            dry_run: self.dry_run?.value,
            log: LogSettings {
                file: self.log_file?.value,
                syslog: self.enable_syslog?.value,
                level: self.log_level?.value,
            },
            term_timeout: self.term_timeout?.value,
            max_kills_per_minute: self.max_kills_per_minute?.value,
        })
    }
}

fn values<T>(settings: Vec<Setting<T>>) -> Vec<T> {
    settings.into_iter().map(|setting| setting.value).collect()
}

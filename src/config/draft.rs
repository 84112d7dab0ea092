//! What the layers of the configuration say together: every key with its table, its reader and where
//! its value came from; and the checks that need more than one value.

use super::document::{self, Document};
use super::dropins::DropIn;
use super::error::{Cause, Warning};
use super::notify::{self, Notify};
use super::rule::{self, Rule};
use super::schedule::Schedule;
use super::table::{Layer, Setting, Table};
use super::whitelist::{NamePattern, User, Whitelist};
use super::written::Written;
use super::{BUILT_IN, Config, LogFormat, LogSettings, Origin, Regular, Thresholds, UserLookup};
use super::{tables, value};
use crate::quantities::{Bytes, Metric, Percent, Pid, Uid};
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
    verify_names: Option<Setting<bool>>,
    dry_run: Option<Setting<bool>>,
    log_file: Option<Setting<Option<PathBuf>>>,
    enable_syslog: Option<Setting<bool>>,
    log_level: Option<Setting<LevelFilter>>,
    log_format: Option<Setting<LogFormat>>,
    metrics_file: Option<Setting<Option<PathBuf>>>,
    term_timeout: Option<Setting<Duration>>,
    max_kills_per_minute: Option<Setting<Option<NonZeroU32>>>,
    sustained: Option<Setting<Duration>>,
    metric: Option<Setting<Metric>>,
    warn_percent: Option<Setting<Option<Percent>>>,
    email_to: Option<Vec<Setting<String>>>,
    email_from: Option<Setting<Option<String>>>,
    smtp: Option<Setting<String>>,
    command: Option<Vec<Setting<PathBuf>>>,
    tty: Option<Setting<bool>>,
    desktop: Option<Setting<bool>>,
    /// Those of later files come first.
    rules: Vec<Rule>,
    schedules: Vec<Schedule>,
    /// All of it as it was written.
    pub(super) written: Written,
}

/// What a layer is to the ones below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The shipped default.
    Default,
    /// The configuration file: its lists replace those of the default.
    File,
    /// A drop-in: its lists are added.
    DropIn,
}

impl Draft {
    /// What the built-in defaults, a file and its drop-ins say, and all that is wrong with them.
    pub(super) fn of(file: &Path, text: &[u8], dropins: &[DropIn]) -> (Self, Vec<Cause>) {
        let mut draft = Self::default();
        let mut causes = draft.add(Path::new("built-in defaults"), BUILT_IN, Kind::Default);
        let dropped = dropins
            .iter()
            .map(|dropin| (&*dropin.file, &*dropin.text, Kind::DropIn));
        for (file, text, kind) in std::iter::once((file, text, Kind::File)).chain(dropped) {
            match document::utf8(file, text) {
                Ok(text) => causes.extend(draft.add(file, text, kind)),
                Err(cause) => causes.push(cause),
            }
        }
        causes.extend(draft.contradiction());
        (draft, causes)
    }

    /// Puts the text of one file on top of what is there; says all that is wrong with it.
    pub(super) fn add(&mut self, file: &Path, text: &str, kind: Kind) -> Vec<Cause> {
        let below = (kind == Kind::DropIn)
            .then(|| (self.pids.take(), self.names.take(), self.users.take()));
        let causes = self.read(file, text, kind);
        if let Some((pids, names, users)) = below {
            self.pids = joined(pids, self.pids.take());
            self.names = joined(names, self.names.take());
            self.users = joined(users, self.users.take());
        }
        causes
    }

    fn read(&mut self, file: &Path, text: &str, kind: Kind) -> Vec<Cause> {
        let (mut rules, mut schedules) = (Vec::new(), Vec::new());
        let (document, root): (Document<'_>, DeTable<'_>) = Document::parse(file, text);
        let (written, causes) = Layer::read(document, root, kind == Kind::Default, |root| {
            root.table("thresholds", |table| self.read_thresholds(table));
            root.table("whitelist", |table| self.read_whitelist(table));
            root.table("settings", |table| self.read_settings(table));
            root.table("notify", |table| self.read_notify(table));
            root.tables("rule", "[rule]", |table, place| {
                rules.extend(tables::rule(table, place));
            });
            root.tables("schedule", "[schedule]", |table, place| {
                schedules.extend(tables::schedule(table, place));
            });
        });
        self.written.overlay(written, kind == Kind::DropIn);
        rules.append(&mut self.rules);
        schedules.append(&mut self.schedules);
        (self.rules, self.schedules) = (rules, schedules);
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
        table.value(
            "sustained",
            &mut self.sustained,
            value::seconds(0.0..=86_400.0),
        );
        table.value("metric", &mut self.metric, value::metric);
    }

    fn read_whitelist(&mut self, table: &mut Table<'_, '_>) {
        table.list("pids", &mut self.pids, value::pid);
        table.list("names", &mut self.names, value::name);
        table.list("users", &mut self.users, value::user);
        table.value("protect_root", &mut self.protect_root, value::boolean);
        table.value("verify_names", &mut self.verify_names, value::boolean);
    }

    fn read_settings(&mut self, table: &mut Table<'_, '_>) {
        table.value("dry_run", &mut self.dry_run, value::boolean);
        table.value("log_file", &mut self.log_file, value::file);
        table.value("enable_syslog", &mut self.enable_syslog, value::boolean);
        table.value("log_level", &mut self.log_level, value::log_level);
        table.value("log_format", &mut self.log_format, value::log_format);
        table.value("metrics_file", &mut self.metrics_file, value::file);
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
        table.value("warn_percent", &mut self.warn_percent, value::warn_percent);
    }

    fn read_notify(&mut self, table: &mut Table<'_, '_>) {
        table.list("email_to", &mut self.email_to, notify::address);
        table.value("email_from", &mut self.email_from, notify::sender);
        table.value("smtp", &mut self.smtp, notify::server);
        table.list("command", &mut self.command, notify::program);
        table.value("tty", &mut self.tty, value::boolean);
        table.value("desktop", &mut self.desktop, value::boolean);
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
        for rule in &mut self.rules {
            warnings.extend(rule.resolve_user(lookup));
        }
        warnings.extend(rule::unreachable(&self.rules));
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

    /// Whom to tell, and how to log.
    pub(super) fn take_reporting(&mut self) -> Option<(Notify, LogSettings)> {
        let notify = Notify {
            email_to: values(self.email_to.take()?),
            email_from: self.email_from.take()?.value,
            smtp: self.smtp.take()?.value,
            command: values(self.command.take()?),
            tty: self.tty.take()?.value,
            desktop: self.desktop.take()?.value,
        };
        let log = LogSettings {
            file: self.log_file.take()?.value,
            syslog: self.enable_syslog.take()?.value,
            level: self.log_level.take()?.value,
            format: self.log_format.take()?.value,
        };
        Some((notify, log))
    }

    /// The configuration, once every key has its value.
    pub(super) fn finish(mut self, origin: Origin, drop_ins: Vec<PathBuf>) -> Option<Config> {
        let (notify, log) = self.take_reporting()?;
        let thresholds = Thresholds::new(
            self.ram_percent_threshold?.value,
            self.ram_gb_threshold?.value,
        )?;
        let check_interval = self.check_interval?.value;
        Some(Config {
            origin,
            drop_ins,
            thresholds,
            check_interval,
            regular: Regular {
                thresholds,
                check_interval,
            },
            early_scan: self.early_scan?.value,
            sustained: self.sustained?.value,
            metric: self.metric?.value,
            warn_percent: self.warn_percent?.value,
            rules: self.rules,
            schedules: self.schedules,
            whitelist: Whitelist {
                pids: values(self.pids?),
                names: values(self.names?),
                users: values(self.users?),
                protect_root: self.protect_root?.value,
                verify_names: self.verify_names?.value,
            },
            dry_run: self.dry_run?.value,
            log,
            metrics_file: self.metrics_file?.value,
            notify,
            term_timeout: self.term_timeout?.value,
            max_kills_per_minute: self.max_kills_per_minute?.value,
        })
    }
}

/// The list of the files below, then that of this one.
fn joined<T>(below: Option<Vec<T>>, own: Option<Vec<T>>) -> Option<Vec<T>> {
    match (below, own) {
        (Some(mut below), Some(own)) => {
            below.extend(own);
            Some(below)
        }
        (below, own) => below.or(own),
    }
}

fn values<T>(settings: Vec<Setting<T>>) -> Vec<T> {
    settings.into_iter().map(|setting| setting.value).collect()
}

//! What is stated once of an event: its name, its MESSAGE_ID, its level, which sinks get it, what it counts, and which
//! of its data become fields. Pure.

use super::group_name::GroupMemory;
use crate::policy::{Breach, Exemption};
use crate::proc::{Name, Process};
use crate::quantities::{Bytes, Percent, Pid};
use crate::sys::process::Signal;
use log::Level;
use std::time::Duration;

/// All that is stated of one event but its text. Makes no string: a sink that wants one makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description<'e> {
    /// For programs; never changes.
    pub(crate) name: &'static str,
    /// sd-id128(3); never changes. The catalog in etc/systemd explains it.
    pub(crate) message_id: u128,
    pub(crate) level: Level,
    /// Whether the notifier gets it.
    pub(crate) is_notified: bool,
    /// Whether the history keeps it.
    pub(crate) is_kept: bool,
    /// What it counts, once.
    pub(crate) counter: Option<Counter>,
    pub(crate) data: Data<'e>,
}

/// The data of an event, where it has them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Data<'e> {
    pub(crate) process: Option<&'e Process>,
    pub(crate) breach: Option<&'e Breach>,
    pub(crate) exemption: Option<&'e Exemption>,
    /// Where the event is about a group and no single process.
    pub(crate) group: Option<GroupMemory<'e>>,
    /// Where no more is known of a process.
    pub(crate) pid: Option<Pid>,
    /// Where the event is about the unit and no single process.
    pub(crate) unit: Option<&'e Name>,
    /// Where there is no breach.
    pub(crate) share: Option<Percent>,
    pub(crate) signal: Option<Signal>,
    pub(crate) duration: Option<Duration>,
    pub(crate) freed: Option<Bytes>,
    /// Whether its unit has no process left.
    pub(crate) is_unit_empty: bool,
}

/// What an event counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// A process has ended after it was signalled.
    Ended,
    /// A dry run would have killed a process.
    WouldKill,
    RestartLoop,
    /// The kernel's OOM killer has killed so many.
    KernelKills(u64),
    Failure(Failure),
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Scan,
    /// A configuration was rejected.
    Configuration,
    NotPermitted,
    /// A signal could not be sent for another reason.
    Signal,
    SurvivesSigkill,
    Unreadable,
    KillLimit,
    /// The exemptions file was rejected.
    Exemptions,
    /// The metrics file could not be written.
    MetricsFile,
}

impl Failure {
    /// Each with the value of its label.
    pub(super) const ALL: [(Self, &'static str); 9] = [
        (Self::Scan, "scan"),
        (Self::Configuration, "configuration"),
        (Self::NotPermitted, "not_permitted"),
        (Self::Signal, "signal"),
        (Self::SurvivesSigkill, "survives_sigkill"),
        (Self::Unreadable, "unreadable"),
        (Self::KillLimit, "kill_limit"),
        (Self::Exemptions, "exemptions"),
        (Self::MetricsFile, "metrics_file"),
    ];
}

/// The name and the MESSAGE_ID of what is no event: that a sink fails, or works again.
pub(super) const LOG: (&str, u128) = ("log", 0xe561_dd4b_2059_3682_0dec_786b_3092_3968);

pub(super) fn error<'e>(name: &'static str, message_id: u128) -> Description<'e> {
    Description::new(name, message_id, Level::Error)
}

pub(super) fn warning<'e>(name: &'static str, message_id: u128) -> Description<'e> {
    Description::new(name, message_id, Level::Warn)
}

pub(super) fn info<'e>(name: &'static str, message_id: u128) -> Description<'e> {
    Description::new(name, message_id, Level::Info)
}

pub(super) fn debug<'e>(name: &'static str, message_id: u128) -> Description<'e> {
    Description::new(name, message_id, Level::Debug)
}

impl<'e> Description<'e> {
    fn new(name: &'static str, message_id: u128, level: Level) -> Self {
        Self {
            name,
            message_id,
            level,
            is_notified: false,
            is_kept: false,
            counter: None,
            data: Data::default(),
        }
    }

    /// The notifier gets it.
    pub(super) fn notified(mut self) -> Self {
        self.is_notified = true;
        self
    }

    /// The history keeps it.
    pub(super) fn kept(mut self) -> Self {
        self.is_kept = true;
        self
    }

    /// A warning where `is_warning`.
    pub(super) fn warning_if(mut self, is_warning: bool) -> Self {
        if is_warning {
            self.level = Level::Warn;
        }
        self
    }

    pub(super) fn counts(self, counter: Counter) -> Self {
        self.counts_if(true, counter)
    }

    /// Of what is repeated only the first one counts.
    pub(super) fn counts_if(mut self, is_first: bool, counter: Counter) -> Self {
        self.counter = is_first.then_some(counter);
        self
    }

    pub(super) fn fails(self, failure: Failure) -> Self {
        self.counts(Counter::Failure(failure))
    }

    /// Sets data.
    pub(super) fn with(mut self, set: impl FnOnce(&mut Data<'e>)) -> Self {
        set(&mut self.data);
        self
    }

    pub(super) fn breach(self, process: &'e Process, breach: &'e Breach) -> Self {
        self.with(|data| (data.process, data.breach) = (Some(process), Some(breach)))
    }
}

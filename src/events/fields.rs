//! An event as fields for programs: what the JSON log, the journal and the notifier get. Documented in
//! memory-monitor(8) and etc/examples/log.schema.json; a field's meaning never changes.

use super::event::Event;
use super::kind::{Kind, LOG};
use crate::policy::{Breach, Exemption, Threshold, Victim};
use crate::proc::{Name, Process};
use crate::quantities::Percent;
use crate::sys;
use crate::sys::clock::rfc3339;
use crate::sys::process::Signal;
use crate::users::UserNames;
use log::Level;
use serde::Serialize;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

/// What is known of an event; what is not is left out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// Clock ticks since boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmdline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anon_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    swap_bytes: Option<u64>,
    /// Of MemTotal.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold_key: Option<&'static str>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    freed_bytes: Option<u64>,
}

/// One record, whole.
#[derive(Debug, Serialize)]
struct Object<'a> {
    time: String,
    level: &'static str,
    event: &'static str,
    message: &'a str,
    #[serde(flatten)]
    fields: &'a Fields,
    host: String,
    version: &'static str,
}

/// The kind and the fields of the record that is being written.
#[derive(Clone, Debug)]
pub(super) struct Attached {
    pub(super) kind: Kind,
    pub(super) fields: Fields,
}

impl Default for Attached {
    fn default() -> Self {
        Self {
            kind: LOG,
            fields: Fields::default(),
        }
    }
}

impl Fields {
    /// Of this event.
    pub fn of(event: &Event<'_>, users: &mut UserNames) -> Self {
        match event {
            Event::Killing(process, breach) => Self {
                signal: Some(Signal::Terminate.name()),
                ..Self::of_breach(process, breach, users)
            },
            Event::WouldKill(process, breach)
            | Event::Reason(process, breach)
            | Event::Near(process, breach)
            | Event::KillLimitReached(process, breach, _)
            | Event::NotPermitted(process, breach) => Self::of_breach(process, breach, users),
            Event::KillDelayed(process, breach, _, left) => Self {
                duration_seconds: Some(left.as_secs_f64()),
                ..Self::of_breach(process, breach, users)
            },
            Event::Protected(process, share, _) => Self {
                percent: Some(percent(*share)),
                ..Self::of_process(process, users)
            },
            Event::SignalFailed(process, signal, _) => Self {
                signal: Some(signal.name()),
                ..Self::of_process(process, users)
            },
            Event::Escalating(victim) => Self {
                signal: Some(Signal::Kill.name()),
                ..Self::of_victim(victim, users)
            },
            Event::KillCancelled(victim) => Self::of_victim(victim, users),
            Event::Survives(victim, after) => Self {
                signal: Some(Signal::Kill.name()),
                duration_seconds: Some(after.as_secs_f64()),
                ..Self::of_victim(victim, users)
            },
            Event::Ended(victim, after) => Self {
                signal: Some(victim.signal().name()),
                duration_seconds: Some(after.as_secs_f64()),
                freed_bytes: Some(victim.last_rss.get()),
                ..Self::of_victim(victim, users)
            },
            Event::Exempted(exemption, left) => Self::of_exemption(exemption, Some(*left)),
            Event::ExemptionOver(exemption, _) => Self::of_exemption(exemption, None),
            Event::PidUnused(pid) | Event::PidEnded(pid) => Self {
                pid: Some(pid.get()),
                ..Self::default()
            },
            Event::RestartLoop(found, wait) => Self {
                unit: Some(text(found.unit.as_bytes())),
                duration_seconds: Some(wait.as_secs_f64()),
                ..Self::default()
            },
            Event::Started(_)
            | Event::ConfigWarning(_)
            | Event::Reloaded(_)
            | Event::ReloadRejected(_)
            | Event::Changed(_)
            | Event::Schedule(..)
            | Event::OnlyOwnProcesses
            | Event::Hidepid
            | Event::FeatureUnavailable(..)
            | Event::Memory(_)
            | Event::ScanComplete { .. }
            | Event::ScanFailed(_)
            | Event::Unreadable { .. }
            | Event::ExemptionsRejected(..)
            | Event::Stopping(_) => Self::default(),
        }
    }

    fn of_process(process: &Process, users: &mut UserNames) -> Self {
        let facts = process.facts.as_ref().ok();
        let name = |name: &Option<Name>| name.as_ref().map(|name| text(name.as_bytes()));
        let details = &process.details;
        Self {
            pid: Some(process.pid.get()),
            start_time: facts.map(|facts| facts.start_time.0),
            name: facts.map(|facts| text(facts.name.as_bytes())),
            cmdline: name(&details.cmdline),
            exe: name(&details.exe),
            user: facts.map(|facts| text(users.name(facts.uid))),
            uid: facts.map(|facts| facts.uid.get()),
            unit: name(&details.unit),
            rss_bytes: facts.map(|_| process.rss.get()),
            pss_bytes: details.pss().map(crate::quantities::Bytes::get),
            anon_bytes: details.anon.map(crate::quantities::Bytes::get),
            swap_bytes: details.swap.map(crate::quantities::Bytes::get),
            ..Self::default()
        }
    }

    fn of_breach(process: &Process, breach: &Breach, users: &mut UserNames) -> Self {
        Self {
            percent: Some(percent(breach.share)),
            threshold_bytes: Some(breach.threshold_bytes.get()),
            threshold_key: Some(match breach.threshold {
                Threshold::Percent(_) => "ram_percent_threshold",
                Threshold::Amount(_) => "ram_gb_threshold",
            }),
            rule: breach.rule,
            ..Self::of_process(process, users)
        }
    }

    fn of_victim(victim: &Victim, users: &mut UserNames) -> Self {
        Self::of_breach(&victim.process, &victim.breach, users)
    }

    fn of_exemption(exemption: &Exemption, left: Option<Duration>) -> Self {
        Self {
            pid: Some(exemption.process.pid.get()),
            start_time: Some(exemption.process.start_time.0),
            name: Some(text(&exemption.name)),
            duration_seconds: left.map(|left| left.as_secs_f64()),
            ..Self::default()
        }
    }

    /// The whole record as one line of JSON, without the end of the line.
    pub fn object(&self, kind: Kind, level: Level, message: &str, time: SystemTime) -> String {
        let object = Object {
            time: rfc3339(time),
            level: level_word(level),
            event: kind.name,
            message,
            fields: self,
            host: sys::host_name(),
            version: env!("CARGO_PKG_VERSION"),
        };
        // Strings, numbers and no map of other keys: there is nothing that could fail.
        serde_json::to_string(&object).unwrap_or_default()
    }

    /// Each field with its name and its value as text, for the journal.
    pub(super) fn each(&self, mut take: impl FnMut(&str, &str)) {
        let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(self) else {
            return;
        };
        for (name, value) in &fields {
            match value {
                serde_json::Value::String(text) => take(name, text),
                other => take(name, &other.to_string()),
            }
        }
    }
}

/// Two places after the point, as in the text.
fn percent(share: Percent) -> f64 {
    (share.get() * 100.0).round() / 100.0
}

/// Any bytes as text; what is no UTF-8 as `\xNN`.
fn text(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // A String takes any text.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The level as the JSON log has it.
fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug | Level::Trace => "debug",
    }
}

//! The process that is explained, as it is shown.

use super::evidence::Evidence;
use crate::commands::progress::ago;
use crate::escape::{Escaped, OneLine};
use crate::events::ProcessRecord;
use crate::proc::Unreadable;
use crate::quantities::{Bytes, Percent, Pid, Span};
use crate::sys::clock::{local_time, unix_seconds};
use crate::systemd::Unit;
use crate::users::UserNames;
use serde::Serialize;
use std::time::SystemTime;

#[derive(Debug, Serialize)]
pub(super) struct Subject {
    #[serde(flatten)]
    pub(super) process: ProcessRecord,
    /// Local time.
    pub(super) started: Option<String>,
    /// The same in seconds since 1970.
    started_unix: Option<u64>,
    #[serde(skip)]
    pub(super) age: Option<String>,
    pub(super) rss_percent: f64,
    /// Reserved huge pages, which are in its RSS here.
    pub(super) huge_bytes: Option<u64>,
    /// How long it has after SIGTERM, and what its unit allows.
    pub(super) grace_period: String,
    #[serde(skip)]
    pub(super) parent: String,
    /// What can't be read, and why.
    pub(super) unreadable: Vec<String>,
    /// The process it belongs to, where it is a thread.
    pub(super) thread_of: Option<Pid>,
}

impl Subject {
    pub(super) fn new(evidence: &Evidence<'_>, users: &mut UserNames) -> Self {
        let Evidence {
            process, details, ..
        } = evidence;
        let facts = process.facts.as_ref();
        let shown = |bytes: &[u8]| evidence.spelling.text(bytes);
        // It has no memory of its own and no executable, whatever this user may read.
        let is_kernel_thread = facts.is_ok_and(|facts| facts.is_kernel_thread);
        let exe = details.exe.as_ref().filter(|_| !is_kernel_thread);
        let pss = details.pss.as_ref();
        let failures = [
            facts.err(),
            exe.and_then(|exe| exe.as_ref().err()),
            pss.and_then(|pss| pss.as_ref().err()),
        ];
        let of_kernel_thread = is_kernel_thread.then_some(Bytes::ZERO);
        let record = ProcessRecord {
            exe: match exe {
                None => Some("none".to_owned()),
                Some(exe) => exe.as_ref().ok().map(|exe| shown(exe)),
            },
            unit: details.unit.as_deref().map(shown),
            pss_bytes: match pss {
                None => Some(0),
                Some(pss) => pss.as_ref().ok().copied().map(Bytes::get),
            },
            anon_bytes: details.anonymous.or(of_kernel_thread).map(Bytes::get),
            swap_bytes: details.swap.or(of_kernel_thread).map(Bytes::get),
            ..ProcessRecord::shown(process, users, evidence.spelling)
        };
        let unreadable = failures.into_iter().flatten();
        Self {
            process: record,
            started: evidence.started.map(|start| local_time(start).to_string()),
            started_unix: evidence.started.map(unix_seconds),
            age: evidence.started.map(|start| ago(start, SystemTime::now())),
            huge_bytes: facts
                .ok()
                .map(|_| process.details.huge.unwrap_or_default().get()),
            grace_period: grace_period(evidence),
            parent: match facts.ok().map(|facts| facts.parent) {
                Some(Some(parent)) => parent.to_string(),
                Some(None) => "none".to_owned(),
                None => "?".to_owned(),
            },
            rss_percent: Percent::share(process.rss, evidence.memory.total).get(),
            unreadable: unreadable.map(Unreadable::to_string).collect(),
            thread_of: details.thread_of,
        }
    }
}

/// `5 s after SIGTERM; mariadb.service itself has 15 min (TimeoutStopUSec)`.
fn grace_period(evidence: &Evidence<'_>) -> String {
    let own = evidence.policy.criteria(evidence.process).term_timeout;
    let own = format!("{} after SIGTERM", Span(own));
    let unit = evidence.details.unit.as_deref();
    let unit = unit.and_then(|unit| std::str::from_utf8(unit).ok());
    let Some(name) = unit.filter(|unit| unit.ends_with(".service")) else {
        return own;
    };
    // Where no systemd runs there is nothing to compare with.
    let allowed = Unit::ask(name).ok();
    let allowed = allowed
        .as_ref()
        .and_then(|unit| unit.value("TimeoutStopUSec"));
    allowed.map_or(own.clone(), |allowed| {
        format!(
            "{own}; {} allows {} (TimeoutStopUSec)",
            Escaped(name.as_bytes()),
            OneLine(allowed)
        )
    })
}

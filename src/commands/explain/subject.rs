//! The process that is explained, as it is shown.

use super::evidence::Evidence;
use crate::commands::progress::ago;
use crate::escape::Escaped;
use crate::proc::Unreadable;
use crate::quantities::{Bytes, Percent, Pid};
use crate::sys::clock::local_time;
use crate::users::UserNames;
use serde::Serialize;
use std::time::SystemTime;

#[derive(Debug, Serialize)]
pub(super) struct Subject {
    pub(super) pid: Pid,
    pub(super) name: Option<String>,
    pub(super) user: Option<String>,
    pub(super) uid: Option<u32>,
    pub(super) exe: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) started: Option<String>,
    #[serde(skip)]
    pub(super) age: Option<String>,
    pub(super) rss_bytes: Bytes,
    pub(super) rss_percent: f64,
    pub(super) pss_bytes: Option<Bytes>,
    pub(super) anonymous_bytes: Option<Bytes>,
    pub(super) swap_bytes: Option<Bytes>,
    /// What can't be read, and why.
    pub(super) unreadable: Vec<String>,
    #[serde(skip)]
    pub(super) thread_of: Option<Pid>,
}

impl Subject {
    pub(super) fn new(evidence: &Evidence<'_>, users: &mut UserNames) -> Self {
        let Evidence {
            process, details, ..
        } = evidence;
        let facts = process.facts.as_ref();
        let shown = |bytes: &[u8]| Escaped(bytes).to_string();
        // It has no memory of its own and no executable, whatever this user may read.
        let is_kernel_thread = facts.is_ok_and(|facts| facts.is_kernel_thread);
        let exe = details.exe.as_ref().filter(|_| !is_kernel_thread);
        let pss = details.pss.as_ref();
        let failures = [
            facts.err(),
            exe.and_then(|exe| exe.as_ref().err()),
            pss.and_then(|pss| pss.as_ref().err()),
        ];
        let facts = facts.ok();
        let of_kernel_thread = is_kernel_thread.then_some(Bytes::ZERO);
        Self {
            pid: process.pid,
            name: facts.map(|facts| shown(facts.name.as_bytes())),
            user: facts.map(|facts| shown(users.name(facts.uid))),
            uid: facts.map(|facts| facts.uid.get()),
            exe: match exe {
                None => Some("none".to_owned()),
                Some(exe) => exe.as_ref().ok().map(|exe| shown(exe)),
            },
            unit: details.unit.as_deref().map(shown),
            started: evidence.started.map(|start| local_time(start).to_string()),
            age: evidence.started.map(|start| ago(start, SystemTime::now())),
            rss_bytes: process.rss,
            rss_percent: Percent::share(process.rss, evidence.memory.total).get(),
            pss_bytes: match pss {
                None => Some(Bytes::ZERO),
                Some(pss) => pss.as_ref().ok().copied(),
            },
            anonymous_bytes: details.anonymous.or(of_kernel_thread),
            swap_bytes: details.swap.or(of_kernel_thread),
            unreadable: failures
                .into_iter()
                .flatten()
                .map(Unreadable::to_string)
                .collect(),
            thread_of: details.thread_of,
        }
    }
}

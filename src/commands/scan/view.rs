//! One look at the machine, for people as a table and for programs as JSON.

use crate::commands::progress::Processes;
use crate::config::NamePattern;
use crate::escape::Escaped;
use crate::events::MemoryInUse;
use crate::policy::{Policy, Verdict};
use crate::proc::{Facts, Process, Snapshot, SystemMemory};
use crate::quantities::{Bytes, Metric, Percent, Pid, Uid};
use crate::users::UserNames;
use serde::Serialize;
use std::cmp::Reverse;

/// How many processes are shown that nothing would happen to.
const WITHIN_SHOWN: usize = 15;

/// Which processes are shown.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Only this user's.
    pub user: Option<Uid>,
    /// Only those with such a name.
    pub name: Option<NamePattern>,
    /// All of them, not only the nearest to their thresholds.
    pub all: bool,
    /// No more than so many.
    pub top: Option<usize>,
}

impl View {
    fn wants(&self, process: &Process) -> bool {
        let Ok(facts) = &process.facts else {
            // Whose it is, and what it is called, is not known.
            return self.user.is_none() && self.name.is_none();
        };
        let is_name = |name: &NamePattern| name.matches(facts.name.as_c_str());
        self.user.is_none_or(|user| user == facts.uid) && self.name.as_ref().is_none_or(is_name)
    }
}

/// What a scan found, ready to be shown.
#[derive(Debug, Serialize)]
pub struct ScanReport {
    configuration: String,
    memory: MemoryReport,
    processes_seen: usize,
    processes_unreadable: usize,
    hidepid: bool,
    /// How many are over a threshold and not protected, shown or not.
    breaches: usize,
    /// How many are over a threshold and protected, shown or not.
    spared: usize,
    processes: Vec<Row>,
    #[serde(skip)]
    memory_line: String,
}

#[derive(Debug, Serialize)]
struct MemoryReport {
    total_bytes: Bytes,
    used_bytes: Option<Bytes>,
    used_percent: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) pid: Pid,
    /// Escaped, as in the log.
    pub(crate) name: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) rss_bytes: Bytes,
    pub(crate) rss_percent: f64,
    /// The number of the rule that matches it, from 1.
    rule: Option<usize>,
    /// By what its memory is measured, which RSS alone may decide.
    metric: Metric,
    /// Its memory by that; None where it can't be told.
    memory_bytes: Option<Bytes>,
    /// Its memory as a share of the lowest threshold that holds for it.
    pub(crate) threshold_percent: f64,
    pub(crate) verdict: Kind,
    pub(crate) reason: String,
}

/// The verdict without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Within,
    Protected,
    Breach,
}

impl Kind {
    /// The SGR parameter it is shown with.
    pub(crate) fn colour(self) -> u8 {
        match self {
            Self::Within => 0,
            Self::Protected => 33,
            Self::Breach => 31,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Protected => "spared",
            Self::Breach => "over",
        }
    }
}

impl ScanReport {
    /// Of the processes of `snapshot`, the nearest to their thresholds first.
    pub fn new(
        policy: &Policy,
        snapshot: &Snapshot,
        hidepid: bool,
        view: &View,
        users: &mut UserNames,
    ) -> Self {
        let memory = &snapshot.memory;
        let (mut breaches, mut spared) = (0, 0);
        let mut wanted = Vec::new();
        for process in &snapshot.near {
            let verdict = policy.judge(process, memory);
            match verdict {
                Verdict::Breach(_) => breaches += 1,
                Verdict::Protected(_) => spared += 1,
                Verdict::Within => {}
            }
            if view.wants(process) {
                wanted.push((
                    process,
                    verdict,
                    share_of_threshold(policy, process, memory),
                ));
            }
        }
        wanted.sort_unstable_by(|(one, _, share), (other, _, other_share)| {
            let by_share = other_share.get().total_cmp(&share.get());
            by_share.then_with(|| (Reverse(one.rss), one.pid).cmp(&(Reverse(other.rss), other.pid)))
        });
        let mut within = 0;
        wanted.retain(|(_, verdict, _)| {
            within += usize::from(*verdict == Verdict::Within);
            let is_near = *verdict != Verdict::Within || within <= WITHIN_SHOWN;
            view.all || view.top.is_some() || is_near
        });
        wanted.truncate(view.top.unwrap_or(usize::MAX));
        let rows = wanted.into_iter().map(|(process, verdict, share)| {
            Row::new(policy, process, &verdict, share, memory, users)
        });
        Self {
            configuration: policy.config.origin.to_string(),
            memory: MemoryReport {
                total_bytes: memory.total,
                used_bytes: memory.used(),
                used_percent: memory.used_share().map(Percent::get),
            },
            processes_seen: snapshot.scanned,
            processes_unreadable: snapshot.unreadable.map_or(0, |(count, _)| count),
            hidepid,
            breaches,
            spared,
            processes: rows.collect(),
            memory_line: MemoryInUse(memory).to_string(),
        }
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.processes
    }

    /// The lines above the table.
    pub(crate) fn head(&self) -> [String; 2] {
        [
            self.memory_line.clone(),
            format!("Policy: {}", self.configuration),
        ]
    }

    /// The lines below the table.
    pub(crate) fn foot(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{}, {} would be ended, {} spared. Nothing was signalled.",
            Processes(self.processes_seen),
            self.breaches,
            self.spared
        )];
        if self.processes_unreadable > 0 {
            lines.push(format!(
                "Can't be read here and are protected: {}.",
                self.processes_unreadable
            ));
        }
        if self.hidepid {
            lines.push(
                "/proc is mounted with hidepid: other users' processes are not shown, run it as root."
                    .to_owned(),
            );
        }
        lines
    }
}

/// The memory of a process as a share of the lowest threshold that holds for it.
fn share_of_threshold(policy: &Policy, process: &Process, memory: &SystemMemory) -> Percent {
    let lowest = policy.limits(process).thresholds.lowest(memory.total);
    Percent::share(process.memory().unwrap_or(process.rss), lowest)
}

impl Row {
    fn new(
        policy: &Policy,
        process: &Process,
        verdict: &Verdict<'_>,
        share: Percent,
        memory: &SystemMemory,
        users: &mut UserNames,
    ) -> Self {
        let (verdict, reason) = match verdict {
            Verdict::Breach(breach) => (Kind::Breach, format!("over {breach}")),
            Verdict::Protected(protection) => (Kind::Protected, protection.to_string()),
            // What would protect it if it grew is worth knowing beforehand.
            Verdict::Within => (Kind::Within, outlook(policy, process)),
        };
        let facts = process.facts.as_ref().ok();
        let name = |facts: &Facts| Escaped(facts.name.as_bytes()).to_string();
        Self {
            pid: process.pid,
            name: facts.map(name),
            user: facts.map(|facts| Escaped(users.name(facts.uid)).to_string()),
            rss_bytes: process.rss,
            rss_percent: Percent::share(process.rss, memory.total).get(),
            rule: policy.rule(process).map(|(number, _)| number),
            metric: measured(process),
            memory_bytes: process.memory().ok(),
            threshold_percent: share.get(),
            verdict,
            reason,
        }
    }
}

fn measured(process: &Process) -> Metric {
    process
        .details
        .memory
        .map_or(Metric::Rss, |(metric, _)| metric)
}

/// What would protect a process that is within its thresholds, or else whose thresholds those are.
fn outlook(policy: &Policy, process: &Process) -> String {
    let facts = process.facts.as_ref().ok();
    let protection = facts.and_then(|facts| policy.protection(process, facts));
    if let Some(protection) = protection.or_else(|| policy.rule_protection(process)) {
        return protection.to_string();
    }
    let rule = policy.rule(process);
    let rule = rule.map(|(number, _)| format!("rule {number}"));
    let memory = match (measured(process), process.memory()) {
        (Metric::Rss, _) | (_, Err(_)) => None,
        (metric, Ok(memory)) => Some(format!("{metric} {memory}")),
    };
    let parts: Vec<_> = rule.into_iter().chain(memory).collect();
    parts.join(", ")
}

//! A process as `scan` shows it, with the verdict on it. Pure.

use crate::commands::groups::GroupVictim;
use crate::events::ProcessRecord;
use crate::policy::{Policy, Verdict};
use crate::proc::{Process, SystemMemory};
use crate::quantities::{Bytes, Metric, Now, Percent};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) process: ProcessRecord,
    pub(super) rss_percent: f64,
    /// The number of the rule that matches it, from 1; None where none does.
    rule: Option<usize>,
    /// What `memory_bytes` is: RSS where that alone decides, otherwise the metric of its rule or of all processes.
    metric: Metric,
    /// None where it can't be read.
    memory_bytes: Option<Bytes>,
    /// Its memory as a share of its lowest threshold; None where both are off.
    pub(super) threshold_percent: Option<f64>,
    pub(super) verdict: Word,
    pub(super) reason: String,
}

/// The verdict in one word, without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    Within,
    Protected,
    /// Over a threshold, and memory is plentiful.
    Plentiful,
    /// Killed for its group, which is over its threshold.
    Group,
    Over,
}

impl Word {
    /// The SGR parameter it is shown with.
    pub(super) fn colour(self) -> u8 {
        match self {
            Self::Within => 0,
            Self::Protected | Self::Plentiful => 33,
            Self::Group | Self::Over => 31,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Protected => "protected",
            Self::Plentiful => "plentiful",
            Self::Group => "group",
            Self::Over => "over",
        }
    }

    /// In one word; `victim` is why it would be killed for its group.
    pub(super) fn of(verdict: &Verdict, victim: Option<&GroupVictim>) -> Self {
        match verdict {
            Verdict::Breach(_) => Self::Over,
            Verdict::Protected(_) => Self::Protected,
            _ if victim.is_some() => Self::Group,
            Verdict::Plentiful(..) => Self::Plentiful,
            Verdict::Within => Self::Within,
        }
    }
}

/// The memory of a process as a share of its lowest threshold; None where both are off.
pub(super) fn share_of_threshold(
    policy: &Policy,
    process: &Process,
    memory: &SystemMemory,
) -> Option<Percent> {
    let thresholds = policy.criteria(process).thresholds;
    let lowest = (!thresholds.are_off()).then(|| thresholds.lowest(memory.total))?;
    Some(Percent::share(
        process.memory().unwrap_or(process.rss),
        lowest,
    ))
}

impl Row {
    pub(super) fn new(
        policy: &Policy,
        (process, record): (&Process, ProcessRecord),
        (verdict, victim): (&Verdict, Option<&GroupVictim>),
        share: Option<Percent>,
        (memory, now): (&SystemMemory, &Now),
    ) -> Self {
        let reason = match (verdict, victim) {
            (Verdict::Plentiful(_, _) | Verdict::Within, Some(victim)) => victim.reason.clone(),
            (Verdict::Plentiful(breach, share), None) => {
                format!("over {breach}, memory is plentiful ({share:.0} available)")
            }
            (Verdict::Breach(breach), _) => {
                let own = process.own_share(breach.metric, breach.threshold_bytes);
                let own = own.map_or(String::new(), |own| {
                    format!("; {own} are its own, others share the rest")
                });
                format!("over {breach}{own}")
            }
            (Verdict::Protected(protection), _) => policy.shown(protection).to_string(),
            // What would protect it if it grew is worth knowing before it does.
            (Verdict::Within, None) => outlook(policy, process, memory, now),
        };
        Self {
            process: record,
            rss_percent: Percent::share(process.rss, memory.total).get(),
            rule: policy.rule(process).map(|(number, _)| number),
            metric: measured(process),
            memory_bytes: process.memory().ok(),
            threshold_percent: share.map(Percent::get),
            verdict: Word::of(verdict, victim),
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

/// What would protect a process that is within its thresholds; where nothing would, its rule and metric.
fn outlook(policy: &Policy, process: &Process, memory: &SystemMemory, now: &Now) -> String {
    if let Some(protection) = policy.protection(process, memory, now) {
        return policy.shown(&protection).to_string();
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

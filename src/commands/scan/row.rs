//! A process as `scan` shows it, with the verdict on it. Pure.

use crate::commands::groups::GroupVictim;
use crate::events::{Own, ProcessRecord};
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
    /// Reserved huge pages, which are in its RSS here; None where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    huge_bytes: Option<Bytes>,
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
        (share, pss): (Option<Percent>, Option<Bytes>),
        (memory, now): (&SystemMemory, &Now),
    ) -> Self {
        let reason = match (verdict, victim) {
            (Verdict::Plentiful(_, _) | Verdict::Within, Some(victim)) => victim.reason.clone(),
            (Verdict::Plentiful(breach, share), None) => {
                format!("over {breach}, memory is plentiful ({share:.0} available)")
            }
            (Verdict::Breach(breach), _) => {
                let own = Own(process, breach);
                let pss = pss.map_or(String::new(), |pss| {
                    format!("; by pss it has {pss}: others share the rest")
                });
                format!("over {breach}{own}{pss}")
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
            huge_bytes: process.details.huge,
            threshold_percent: share.map(Percent::get),
            verdict: Word::of(verdict, victim),
            reason,
        }
    }
}

/// The PSS of a process that is over its threshold by RSS, where that is not over it and `measure` can tell; None where
/// its anonymous memory says already that others share the rest.
pub(super) fn pss_within(
    process: &Process,
    verdict: &Verdict,
    measure: impl FnOnce(&Process) -> Option<Bytes>,
) -> Option<Bytes> {
    let Verdict::Breach(breach) = verdict else {
        return None;
    };
    let own = process.own_share(breach.metric, breach.threshold_bytes);
    if breach.metric != Metric::Rss || own.is_some() {
        return None;
    }
    let huge = process.details.huge.unwrap_or_default();
    let pss = measure(process)?.saturating_add(huge);
    (pss <= breach.threshold_bytes).then_some(pss)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Origin};
    use crate::policy::Protection;
    use crate::proc::{Details, Unreadable};
    use crate::quantities::{Pid, StartTime};
    use std::time::{Duration, Instant, SystemTime};

    #[test]
    fn huge_pages_are_shown_to_programs() {
        let none = Unreadable {
            file: "stat",
            errno: None,
        };
        let loaded = Config::parse(b"", Origin::File("c.toml".into()), &|_| Ok(None)).unwrap();
        let policy = Policy::new(loaded.config, Pid::INIT);
        let memory = SystemMemory {
            total: Bytes::new(1 << 30),
            available: None,
            swap_total: Bytes::ZERO,
            swap_free: Bytes::ZERO,
            huge_used: Bytes::ZERO,
        };
        let now = Now {
            monotonic: Instant::now(),
            since_boot: Duration::ZERO,
            ticks: StartTime(0),
            wall: SystemTime::UNIX_EPOCH,
        };
        for huge in [None, Some(Bytes::new(2 << 20))] {
            let process = Process {
                pid: Pid::new(42).unwrap(),
                rss: Bytes::new(3 << 20),
                facts: Err(none),
                details: Details {
                    huge,
                    ..Details::default()
                },
            };
            let verdict = Verdict::Protected(Protection::Unreadable(none));
            let share = share_of_threshold(&policy, &process, &memory);
            let subject = (&process, ProcessRecord::default());
            let row = Row::new(
                &policy,
                subject,
                (&verdict, None),
                (share, None),
                (&memory, &now),
            );
            let json = serde_json::to_value(row).unwrap();
            let shown = json["huge_bytes"].as_u64();
            assert_eq!(shown, huge.map(Bytes::get));
        }
    }
}

//! One scan of the machine, for people as a table and for programs as JSON.

use crate::commands::config_line::file_of;
use crate::commands::groups::{self, GroupRow, GroupWord};
use crate::commands::hidepid::hidepid_note;
use crate::commands::progress::Processes;
use crate::config::{DryRun, NamePattern, System, SystemAction};
use crate::events::{MemoryInUse, ProcessRecord, Spelling};
use crate::policy::system_guard::{Level, Reading, floor_threshold};
use crate::policy::{Policy, Verdict};
use crate::proc::{Process, Sampler, Snapshot, SystemMemory, SystemReading};
use crate::quantities::{Bytes, Metric, Now, Percent, Pid, Uid};
use crate::users::UserNames;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashSet;

/// How many of the processes within their thresholds are shown.
const WITHIN_SHOWN: usize = 15;

/// How many of the groups within their thresholds are shown.
const GROUPS_SHOWN: usize = 5;

/// Which processes are shown.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// None for all users.
    pub user: Option<Uid>,
    /// None for all names.
    pub name: Option<NamePattern>,
    /// All of them, not only those closest to their thresholds.
    pub all: bool,
    /// At most so many.
    pub top: Option<usize>,
    /// How names are written.
    pub spelling: Spelling,
}

impl View {
    /// Whether only the processes of a user, or of a name, are shown.
    fn is_filtered(&self) -> bool {
        self.user.is_some() || self.name.is_some()
    }

    fn wants(&self, process: &Process) -> bool {
        let Ok(facts) = &process.facts else {
            // Its user and name are not known.
            return self.user.is_none() && self.name.is_none();
        };
        let is_name = |name: &NamePattern| name.matches(facts.name.as_bytes());
        self.user.is_none_or(|user| user == facts.uid) && self.name.as_ref().is_none_or(is_name)
    }
}

/// What a scan found.
#[derive(Debug, Serialize)]
pub struct ScanReport {
    configuration: String,
    /// What has switched a dry run on; None where it is off.
    dry_run_cause: Option<String>,
    memory: MemoryReport,
    /// None where the guard is off, or the kernel does not say what is available.
    system: Option<SystemReport>,
    processes_seen: usize,
    processes_unreadable: usize,
    hidepid: bool,
    /// How many are over a threshold and not protected, shown or not.
    over: usize,
    /// How many are over a threshold and protected, shown or not.
    protected: usize,
    /// How many are over a threshold and stay as long as memory is plentiful, shown or not.
    plentiful: usize,
    /// The groups, those closest to their thresholds first; absent where none is configured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<GroupRow>,
    processes: Vec<Row>,
    #[serde(skip)]
    memory_line: String,
    /// The processes of which the groups are shown; None for all.
    #[serde(skip)]
    only: Option<HashSet<Pid>>,
    /// Whether the table has all groups, and not only those closest to their thresholds.
    #[serde(skip)]
    has_all_groups: bool,
}

#[derive(Debug, Serialize)]
struct MemoryReport {
    total_bytes: Bytes,
    used_bytes: Option<Bytes>,
    used_percent: Option<f64>,
}

/// Whether the machine as a whole is short of memory.
#[derive(Debug, Serialize)]
struct SystemReport {
    action: &'static str,
    left_bytes: Bytes,
    short_below_bytes: Bytes,
    short: bool,
    #[serde(skip)]
    line: String,
}

impl SystemReport {
    fn new(config: &System, reading: &Reading) -> Option<Self> {
        if config.action == SystemAction::Off {
            return None;
        }
        let Level {
            total,
            left,
            floor,
            trigger,
            ..
        } = Level::of(config, reading);
        let action = config.action.name();
        let short = trigger.is_some();
        let line = format!(
            "System: {left} left, memory is short{} below {floor} ({}), action \"{action}\"",
            if short { ", as it is" } else { "" },
            floor_threshold(config, total),
        );
        Some(Self {
            action,
            left_bytes: left,
            short_below_bytes: floor,
            short,
            line,
        })
    }
}

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
    /// Its memory as a share of its lowest threshold.
    pub(super) threshold_percent: f64,
    pub(super) verdict: Word,
    pub(super) reason: String,
}

/// The verdict in one word, without its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    Within,
    Protected,
    /// Over a threshold, and memory is plentiful.
    Plentiful,
    Over,
}

impl Word {
    /// The SGR parameter it is shown with.
    pub(super) fn colour(self) -> u8 {
        match self {
            Self::Within => 0,
            Self::Protected | Self::Plentiful => 33,
            Self::Over => 31,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Protected => "protected",
            Self::Plentiful => "plentiful",
            Self::Over => "over",
        }
    }
}

impl ScanReport {
    /// The processes of `snapshot` on a machine with this memory as a whole, those closest to their thresholds first.
    pub fn new(
        policy: &Policy,
        snapshot: &Snapshot,
        system: &SystemReading,
        hidepid: bool,
        view: &View,
        now: &Now,
        users: &mut UserNames,
    ) -> Self {
        let memory = &snapshot.memory;
        let (mut over, mut protected, mut plentiful) = (0, 0, 0);
        let mut wanted = Vec::new();
        for process in &snapshot.near {
            let verdict = policy.judge(process, memory, now);
            match verdict {
                Verdict::Breach(_) => over += 1,
                Verdict::Protected(_) => protected += 1,
                Verdict::Plentiful(..) => plentiful += 1,
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
        let pids = || wanted.iter().map(|(process, ..)| process.pid).collect();
        let only = view.is_filtered().then(pids);
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
            let record = ProcessRecord::shown(process, users, view.spelling);
            Row::new(policy, (process, record), &verdict, share, (memory, now))
        });
        Self {
            configuration: policy.config.sources().to_string(),
            dry_run_cause: policy.config.dry_run_cause(),
            memory: MemoryReport {
                total_bytes: memory.total,
                used_bytes: memory.used(),
                used_percent: memory.used_share().map(Percent::get),
            },
            system: Reading::of(system)
                .and_then(|reading| SystemReport::new(&policy.config.system, &reading)),
            processes_seen: snapshot.scanned,
            processes_unreadable: snapshot.unreadable.count,
            hidepid,
            over,
            protected,
            plentiful,
            groups: Vec::new(),
            processes: rows.collect(),
            memory_line: MemoryInUse(memory).to_string(),
            only,
            has_all_groups: view.all,
        }
    }

    pub(super) fn total(&self) -> Bytes {
        self.memory.total_bytes
    }

    /// That nothing is killed, and why; None where it is.
    pub(super) fn dry_run(&self) -> Option<String> {
        let (cause, over) = (self.dry_run_cause.as_deref()?, self.over);
        Some(DryRun { cause, over }.to_string())
    }

    /// Before a scan: what the groups need is kept.
    pub fn prepare(policy: &Policy, snapshot: &mut Snapshot) {
        groups::prepare(policy, snapshot);
    }

    /// The same with the groups of the same scan.
    #[must_use]
    pub fn with_groups(
        mut self,
        policy: &Policy,
        sampler: &Sampler,
        snapshot: &mut Snapshot,
        users: &mut UserNames,
    ) -> Self {
        self.groups = groups::rows(policy, sampler, snapshot, users, self.only.as_ref());
        self
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.processes
    }

    pub(super) fn rows_mut(&mut self) -> &mut Vec<Row> {
        &mut self.processes
    }

    /// The lines above the table; those that are watched leave space for it.
    pub(super) fn head(&self, is_watched: bool) -> Vec<String> {
        let mut lines = vec![self.memory_line.clone()];
        lines.extend(self.system.iter().map(|system| system.line.clone()));
        let has_all = self.has_all_groups && !is_watched;
        let shown = self.groups.iter().enumerate();
        let shown = shown
            .filter(|(at, row)| has_all || *at < GROUPS_SHOWN || row.verdict != GroupWord::Within);
        let shown: Vec<_> = shown
            .map(|(_, row)| format!("Group {}", row.line()))
            .collect();
        let more = match self.groups.len() - shown.len() {
            0 => None,
            1 => Some("and 1 more group, within its threshold".to_owned()),
            more => Some(format!("and {more} more groups, within their thresholds")),
        };
        lines.extend(shown.into_iter().chain(more));
        lines.push(format!("Configuration: {}", file_of(&self.configuration)));
        lines.extend(self.dry_run());
        lines
    }

    /// The lines below the table.
    pub(super) fn foot(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{}, {} would be killed, {} protected. No signal was sent.",
            Processes(self.processes_seen),
            self.over,
            self.protected
        )];
        if self.plentiful > 0 {
            lines.push(format!(
                "{} over a threshold, but not killed as long as memory is plentiful.",
                Processes(self.plentiful)
            ));
        }
        if self.processes_unreadable > 0 {
            lines.push(format!(
                "Processes that can't be read and are protected: {}.",
                self.processes_unreadable
            ));
        }
        if self.hidepid {
            lines.push(hidepid_note() + ".");
        }
        lines
    }
}

/// The memory of a process as a share of its lowest threshold.
fn share_of_threshold(policy: &Policy, process: &Process, memory: &SystemMemory) -> Percent {
    let lowest = policy.criteria(process).thresholds.lowest(memory.total);
    Percent::share(process.memory().unwrap_or(process.rss), lowest)
}

impl Row {
    fn new(
        policy: &Policy,
        (process, record): (&Process, ProcessRecord),
        verdict: &Verdict,
        share: Percent,
        (memory, now): (&SystemMemory, &Now),
    ) -> Self {
        let (verdict, reason) = match verdict {
            Verdict::Plentiful(breach, share) => (
                Word::Plentiful,
                format!("over {breach}, memory is plentiful ({share:.0} available)"),
            ),
            Verdict::Breach(breach) => {
                let own = process.own_share(breach.metric, breach.threshold_bytes);
                let own = own.map_or(String::new(), |own| {
                    format!("; {own} are its own, others share the rest")
                });
                (Word::Over, format!("over {breach}{own}"))
            }
            Verdict::Protected(protection) => {
                (Word::Protected, policy.shown(protection).to_string())
            }
            // What would protect it if it grew is worth knowing before it does.
            Verdict::Within => (Word::Within, outlook(policy, process, memory, now)),
        };
        Self {
            process: record,
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

//! One scan of the machine, for people as a table and for programs as JSON.

use super::peaks::MEASURED;
use super::row::{Row, Word, pss_within, share_of_threshold};
use crate::commands::config_line::file_of;
use crate::commands::group_row::{GroupRow, GroupWord};
use crate::commands::groups::{self, GroupsNow};
use crate::commands::hidepid::hidepid_note;
use crate::commands::progress::Processes;
use crate::config::{DryRun, NamePattern, System, SystemAction};
use crate::events::{MemoryInUse, ProcessRecord, Spelling};
use crate::policy::Policy;
use crate::policy::system_guard::{Level, Reading, floor_threshold};
use crate::proc::{Process, Sampler, Snapshot, SystemReading};
use crate::quantities::{Bytes, Now, Percent, Uid};
use crate::users::UserNames;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;

/// How many of the processes within their thresholds are shown.
const WITHIN_SHOWN: usize = 15;

/// How many of the groups within their thresholds are shown.
const GROUPS_SHOWN: usize = 5;

/// How many groups are shown on a screen of fewer than so many lines, over their thresholds or not.
const GROUPS_ON_SHORT_SCREEN: usize = 3;
const SHORT_SCREEN: usize = 40;

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
    /// How many would be killed for their groups and are within their own thresholds, shown or not.
    group_victims: usize,
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
            "System: action \"{action}\", {left} left, memory is short{} below {floor} ({})",
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

impl ScanReport {
    /// The processes of `snapshot`, which has all, on a machine with this memory as a whole, those closest to their
    /// thresholds first.
    pub fn new(
        policy: &Policy,
        sampler: &Sampler,
        snapshot: &mut Snapshot,
        system: &SystemReading,
        view: &View,
        now: &Now,
        users: &mut UserNames,
    ) -> Self {
        let only = view.is_filtered().then(|| {
            let wanted = snapshot.near.iter().filter(|process| view.wants(process));
            wanted.map(|process| process.pid).collect()
        });
        let GroupsNow {
            rows: groups,
            victims,
        } = groups::read(policy, sampler, snapshot, users, now, only.as_ref());
        let memory = &snapshot.memory;
        let mut counts: HashMap<Word, usize> = HashMap::new();
        let mut wanted = Vec::new();
        for process in &snapshot.near {
            let verdict = policy.judge(process, memory, now);
            let victim = victims.get(&process.pid);
            *counts.entry(Word::of(&verdict, victim)).or_default() += 1;
            if view.wants(process) {
                let share = share_of_threshold(policy, process, memory);
                wanted.push((process, (verdict, victim), share));
            }
        }
        let count = |word| counts.get(&word).copied().unwrap_or_default();
        wanted.sort_unstable_by(|(one, _, share), (other, _, other_share)| {
            let [share, other_share] =
                [share, other_share].map(|share| share.map_or(-1.0, Percent::get));
            let by_share = other_share.total_cmp(&share);
            by_share.then_with(|| (Reverse(one.rss), one.pid).cmp(&(Reverse(other.rss), other.pid)))
        });
        let mut within = 0;
        wanted.retain(|(_, verdict, _)| {
            let is_within = Word::of(&verdict.0, verdict.1) == Word::Within;
            within += usize::from(is_within);
            let is_near = !is_within || within <= WITHIN_SHOWN;
            view.all || view.top.is_some() || is_near
        });
        wanted.truncate(view.top.unwrap_or(usize::MAX));
        let mut measured = 0;
        let rows = wanted
            .into_iter()
            .map(|(process, (verdict, victim), share)| {
                let record = ProcessRecord::shown(process, users, view.spelling);
                let pss = pss_within(process, &verdict, |process| {
                    measured += 1;
                    let key = process.key().filter(|_| measured <= MEASURED)?;
                    sampler.pss(key)
                });
                let verdict = (&verdict, victim);
                let figures = (share, pss);
                Row::new(policy, (process, record), verdict, figures, (memory, now))
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
            hidepid: sampler.hides_processes(),
            over: count(Word::Over),
            group_victims: count(Word::Group),
            protected: count(Word::Protected),
            plentiful: count(Word::Plentiful),
            groups,
            processes: rows.collect(),
            memory_line: MemoryInUse(memory).to_string(),
            has_all_groups: view.all,
        }
    }

    pub(super) fn total(&self) -> Bytes {
        self.memory.total_bytes
    }

    /// How many processes would be killed, by themselves or for their groups.
    fn would_be_killed(&self) -> usize {
        self.over + self.group_victims
    }

    /// That nothing is killed, and why; None where it is.
    pub(super) fn dry_run(&self) -> Option<String> {
        let (cause, over) = (self.dry_run_cause.as_deref()?, self.would_be_killed());
        Some(DryRun { cause, over }.to_string())
    }

    /// Before a scan: what the groups need is kept.
    pub fn prepare(policy: &Policy, snapshot: &mut Snapshot) {
        groups::prepare(policy, snapshot);
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.processes
    }

    pub(super) fn rows_mut(&mut self) -> &mut Vec<Row> {
        &mut self.processes
    }

    /// The lines above the table. Those of a screen that is watched leave space for it: `screen_lines` is its height,
    /// None where nothing is watched.
    pub(super) fn head(&self, screen_lines: Option<usize>) -> Vec<String> {
        let mut lines = vec![self.memory_line.clone()];
        lines.extend(self.system.iter().map(|system| system.line.clone()));
        let is_short = screen_lines.is_some_and(|lines| lines < SHORT_SCREEN);
        let has_all = self.has_all_groups && screen_lines.is_none();
        let shown = self.groups.iter().enumerate();
        let shown = shown.filter(|(at, row)| {
            if is_short {
                return *at < GROUPS_ON_SHORT_SCREEN;
            }
            has_all || *at < GROUPS_SHOWN || row.verdict != GroupWord::Within
        });
        let shown: Vec<_> = shown
            .map(|(_, row)| format!("Group {}", row.line()))
            .collect();
        let more = match (self.groups.len() - shown.len(), is_short) {
            (0, _) => None,
            (1, true) => Some("and 1 more group, at a lower share of its threshold".to_owned()),
            (more, true) => {
                let text = format!("and {more} more groups, at lower shares of their thresholds");
                Some(text)
            }
            (1, false) => Some("and 1 more group, within its threshold".to_owned()),
            (more, false) => Some(format!("and {more} more groups, within their thresholds")),
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
            self.would_be_killed(),
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

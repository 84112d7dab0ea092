//! A group of processes as the commands show it. Pure.

use crate::config::{Group, GroupAction, GroupKill};
use crate::escape::Escaped;
use crate::events::{GroupName, Spelling};
use crate::policy::groups::{GroupKey, GroupOutlook, GroupSum};
use crate::policy::{Policy, Threshold};
use crate::proc::{Process, Snapshot};
use crate::quantities::{Bytes, Metric, Percent, Pid, Span};
use crate::users::UserNames;
use serde::{Serialize, Serializer};
use std::cell::RefCell;
use std::time::Duration;

/// Whether a group is over its threshold, and if nothing is killed for that, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupWord {
    Within,
    /// Over it: members are killed, or that is reported.
    Over,
    /// Over it, and memory is plentiful.
    Plentiful,
    /// Over it, and every member is protected.
    Protected,
    /// Over it, and without what is killed for other thresholds no longer.
    Ending,
    /// Not all of its memory can be read.
    Unknown,
}

/// A group as it is now.
#[derive(Debug, Serialize)]
pub(crate) struct GroupRow {
    /// Its name as the log has it.
    pub(crate) group: String,
    /// The number of its `[[group]]`, from 1.
    pub(crate) number: usize,
    #[serde(skip)]
    pub(crate) key: GroupKey,
    /// The name of the process whose descendants are a group by tree; None for other groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<Program>,
    pub(crate) members: usize,
    /// By the metric, at least.
    pub(crate) bytes: Bytes,
    /// The most it can be, where not all could be read.
    pub(crate) at_most_bytes: Bytes,
    pub(crate) metric: Metric,
    pub(crate) threshold_bytes: Bytes,
    /// Of the threshold.
    pub(crate) threshold_percent: f64,
    pub(crate) verdict: GroupWord,
    pub(crate) action: GroupAction,
    pub(crate) kill: GroupKill,
    /// The members that would be killed next.
    pub(crate) victims: Vec<Pid>,
    /// What becomes of it; empty within its threshold.
    #[serde(skip)]
    note: String,
}

/// The name of a process.
#[derive(Debug)]
struct Program(Vec<u8>);

impl Serialize for Program {
    /// Programs quote it themselves.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Spelling::Plain.text(&self.0))
    }
}

impl GroupRow {
    pub(super) fn new(
        policy: &Policy,
        (sum, outlook): (&GroupSum, &GroupOutlook),
        snapshot: &Snapshot,
        users: &RefCell<UserNames>,
    ) -> Option<Self> {
        let group = policy.group(sum)?;
        let threshold_bytes = group.thresholds.lowest(snapshot.memory.total);
        let at_most_bytes = sum.bounds.members().saturating_add(sum.bounds.rest);
        let sustained = policy.group_criteria(group).sustained;
        let mut victims = Vec::new();
        let (verdict, note) = match outlook {
            GroupOutlook::Within => (GroupWord::Within, String::new()),
            GroupOutlook::Unknown => (
                GroupWord::Unknown,
                format!(", and at most {at_most_bytes}: not all can be read"),
            ),
            GroupOutlook::Warn => (GroupWord::Over, ", over: it is only reported".to_owned()),
            GroupOutlook::Plentiful(share) => (
                GroupWord::Plentiful,
                format!(", over: nothing is killed, memory is plentiful ({share:.0} available)"),
            ),
            GroupOutlook::Protected => (
                GroupWord::Protected,
                ", over: every member is protected".to_owned(),
            ),
            GroupOutlook::Ending => (
                GroupWord::Ending,
                ", over: what is killed for other thresholds frees enough".to_owned(),
            ),
            GroupOutlook::Later => (
                GroupWord::Over,
                ", over: which member is killed can't be told in time".to_owned(),
            ),
            GroupOutlook::Kill(pids) => {
                victims.clone_from(pids);
                (GroupWord::Over, killed(group, pids, sum.members, sustained))
            }
        };
        Some(Self {
            group: GroupName::of(group.label(), sum).shown(users).to_string(),
            number: sum.group + 1,
            key: sum.key,
            program: match sum.key {
                GroupKey::Tree(key) => name_of(key.pid, &snapshot.near),
                _ => None,
            },
            members: sum.members,
            bytes: sum.bounds.known,
            at_most_bytes,
            metric: group.metric,
            threshold_bytes,
            threshold_percent: Percent::share(sum.bounds.known, threshold_bytes).get(),
            verdict,
            action: group.action,
            kill: group.kill,
            victims,
            note,
        })
    }

    /// `users/ann: 214 members, 54.20GB by pss of 50.00GB, over: its largest member is killed: PID 900`.
    pub(crate) fn line(&self) -> String {
        let Self {
            group,
            members,
            bytes,
            metric,
            threshold_bytes,
            note,
            ..
        } = self;
        let s = if *members == 1 { "" } else { "s" };
        let program = self.program.as_ref();
        let program = program.map_or(String::new(), |name| format!(" ({})", Escaped(&name.0)));
        format!(
            "{group}{program}: {members} member{s}, {bytes} by {metric} of {threshold_bytes}{note}"
        )
    }

    /// Whether it is over its threshold, whatever is done about that.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self.verdict, GroupWord::Within | GroupWord::Unknown)
    }

    /// Why its victims would be killed.
    pub(super) fn reason(&self, threshold: Option<Threshold>) -> String {
        let which = match self.kill {
            GroupKill::Largest => "the largest",
            GroupKill::Newest => "the newest",
            GroupKill::All => "a member",
        };
        let threshold = threshold.map_or(String::new(), |threshold| format!(" over {threshold}"));
        format!("{which} of group {}{threshold}", self.group)
    }
}

/// Which members are killed, and when.
fn killed(group: &Group, pids: &[Pid], members: usize, sustained: Duration) -> String {
    let once = if sustained.is_zero() {
        String::new()
    } else {
        format!(" once it is over for {}", Span(sustained))
    };
    match (group.kill, pids) {
        (GroupKill::All, pids) if pids.len() < members => {
            format!(", over: {} of its members are killed{once}", pids.len())
        }
        (GroupKill::All, _) => format!(", over: all members are killed{once}"),
        (which, pids) => {
            let pid = pids
                .first()
                .map_or(String::new(), |pid| format!(": PID {pid}"));
            format!(", over: its {} member is killed{once}{pid}", which.name())
        }
    }
}

fn name_of(pid: Pid, processes: &[Process]) -> Option<Program> {
    let process = processes.iter().find(|process| process.pid == pid)?;
    let facts = process.facts.as_ref().ok()?;
    Some(Program(facts.name.as_bytes().to_vec()))
}

//! The groups of processes as they are now, for the commands that show them. Sends no signal.

use crate::config::{GroupAction, GroupKill};
use crate::daemon::group_reader::{Reader, sum_up};
use crate::escape::Escaped;
use crate::events::{GroupName, Spelling};
use crate::policy::Policy;
use crate::policy::groups::{GroupKey, GroupStanding, GroupSum, Sums};
use crate::proc::{Process, Sampler, Snapshot};
use crate::quantities::{Bytes, Metric, Percent, Pid};
use crate::users::UserNames;
use serde::{Serialize, Serializer};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

/// So long a command reads for groups; then it shows what it knows.
const TIME: Duration = Duration::from_secs(2);

/// Whether a group is over its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupWord {
    Within,
    Over,
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
    fn new(
        policy: &Policy,
        sum: &GroupSum,
        snapshot: &Snapshot,
        users: &RefCell<UserNames>,
    ) -> Option<Self> {
        let group = policy.group(sum)?;
        let threshold_bytes = group.thresholds.lowest(snapshot.memory.total);
        let name = GroupName {
            number: sum.group + 1,
            label: group.label(),
            key: sum.key,
            unit: &sum.unit,
        };
        Some(Self {
            group: name.shown(users).to_string(),
            number: name.number,
            key: sum.key,
            program: match sum.key {
                GroupKey::Tree(key) => name_of(key.pid, &snapshot.near),
                _ => None,
            },
            members: sum.members,
            bytes: sum.bounds.known,
            at_most_bytes: sum.bounds.members().saturating_add(sum.bounds.rest),
            metric: group.metric,
            threshold_bytes,
            threshold_percent: Percent::share(sum.bounds.known, threshold_bytes).get(),
            verdict: match sum.standing {
                GroupStanding::Within => GroupWord::Within,
                GroupStanding::Over => GroupWord::Over,
                GroupStanding::Open => GroupWord::Unknown,
            },
            action: group.action,
            kill: group.kill,
        })
    }

    /// `users/ann: 214 members, 54.20GB by pss of 50.00GB, over: its largest member is killed`.
    pub(crate) fn line(&self) -> String {
        let Self {
            group,
            members,
            bytes,
            metric,
            threshold_bytes,
            ..
        } = self;
        let s = if *members == 1 { "" } else { "s" };
        let what = match (self.verdict, self.action, self.kill) {
            (GroupWord::Within, ..) => String::new(),
            (GroupWord::Unknown, ..) => {
                format!(", and at most {}: not all can be read", self.at_most_bytes)
            }
            (_, GroupAction::Warn, _) => ", over: it is only reported".to_owned(),
            (_, _, GroupKill::All) => ", over: all members are killed".to_owned(),
            (_, _, which) => format!(", over: its {} member is killed", which.name()),
        };
        let program = self.program.as_ref();
        let program = program.map_or(String::new(), |name| format!(" ({})", Escaped(&name.0)));
        format!(
            "{group}{program}: {members} member{s}, {bytes} by {metric} of {threshold_bytes}{what}"
        )
    }
}

/// Before a scan: whether it is to keep the sizes that groups want.
pub(crate) fn prepare(policy: &Policy, snapshot: &mut Snapshot) {
    snapshot.sizes.want(!policy.config.groups.is_empty());
}

fn name_of(pid: Pid, processes: &[Process]) -> Option<Program> {
    let process = processes.iter().find(|process| process.pid == pid)?;
    let facts = process.facts.as_ref().ok()?;
    Some(Program(facts.name.as_bytes().to_vec()))
}

/// All groups that a scan has found, those closest to their thresholds first; of these processes only, where some are given.
pub(crate) fn rows(
    policy: &Policy,
    sampler: &Sampler,
    snapshot: &mut Snapshot,
    users: &mut UserNames,
    only: Option<&HashSet<Pid>>,
) -> Vec<GroupRow> {
    if policy.config.groups.is_empty() {
        return Vec::new();
    }
    sampler.begin_turn();
    let mut sums = Sums::thorough();
    let memory = snapshot.memory;
    sum_up(
        &mut sums,
        policy,
        sampler,
        &mut snapshot.sizes,
        &memory,
        TIME,
    );
    let mut reader = Reader::new(sampler, policy, TIME);
    let count = sums.all().len();
    let mut has_wanted = |index| {
        let Some(only) = only else { return true };
        let mut has_one = false;
        let sizes = &mut snapshot.sizes;
        sums.each_member(index, policy, sizes, &mut reader, &mut |size| {
            has_one |= only.contains(&size.pid);
        });
        has_one
    };
    let is_wanted: Vec<_> = (0..count).map(&mut has_wanted).collect();
    let names = RefCell::new(std::mem::take(users));
    let all = sums.all().iter().zip(is_wanted);
    let wanted = all.filter(|(_, is_wanted)| *is_wanted);
    let rows = wanted.filter_map(|(sum, _)| GroupRow::new(policy, sum, snapshot, &names));
    let mut rows: Vec<_> = rows.collect();
    *users = names.into_inner();
    rows.sort_by(|one, other| {
        let by_share = other.threshold_percent.total_cmp(&one.threshold_percent);
        by_share.then_with(|| {
            (Reverse(one.members), &one.group).cmp(&(Reverse(other.members), &other.group))
        })
    });
    rows
}

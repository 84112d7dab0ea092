//! The groups of processes as they are now, for the commands that show them. Sends no signal.

use crate::daemon::group_reader::sum_up;
use crate::events::GroupName;
use crate::policy::Policy;
use crate::policy::groups::{GroupKey, GroupStanding, GroupSum, Sums};
use crate::proc::{Sampler, Snapshot};
use crate::quantities::{Bytes, Metric, Percent};
use crate::users::UserNames;
use serde::Serialize;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::time::Duration;

/// So long a command reads for groups; then it shows what it knows.
const TIME: Duration = Duration::from_secs(2);
/// So many groups are shown.
const SHOWN: usize = 100;

/// A group as it is now.
#[derive(Debug, Serialize)]
pub(crate) struct GroupRow {
    /// Its name as the log has it.
    pub(crate) group: String,
    /// The number of its `[[group]]`, from 1.
    pub(crate) number: usize,
    #[serde(skip)]
    pub(crate) key: GroupKey,
    pub(crate) members: usize,
    /// By the metric, at least.
    pub(crate) bytes: Bytes,
    /// The most it can be, where not all could be read.
    pub(crate) at_most_bytes: Bytes,
    pub(crate) metric: Metric,
    pub(crate) threshold_bytes: Bytes,
    /// Of the threshold.
    pub(crate) threshold_percent: f64,
    pub(crate) verdict: &'static str,
    pub(crate) action: &'static str,
    pub(crate) kill: &'static str,
}

impl GroupRow {
    fn new(
        policy: &Policy,
        sum: &GroupSum,
        total: Bytes,
        users: &RefCell<UserNames>,
    ) -> Option<Self> {
        let group = policy.group(sum)?;
        let threshold_bytes = group.thresholds.lowest(total);
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
            members: sum.members,
            bytes: sum.bounds.known,
            at_most_bytes: sum.bounds.members().saturating_add(sum.bounds.rest),
            metric: group.metric,
            threshold_bytes,
            threshold_percent: Percent::share(sum.bounds.known, threshold_bytes).get(),
            verdict: match sum.standing {
                GroupStanding::Within => "within",
                GroupStanding::Over => "over",
                GroupStanding::Open => "unknown",
            },
            action: group.action.name(),
            kill: group.kill.name(),
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
            ("within", ..) => String::new(),
            ("unknown", ..) => format!(", and at most {}: not all can be read", self.at_most_bytes),
            (_, "warn", _) => ", over: it is only reported".to_owned(),
            (_, _, "all") => ", over: all members are killed".to_owned(),
            (_, _, which) => format!(", over: its {which} member is killed"),
        };
        format!("{group}: {members} member{s}, {bytes} by {metric} of {threshold_bytes}{what}")
    }
}

/// Before a scan: whether it is to keep the sizes that groups want.
pub(crate) fn prepare(policy: &Policy, snapshot: &mut Snapshot) {
    snapshot.sizes.want(!policy.config.groups.is_empty());
}

/// All groups that a scan has found, those closest to their thresholds first.
pub(crate) fn rows(
    policy: &Policy,
    sampler: &Sampler,
    snapshot: &mut Snapshot,
    users: &mut UserNames,
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
    let names = RefCell::new(std::mem::take(users));
    let all = sums.all().iter();
    let rows = all.filter_map(|sum| GroupRow::new(policy, sum, memory.total, &names));
    let mut rows: Vec<_> = rows.collect();
    *users = names.into_inner();
    rows.sort_by(|one, other| {
        let by_share = other.threshold_percent.total_cmp(&one.threshold_percent);
        by_share.then_with(|| {
            (Reverse(one.members), &one.group).cmp(&(Reverse(other.members), &other.group))
        })
    });
    rows.truncate(SHOWN);
    rows
}

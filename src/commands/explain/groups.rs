//! The groups that the process belongs to, and whether one of them is over its threshold.

use super::test::{Answer, Test};
use crate::Error;
use crate::commands::groups::{self, GroupRow, GroupWord};
use crate::daemon::group_reader::Reader;
use crate::policy::Policy;
use crate::policy::groups::Sums;
use crate::proc::{Sampler, Snapshot};
use crate::quantities::Pid;
use crate::users::UserNames;
use std::time::Duration;

/// Reads the groups of a process. None where none is configured. Fails where /proc can't be read.
pub(super) fn read(
    policy: &Policy,
    sampler: &mut Sampler,
    pid: Pid,
) -> Result<Option<Vec<GroupRow>>, Error> {
    if policy.config.groups.is_empty() {
        return Ok(None);
    }
    let mut snapshot = Snapshot::default();
    groups::prepare(policy, &mut snapshot);
    sampler.list(policy, &mut snapshot)?;
    let mut rows = groups::rows(
        policy,
        sampler,
        &mut snapshot,
        &mut UserNames::default(),
        None,
    );
    let mut reader = Reader::new(sampler, policy, Duration::from_secs(1));
    let own = Sums::default().groups_of(pid, policy, &mut reader);
    rows.retain(|row| own.contains(&(row.number - 1, row.key)));
    Ok(Some(rows))
}

/// Whether a group of the process is over its threshold.
pub(super) fn test(rows: Option<&[GroupRow]>) -> Test {
    let Some(rows) = rows else {
        return Test {
            name: "group over its threshold",
            answer: Answer::Off,
            detail: String::new(),
        };
    };
    let lines: Vec<_> = rows.iter().map(GroupRow::line).collect();
    Test {
        name: "group over its threshold",
        answer: Answer::of(rows.iter().any(|row| row.verdict == GroupWord::Over)),
        detail: if lines.is_empty() {
            "it belongs to no group".to_owned()
        } else {
            lines.join("; ")
        },
    }
}

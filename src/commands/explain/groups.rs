//! The groups that the process belongs to, and whether it would be killed for one of them.

use super::evidence::OwnGroups;
use super::test::{Answer, Test};
use crate::Error;
use crate::commands::group_row::GroupRow;
use crate::commands::groups;
use crate::policy::Policy;
use crate::proc::{Sampler, Snapshot};
use crate::quantities::{Now, Pid};
use crate::users::UserNames;
use std::collections::HashSet;

/// Reads the groups of a process. None where none is configured. Fails where /proc can't be read.
pub(super) fn read(
    policy: &Policy,
    sampler: &mut Sampler,
    pid: Pid,
    now: &Now,
) -> Result<Option<OwnGroups>, Error> {
    if policy.config.groups.is_empty() {
        return Ok(None);
    }
    let mut snapshot = Snapshot::default();
    groups::prepare(policy, &mut snapshot);
    sampler.scan_all(policy, &mut snapshot)?;
    let users = &mut UserNames::default();
    let only = HashSet::from([pid]);
    let mut own = groups::read(policy, sampler, &mut snapshot, users, now, Some(&only));
    Ok(Some(OwnGroups {
        rows: own.rows,
        victim: own.victims.remove(&pid),
    }))
}

/// Whether a group of the process is over its threshold.
pub(super) fn test(own: Option<&OwnGroups>) -> Test {
    let Some(own) = own else {
        return Test {
            name: "group over its threshold",
            answer: Answer::Off,
            detail: String::new(),
        };
    };
    let lines: Vec<_> = own.rows.iter().map(GroupRow::line).collect();
    Test {
        name: "group over its threshold",
        answer: Answer::of(own.rows.iter().any(GroupRow::is_over)),
        detail: if lines.is_empty() {
            "it belongs to no group".to_owned()
        } else {
            lines.join("; ")
        },
    }
}

//! Every `[[group]]` with what it matches now, and what limits of systemd come before it.

use crate::commands::config_line::from;
use crate::commands::group_row::GroupRow;
use crate::config::GroupBy;
use crate::escape::OneLine;
use crate::policy::Policy;
use crate::policy::groups::GroupKey;
use crate::proc::cgroup;
use crate::quantities::Bytes;
use serde::Serialize;
use std::fmt::Write;

/// How many groups of one are shown.
const SHOWN: usize = 4;

#[derive(Debug, Serialize)]
pub(super) struct Grouped {
    number: usize,
    group: String,
    from: String,
    /// What its members together must not exceed here: the lower of its thresholds.
    threshold_bytes: Bytes,
    /// How many groups it makes now.
    groups: usize,
    over: usize,
    /// Those closest to the threshold.
    #[serde(skip)]
    lines: Vec<String>,
}

impl Grouped {
    /// `3 groups now, 1 of them over it`.
    fn count(&self) -> String {
        let over = self.over;
        match (self.groups, over) {
            (0, _) => "no process matches now".to_owned(),
            (1, 0) => "1 group now, not over it".to_owned(),
            (1, _) => "1 group now, over it".to_owned(),
            (groups, 0) => format!("{groups} groups now, none of them over it"),
            (groups, _) => format!("{groups} groups now, {over} of them over it"),
        }
    }
}

pub(super) fn list(policy: &Policy, rows: &[GroupRow], total: Bytes) -> Vec<Grouped> {
    let groups = policy.config.groups.iter().enumerate();
    let entries = groups.map(|(index, group)| {
        let own = || rows.iter().filter(move |row| row.number == index + 1);
        Grouped {
            number: index + 1,
            group: group.to_string(),
            from: from(group.location.as_ref()),
            threshold_bytes: group.thresholds.lowest(total),
            groups: own().count(),
            over: own().filter(|row| row.is_over()).count(),
            lines: own().take(SHOWN).map(GroupRow::line).collect(),
        }
    });
    entries.collect()
}

/// The users whose slice has a MemoryMax= below the threshold of their group: the kernel acts there first.
pub(super) fn notes(policy: &Policy, rows: &[GroupRow]) -> Vec<String> {
    let limits = rows.iter().filter_map(|row| {
        let group = policy.config.groups.get(row.number - 1)?;
        let GroupKey::User(uid) = row.key else {
            return None;
        };
        let slice = format!("user-{uid}.slice");
        let path = format!("/user.slice/{slice}");
        let limit = cgroup::memory_max(path.as_bytes())?;
        (group.by() == GroupBy::User && limit < row.threshold_bytes).then(|| {
            format!(
                "group {} has a threshold of {}, but MemoryMax= of {slice} is {limit}: the kernel's OOM \
                 killer acts there first",
                row.group, row.threshold_bytes
            )
        })
    });
    limits.collect()
}

pub(super) fn write(out: &mut String, groups: &[Grouped]) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nThe groups, each of which is judged alone:")?;
    for grouped in groups {
        writeln!(
            out,
            "  {}  {}  ({})",
            grouped.number,
            OneLine(&grouped.group),
            grouped.from
        )?;
        writeln!(
            out,
            "     the threshold is {}; {}",
            grouped.threshold_bytes,
            grouped.count()
        )?;
        for line in &grouped.lines {
            writeln!(out, "     {}", OneLine(line))?;
        }
        let more = grouped.groups.saturating_sub(grouped.lines.len());
        if more > 0 {
            writeln!(out, "     and {more} more")?;
        }
    }
    Ok(())
}

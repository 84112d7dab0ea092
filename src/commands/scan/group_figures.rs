//! The thresholds of groups for what the processes of each user and of each unit have together. By PSS where that is
//! measured, and by anonymous memory otherwise, which is most of the PSS of a small process. Pure.

use super::kinds::Kinds;
use super::names::{plain, quoted};
use super::sums::{Sum, Sums};
use crate::commands::progress::Processes;
use crate::escape::Escaped;
use crate::quantities::Bytes;
use serde::Serialize;
use std::cmp::Reverse;
use std::fmt::Write;

/// So many kinds of units are suggested, those that have most.
const KINDS: usize = 3;

/// A group with a threshold over all that was seen.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct SuggestedGroup {
    by: &'static str,
    /// The pattern of the units it is for; None for users.
    unit: Option<String>,
    /// The user or the unit that had most.
    #[serde(serialize_with = "plain")]
    largest: Vec<u8>,
    largest_bytes: Bytes,
    processes: usize,
    suggested_bytes: Bytes,
}

impl SuggestedGroup {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Self {
            by,
            largest,
            largest_bytes,
            processes,
            ..
        } = self;
        let (largest, count) = (Escaped(largest), Processes(*processes));
        writeln!(
            out,
            "\n# The most: {largest} with {largest_bytes}, {count}.\n# [[group]]\n# by = \"{by}\""
        )?;
        if let Some(unit) = &self.unit {
            writeln!(out, "# unit = {}", quoted(unit))?;
        }
        writeln!(out, "# ram_gb_threshold = {:.2}", self.suggested_bytes.gb())
    }
}

/// The groups for users and for the kinds of units; `enough` is the threshold with a reserve, None where there is none
/// on this machine.
pub(super) fn groups(
    users: Sums,
    kinds: Kinds,
    enough: impl Fn(Bytes) -> Option<Bytes>,
) -> Vec<SuggestedGroup> {
    let group = |by, unit, name, sum: Sum| {
        Some(SuggestedGroup {
            by,
            unit,
            largest: name,
            largest_bytes: sum.bytes,
            processes: sum.processes,
            suggested_bytes: enough(sum.bytes)?,
        })
    };
    let user = users
        .into_iter()
        .max_by(|(one, sum), (other, other_sum)| {
            (sum.bytes, Reverse(one)).cmp(&(other_sum.bytes, Reverse(other)))
        })
        .and_then(|(name, sum)| group("user", None, name, sum));
    let units = kinds.largest().into_iter();
    let units = units
        .take(KINDS)
        .filter_map(|(kind, name, sum)| group("unit", Some(kind), name, sum));
    user.into_iter().chain(units).collect()
}

pub(super) fn write(out: &mut String, groups: &[SuggestedGroup]) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nGroups, for the processes of a user and of a unit together, with half of the most that was seen as reserve:"
    )?;
    groups.iter().try_for_each(|group| group.write(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::scan::sums::{add, keep_highest};

    fn sums(all: &[(&str, f64)]) -> Sums {
        let mut sums = Sums::new();
        for (name, gb) in all {
            add(&mut sums, name.as_bytes(), Bytes::from_gb(*gb).unwrap());
        }
        sums
    }

    #[test]
    fn the_largest_user_and_kinds_of_units_get_a_group() {
        let mut users = sums(&[("ann", 1.0), ("ann", 2.0), ("bob", 0.5)]);
        keep_highest(&mut users, sums(&[("ann", 2.5), ("bob", 3.5)]));
        let mut kinds = Kinds::default();
        kinds.note(&sums(&[
            ("/user.slice/user-1000.slice/session-3.scope", 2.0),
            ("/user.slice/user-1000.slice/session-4.scope", 3.5),
            ("/user.slice/user-1000.slice/user@1000.service", 0.5),
            ("/system.slice/mariadb.service", 1.0),
            ("/not/a/unit", 9.0),
            ("/init.scope", 0.1),
        ]));
        let groups = groups(users, kinds, |bytes| (bytes.gb() < 3.5).then_some(bytes));
        let shown: Vec<_> = groups
            .iter()
            .map(|group| (group.by, group.unit.as_deref()))
            .collect();
        let expected = [
            ("unit", Some("*.service")),
            ("unit", Some("user@*.service")),
        ];
        assert_eq!(shown, expected);
        let users = super::groups(sums(&[("ann", 1.0), ("ann", 2.0)]), Kinds::default(), Some);
        let mut text = String::new();
        write(&mut text, &users).unwrap();
        assert!(
            text.ends_with(
                "\n# The most: ann with 3.00GB, 2 processes.\n# [[group]]\n# by = \"user\"\n# ram_gb_threshold = 3.00\n"
            ),
            "{text}"
        );
    }
}

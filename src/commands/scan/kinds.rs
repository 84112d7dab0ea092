//! The kinds of units, such as `session-*.scope`, and the unit of each kind whose processes had most together: as a
//! group with `by = "unit"` sums them up. Pure.

use super::names::pattern;
use super::sums::{Sum, Sums};
use crate::config::NamePattern;
use crate::policy::groups::unit_of;
use crate::quantities::Bytes;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// So many kinds are told apart, those that have most: users choose the names, and each kind is compared with each
/// path.
const KINDS: usize = 64;

/// A kind, and the unit of it that had most.
#[derive(Debug)]
struct Kind {
    pattern: NamePattern,
    largest: Vec<u8>,
    sum: Sum,
}

/// By the texts of their patterns.
#[derive(Debug, Default)]
pub(super) struct Kinds(HashMap<String, Kind>);

impl Kinds {
    /// Takes into account what the control groups with these paths have in a scan.
    pub(super) fn note(&mut self, cgroups: &Sums) {
        self.add_kinds_of(cgroups);
        for kind in self.0.values_mut() {
            // The group of a process is the outermost unit that the pattern matches, not its own one.
            let mut units: HashMap<&[u8], (&[u8], Sum)> = HashMap::new();
            for (path, sum) in cgroups {
                if let Some((above, unit)) = unit_of(&kind.pattern, path) {
                    let all = units.entry(above).or_insert((unit, Sum::default()));
                    all.1 = all.1.and(*sum);
                }
            }
            let most = units.into_values();
            let most = most.max_by_key(|(unit, sum)| (sum.bytes, Reverse(*unit)));
            if let Some((unit, sum)) = most.filter(|(_, sum)| sum.bytes > kind.sum.bytes) {
                (kind.largest, kind.sum) = (unit.to_vec(), sum);
            }
        }
    }

    /// Adds the kinds of the innermost units of these paths, and keeps those that have most.
    fn add_kinds_of(&mut self, cgroups: &Sums) {
        let mut most: HashMap<String, Bytes> = HashMap::new();
        for (path, sum) in cgroups {
            let mut parts = path.rsplit(|&byte| byte == b'/');
            if let Some(text) = parts.find_map(kind) {
                let all = most.entry(text).or_default();
                *all = all.saturating_add(sum.bytes);
            }
        }
        for (text, kind) in &self.0 {
            let all = most.entry(text.clone()).or_default();
            *all = kind.sum.bytes.max(*all);
        }
        let mut most: Vec<_> = most.into_iter().collect();
        most.sort_unstable_by(|(one, bytes), (other, other_bytes)| {
            (Reverse(bytes), one).cmp(&(Reverse(other_bytes), other))
        });
        most.truncate(KINDS);
        let kept: HashSet<_> = most.into_iter().map(|(text, _)| text).collect();
        self.0.retain(|text, _| kept.contains(text));
        for text in kept {
            if self.0.contains_key(&text) {
                continue;
            }
            if let Ok(pattern) = NamePattern::of_unit(&text) {
                let kind = Kind {
                    pattern,
                    largest: Vec::new(),
                    sum: Sum::default(),
                };
                self.0.insert(text, kind);
            }
        }
    }

    /// The patterns, with the unit that had most; those with most first.
    pub(super) fn largest(self) -> Vec<(String, Vec<u8>, Sum)> {
        let all = self.0.into_iter();
        let mut all: Vec<_> = all
            .map(|(text, kind)| (text, kind.largest, kind.sum))
            .collect();
        all.sort_unstable_by(|(one, _, sum), (other, _, other_sum)| {
            (Reverse(sum.bytes), one).cmp(&(Reverse(other_sum.bytes), other))
        });
        all
    }
}

/// The pattern for the units of this kind: `session-*.scope`, `user@*.service`, `*.service`. None for what is no unit.
fn kind(unit: &[u8]) -> Option<String> {
    let unit = std::str::from_utf8(unit).ok()?;
    let (name, suffix) = unit.rsplit_once('.')?;
    let (start, rest) = match (suffix, name.split_once('@'), name.split_once('-')) {
        ("service", Some((start, _)), _) => (start, "@*"),
        ("service", None, _) => ("", "*"),
        ("scope", _, Some((start, _))) => (start, "-*"),
        ("scope", _, None) => (name, ""),
        _ => return None,
    };
    let start = pattern(start.as_bytes())?;
    Some(format!("{start}{rest}.{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::scan::sums::add;

    /// A user's manager is a service, and holds the services of that user: as a group it is one.
    #[test]
    fn a_unit_has_what_is_in_the_units_below_it() {
        let mut cgroups = Sums::new();
        for (path, gb) in [
            ("/system.slice/mariadb.service", 3.0),
            (
                "/user.slice/user-1.slice/user@1.service/app.slice/a.service",
                2.0,
            ),
            (
                "/user.slice/user-1.slice/user@1.service/app.slice/b.service",
                1.5,
            ),
            ("/user.slice/user-2.slice/user@2.service/init.scope", 0.1),
            // Of one name, and of two users.
            ("/user.slice/user-1.slice/user@1.service/init.scope", 0.2),
            ("/user.slice/user-1.slice/session-1.scope", 1.0),
        ] {
            add(&mut cgroups, path.as_bytes(), Bytes::from_gb(gb).unwrap());
        }
        let mut kinds = Kinds::default();
        kinds.note(&cgroups);
        kinds.note(&Sums::new());
        let largest = kinds.largest();
        let shown: Vec<_> = largest
            .iter()
            .map(|(kind, unit, sum)| {
                (
                    kind.as_str(),
                    String::from_utf8_lossy(unit),
                    sum.bytes.to_string(),
                )
            })
            .collect();
        let shown: Vec<_> = shown
            .iter()
            .map(|(kind, unit, bytes)| (*kind, unit.as_ref(), bytes.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("*.service", "user@1.service", "3.70GB"),
                ("session-*.scope", "session-1.scope", "1.00GB"),
                ("init.scope", "init.scope", "0.20GB"),
            ]
        );
    }

    /// Users choose the names of their units.
    #[test]
    fn only_the_kinds_with_most_are_kept() {
        let mut kinds = Kinds::default();
        for scan in 0..3 {
            let mut cgroups = Sums::new();
            for unit in 0..1000_u64 {
                let path = format!("/user.slice/app{scan}x{unit}-1.scope");
                add(&mut cgroups, path.as_bytes(), Bytes::from_kib(unit));
            }
            let bytes = Bytes::from_gb(1.0).unwrap();
            add(
                &mut cgroups,
                format!("/a/large{scan}-1.scope").as_bytes(),
                bytes,
            );
            kinds.note(&cgroups);
            assert_eq!(kinds.0.len(), KINDS);
        }
        let largest = kinds.largest();
        let largest: Vec<_> = largest.iter().map(|(kind, _, _)| kind.as_str()).collect();
        let expected = [
            "large0-*.scope",
            "large1-*.scope",
            "large2-*.scope",
            "app0x999-*.scope",
        ];
        assert_eq!(largest.get(..4), Some(&expected[..]));
    }

    #[test]
    fn a_unit_is_of_a_kind() {
        for (unit, expected) in [
            ("session-3.scope", Some("session-*.scope")),
            ("docker-0a1b.scope", Some("docker-*.scope")),
            ("user@1000.service", Some("user@*.service")),
            ("mariadb.service", Some("*.service")),
            ("init.scope", Some("init.scope")),
            // As it is: it is quoted where it is written.
            ("\"a\"-1.scope", Some("\"a\"-*.scope")),
            ("a[-1.scope", Some("a\\[-*.scope")),
            ("/a/b", None),
        ] {
            assert_eq!(kind(unit.as_bytes()).as_deref(), expected, "{unit}");
        }
    }
}

//! The kinds of units, such as `session-*.scope`, and the unit of each kind whose processes had most together: as a
//! group with `by = "unit"` sums them up. Pure.

use super::names::pattern;
use super::sums::{Sum, Sums};
use crate::config::NamePattern;
use crate::policy::groups::unit_of;
use std::cmp::Reverse;
use std::collections::HashMap;

/// A kind, and the unit of it that had most.
#[derive(Debug)]
struct Kind {
    pattern: NamePattern,
    largest: Vec<u8>,
    sum: Sum,
}

/// By their patterns as TOML has them.
#[derive(Debug, Default)]
pub(super) struct Kinds(HashMap<String, Kind>);

impl Kinds {
    /// Takes into account what the control groups with these paths have in a scan.
    pub(super) fn note(&mut self, cgroups: &Sums) {
        for path in cgroups.keys() {
            self.add_kind_of(path);
        }
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

    /// The kind of the innermost unit of this path.
    fn add_kind_of(&mut self, path: &[u8]) {
        let mut parts = path.rsplit(|&byte| byte == b'/');
        let Some(text) = parts.find_map(kind) else {
            return;
        };
        if self.0.contains_key(&text) {
            return;
        }
        let plain = serde_json::from_str::<String>(&text).ok();
        if let Some(pattern) = plain.and_then(|plain| NamePattern::of_unit(&plain).ok()) {
            let kind = Kind {
                pattern,
                largest: Vec::new(),
                sum: Sum::default(),
            };
            self.0.insert(text, kind);
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

/// The pattern for the units of this kind, as TOML has it: `"session-*.scope"`, `"user@*.service"`, `"*.service"`. None
/// for what is no unit.
fn kind(unit: &[u8]) -> Option<String> {
    let unit = std::str::from_utf8(unit).ok()?;
    let (name, suffix) = unit.rsplit_once('.')?;
    let start = match suffix {
        "service" => name.split_once('@').map_or("", |(start, _)| start),
        "scope" => name.split_once('-').map_or(name, |(start, _)| start),
        _ => return None,
    };
    let start = pattern(start.as_bytes())?;
    let start = start.trim_matches('"');
    Some(match suffix {
        "service" if name.contains('@') => format!("\"{start}@*.service\""),
        "service" => "\"*.service\"".to_owned(),
        _ if name.contains('-') => format!("\"{start}-*.{suffix}\""),
        _ => format!("\"{start}.{suffix}\""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::scan::sums::add;
    use crate::quantities::Bytes;

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
                ("\"*.service\"", "user@1.service", "3.70GB"),
                ("\"session-*.scope\"", "session-1.scope", "1.00GB"),
                ("\"init.scope\"", "init.scope", "0.20GB"),
            ]
        );
    }

    #[test]
    fn a_unit_is_of_a_kind() {
        for (unit, expected) in [
            ("session-3.scope", Some("\"session-*.scope\"")),
            ("docker-0a1b.scope", Some("\"docker-*.scope\"")),
            ("user@1000.service", Some("\"user@*.service\"")),
            ("mariadb.service", Some("\"*.service\"")),
            ("init.scope", Some("\"init.scope\"")),
            ("/a/b", None),
        ] {
            assert_eq!(kind(unit.as_bytes()).as_deref(), expected, "{unit}");
        }
    }
}

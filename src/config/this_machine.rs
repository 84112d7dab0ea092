//! What a configuration takes away, or can't do here: built-in names that a list replaces, a threshold that never
//! decides on a machine of this size, executables behind symbolic links. `check` and the daemon report the same.
//! Touches the paths of executables.

use super::configuration::{Config, Origin};
use super::error::Location;
use super::pattern::NamePattern;
use super::warning::{Warning, WarningKind};
use super::written::Written;
use crate::quantities::{Bytes, Metric};
use std::path::{Path, PathBuf};

/// The configuration without any file.
pub fn built_in() -> Option<Config> {
    let origin = Origin::BuiltIn(PathBuf::new());
    Config::parse(b"", origin, &|_| Ok(None))
        .ok()
        .map(|loaded| loaded.config)
}

/// The built-in names that are protected no longer, since the list of a file replaces them.
pub(super) fn names_gone(config: &Config, written: &Written) -> Option<Warning> {
    // An empty list is meant so.
    let entry = written.entry("whitelist", "names")?;
    let entry = (!config.whitelist.names.is_empty()).then_some(entry)?;
    let location = entry.items.iter().find_map(|item| item.location.clone());
    let location = location.or(entry.location.clone())?;
    let built_in = built_in()?;
    let is_gone = |name: &&NamePattern| {
        let mut own = config.whitelist.names.iter();
        !own.any(|own| own.covers(name))
    };
    let names = built_in.whitelist.names.iter().filter(is_gone);
    let names: Vec<_> = names.map(|name| name.text().to_owned()).collect();
    (!names.is_empty()).then_some(Warning {
        location: Some(location),
        kind: WarningKind::NamesGone(names),
    })
}

/// The thresholds that never decide on a machine with so much memory, of which all processes together can have `most`
/// by PSS; None where that has no bound.
pub fn idle_thresholds(
    config: &Config,
    written: &Written,
    total: Bytes,
    most: Option<Bytes>,
) -> Vec<Warning> {
    let mut found: Vec<_> = idle_threshold(config, written, total).into_iter().collect();
    // Each page is in one PSS, or in several by its parts. RSS counts it in each process that has it, and so do the
    // figures of anonymous memory, for the pages that forks have in common.
    let groups = config.groups.iter();
    let groups = groups.filter(|group| group.metric == Metric::Pss);
    found.extend(groups.filter_map(|group| {
        let threshold = group.thresholds.lowest(total);
        let most = most.filter(|most| threshold >= *most)?;
        Some(Warning {
            location: group.location.clone(),
            kind: WarningKind::IdleGroup {
                label: group.label().to_owned(),
                threshold,
                most,
            },
        })
    }));
    found
}

/// The threshold of `[thresholds]` that a file sets and that never decides on a machine with so much memory, since the
/// other one is always crossed first.
fn idle_threshold(config: &Config, written: &Written, total: Bytes) -> Option<Warning> {
    let (thresholds, default) = (config.base_thresholds, built_in()?.base_thresholds);
    let percent = thresholds.percent_of(total)?;
    let amount = thresholds.amount()?;
    let (key, other, decides, is_default) = if amount >= percent {
        let is_default = thresholds.amount() == default.amount();
        (
            "ram_gb_threshold",
            "ram_percent_threshold",
            percent,
            is_default,
        )
    } else {
        let is_default = thresholds.percent() == default.percent();
        (
            "ram_percent_threshold",
            "ram_gb_threshold",
            amount,
            is_default,
        )
    };
    // One of the two decides nothing on any machine: that is said where the other one is a default, which no file sets.
    let location =
        |key: &str| -> Option<Location> { written.entry("thresholds", key)?.location.clone() };
    if is_default || location(other).is_some() {
        return None;
    }
    Some(Warning {
        location: Some(location(key)?),
        kind: WarningKind::IdleThreshold {
            key,
            other,
            decides,
        },
    })
}

/// Executables of rules and groups that no process can run by this path: one without a slash, and one behind a symbolic
/// link, which the kernel names by where the link leads.
pub(super) fn executables(config: &Config) -> Vec<Warning> {
    let mut found = Vec::new();
    for (matcher, location) in config.matchers() {
        let Some(exe) = &matcher.exe else {
            continue;
        };
        let text = exe.text();
        let kind = if !text.contains(['/', '*']) {
            WarningKind::ExeWithoutSlash(text.to_owned())
        } else if let Some(real) = real_path(text) {
            WarningKind::ExeLink(text.to_owned(), real)
        } else {
            continue;
        };
        found.push(Warning {
            location: location.cloned(),
            kind,
        });
    }
    for (matcher, location) in config.matchers() {
        let unit = matcher.unit.as_ref().map(NamePattern::text);
        let is_partial = |unit: &&str| {
            unit.contains('/')
                && *unit != "/"
                && (!unit.starts_with(['/', '*']) || unit.ends_with('/'))
        };
        found.extend(unit.filter(is_partial).map(|unit| Warning {
            location: location.cloned(),
            kind: WarningKind::UnitPath(unit.to_owned()),
        }));
    }
    found
}

/// The same pattern with the symbolic links before its first wildcard followed; None where there are none, or nothing
/// is there.
fn real_path(pattern: &str) -> Option<String> {
    let wildcard = pattern.find(['*', '?', '[', '\\']);
    let (fixed, rest) = match wildcard {
        None => (pattern, ""),
        Some(at) => pattern.split_at(pattern.get(..at)?.rfind('/')? + 1),
    };
    let real = Path::new(fixed).canonicalize().ok()?;
    let mut real = real.to_str()?.to_owned();
    if !rest.is_empty() && !real.ends_with('/') {
        real.push('/');
    }
    let real = real + rest;
    (real != pattern).then_some(real)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::Uid;

    fn warnings(text: &str) -> Vec<String> {
        let origin = Origin::File("c.toml".into());
        let lookup = |name: &str| Ok((name == "root").then_some(Uid::ROOT));
        let loaded = Config::parse(text.as_bytes(), origin, &lookup).unwrap();
        let total = Bytes::from_gb(23.5).unwrap();
        let most = Bytes::from_gb(30.0);
        let idle = idle_thresholds(&loaded.config, &loaded.written, total, most);
        let mut all = executables(&loaded.config);
        all.extend(names_gone(&loaded.config, &loaded.written));
        all.extend(idle);
        let all = all.iter().chain(&loaded.warnings);
        all.map(ToString::to_string).collect()
    }

    #[test]
    fn what_can_never_match_is_named_with_the_fix() {
        let link = std::fs::canonicalize("/bin/sh").unwrap();
        for (text, expected) in [
            ("exe = \"postgres\"", "has no slash".to_owned()),
            ("exe = \"/bin/sh\"", format!("write \"{}\"", link.display())),
            ("exe = \"/usr/bin/[a-z]*\"", String::new()),
            ("unit = \"system.slice/a.service\"", "whole path".to_owned()),
            ("unit = \"/system.slice/\"", "whole path".to_owned()),
            ("unit = \"*/a.service\"", String::new()),
        ] {
            let said = warnings(&format!("[[rule]]\n{text}\n")).join("\n");
            assert_eq!(said.is_empty(), expected.is_empty(), "{text}: {said}");
            assert!(said.contains(&expected), "{text}: {said}");
        }
    }

    #[test]
    fn a_list_that_replaces_the_built_in_names_is_told_what_is_gone() {
        let said = warnings("[whitelist]\nnames = [\"s*\", \"docker*\", \"kernel\"]\n").join("\n");
        assert!(said.contains("\"(sd-pam)\", \"login\""), "{said}");
        assert!(!said.contains("\"sshd-*\""), "{said}");
        assert_eq!(warnings(""), Vec::<String>::new());
    }

    #[test]
    fn a_group_whose_members_have_less_together_is_told() {
        for (keys, is_idle) in [
            ("ram_gb_threshold = 25", false),
            ("ram_gb_threshold = 30", true),
            ("ram_gb_threshold = 30\nram_percent_threshold = 50", false),
            // Ten forks that share 4 GB have 40 by it.
            ("ram_gb_threshold = 30\nmetric = \"anon\"", false),
            ("ram_gb_threshold = 30\nmetric = \"rss\"", false),
        ] {
            let said = warnings(&format!("[[group]]\nby = \"user\"\n{keys}\n")).join("\n");
            let expected = "c.toml:1:1: group user has a threshold of 30.00GB, and all processes together can have \
                            30.00GB here: it is never over it, and has no effect";
            assert_eq!(said.contains(expected), is_idle, "{keys}: {said}");
            assert_eq!(said.contains("no effect"), is_idle, "{keys}: {said}");
        }
        let said = warnings(
            "[thresholds]\nonly_below_available_percent = 0\n[[group]]\nby = \"user\"\nram_gb_threshold = 9\n",
        );
        assert!(
            said.concat()
                .contains("c.toml:3:1: group user is only reported"),
            "{said:?}"
        );
    }

    #[test]
    fn a_threshold_that_never_decides_here_is_told_which_one_does() {
        let said = warnings("[thresholds]\nram_gb_threshold = 4.0\n").join("\n");
        assert!(
            said.contains("ram_percent_threshold decides, at 2.35GB"),
            "{said}"
        );
        let said = warnings("[thresholds]\nram_gb_threshold = 1.0\n");
        assert_eq!(said, Vec::<String>::new());
    }
}

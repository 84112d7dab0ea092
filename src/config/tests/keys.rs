//! The table of keys, and what has to agree with it.

use super::super::keys::rows;
use super::*;
use std::collections::BTreeSet;

const SHIPPED: &str = include_str!("../../../etc/memory-monitor/config.toml");

#[test]
fn the_shipped_file_gives_every_key_its_default() {
    let mut shipped = parse(SHIPPED).unwrap();
    let built_in = Config::parse(b"", Origin::BuiltIn("c.toml".into()), &lookup).unwrap();
    // It has rules beside that, which only report: an older file, without them, keeps its meaning.
    let rules = std::mem::take(&mut shipped.config.rules);
    let is_warning = |rule: &Rule| {
        let matcher = &rule.matcher;
        rule.action == Action::Warn && matcher.name.is_some() && matcher.user.is_some()
    };
    assert!(!rules.is_empty() && rules.iter().all(is_warning));
    assert!(shipped.warnings.is_empty(), "{:?}", shipped.warnings);
    let origin = shipped.config.origin.clone();
    let expected = Config {
        origin,
        ..built_in.config.clone()
    };
    assert_eq!(shipped.config, expected);
    let shown = |entry: &Entry| {
        let items: Vec<_> = entry.items.iter().map(|item| item.text.clone()).collect();
        let text = if items.is_empty() { &*entry.text } else { "" };
        format!(
            "[{}] {} = {text}{}",
            entry.table,
            entry.key,
            items.join(", ")
        )
    };
    let all = |loaded: &Loaded| -> Vec<_> { loaded.written.entries().iter().map(shown).collect() };
    assert_eq!(all(&shipped), all(&built_in));
    for entry in shipped.written.entries() {
        assert!(entry.location.is_some(), "{} is not in the file", entry.key);
    }
    for entry in built_in.written.entries() {
        assert!(entry.location.is_none(), "{}", entry.key);
    }
}

#[test]
fn a_row_is_there_once_and_complete() {
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(seen.insert((row.table, row.name)), "{row:?}");
        assert!(
            !row.allowed.is_empty() && !row.summary.is_empty(),
            "{row:?}"
        );
        assert!(!row.summary.ends_with('.'), "{row:?}");
        let is_repeated = row.table.starts_with('[');
        assert!(is_repeated || !row.default.is_empty(), "{row:?}");
    }
}

/// Every key is read and printed: a value that is not the default is a change of that key alone.
#[test]
fn each_key_is_stored_and_printed() {
    let values = [
        "true",
        "false",
        "42",
        "2.5",
        "\"off\"",
        "\"debug\"",
        "\"json\"",
        "\"anon\"",
        "\"/x\"",
        "\"a@b\"",
        "\"h:1\"",
        "[2]",
        "[\"x\"]",
        "[\"a@b\"]",
        "[\"/x\"]",
    ];
    let default = accepted("[system]\n");
    for row in rows().iter().filter(|row| !row.table.starts_with('[')) {
        let changed = values.iter().find_map(|value| {
            let system = if row.table == "system" {
                ""
            } else {
                "[system]\n"
            };
            let text = format!("{system}[{}]\n{} = {value}\n", row.table, row.name);
            let changes = default.changes(&parse(&text).ok()?.config);
            let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
            (!changes.is_empty()).then_some(changes)
        });
        let start = format!("{}: ", row.name);
        let changed = changed.unwrap_or_else(|| panic!("{}", row.name));
        assert!(
            changed.iter().all(|change| change.starts_with(&start)),
            "{changed:?}"
        );
    }
}

//! Where each value comes from.

use super::super::*;
use super::{accepted, parse};

#[test]
fn each_value_has_the_location_that_set_it() {
    let text =
        "[whitelist]\nnames = [\"a\",\n  'b*', # two\n]\n[thresholds]\nram_gb_threshold = 0x10\n";
    let Loaded {
        config, written, ..
    } = parse(text).unwrap();
    let names = written.entry("whitelist", "names").unwrap();
    let items: Vec<_> = names
        .items
        .iter()
        .map(|item| (item.text.as_str(), item.location.as_ref().unwrap().line))
        .collect();
    assert_eq!(items, [("\"a\"", 2), ("'b*'", 3)]);
    assert_eq!(names.items.len(), config.whitelist.names.len());
    let threshold = written.entry("thresholds", "ram_gb_threshold").unwrap();
    assert_eq!(threshold.text, "0x10");
    assert_eq!(
        threshold.location.as_ref().unwrap().to_string(),
        "c.toml:6:1"
    );
    let default = written.entry("settings", "term_timeout").unwrap();
    assert_eq!((default.text.as_str(), &default.location), ("5", &None));
    assert!(written.entry("settings", "no_such_key").is_none());
}

#[test]
fn the_defaults_set_every_key_once() {
    let defaults = accepted("");
    let loaded = parse("").unwrap();
    let mut keys: Vec<_> = loaded
        .written
        .entries()
        .iter()
        .map(|entry| (entry.table, entry.key))
        .collect();
    let entries = &loaded.written.entries();
    assert_eq!(entries[0].key, "ram_percent_threshold");
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count);
    let users = loaded.written.entry("whitelist", "users").unwrap();
    assert_eq!(users.items.len(), defaults.whitelist.users.len());
}

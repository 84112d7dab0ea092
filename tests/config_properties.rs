//! Whatever a configuration file holds, it is either accepted or rejected with locations; and what is valid
//! is read as it was meant.

#![allow(clippy::unwrap_used, reason = "a test fails by them")]

use memory_monitor::config::{Config, Error, Loaded, NamePattern, Origin, Thresholds};
use memory_monitor::quantities::{Bytes, Percent, Uid};
use proptest::prelude::*;
use std::time::Duration;

const SHIPPED: &str = include_str!("../etc/memory-monitor/config.toml");

fn parse(text: &[u8]) -> Result<Loaded, Error> {
    Config::parse(text, Origin::File("c.toml".into()), &|name| {
        Ok((name == "root").then_some(Uid::ROOT))
    })
}

/// Every cause lies in the text, fits on one line and can't write to a terminal.
fn check_rejection(text: &[u8]) -> Result<(), TestCaseError> {
    let Err(error) = parse(text) else {
        return Ok(());
    };
    prop_assert!(error.causes().len() > 0);
    let lines = text.split(|byte| *byte == b'\n').count();
    for cause in error.causes() {
        let location = cause
            .location()
            .ok_or_else(|| TestCaseError::fail(cause.to_string()))?;
        prop_assert_eq!(location.file.to_str(), Some("c.toml"));
        prop_assert!((1..=lines).contains(&location.line), "{}", cause);
        prop_assert!((1..=text.len() + 1).contains(&location.column), "{}", cause);
        let shown = cause.to_string();
        prop_assert!(!shown.chars().any(char::is_control), "{:?}", shown);
        prop_assert!(!shown.contains('\u{202e}'), "{:?}", shown);
    }
    Ok(())
}

/// Texts of pieces that TOML and this configuration are made of.
fn almost_toml() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        " = ",
        ",",
        ".",
        "\n",
        "\n",
        "\r\n",
        "\r",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "\\",
        "#",
        " ",
        "\t",
        "\0",
        "\u{feff}",
        "\u{202e}",
        "é",
        "\u{1b}[2J",
        "inf",
        "nan",
        "-1",
        "1e999",
        "0x",
        "07",
        "1979-05-27",
        "true",
        "thresholds",
        "whitelist",
        "settings",
        "rule",
        "ram_gb_threshold",
        "ram_percent_threshold",
        "check_interval",
        "early_scan",
        "names",
        "users",
        "pids",
        "log_level",
        "[thresholds]\n",
        "[whitelist]\n",
        "[settings]\n",
        "names = [",
        "\"a[\"",
        "\"root\"",
        "dry_run = true\n",
        "ram_gb_threshold = inf\n",
        "ram_percent_threshold = 100\n",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_accepted_or_rejected_with_locations(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_rejection(&bytes)?;
    }

    #[test]
    fn any_text_is_accepted_or_rejected_with_locations(text in "\\PC{0,60}(\n\\PC{0,60}){0,4}") {
        check_rejection(text.as_bytes())?;
    }

    #[test]
    fn almost_toml_is_accepted_or_rejected_with_locations(text in almost_toml()) {
        check_rejection(text.as_bytes())?;
    }

    #[test]
    fn a_damaged_default_is_accepted_or_rejected_with_locations(at in 0..SHIPPED.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut text = SHIPPED.as_bytes().to_vec();
        if cut {
            text.truncate(at);
        } else {
            text[at] = byte;
        }
        check_rejection(&text)?;
    }

    #[test]
    fn valid_values_are_read_as_they_were_meant(
        percent in 0.001..=100.0_f64,
        gb in prop_oneof![0.001..100_000.0_f64, Just(f64::INFINITY)],
        interval in 0.1..=86_400.0_f64,
        timeout in 0_u32..=300,
        limit in any::<u32>(),
        pids in prop::collection::vec(1..=i32::MAX.unsigned_abs(), 0..5),
        names in prop::collection::vec("[^\\[\\\\\0]{1,20}", 0..5),
        uids in prop::collection::vec(0..u32::MAX, 0..5),
        flags in any::<[bool; 3]>(),
    ) {
        prop_assume!(percent < 100.0 || gb.is_finite());
        let [dry_run, syslog, protect_root] = flags;
        let quoted: Vec<_> = names.iter().map(|name| quote(name)).collect();
        let text = format!(
            "[thresholds]\nram_percent_threshold = {percent:?}\nram_gb_threshold = {gb:?}\n\
             check_interval = {interval:?}\n\
             [whitelist]\npids = {pids:?}\nnames = [{}]\nusers = {uids:?}\nprotect_root = {protect_root}\n\
             [settings]\ndry_run = {dry_run}\nenable_syslog = {syslog}\nterm_timeout = {timeout}\n\
             max_kills_per_minute = {limit}\n",
            quoted.join(", "),
        );
        let loaded = parse(text.as_bytes());
        prop_assert!(loaded.is_ok(), "{text}\n{loaded:?}");
        let config = loaded.unwrap().config;
        let percent = Percent::new(percent).filter(|percent| percent.get() < 100.0);
        prop_assert_eq!(Some(config.thresholds), Thresholds::new(percent, Bytes::from_gb(gb)));
        prop_assert_eq!(config.check_interval, Duration::from_secs_f64(interval));
        prop_assert_eq!(config.term_timeout, Duration::from_secs(timeout.into()));
        prop_assert_eq!(config.max_kills_per_minute.map_or(0, std::num::NonZero::get), limit);
        let read: Vec<_> = config.whitelist.pids.iter().map(|pid| pid.get()).collect();
        prop_assert_eq!(read, pids);
        let read: Vec<_> = config.whitelist.users.iter().filter_map(|user| user.uid).map(Uid::get).collect();
        prop_assert_eq!(read, uids);
        prop_assert_eq!(config.whitelist.names.len(), names.len());
        for name in &names {
            let is_it = |pattern: &NamePattern| pattern.matches(name.as_bytes());
            prop_assert!(config.whitelist.names.iter().any(is_it), "{name:?}");
        }
        prop_assert_eq!(config.whitelist.protect_root, protect_root);
        prop_assert_eq!(config.dry_run, dry_run);
        prop_assert_eq!(config.log.syslog, syslog);
    }

    #[test]
    fn a_name_without_special_characters_protects_only_itself(name in "[^*?\\[\\\\\0]{1,20}", other in "[^\0]{1,20}") {
        let pattern = NamePattern::new(&name).unwrap();
        prop_assert!(!pattern.is_glob());
        prop_assert_eq!(pattern.matches(other.as_bytes()), name == other);
        prop_assert!(pattern.matches(name.as_bytes()));
    }
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

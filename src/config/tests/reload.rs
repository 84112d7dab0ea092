//! What a reload finds on the disk instead of the files that are in force.

use super::dropins::Etc;
use crate::config::{Config, Loaded, Origin};
use std::fs;

#[test]
fn a_reload_that_loses_what_a_file_said_is_rejected() {
    let etc = Etc::new("[whitelist]\nnames = [\"a\"]\n");
    etc.write("config.d/10.toml", "[whitelist]\nnames = [\"b\"]\n");
    let main = etc.path("config.toml");
    let before = etc.config();
    let reload = |before: &Config| {
        let result = before.reload(Some(&main));
        result.map_err(|error| error.to_string())
    };
    assert!(reload(&before).is_ok());
    for text in ["", " \n\t\n", "\u{feff}\n", "\0\0\0"] {
        etc.write("config.toml", text);
        let error = reload(&before).unwrap_err();
        let told =
            "config.toml\" is empty now, and only a restart takes that for the built-in defaults";
        assert!(error.ends_with(told), "{error}");
        let loaded = etc.load().unwrap();
        assert_eq!(loaded.config.origin, Origin::Empty(main.clone()));
        let told = loaded.warnings[0].to_string();
        assert!(
            told.ends_with("is empty: the built-in defaults are in force"),
            "{told}"
        );
        // What was empty at the start may stay so.
        assert!(reload(&loaded.config).is_ok());
    }
    // A comment says that it is meant.
    etc.write("config.toml", "# all defaults\n");
    assert!(reload(&before).is_ok());
    etc.write("config.d/10.toml", "\n");
    let error = reload(&before).unwrap_err();
    let told = "config.d/10.toml\" is empty now: remove the file to end what it set, and reload";
    assert!(error.ends_with(told), "{error}");
    fs::remove_file(etc.path("config.d/10.toml")).unwrap();
    assert!(reload(&before).is_ok());
    fs::remove_file(&main).unwrap();
    assert!(reload(&before).unwrap_err().contains("No such file"));
}

#[test]
fn a_reload_is_judged_by_what_was_loaded() {
    let etc = Etc::new("[thresholds]\nram_gb_threshold = 1\n");
    etc.write("config.d/50-a.toml", "[settings]\ndry_run = true\n");
    let in_force = etc.load().unwrap().files;
    let lost = |loaded: &Loaded| {
        let result = loaded.config.check_reload(&loaded.warnings, &in_force);
        result.err().map(|error| error.causes().count())
    };
    let full = etc.load().unwrap();
    etc.write("config.d/50-a.toml", "");
    etc.write("config.d/60-new.toml", "");
    assert_eq!(lost(&full), None);
    let without = etc.load().unwrap();
    assert_eq!(lost(&without), Some(1));
    etc.write("config.toml", "");
    assert_eq!(lost(&without), Some(1));
    assert_eq!(lost(&etc.load().unwrap()), Some(2));
    fs::remove_file(etc.path("config.toml")).unwrap();
    fs::remove_file(etc.path("config.d/50-a.toml")).unwrap();
    assert!(etc.load().is_err(), "it was named");
}

//! `memory-monitor check`.

use super::{ConfigFile, Sleeper, run};

#[test]
fn shows_each_value_and_what_it_means_now() {
    let sleeper = Sleeper::named("sleeper-c");
    let config = ConfigFile::new(
        "[thresholds]\nram_gb_threshold = 0.0001\n[whitelist]\nnames = [\"sleeper-[c]\", \"no-such-name\"]\nusers = [\"no-such-user\", 0]\nprotect_root = false\n",
    );
    let file = config.shown();
    let said = run(&["check", &file]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
    for line in [
        format!("ram_gb_threshold      = 0.0001                          {file}:2\n"),
        "term_timeout          = 5                               default\n".to_owned(),
        format!(
            "\"sleeper-[c]\"   {} sleeper-c  ({file}:4)\n",
            sleeper.pid()
        ),
        format!("\"no-such-name\"  nothing now  ({file}:4)\n"),
        "user \"no-such-user\" does not exist and protects nobody until it does\n".to_owned(),
        "ram_gb_threshold = 0.00GB is low: ".to_owned(),
    ] {
        assert!(said.out.contains(&line), "{line}: {said:?}");
    }
    let said = run(&["check", &file, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["valid"], true);
    let entries = json["whitelist"].as_array().unwrap();
    let root = entries.iter().find(|entry| entry["entry"] == "0").unwrap();
    assert_eq!(root["protects"], false);
}

#[test]
fn names_every_error_with_status_78() {
    let config = ConfigFile::new("[thresholds]\nram_gb_treshold = 1\n[settings]\ndry_run = 1\n");
    let file = config.shown();
    let said = run(&["check", &file]);
    assert_eq!(said.status, Some(78));
    assert_eq!(said.out, "");
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 2, "{said:?}");
    assert!(
        lines[0].starts_with(&format!("memory-monitor: error: {file}:2:1: ")),
        "{said:?}"
    );
    assert!(
        lines[1].starts_with(&format!("memory-monitor: error: {file}:4:11: ")),
        "{said:?}"
    );
    let said = run(&["check", &file, "--json"]);
    assert_eq!(said.status, Some(78));
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["valid"], false);
    assert_eq!(json["errors"].as_array().unwrap().len(), 2);
}

#[test]
fn notes_what_can_never_match() {
    let name = "x".repeat(256);
    let config = ConfigFile::new(&format!("[whitelist]\nnames = [\"{name}\"]\n"));
    let said = run(&["check", &config.shown()]);
    assert!(
        said.out.contains("longer than a process name can be"),
        "{said:?}"
    );
}

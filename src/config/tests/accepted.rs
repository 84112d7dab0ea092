//! What is accepted, and what it means.

use super::super::*;
use super::{accepted, lookup, warnings};
use crate::paths;
use crate::quantities::{Bytes, Percent, Pid, Uid};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

/// The configuration that is installed.
const SHIPPED: &str = include_str!("../../../etc/memory-monitor/config.toml");

#[test]
fn the_built_in_defaults_are_those_that_are_documented() {
    let Loaded {
        config, warnings, ..
    } = Config::parse(b"", Origin::BuiltIn(paths::CONFIG.into()), &lookup).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.origin, Origin::BuiltIn(paths::CONFIG.into()));
    assert_eq!(
        config.thresholds,
        Thresholds::new(Percent::new(10.0), Bytes::from_gb(2.0)).unwrap()
    );
    assert_eq!(config.check_interval, Duration::from_secs(30));
    assert!(config.early_scan);
    assert_eq!(config.whitelist.pids, [Pid::INIT]);
    let names = config.whitelist.names.iter().map(NamePattern::text);
    let names: Vec<_> = names.collect();
    assert_eq!(names[..5], ["systemd", "kernel", "init", "sshd", "docker"]);
    let is_listed = |name: &str| {
        let mut names = config.whitelist.names.iter();
        names.any(|pattern| pattern.matches(name.as_bytes()))
    };
    for name in [
        "systemd-journald",
        "dockerd",
        "containerd",
        "containerd-shim-runc-v2",
        "dbus-daemon",
        "dbus-broker",
        "(sd-pam)",
        "sshd-session",
    ] {
        assert!(is_listed(name), "{name:?}");
    }
    assert!(!is_listed("chrome"));
    assert_eq!(config.whitelist.users.len(), 1);
    assert_eq!(config.whitelist.users[0].uid, Some(Uid::ROOT));
    assert!(!config.whitelist.protect_root);
    assert!(!config.whitelist.verify_names);
    assert!(!config.dry_run);
    assert_eq!(
        config.log,
        LogSettings {
            file: Some("/var/log/memory_monitor.log".into()),
            syslog: true,
            level: log::LevelFilter::Info,
            format: LogFormat::Text,
        }
    );
    assert_eq!(config.term_timeout, Duration::from_secs(5));
    assert_eq!(config.max_kills_per_minute, NonZeroU32::new(30));
    assert_eq!(config.only_below_available, Percent::ALL);
    let expected = System {
        action: SystemAction::Kill,
        available_percent: Percent::new(4.0).unwrap(),
        available: Bytes::from_gb(1.0),
        stall: Duration::from_secs(4),
    };
    assert_eq!(config.system, expected);
}

/// An update must not kill what an older file never meant to be killed.
#[test]
fn a_file_without_the_table_system_only_warns() {
    let action = |text: &str| accepted(text).system.action;
    assert_eq!(action(""), SystemAction::Warn);
    assert_eq!(action("[thresholds]\n"), SystemAction::Warn);
    assert_eq!(action("[system]\n"), SystemAction::Kill);
    assert_eq!(action("[system]\nstall_seconds = 0\n"), SystemAction::Kill);
    assert_eq!(action("[system]\naction = \"off\"\n"), SystemAction::Off);
}

#[test]
fn the_guard_has_its_ranges() {
    let system = |text: &str| accepted(&format!("[system]\n{text}")).system;
    assert_eq!(system("stall_seconds = 0").stall, Duration::ZERO);
    assert_eq!(system("stall_seconds = 0.5").stall.as_millis(), 500);
    assert_eq!(system("stall_seconds = 10").stall.as_secs(), 10);
    assert_eq!(system("available_gb_threshold = inf").available, None);
    let percent = |text: &str| system(text).available_percent.get();
    assert!((percent("available_percent_threshold = 50") - 50.0).abs() < 1e-9);
    assert!((percent("available_percent_threshold = 0.01") - 0.01).abs() < 1e-9);
    let only = |text: &str| accepted(&format!("[thresholds]\n{text}")).only_below_available;
    assert_eq!(only("only_below_available_percent = 0"), Percent::default());
    assert_eq!(
        only("only_below_available_percent = -0.0"),
        Percent::default()
    );
    assert_eq!(only("only_below_available_percent = 100"), Percent::ALL);
    let rules = accepted(
        "[[rule]]\nname = \"a\"\nonly_below_available_percent = 100\nwhen_short = \"Spare\"\n\
         [[rule]]\nname = \"b\"\naction = \"warn\"\nwhen_short = \"first\"\n[[rule]]\nname = \"c\"\n",
    )
    .rules;
    assert_eq!(rules[0].only_below_available, Some(Percent::ALL));
    assert_eq!(rules[0].when_short, Some(WhenShort::Spare));
    assert_eq!(rules[1].when_short, Some(WhenShort::First));
    assert_eq!(
        (rules[2].only_below_available, rules[2].when_short),
        (None, None)
    );
}

/// What the Python original shipped had these tables and keys.
const OLDER_INSTALLATION: &str = r#"# Memory Monitor Configuration
[thresholds]
# Kill processes using more than this percentage of RAM
ram_percent_threshold = 25.0
ram_gb_threshold = 4   # GB
check_interval = 60

[whitelist]
pids = [
    1,
    4242,  # the database
]
names = [
    "systemd",
    "postgres", # and its workers
    "sshd",
]
users = ["root", "john"]

[settings]
dry_run = true
log_file = "/srv/log/mm.log"
enable_syslog = false
"#;

#[test]
fn a_file_of_an_older_installation_keeps_its_meaning() {
    let config = accepted(OLDER_INSTALLATION);
    assert_eq!(config.origin, Origin::File("c.toml".into()));
    assert_eq!(
        config.thresholds,
        Thresholds::new(Percent::new(25.0), Bytes::from_gb(4.0)).unwrap()
    );
    assert_eq!(config.check_interval, Duration::from_secs(60));
    let pids: Vec<_> = config.whitelist.pids.iter().map(|pid| pid.get()).collect();
    assert_eq!(pids, [1, 4242]);
    let names = ["systemd", "postgres", "sshd"].map(|name| NamePattern::new(name).unwrap());
    assert_eq!(config.whitelist.names, names);
    assert!(config.whitelist.protects_user(Uid::new(1000)).is_some());
    assert!(config.whitelist.protects_user(Uid::ROOT).is_none());
    assert!(config.dry_run);
    assert_eq!(config.log.file, Some("/srv/log/mm.log".into()));
    assert!(!config.log.syslog);
    // What it does not say is as in the shipped file.
    assert_eq!(config.log.level, log::LevelFilter::Info);
    assert_eq!(config.term_timeout, Duration::from_secs(5));
    assert_eq!(config.max_kills_per_minute, NonZeroU32::new(30));
    assert_eq!(
        warnings(OLDER_INSTALLATION),
        [
            "c.toml:18:10: \"users\" names root, but root's processes are not protected: \
             set \"protect_root\" in [whitelist] to true or false"
        ]
    );
}

#[test]
fn values_at_the_edges_are_taken() {
    let thresholds = |text: &str| accepted(&format!("[thresholds]\n{text}")).thresholds;
    assert_eq!(thresholds("ram_percent_threshold = 100").percent(), None);
    assert_eq!(thresholds("ram_percent_threshold = 1e2").percent(), None);
    assert_eq!(thresholds("ram_gb_threshold = inf").amount(), None);
    assert_eq!(thresholds("ram_gb_threshold = +inf").amount(), None);
    assert_eq!(
        thresholds("ram_gb_threshold = 1e-300").amount(),
        Some(Bytes::new(1))
    );
    assert_eq!(
        thresholds("ram_gb_threshold = 50_000_000_000").amount(),
        Some(Bytes::new(u64::MAX))
    );
    let seconds = |text: &str| accepted(&format!("[thresholds]\n{text}")).check_interval;
    assert_eq!(seconds("check_interval = 0.1").as_millis(), 100);
    assert_eq!(seconds("check_interval = 0x1e").as_secs(), 30);
    assert_eq!(seconds("check_interval = 86400.0").as_secs(), 86_400);
    let settings = |text: &str| accepted(&format!("[settings]\n{text}"));
    assert_eq!(settings("term_timeout = 0").term_timeout, Duration::ZERO);
    assert_eq!(settings("term_timeout = -0.0").term_timeout, Duration::ZERO);
    assert_eq!(
        settings("max_kills_per_minute = 0").max_kills_per_minute,
        None
    );
    assert_eq!(settings("log_file = \"\"").log.file, None);
    assert_eq!(settings("").metrics_file, None);
    let metrics = settings("metrics_file = \"/a/b.prom\"").metrics_file;
    assert_eq!(metrics.as_deref(), Some(Path::new("/a/b.prom")));
    assert_eq!(
        settings("log_level = \"Debug\"").log.level,
        log::LevelFilter::Debug
    );
    assert!(accepted("settings.dry_run = true").dry_run);
    assert!(accepted("settings = { dry_run = true }").dry_run);
    assert!(accepted("\u{feff}[settings]\r\ndry_run = true\r\n").dry_run);
    let empty = accepted("[whitelist]\npids = []\nnames = []\nusers = []").whitelist;
    assert!(empty.pids.is_empty() && empty.names.is_empty() && empty.users.is_empty());
}

#[test]
fn users_are_names_or_numbers() {
    let users = |list: &str| {
        let text = format!("[whitelist]\nprotect_root = false\nusers = {list}");
        let users = accepted(&text).whitelist.users.into_iter();
        let users: Vec<_> = users.map(|u| (u.text, u.uid.map(Uid::get))).collect();
        (users, warnings(&text))
    };
    assert_eq!(
        users("[\"john\", 7, \"8\"]"),
        (
            vec![
                ("john".to_owned(), Some(1000)),
                ("7".to_owned(), Some(7)),
                ("8".to_owned(), Some(8)),
            ],
            vec![]
        )
    );
    assert_eq!(
        users("[\"ghost\\u001B\", \"down\"]"),
        (
            vec![("ghost\u{1b}".to_owned(), None), ("down".to_owned(), None)],
            vec![
                "c.toml:3:10: user \"ghost\\u{1b}\" does not exist; the entry has no effect \
                 until it does"
                    .to_owned(),
                "c.toml:3:25: user \"down\" can't be looked up and has no effect: no answer"
                    .to_owned(),
            ]
        )
    );
}

#[test]
fn root_is_warned_about_only_when_it_is_named_and_protect_root_is_not() {
    for (text, warned) in [
        ("[whitelist]\nusers = [\"root\"]", true),
        ("[whitelist]\nusers = [\"john\", 0]", true),
        ("[whitelist]\nusers = [\"toor\"]", true),
        ("[whitelist]\nusers = [\"john\"]", false),
        (
            "[whitelist]\nusers = [\"root\"]\nprotect_root = false",
            false,
        ),
        (
            "[whitelist]\nusers = [\"root\"]\nprotect_root = true",
            false,
        ),
        ("[whitelist]\nnames = [\"sshd\"]", false),
        (SHIPPED, false),
    ] {
        assert_eq!(!warnings(text).is_empty(), warned, "{text}");
    }
}

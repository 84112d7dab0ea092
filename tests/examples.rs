//! The example configurations that are shipped: each is accepted without a doubt, and means what its
//! comments say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

use memory_monitor::config::{
    Action, Config, GroupBy, GroupKill, Loaded, Matcher, Origin, Rule, SystemAction, Thresholds,
    WhenShort,
};
use memory_monitor::quantities::{Metric, Percent, Uid};
use std::io;
use std::path::Path;

/// Root alone: of the users that an example names none has to exist.
#[allow(clippy::unnecessary_wraps, reason = "the shape of a user lookup")]
fn lookup(name: &str) -> io::Result<Option<Uid>> {
    Ok((name == "root").then_some(Uid::ROOT))
}

fn example(name: &str) -> Config {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/examples");
    let text = std::fs::read(directory.join(name)).unwrap();
    let Loaded {
        config, warnings, ..
    } = Config::parse(&text, Origin::File(name.into()), &lookup)
        .map_err(|rejected| rejected.to_string())
        .unwrap();
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{name}: {warnings:?}");
    config
}

#[test]
fn every_example_is_accepted() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/examples");
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "ci-runner.toml",
            "container-host.toml",
            "database-server.toml",
            "desktop.toml",
            "login-node.toml",
            "server.toml",
            "small-machine.toml"
        ]
    );
    for name in names {
        assert_eq!(example(&name).drop_ins, Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn examples_mean_what_they_say() {
    let database = example("database-server.toml");
    assert_eq!(database.metric, Metric::Pss);
    let actions: Vec<_> = database.rules.iter().map(|rule| rule.action).collect();
    assert_eq!(actions, [Action::Protect, Action::Warn, Action::Kill]);
    let postmaster = database.rules[0].matcher.cmdline.as_ref().unwrap();
    assert!(
        postmaster.matches(b"/usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main")
    );
    assert!(!postmaster.matches(b"postgres: 15/main: john shop [local] SELECT"));

    let desktop = example("desktop.toml");
    let tab = desktop.rules[0].matcher.cmdline.as_ref().unwrap();
    assert!(tab.matches(b"/usr/lib/chromium/chromium --type=renderer --crashpad-handler-pid=0"));
    assert!(!tab.matches(b"/usr/lib/chromium/chromium --type=gpu-process"));

    assert_eq!(desktop.rules[0].when_short, Some(WhenShort::First));
    assert_eq!(desktop.only_below_available, Percent::new(20.0).unwrap());
    let small = example("small-machine.toml");
    assert!(small.only_below_available < Percent::ALL);
    for name in [
        "ci-runner",
        "database-server",
        "desktop",
        "login-node",
        "server",
        "small-machine",
    ] {
        let system = example(&format!("{name}.toml")).system;
        assert_eq!(system.action, SystemAction::Kill, "{name}");
    }

    let server = example("server.toml");
    let bound = |rule: &Rule| {
        let matcher = &rule.matcher;
        rule.action == Action::Protect && matcher.name.is_some() && matcher.user.is_some()
    };
    assert!(server.rules.len() == 3 && server.rules.iter().all(bound));

    let login = example("login-node.toml");
    // A server with all its windows, whose name is not that of its executable: it may have more, but is not exempt, as
    // with LD_PRELOAD it is any program of its user.
    assert!(login.whitelist.verify_names);
    for (name, exe) in [
        (&b"tmux: server"[..], &b"/usr/bin/tmux"[..]),
        (b"screen", b"/usr/bin/screen"),
    ] {
        assert!(login.rules.iter().any(|rule| {
            let Matcher {
                name: Some(named),
                exe: Some(file),
                user: None,
                ..
            } = &rule.matcher
            else {
                return false;
            };
            rule.action == Action::Kill
                && rule.thresholds.and_then(Thresholds::amount) > login.thresholds.amount()
                && rule.when_short == Some(WhenShort::Last)
                && named.matches(name)
                && file.matches(exe)
        }));
    }
    let exempt = |rule: &Rule| rule.action == Action::Protect;
    assert!(!login.rules.iter().any(exempt));
    let everybody = login.rules.last().unwrap().matcher.unit.as_ref().unwrap();
    assert!(everybody.matches_unit(b"/user.slice/user-1000.slice/session-3.scope"));
    assert!(!everybody.matches_unit(b"/system.slice/sshd.service"));

    assert_eq!(example("ci-runner.toml").metric, Metric::Anon);
}

/// A package has neither the pictures nor the source beside its README.
#[test]
fn the_readme_in_the_packages_links_to_nothing_that_they_lack() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tempfile::tempdir().unwrap();
    // Whatever stands for the programs.
    let programs = directory.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    for program in ["memory-monitor", "memory-monitor-notify"] {
        std::fs::write(programs.join(program), "").unwrap();
    }
    for system in ["debian", "rpm"] {
        let installed = directory.path().join(system);
        let mut command = std::process::Command::new("scripts/install-files");
        command.args([installed.as_path(), Path::new(system), &programs]);
        let output = command.current_dir(root).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let readme = "usr/share/doc/memory-monitor/README.md";
        let readme = std::fs::read_to_string(installed.join(readme)).unwrap();
        assert!(readme.starts_with("# memory-monitor\n"));
        assert!(readme.lines().count() <= 200, "one screen after the other");
        assert_eq!(readme.split("](").nth(1), None, "{system}: a link");
    }
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for link in readme.split("](").skip(1) {
        let target = link.split(')').next().unwrap();
        assert!(root.join(target).exists(), "{target}");
    }
}

#[test]
fn the_examples_that_sum_up_groups_say_which() {
    for (name, groups) in [
        (
            "ci-runner.toml",
            vec![("jobs", GroupBy::Unit, GroupKill::All)],
        ),
        (
            "container-host.toml",
            vec![
                ("docker", GroupBy::Unit, GroupKill::Largest),
                ("podman", GroupBy::Unit, GroupKill::Largest),
            ],
        ),
        (
            "desktop.toml",
            vec![("apps", GroupBy::Unit, GroupKill::Largest)],
        ),
        (
            "login-node.toml",
            vec![("users", GroupBy::User, GroupKill::Largest)],
        ),
    ] {
        let config = example(name);
        let found = config.groups.iter();
        let found: Vec<_> = found
            .map(|group| (group.label(), group.by(), group.kill))
            .collect();
        assert_eq!(found, groups, "{name}");
    }
}

//! Commands: programs that are run for each event.

use super::NOBODY;
use super::notifier::{Notifier, command, ended, trusted_directory};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn program(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    // By another process: what this one has open for writing, a child of another test would have as well.
    let script = "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"";
    let written = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(&path)
        .arg(text)
        .status();
    assert!(written.unwrap().success());
    path
}

#[test]
fn a_program_has_the_event_and_nothing_of_the_notifier() {
    let directory = trusted_directory();
    let tell = "#!/bin/sh\necho open $(ls /proc/self/fd)\necho group $(ps -o pid=,pgid= -p $$)\n\
                grep SigBlk /proc/self/status\npwd\necho to stderr >&2\nreadlink /proc/$$/fd/0\nexit 3\n";
    let path = program(directory.path(), "hook", tell);
    let config = format!("[notify]\ncommand = [{path:?}]\n");
    let mut command = command(directory.path(), &config);
    command.env("SECRET", "of the notifier");
    let mut notifier = Notifier::run(directory, command);
    notifier.tell(&ended("größe $(reboot)"));
    let mut said = Vec::new();
    loop {
        let line = notifier.says("Command");
        if line.contains("Result=") {
            assert!(
                line.contains("WARNING") && line.contains("Result=exit status: 3"),
                "{line}"
            );
            break;
        }
        said.push(line.split("Line=").nth(1).unwrap().trim().to_owned());
    }
    // Its own three streams, and the one that ls reads the list from.
    assert!(said.contains(&"open 0 1 2 3".to_owned()), "{said:?}");
    assert!(
        said.contains(&"SigBlk:\\x090000000000000000".to_owned()),
        "{said:?}"
    );
    assert!(said.contains(&"/".to_owned()) && said.contains(&"to stderr".to_owned()));
    assert!(said.contains(&"/dev/null".to_owned()), "{said:?}");
    let group = said
        .iter()
        .find_map(|line| line.strip_prefix("group "))
        .unwrap();
    let (pid, group) = group.split_once(' ').unwrap();
    assert_eq!(pid, group, "it leads a group of its own");
    notifier.stop();
}

#[test]
fn a_program_that_takes_too_long_is_killed_with_all_it_started() {
    let directory = trusted_directory();
    let hang = "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! $$\nwait\nwait\nsleep 1000\n";
    let path = program(directory.path(), "hook", hang);
    let mut notifier = Notifier::start(&format!("[notify]\ncommand = [{path:?}]\n"));
    let begun = Instant::now();
    notifier.tell(&ended("a"));
    let said = notifier.says("Line=");
    let pids = said.split("Line=").nth(1).unwrap();
    let result = notifier.says("Result=");
    assert!(result.contains("Result=killed after 20 s"), "{result}");
    assert!(begun.elapsed() >= Duration::from_secs(20));
    for pid in pids.split_whitespace() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        // The process that adopts orphans may not have waited for it yet.
        assert!(
            status.is_empty() || status.contains("State:\tZ"),
            "{status}"
        );
    }
    notifier.stop();
}

#[test]
fn a_few_programs_run_at_once_and_the_others_wait() {
    let directory = trusted_directory();
    let text = format!(
        "#!/bin/sh\necho x >> {0}/begun\nwhile [ -d {0} ] && [ ! -e {0}/go ]; do sleep 0.05; done\n",
        directory.path().display()
    );
    let path = program(directory.path(), "hook", &text);
    let mut notifier = Notifier::start(&format!("[notify]\ncommand = [{path:?}]\n"));
    for _ in 0..6 {
        notifier.tell(&ended("a"));
    }
    let begun =
        || fs::read_to_string(directory.path().join("begun")).map_or(0, |text| text.len() / 2);
    while begun() < 4 {
        std::thread::sleep(Duration::from_millis(10));
    }
    // A fifth would have had the time.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(begun(), 4);
    fs::write(directory.path().join("go"), "").unwrap();
    for _ in 0..6 {
        assert!(notifier.says("Result=").contains("exit status: 0"));
    }
    assert_eq!(begun(), 6);
    notifier.stop();
}

#[test]
fn a_program_that_others_could_have_written_is_not_run() {
    let directory = trusted_directory();
    let hook = |name: &str| program(directory.path(), name, "#!/bin/sh\necho it ran\n");
    let (owned, writable, plain) = (hook("owned"), hook("writable"), hook("plain"));
    chown(&owned, Some(NOBODY), None).unwrap();
    fs::set_permissions(&writable, fs::Permissions::from_mode(0o775)).unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&owned, &link).unwrap();
    let missing = directory.path().join("missing");
    let notifier = Notifier::start(&format!(
        "[notify]\ncommand = [{owned:?}, {writable:?}, {plain:?}, {link:?}, {missing:?}]\n"
    ));
    let (passed, steps) = notifier.selftest();
    assert!(!passed);
    let details: Vec<&str> = steps
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|step| step["detail"].as_str().unwrap())
        .collect();
    assert_eq!(details.len(), 5, "{details:?}");
    for expected in [
        "belongs to uid 65534 and must be root's: chown root",
        "can be written by others than root (mode 0775): chmod go-w",
        "is not a file that can be run: chmod 755",
        "No such file",
    ] {
        assert!(
            details.iter().any(|detail| detail.contains(expected)),
            "{details:?}"
        );
    }
    let log = notifier.stop();
    assert!(!log.contains("it ran"), "{log}");
}

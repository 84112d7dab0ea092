//! Commands: programs that are run for each event.

use super::NOBODY;
use super::notifier::{Notifier, Place, ended};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::machine::{program, quoted, run, until};
use crate::harness::os;
use crate::harness::trusted;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = cases![
    a_program_has_the_event_and_nothing_of_the_notifier: [Needs::Users],
    a_program_that_takes_too_long_is_killed_with_all_it_started: [Needs::Users],
    a_few_programs_run_at_once_and_the_others_wait: [Needs::Users],
    a_program_that_others_could_have_written_is_not_run: [Needs::Users],
    a_script_that_can_not_be_started_is_told_with_its_reason: [Needs::Users],
];

/// A program with this text, as a command of the configuration.
fn hook_in(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).expect("a directory of ours");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("a file of ours");
    path
}

fn config(hooks: &[&Path]) -> String {
    let hooks: Vec<_> = hooks.iter().map(|hook| quoted(hook)).collect();
    format!("[notify]\ncommand = [{}]\n", hooks.join(", "))
}

fn a_program_has_the_event_and_nothing_of_the_notifier() {
    let tell = "#!/bin/sh\necho open $(ls /proc/self/fd)\necho group $(ps -o pid=,pgid= -p $$)\n\
                grep SigBlk /proc/self/status\npwd\necho to stderr >&2\nreadlink /proc/$$/fd/0\nexit 3\n";
    let hook = hook_in(&trusted::directory(), "hook", tell);
    let mut command = program(&["notify"]);
    command.env("SECRET", "of the notifier");
    let mut notifier = Place::new(0, &config(&[&hook])).start(command);
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

/// The kernel says of both that there is no such file, although there is one.
fn a_script_that_can_not_be_started_is_told_with_its_reason() {
    for (text, told) in [
        (
            "#!/bin/sh\r\necho a\r\n",
            "has lines that end in CR LF, so that its interpreter is not found",
        ),
        (
            "#!/no/such/python3\n",
            "has the interpreter /no/such/python3, which can't be accessed: No such file",
        ),
        (
            "#!/usr/bin/env no-such-program\n",
            "has the interpreter no-such-program, which is not in ",
        ),
    ] {
        let directory = trusted::directory();
        let hook = hook_in(&directory, "hook", text);
        let file = directory.join("check.toml");
        fs::write(&file, config(&[&hook])).expect("a directory of ours");
        let checked = run(&["check", file.to_str().expect("UTF-8")]);
        let note = format!(
            "the notifier runs no such command: {} {told}",
            hook.display()
        );
        assert!(checked.out.contains(&note), "{checked:?}");
        let mut notifier = Notifier::start(&config(&[&hook]));
        notifier.tell(&ended("a"));
        let line = notifier.says("Result=");
        assert!(line.contains(told), "{line}");
        notifier.stop();
    }
}

fn a_program_that_takes_too_long_is_killed_with_all_it_started() {
    let directory = trusted::directory();
    let pids = directory.join("pids");
    let hang = format!(
        "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho it began\necho $! $$ >{}\nwait\nwait\nsleep 1000\n",
        pids.display()
    );
    let mut notifier = Notifier::start(&config(&[&hook_in(&directory, "hook", &hang)]));
    let begun = Instant::now();
    notifier.tell(&ended("a"));
    let mut said = String::new();
    until("the program runs", || {
        said = fs::read_to_string(&pids).unwrap_or_default();
        said.ends_with('\n')
    });
    let (orphan, hook) = said.trim().split_once(' ').unwrap();
    // What has no parent any more is this process's, the first of its namespace.
    until("what it started is over", || {
        let status = fs::read_to_string(format!("/proc/{orphan}/status")).unwrap();
        status.contains("State:\tZ") && status.contains("PPid:\t1\n")
    });
    os::see_end_of(orphan.parse().unwrap());
    notifier.says("Line=it began");
    let result = notifier.says("Result=");
    assert!(result.contains("Result=killed after 20 s"), "{result}");
    assert!(begun.elapsed() >= Duration::from_secs(20));
    assert!(!Path::new("/proc").join(hook).exists());
    notifier.stop();
}

fn a_few_programs_run_at_once_and_the_others_wait() {
    let directory = trusted::directory();
    let text = format!(
        "#!/bin/sh\necho x >> {0}/begun\nwhile [ ! -e {0}/go ]; do sleep 0.05; done\n",
        directory.display()
    );
    let hook = hook_in(&directory, "hook", &text);
    let mut notifier = Notifier::start(&config(&[&hook]));
    for _ in 0..6 {
        notifier.tell(&ended("a"));
    }
    let begun = || fs::read_to_string(directory.join("begun")).map_or(0, |text| text.len() / 2);
    until("four programs run", || begun() >= 4);
    // A fifth would have had the time.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(begun(), 4);
    fs::write(directory.join("go"), "").unwrap();
    for _ in 0..6 {
        assert!(notifier.says("Result=").contains("exit status: 0"));
    }
    assert_eq!(begun(), 6);
    notifier.stop();
}

fn a_program_that_others_could_have_written_is_not_run() {
    let directory = trusted::directory();
    let hook = |name: &str| hook_in(&directory, name, "#!/bin/sh\necho it ran\n");
    let (owned, writable, plain) = (hook("owned"), hook("writable"), hook("plain"));
    chown(&owned, Some(NOBODY), None).unwrap();
    fs::set_permissions(&writable, Permissions::from_mode(0o775)).unwrap();
    fs::set_permissions(&plain, Permissions::from_mode(0o644)).unwrap();
    let link = directory.join("link");
    symlink(&owned, &link).unwrap();
    let missing = directory.join("missing");
    let notifier = Notifier::start(&config(&[&owned, &writable, &plain, &link, &missing]));
    let (passed, steps) = notifier.selftest();
    assert!(!passed);
    let details: Vec<&str> = steps
        .iter()
        .skip(1)
        .map(|step| step["detail"].as_str().unwrap())
        .collect();
    assert_eq!(details.len(), 5, "{details:?}");
    for expected in [
        "belongs to uid 65534 (mode 0755) and must be root's: chown root",
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

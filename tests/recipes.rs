//! The scripts that the pages show, as mandoc(1) would print them: run, with programs in place of those that reach
//! other machines.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const PAGES: [&str; 3] = [
    "man/memory-monitor.8",
    "man/memory-monitor-config.5",
    "man/memory-monitor-recipes.7",
];

/// The scripts in the literal blocks of a page, with lines that go on joined; blocks of settings are none.
fn scripts(page: &str) -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let blocks = page.split("\n.Bd -literal").skip(1);
    let blocks = blocks.map(|block| {
        let (arguments, block) = block.split_once('\n').unwrap();
        (arguments, block.split(".Ed").next().unwrap())
    });
    let is_script = |(arguments, block): &(&str, &str)| {
        !block.starts_with('[') && !arguments.ends_with("-compact")
    };
    let text = |(_, block): (&str, &str)| block.replace("\\e", "\\").replace("\\(dq", "\"");
    blocks.filter(is_script).map(text).collect()
}

/// A line that was broken by mistake leaves an argument at the beginning of the next one, which is a command nowhere.
#[test]
fn each_line_of_a_script_begins_with_a_command() {
    let commands = [
        "apt",
        "cp",
        "curl",
        "dnf",
        "done",
        "echo",
        "memory-monitor",
        "rm",
        "rsync",
        "ssh",
        "systemctl",
        "while",
    ];
    let mut count = 0;
    for script in PAGES.iter().flat_map(|page| scripts(page)) {
        for line in script.replace("\\\n", " ").lines() {
            let first = line.split_whitespace().next().unwrap();
            let is_known = commands.contains(&first) || first.starts_with("dir=");
            assert!(is_known, "{line:?} in\n{script}");
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
}

/// Runs a script of the recipes in a directory with the file `hosts`. Returns what it says, and the arguments of each
/// rsync and ssh; these fail for the host `down`.
fn run(begin: &str) -> (String, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let programs = directory.path().join("programs");
    fs::create_dir(&programs).unwrap();
    // As ssh does without -n, it takes the rest of the list of hosts.
    let program = "#!/bin/sh\nn=${0##*/}\nfor a; do n=\"$n|$a\"; done\necho \"$n\" >>calls\n\
                   case $n in ssh\\|-n*) ;; ssh*) cat >/dev/null ;; esac\ncase $n in *@down*) exit 1 ;; esac\n";
    for name in ["rsync", "ssh"] {
        let path = programs.join(name);
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(directory.path().join("hosts"), "alpha\ndown\nbeta\n").unwrap();
    let all = scripts("man/memory-monitor-recipes.7");
    let script = all.iter().find(|script| script.starts_with(begin)).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", script])
        .env("PATH", path)
        .current_dir(&directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let calls = fs::read_to_string(directory.path().join("calls")).unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (said, calls.lines().map(str::to_owned).collect())
}

#[test]
fn the_script_of_the_fleet_reaches_each_machine() {
    let (said, calls) = run("while read -r host");
    assert_eq!(said, "down: not applied\n");
    let to = |host: &str| {
        format!(
            "rsync|-a|--delete|--chown=root:root|fleet/|root@{host}:/root/memory-monitor-fleet/"
        )
    };
    let apply =
        |host: &str| format!("ssh|-n|root@{host}|sh|/root/memory-monitor-fleet/fleet-apply");
    let expected = [
        to("alpha"),
        apply("alpha"),
        to("down"),
        to("beta"),
        apply("beta"),
    ];
    assert_eq!(calls, expected);
}

#[test]
fn the_commands_for_the_metrics_reach_the_machine() {
    let (said, calls) = run("dir=/etc/systemd");
    let directory = "/etc/systemd/system/memory-monitor.service.d";
    assert_eq!(said, "");
    let expected = [
        format!("ssh|-n|root@host|mkdir|-p|{directory}"),
        format!("rsync|--chown=root:root|metrics.conf|root@host:{directory}/"),
        "ssh|-n|root@host|systemctl daemon-reload && systemctl restart memory-monitor".to_owned(),
    ];
    assert_eq!(calls, expected);
}

//! What the program prints, command by command, as golden files: tests/golden/commands/NAME is what the case
//! NAME printed. See [`transcript`] for how to write them anew, and [`world`] for the machine it is printed on.

pub(crate) mod check;
pub(crate) mod daemon;
mod transcript;
mod world;

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::group;
use crate::harness::hog::GROUP;
use crate::harness::machine::hide_processes;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use transcript::Transcript;
use world::{ALICE, BOB, Process, World, path, process};

pub(crate) const CASES: &[Case] = cases![
    help,
    usage_errors,
    scan: [Needs::Users],
    scan_json: [Needs::Users],
    scan_defaults: [Needs::Users],
    explain: [Needs::Users],
    explain_json: [Needs::Users],
    exempt: [Needs::Users],
    selftest,
    normal_user: [Needs::Users],
];

const COMMANDS: &[&str] = &[
    "scan", "explain", "check", "selftest", "exempt", "history", "notify", "status",
];

/// Nearly every key has another value than its default, so that all of it is shown.
const CONFIG: &str = r#"[thresholds]
ram_percent_threshold = 10.0
ram_gb_threshold = 2.0
check_interval = 3600
early_scan = false

[whitelist]
pids = [1, 106, 999]
names = ["sshd", "guard-*", "no-such-name"]
users = ["bob", "root", "no-such-user"]

[settings]
log_file = "/opt/log/log"
enable_syslog = false
log_level = "info"
term_timeout = 0.5
max_kills_per_minute = 0
metrics_file = "/opt/log/metrics.prom"

[[rule]]
name = "java"
ram_gb_threshold = 40.0

[[rule]]
name = "db*"
action = "protect"

[[rule]]
name = "batch"
action = "warn"

[[rule]]
exe = "/opt/bin/cruncher"
sustained = 60

[[rule]]
cmdline = "*postgres*"
metric = "pss"
"#;

/// Over its threshold, within it, near it, and protected in each way.
fn processes() -> Vec<Process> {
    vec![
        process(101, "chrome", 3.5).user(ALICE),
        process(102, "java", 30.0).user(ALICE),
        process(103, "vim", 0.25).user(ALICE),
        process(104, "node", 1.875).user(ALICE),
        process(105, "sshd", 2.5),
        process(106, "pinned", 2.25).user(ALICE),
        process(107, "guard-1", 2.5).user(ALICE).exe("chrome"),
        process(108, "bash", 2.5).user(BOB),
        process(109, "exempted-by-oom", 5.0).file("oom_score_adj", "-1000\n"),
        process(110, "kworker/0:1", 3.0)
            .exe("chrome")
            .kernel_thread(),
        process(111, "db-1", 6.0).user(ALICE),
        process(112, "batch", 4.0).user(ALICE),
        process(113, "cruncher", 3.0).user(ALICE),
        process(114, "postgres", 5.0).pss(0.5).user(ALICE),
        process(115, "a\n\x1b[31m, b", 3.25)
            .user(ALICE)
            .exe("chrome"),
        process(116, "garbled", 0.0).file("statm", "no numbers\n"),
        process(117, "web", 2.125).unit("/system.slice/golden-web.service"),
    ]
}

/// A world of all of them with the configuration above.
fn world() -> World {
    let world = World::with(&processes());
    write("config.toml", CONFIG);
    world
}

fn write(name: &str, text: &str) {
    fs::write(path(name), text).expect("a directory of ours");
}

const WITH_CONFIG: [&str; 2] = ["--config", "/opt/config.toml"];

fn with_config<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [words, &WITH_CONFIG].concat()
}

fn help() {
    let _world = World::with(&[]);
    let mut transcript = Transcript::new();
    transcript.run(&["--help"]);
    for command in COMMANDS {
        transcript.run(&[command, "--help"]);
    }
    transcript.run(&["--version"]);
    transcript.agrees();
}

fn usage_errors() {
    let _world = World::with(&[]);
    let mut transcript = Transcript::new();
    for words in [
        &["--no-such-option"][..],
        &["--dry-rum"],
        &["-x"],
        &["--config"],
        &["--once=yes"],
        &["scann"],
        &["no-such-command"],
        &["scan", "explain"],
        &["scan", "--top", "0"],
        &["scan", "--top", "many"],
        &["scan", "--user", "no-such-user"],
        &["scan", "--name", "a["],
        &["scan", "--once"],
        &["scan", "--watch"],
        &["scan", "--suggest", "soon"],
        &["scan", "--all", "--top", "3"],
        &["explain"],
        &["explain", "0"],
        &["explain", "x"],
        &["explain", "1", "2"],
        &["check", "a", "b"],
        &["check", "a", "--config", "b"],
        &["history", "--since", "yesterday"],
        &["exempt"],
        &["exempt", "101"],
        &["exempt", "101", "--for", "soon"],
        &["exempt", "101", "--for", "0s"],
        &["exempt", "101", "--end", "--for", "1h"],
        &["exempt", "--list", "--reason", "x"],
        &["exempt", "--for", "1h"],
        &["selftest", "--sandbox", "--notify"],
        &["status", "--all"],
        &["--quiet", "--verbose"],
        &["--json"],
    ] {
        transcript.run(words);
    }
    transcript.agrees();
}

fn scan() {
    let _world = world();
    let mut transcript = Transcript::new();
    for words in [
        &["scan"][..],
        &["scan", "--all"],
        &["scan", "--top", "3"],
        &["scan", "--user", "alice"],
        &["scan", "--user", "1002"],
        &["scan", "--name", "b*"],
        &["scan", "--name", "no-such-name"],
        &["scan", "--quiet"],
        &["scan", "--config", "/opt/missing.toml"],
    ] {
        let has_config = words.contains(&"--config");
        let with_config = with_config(words);
        transcript.run(if has_config { words } else { &with_config });
    }
    transcript.agrees();
}

fn scan_json() {
    let _world = world();
    let mut transcript = Transcript::new();
    // All but the program itself, whose memory is its build's.
    for filter in [["--user", "alice"], ["--user", "bob"], ["--name", "[s-w]*"]] {
        transcript.run(&with_config(
            &[&["scan", "--all", "--json"][..], &filter].concat(),
        ));
    }
    transcript.agrees();
}

/// Without a configuration file.
fn scan_defaults() {
    let _world = World::with(&processes());
    let mut transcript = Transcript::new();
    transcript.run(&["scan"]);
    transcript.run(&["explain", "101"]);
    transcript.agrees();
}

fn explain() {
    let _world = world();
    let mut transcript = Transcript::new();
    for pid in (101..=117).chain([1, 4_194_305]) {
        transcript.run(&with_config(&["explain", &pid.to_string()]));
    }
    write("config.toml", "[settings]\ndry_run = true\n");
    transcript.remark("with dry_run = true");
    transcript.run(&with_config(&["explain", "101"]));
    write(
        "config.toml",
        "[whitelist]\nusers = [\"root\"]\nprotect_root = true\n",
    );
    transcript.remark("with protect_root = true");
    transcript.run(&with_config(&["explain", "105"]));
    write(
        "config.toml",
        "[whitelist]\nnames = [\"sshd\", \"guard-?\"]\nverify_names = true\n",
    );
    transcript.remark("with verify_names = true");
    transcript.run(&with_config(&["explain", "105"]));
    transcript.run(&with_config(&["explain", "107"]));
    write(
        "config.toml",
        "[[schedule]]\nfrom = \"00:00\"\nto = \"24:00\"\nram_gb_threshold = 1.5\n",
    );
    transcript.remark("in a schedule");
    transcript.run(&with_config(&["explain", "104"]));
    transcript.agrees();
}

fn explain_json() {
    let _world = world();
    let mut transcript = Transcript::new();
    for pid in [101, 103, 105, 112, 114, 115, 117] {
        transcript.run(&with_config(&["explain", &pid.to_string(), "--json"]));
    }
    transcript.run(&["explain", "4194305", "--json"]);
    transcript.agrees();
}

fn exempt() {
    let _world = world();
    let mut transcript = Transcript::new();
    transcript.run(&["exempt", "--list"]);
    transcript.run(&[
        "exempt",
        "101",
        "--for",
        "2h",
        "--reason",
        "a backup \x1b runs",
    ]);
    transcript.run(&["exempt", "103", "--for", "3d"]);
    transcript.run(&["exempt", "--list"]);
    transcript.run(&["exempt", "--list", "--json"]);
    transcript.run(&with_config(&["explain", "101"]));
    transcript.run(&with_config(&["scan", "--name", "chrome"]));
    transcript.run(&["exempt", "101", "--end"]);
    transcript.run(&["exempt", "101", "--end"]);
    for pid in ["1", "109", "110", "4194303"] {
        transcript.run(&["exempt", pid, "--for", "1h"]);
    }
    transcript.agrees();
}

/// The steps, their outcomes and the keys of the first, which are all that is the same on each machine.
fn selftest() {
    let _world = World::with(&[]);
    group::hide();
    let mut transcript = Transcript::new();
    transcript.steps(&["selftest", "--json"]);
    transcript.agrees();
}

/// What another user than root is told.
fn normal_user() {
    let _world = world();
    let mut transcript = Transcript::new();
    let as_alice = |command: &mut Command| {
        command.uid(ALICE).gid(GROUP);
    };
    for words in [
        &["scan", "--top", "2"][..],
        &["explain", "101"],
        &["explain", "105"],
        &["check", "--names"],
        &["--once", "--dry-run"],
    ] {
        transcript.run_as(&with_config(words), as_alice);
    }
    transcript.run_as(&["exempt", "101", "--for", "1h"], as_alice);
    transcript.run_as(&["exempt", "--list"], as_alice);
    transcript.remark("/proc is mounted with hidepid=2");
    hide_processes("2");
    transcript.run_as(&with_config(&["scan", "--top", "2"]), as_alice);
    transcript.run_as(&with_config(&["explain", "105"]), as_alice);
    transcript.agrees();
}

//! `memory-monitor selftest`, while a process is over the threshold that is none of its own.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::group;
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::{Machine, Said, binary, program, said, until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    kills_its_own_processes_and_no_other,
    makes_a_shortage_in_a_memory_group: [Needs::Group],
    without_memory_groups_it_makes_no_shortage,
    says_what_a_normal_user_lacks: [Needs::Users],
    fails_for_root_without_the_right_to_signal: [Needs::Users],
    without_memory_it_fails_with_words,
    a_directory_that_the_daemon_rejects_is_no_success,
    a_role_without_its_process_is_rejected,
];

/// A process with more memory than any threshold of the selftest's.
fn bystander() -> RunningHog {
    Hog::new().mib(200).start()
}

/// A directory for temporary files, which any user may use.
fn directory(machine: &Machine) -> PathBuf {
    let directory = machine.path("tmp");
    fs::create_dir(&directory).expect("a directory of ours");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o1777)).expect("ours");
    directory
}

/// Each step's outcome, name and detail.
fn steps(said: &Said) -> Vec<[String; 3]> {
    let json = said.json();
    let steps = json["steps"].as_array().expect("a list");
    let part = |step: &serde_json::Value, key: &str| step[key].as_str().expect(key).to_owned();
    steps
        .iter()
        .map(|step| ["outcome", "name", "detail"].map(|key| part(step, key)))
        .collect()
}

fn has(steps: &[[String; 3]], outcome: &str, name: &str, detail: &str) -> bool {
    steps.iter().any(|[its_outcome, its_name, its_detail]| {
        its_outcome == outcome && its_name == name && its_detail.contains(detail)
    })
}

fn kills_its_own_processes_and_no_other() {
    let machine = Machine::new();
    let bystander = bystander();
    let directory = directory(&machine);
    let selftest = |words: &[&str]| {
        let mut command = program(&["selftest"]);
        command.args(words).env("TMPDIR", &directory);
        said(command)
    };
    let said = selftest(&["--json"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let steps = steps(&said);
    for (name, detail) in [
        ("read it, decide and send SIGTERM", ""),
        ("send SIGKILL after the grace period", ""),
        ("notice that it has ended", "Signal=SIGKILL"),
        ("notice that it has ended", "Signal=SIGTERM"),
        ("reclaim the memory of a killed process", ""),
    ] {
        assert!(has(&steps, "ok", name, detail), "{name}: {said:?}");
    }
    let failed = steps.iter().find(|[outcome, ..]| outcome == "failed");
    assert_eq!(failed, None);
    let said = selftest(&[]);
    let last = " 0 failed. No process but those of this test was sent a signal.\n";
    assert!(said.out.ends_with(last), "{said:?}");
    assert!(bystander.is_alive());
    let left = fs::read_dir(directory).expect("a directory of ours");
    assert_eq!(left.count(), 0, "it leaves nothing behind");
}

/// By the figures of its group everything is short, and the bystander has more memory than the group.
fn makes_a_shortage_in_a_memory_group() {
    let machine = Machine::new();
    let bystander = bystander();
    let mut command = program(&["selftest", "--json"]);
    command.env("TMPDIR", directory(&machine));
    let said = said(command);
    assert_eq!(said.status, Some(0), "{said:?}");
    let steps = steps(&said);
    for (name, detail) in [
        ("start a process in a control group", "0.05GB of 0.06GB"),
        (
            "see that its memory is short and send SIGTERM",
            "Name=memory-monitor",
        ),
        (
            "see that its memory is no longer short",
            "0.06GB left, After=",
        ),
    ] {
        assert!(has(&steps, "ok", name, detail), "{name}: {said:?}");
    }
    assert!(bystander.is_alive());
    // Those of other cases, which run at the same time, are removed as well.
    until("no group is left", || {
        let mut bases = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].into_iter();
        !bases.any(|base| {
            let entries = fs::read_dir(base).into_iter().flatten().flatten();
            let mut names = entries.map(|entry| entry.file_name().into_encoded_bytes());
            names.any(|name| name.starts_with(b"memory-monitor-selftest-"))
        })
    });
}

fn without_memory_groups_it_makes_no_shortage() {
    group::hide();
    let machine = Machine::new();
    let selftest = |words: &[&str]| {
        let mut command = program(&["selftest"]);
        command.args(words).env("TMPDIR", directory(&machine));
        said(command)
    };
    let said = selftest(&["--json"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let (what, why) = ("start a process in a control group", "/sys/fs/cgroup");
    assert!(has(&steps(&said), "skipped", what, why), "{said:?}");
    fs::remove_dir(machine.path("tmp")).expect("it leaves nothing behind");
    let said = selftest(&[]).out;
    assert!(said.contains(" missing, 1 skipped, 0 failed. "), "{said}");
}

fn says_what_a_normal_user_lacks() {
    const NOBODY: u32 = 65534;
    let machine = Machine::new();
    let bystander = bystander();
    let mut command = machine.binary_for(NOBODY);
    command.args(["selftest", "--json"]);
    command.env("TMPDIR", directory(&machine));
    let said = said(command);
    assert_eq!(said.status, Some(0), "{said:?}");
    let steps = steps(&said);
    let group = "start a process in a control group";
    assert!(
        has(&steps, "skipped", group, "Permission denied"),
        "{said:?}"
    );
    let lacks = "signal other users' processes";
    assert!(has(&steps, "missing", lacks, ""), "{said:?}");
    assert!(
        has(&steps, "ok", "notice that it has ended", ""),
        "{said:?}"
    );
    assert!(bystander.is_alive());
}

fn fails_for_root_without_the_right_to_signal() {
    let machine = Machine::new();
    let bystander = bystander();
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-kill", "--"]).arg(binary());
    command.args(["selftest", "--json"]);
    command.env("TMPDIR", directory(&machine));
    let said = said(command);
    let steps = steps(&said);
    let needs = |[outcome, _, detail]: &[String; 3]| {
        outcome == "failed" && detail.contains("it needs CAP_KILL")
    };
    assert!(steps.iter().any(needs), "{said:?}");
    let error = "memory-monitor: error: one step of the selftest failed\n";
    assert_eq!(said.err, error, "{said:?}");
    assert_ne!(said.status, Some(0));
    assert!(bystander.is_alive());
}

/// Less address space than its processes use.
fn without_memory_it_fails_with_words() {
    group::hide();
    let machine = Machine::new();
    for size in [12_000_000, 20_000_000, 40_000_000] {
        let mut command = Command::new("prlimit");
        command.arg(format!("--as={size}")).arg(binary());
        command.args(["selftest", "--json"]);
        command
            .env("TMPDIR", machine.path(""))
            .env("RUST_BACKTRACE", "1");
        let said = said(command);
        assert_eq!(said.status, Some(1), "{said:?}");
        let start = "start a process that obeys SIGTERM";
        let detail = "it got no 0.03GB of memory, see ulimit -v";
        assert!(has(&steps(&said), "failed", start, detail), "{said:?}");
        let error = "memory-monitor: error: 3 steps of the selftest failed\n";
        assert_eq!(said.err, error, "no backtrace and no panic: {said:?}");
    }
}

/// Others could put a link in the place of the log file.
fn a_directory_that_the_daemon_rejects_is_no_success() {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "mode=1777", "log", "/var/log"]);
    assert_eq!(said(mount).status, Some(0));
    let machine = Machine::new();
    let mut command = program(&["selftest", "--json"]);
    command.env("TMPDIR", directory(&machine));
    let said = said(command);
    let what = "write to /var/log/memory_monitor.log";
    let why = "/var/log can be written by others than root (mode 1777)";
    assert!(has(&steps(&said), "missing", what, why), "{said:?}");
}

fn a_role_without_its_process_is_rejected() {
    for role in ["monitor ", "monitor 1", "monitor x y"] {
        let mut command = program(&["selftest"]);
        command.env("MEMORY_MONITOR_SELFTEST", role);
        let said = said(command);
        assert_eq!(said.status, Some(1), "{said:?}");
    }
}

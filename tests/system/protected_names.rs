//! Protections that must hold whatever the kernel cuts, a program renames or an upgrade replaces: real `#!` scripts,
//! real renamed processes, real replaced files.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, run};
use crate::harness::trusted;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    a_script_by_its_whole_name: [Needs::Users],
    a_renamed_program_by_its_executable: [Needs::Users],
    a_rule_by_name_as_well: [Needs::Users],
    an_executable_that_was_replaced: [Needs::Users],
    many_groups_hide_no_memory,
    a_second_daemon_does_not_start,
    a_rule_has_its_own_grace_period,
    history_finds_names_of_any_bytes,
    workers_that_come_back_are_reported_once,
    what_is_left_at_the_end_is_killed,
];

fn directory() -> PathBuf {
    let directory = trusted::root().join("bin");
    fs::create_dir_all(&directory).expect("a directory of ours");
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).expect("a directory of ours");
    directory
}

/// A script that holds memory and answers as a hog does.
fn script(name: &str, start: &str) -> PathBuf {
    let script = directory().join(name);
    let text = format!("{start}\nprintf -v memory '%60000000s' ''\necho ready\nread -r line\n");
    fs::write(&script, text).expect("a directory of ours");
    fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("a file of ours");
    script
}

fn a_script_by_its_whole_name() {
    let name = "apt-daily-upgrade-helper";
    let machine = Machine::new().with("whitelist.names", &format!("[{name:?}]"));
    let protected = Hog::new().by([script(name, "#!/bin/bash -p")]).start();
    let mut other = Hog::new()
        .by([script("apt-daily-upgrade-other", "#!/bin/bash")])
        .start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(other.ended_by(), Some(libc::SIGTERM));
    let pid = protected.pid().to_string();
    machine.log().wait_for_words(&[
        &format!("PID={pid}, Name={name},"),
        &format!("Reason: whitelist.names has {name}"),
    ]);
    machine
        .log()
        .wait_for_words(&["Killing process", "Name=apt-daily-upgrade-other,"]);
    machine.log().wait_for_scans(3);
    assert!(protected.is_alive());
    daemon.stop();
}

fn a_renamed_program_by_its_executable() {
    let machine = Machine::new().with("whitelist.names", r#"["node"]"#);
    let node = trusted::copy(Path::new("/proc/self/exe"), &directory(), "node");
    let protected = Hog::new().comm("MainThread").by([&node]).start();
    let mut other = Hog::new().comm("MainThread").start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(other.ended_by(), Some(libc::SIGTERM));
    let why = "whitelist.names has node, the name of its executable";
    machine.log().wait_for_words(&["Name=MainThread", why]);
    assert!(protected.is_alive());
    let explain = machine.run(&["explain", &protected.pid().to_string()]);
    assert!(explain.out.contains(why), "{explain:?}");
    daemon.stop();
}

fn a_rule_by_name_as_well() {
    let machine = Machine::new();
    machine.drop_in(
        "rule.toml",
        "[[rule]]\nname = \"node\"\naction = \"protect\"\n",
    );
    let node = trusted::copy(Path::new("/proc/self/exe"), &directory(), "node");
    let protected = Hog::new().comm("MainThread").by([&node]).start();
    let mut daemon = machine.start();
    machine
        .log()
        .wait_for_words(&["Protected process", "rule 1"]);
    machine.log().wait_for_scans(2);
    assert!(protected.is_alive());
    daemon.stop();
}

fn an_executable_that_was_replaced() {
    let machine = Machine::new();
    machine.drop_in(
        "rule.toml",
        "[[rule]]\nexe = \"/opt/bin/postgres\"\naction = \"protect\"\n",
    );
    let bin = directory();
    let postgres = trusted::copy(Path::new("/proc/self/exe"), &bin, "postgres");
    let protected = Hog::new().by([&postgres]).start();
    // As an upgrade does it.
    let new = trusted::copy(Path::new("/proc/self/exe"), &bin, "postgres.new");
    fs::rename(new, &postgres).expect("a directory of ours");
    let link = fs::read_link(format!("/proc/{}/exe", protected.pid())).expect("ours");
    assert!(link.to_string_lossy().ends_with(" (deleted)"));
    let mut daemon = machine.start();
    machine
        .log()
        .wait_for_words(&["Protected process", "rule 1"]);
    machine.log().wait_for_scans(3);
    assert!(protected.is_alive());
    let explain = machine.run(&["explain", &protected.pid().to_string()]).out;
    assert!(
        explain.contains("executable  /opt/bin/postgres\n"),
        "{explain}"
    );
    daemon.stop();
}

/// RssAnon stands behind the groups in status, which is 6 KiB long with 400 of them.
fn many_groups_hide_no_memory() {
    let machine = Machine::new().with("thresholds.metric", "\"anon\"");
    let groups: Vec<_> = (3_000_000_000_u32..3_000_000_400)
        .map(|gid| gid.to_string())
        .collect();
    let groups = groups.join(",");
    // The launcher is replaced by what it starts, whose own executable this is.
    let executable = std::env::current_exe().expect("this");
    let executable = executable.to_str().expect("UTF-8");
    let words = ["setpriv", "--groups", &groups, executable];
    let mut hog = Hog::new().by(words).start();
    let status = fs::read_to_string(format!("/proc/{}/status", hog.pid())).expect("ours");
    assert!(status.find("RssAnon").expect("there") > 4096, "{status}");
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine
        .log()
        .wait_for_words(&["Killing process", "Anon=0.0"]);
    daemon.stop();
}

fn a_second_daemon_does_not_start() {
    let machine = Machine::new();
    let mut daemon = machine.start();
    machine.log().wait_for_scans(2);
    let second = machine.run(&["--quiet"]);
    assert_eq!(second.status, Some(1), "{second:?}");
    let running = format!("a memory-monitor runs already (PID {})", daemon.pid());
    assert!(second.err.contains(&running), "{second:?}");
    let once = machine.run(&["--once", "--quiet"]);
    assert_eq!(once.status, Some(0), "{once:?}");
    let status = run(&["status"]).out;
    assert!(
        status.contains(&format!("PID {}", daemon.pid())),
        "{status}"
    );
    daemon.stop();
    // Its lock is gone with it.
    let mut again = machine.start();
    again.stop();
}

fn a_rule_has_its_own_grace_period() {
    let machine = Machine::new();
    machine.drop_in(
        "rule.toml",
        "[[rule]]\nname = \"hog\"\nterm_timeout = 0.2\n",
    );
    let mut hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    machine.log().wait_for_words(&["Escalating to SIGKILL"]);
    daemon.stop();
}

fn history_finds_names_of_any_bytes() {
    let machine = Machine::new();
    let mut hog = Hog::new().comm(b"\xffhog").argv0("x").start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_words(&["Process ended", "\\xffhog"]);
    daemon.stop();
    for (pattern, is_found) in [("?hog", true), ("*hog", true), ("hog", false)] {
        let history = run(&["history", "--name", pattern]).out;
        assert_eq!(
            history.contains("\\xffhog"),
            is_found,
            "{pattern}: {history}"
        );
    }
}

/// A parent that starts its worker again as often as it is killed.
fn workers_that_come_back_are_reported_once() {
    let machine = Machine::new();
    let executable = std::env::current_exe().expect("this");
    let pool = format!(
        "while :; do {:?} --hog 48 worker </dev/zero >/dev/null; done",
        executable.to_str().expect("UTF-8")
    );
    let mut pool = Command::new("sh").args(["-c", &pool]).spawn().expect("sh");
    let mut daemon = machine.start();
    let what = format!(
        "Workers come back as often as they are killed: Parent={}, Name=worker",
        pool.id()
    );
    machine.log().wait_for_words(&[&what]);
    machine.log().wait_for_scans(3);
    pool.kill().expect("ours");
    pool.wait().expect("ours");
    daemon.stop();
    let log = machine.log().records();
    let reports = log.iter().filter(|record| record.message.contains(&what));
    assert_eq!(reports.count(), 1);
}

/// A daemon that is stopped in a grace period finishes the kills that are due soon.
fn what_is_left_at_the_end_is_killed() {
    let machine = Machine::new().with("settings.term_timeout", "1");
    let mut hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_words(&["Killing process"]);
    daemon.signal(libc::SIGTERM);
    assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    machine
        .log()
        .wait_for_words(&["Process ended", "Signal=SIGKILL"]);
    daemon.stop();
}

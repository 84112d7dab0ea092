//! `memory-monitor exempt`: exemptions that hold, expire, are revoked, and end with their process.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::log_lines::Record;
use crate::harness::machine::{LONG, Machine, Said, run, said, until};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    protected_until_revoked,
    protected_until_it_expires,
    replaced_is_not_over,
    status_shows_all,
    cancels_a_kill,
    survives_a_restart,
    holds_for_the_process_alone: [Needs::Users],
    only_root_may: [Needs::Users],
    file_that_others_can_write,
    needs_none,
    rejects_what_is_no_process,
    what_fails_writes_nothing,
];

fn exempt(arguments: &[&str]) -> Said {
    run(&[&["exempt"], arguments].concat())
}

/// Exempts a hog; what it printed.
fn exempt_for(hog: &RunningHog, time: &str, reason: &str) -> String {
    let done = exempt(&[&hog.pid().to_string(), "--for", time, "--reason", reason]);
    assert_eq!(done.status, Some(0), "{done:?}");
    done.out
}

fn file() -> PathBuf {
    let directory = std::env::var_os("RUNTIME_DIRECTORY").expect("each test has one of its own");
    PathBuf::from(directory).join("exempt.json")
}

fn protected_until_revoked() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let pid = hog.pid().to_string();
    let said = exempt_for(&hog, "2h", "back\x1bup");
    assert!(
        said.contains("(2 h)") && said.contains(&pid) && !said.contains('\x1b'),
        "{said}"
    );
    let mut other = Hog::new().start();
    let mut daemon = machine.start();
    assert_eq!(other.ended_by(), Some(libc::SIGTERM));
    let reason = "Reason=\"back\\x1bup\"";
    machine
        .log()
        .wait_for_words(&["Exempt for ", &format!("PID={pid},"), reason]);
    machine.log().wait_for_words(&[
        "Protected process: ",
        &format!("PID={pid},"),
        "exempt for another",
    ]);
    for command in [&["explain", &pid][..], &["scan"], &["exempt", "--list"]] {
        let shown = machine.run(command);
        let shown = if command[0] == "exempt" {
            exempt(&["--list"])
        } else {
            shown
        };
        assert!(
            shown.all().contains("back\\x1bup"),
            "{command:?}: {}",
            shown.all()
        );
    }
    let json = exempt(&["--list", "--json"]);
    assert_eq!(json.json()[0]["pid"], hog.pid());

    machine.log().wait_for_scans(3);
    assert!(hog.is_alive());
    assert!(exempt(&[&pid, "--end"]).status == Some(0));
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine
        .log()
        .wait_for_words(&["Exemption over (revoked): ", &format!("PID={pid},")]);
    let again = exempt(&[&pid, "--end"]);
    assert_eq!(again.status, Some(1), "{again:?}");
    assert!(exempt(&["--list"]).all().contains("No process"));
    daemon.stop();
}

fn protected_until_it_expires() {
    // The next scan would be a day later: the end of an exemption brings it forward.
    let machine = Machine::new().with("thresholds.check_interval", "86400");
    let mut hog = Hog::new().start();
    let said = exempt_for(&hog, "2s", "");
    assert!(!said.contains("Reason"), "{said}");
    assert_eq!(exempt(&["--list", "--json"]).json()[0]["reason"], "");
    let mut daemon = machine.start();
    machine
        .log()
        .wait_for_words(&["Protected process: ", "exempt for another"]);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine
        .log()
        .wait_for_words(&["Exemption over (expired): "]);
    daemon.stop();
}

/// Also that of a process over no threshold.
fn status_shows_all() {
    let machine = Machine::new();
    let hog = Hog::new().mib(1).comm("small").start();
    let mut daemon = machine.start();
    assert!(!run(&["status"]).out.contains("Exempt"));
    exempt_for(&hog, "1h", "a backup");
    let said = run(&["status"]).out;
    let (pid, list) = (hog.pid(), said.split_once("\nExempt:\n"));
    let list = list.unwrap_or_else(|| panic!("{said}")).1;
    let line = format!("{pid:>9}  small, until ");
    assert!(list.starts_with(&line), "{said}");
    assert!(list.ends_with(" left), a backup\n"), "{said}");
    let json = run(&["status", "--json"]).json();
    assert_eq!(json["exemptions"][0]["pid"], pid, "{json}");
    daemon.stop();
}

/// The second one is in force then, and the end of that one is logged.
fn replaced_is_not_over() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    let pid = format!("PID={},", hog.pid());
    exempt_for(&hog, "1h", "the first");
    let mut daemon = machine.start();
    let log = machine.log();
    log.wait_for_words(&["Exempt for ", &pid, "the first"]);
    exempt_for(&hog, "2h", "the second");
    log.wait_for_words(&["Exempt for ", &pid, "the second"]);
    log.wait_for_scans(2);
    let is_over = |record: &Record| record.message.contains("Exemption over");
    assert!(!log.records().iter().any(is_over));
    assert_eq!(exempt(&[&hog.pid().to_string(), "--end"]).status, Some(0));
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    log.wait_for_words(&["Exemption over (revoked): ", &pid, "the second"]);
    let over = log
        .records()
        .iter()
        .filter(|record| is_over(record))
        .count();
    assert_eq!(over, 1);
    daemon.stop();
}

fn cancels_a_kill() {
    let machine = Machine::new().with("settings.term_timeout", "3");
    let hog = Hog::new().ignores_sigterm().start();
    let mut daemon = machine.start();
    machine
        .log()
        .wait_for_words(&["Killing process: ", &format!("PID={},", hog.pid())]);
    exempt_for(&hog, "1h", "not this one");
    machine.log().wait_for_words(&[
        "Kill cancelled, the process is protected now: ",
        &format!("PID={},", hog.pid()),
    ]);
    machine.log().wait_for_scans(3);
    assert!(hog.is_alive());
    daemon.stop();
}

fn survives_a_restart() {
    let machine = Machine::new().with("settings.term_timeout", LONG);
    let hog = Hog::new().start();
    exempt_for(&hog, "1h", "");
    for _ in 0..2 {
        let mut daemon = machine.start();
        machine.log().wait_for_scans(2);
        daemon.stop();
        assert!(hog.is_alive());
    }
}

fn holds_for_the_process_alone() {
    let machine = Machine::new();
    let mut first = Hog::new().start_as(300);
    exempt_for(&first, "1h", "");
    let mut daemon = machine.start();
    machine.log().wait_for_words(&["Exempt for ", "PID=300,"]);
    first.kill();
    machine
        .log()
        .wait_for_words(&["Exemption over (the process has ended): ", "PID=300,"]);
    let mut second = Hog::new().start_as(300);
    assert_eq!(second.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

fn only_root_may() {
    let machine = Machine::new();
    let hog = Hog::new().user(1000).start();
    let pid = hog.pid().to_string();
    for arguments in [
        &["exempt", &pid, "--for", "1h"][..],
        &["exempt", &pid, "--end"],
    ] {
        let mut command = machine.binary_for(1000);
        command.args(arguments);
        let rejected = said(command);
        assert_eq!(rejected.status, Some(1));
        assert!(rejected.all().contains("only root"), "{}", rejected.all());
    }
    let mut command = machine.binary_for(1000);
    command.args(["exempt", "--list"]);
    assert!(said(command).status == Some(0));
}

fn file_that_others_can_write() {
    let machine = Machine::new();
    let mut hog = Hog::new().start();
    exempt_for(&hog, "1h", "");
    fs::set_permissions(file(), fs::Permissions::from_mode(0o666)).expect("ours");
    let mut daemon = machine.start();
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine
        .log()
        .wait_for_words(&["Exemptions file rejected", "by others than root"]);

    // An exempt process stays exempt, whatever the file has become.
    fs::remove_file(file()).expect("ours");
    let second = Hog::new().mib(1).start();
    exempt_for(&second, "1h", "");
    machine
        .log()
        .wait_for_words(&["Exempt for ", &format!("PID={},", second.pid())]);
    fs::write(file(), "[{").expect("ours");
    machine
        .log()
        .wait_for_words(&["Exemptions file rejected", "EOF"]);
    machine.log().wait_for_scans(3);
    let over = |record: &Record| record.message.contains("Exemption over");
    assert!(!machine.log().records().iter().any(over));
    daemon.stop();
}

/// A thread and a zombie have a directory in /proc as well.
fn rejects_what_is_no_process() {
    let hog = Hog::new().with_second_thread().start();
    let thread = hog.threads()[1];
    let mut zombie = Command::new("/bin/true").spawn().expect("true starts");
    let stat = format!("/proc/{}/stat", zombie.id());
    until("it has exited", || {
        fs::read_to_string(&stat).is_ok_and(|text| text.contains(") Z "))
    });
    for (number, told) in [
        (
            thread,
            format!("is a thread of process {}: exempt that one", hog.pid()),
        ),
        (zombie.id(), "has exited".to_owned()),
    ] {
        let number = number.to_string();
        let rejected = exempt(&[&number, "--for", "1h"]);
        assert_eq!(rejected.status, Some(1), "{rejected:?}");
        let told = format!("error: process {number} {told}");
        assert!(rejected.err.contains(&told), "{rejected:?}");
    }
    assert!(!file().exists());
    zombie.wait().expect("ours");
    // One without its main thread is a process.
    let other = Hog::new().leader_exits().start();
    exempt_for(&other, "1h", "");
}

fn what_fails_writes_nothing() {
    let hog = Hog::new().start();
    exempt_for(&hog, "1h", "");
    let inode = || fs::metadata(file()).expect("it was written").ino();
    let before = inode();
    let own = std::process::id().to_string();
    assert_eq!(exempt(&[&own, "--end"]).status, Some(1));
    assert_eq!(inode(), before);
}

fn needs_none() {
    let mut gone = Hog::new().start();
    let number = gone.pid().to_string();
    gone.kill();
    for (pid, words) in [
        ("1", "pid 1 is always protected"),
        (number.as_str(), "does not exist"),
        ("0", "a number from 1"),
    ] {
        let rejected = exempt(&[pid, "--for", "1h"]);
        assert!(
            rejected.status != Some(0) && rejected.all().contains(words),
            "{}",
            rejected.all()
        );
    }
    let own = std::process::id().to_string();
    let own = own.as_str();
    for arguments in [
        &[][..],
        &[own][..],
        &[own, "--for", "soon"],
        &[own, "--for", "0s"],
        &[own, "--end", "--for", "1h"],
        &["--list", "--reason", "x"],
        &[own, "--list"],
        &["--for", "1h"],
    ] {
        let rejected = exempt(arguments);
        assert_eq!(rejected.status, Some(64), "{arguments:?}: {rejected:?}");
    }
    assert!(!file().exists());
    // The name of a process can't begin a line of its own.
    let mut command = Command::new("/bin/sleep");
    let mut hostile = command
        .arg0("a\nb")
        .arg("600")
        .spawn()
        .expect("sleep starts");
    let done = exempt(&[&hostile.id().to_string(), "--for", "1h", "--reason", "a\nb"]);
    assert_eq!(done.out.lines().count(), 1, "{done:?}");
    hostile.kill().and_then(|()| hostile.wait()).expect("ours");
}

//! The daemon and `scan` as a normal user, with other users' processes around.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, hide_processes, run, said};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    not_permitted_is_said_once: [Needs::Users],
    only_its_own_is_said_once: [Needs::Users],
    hidepid_is_named_by_the_daemon: [Needs::Users],
    hidepid_1_is_named_by_the_daemon: [Needs::Users],
    hidepid_ptraceable_is_named_by_the_daemon: [Needs::Users],
    hidepid_is_named_by_scan: [Needs::Users],
    hidepid_hides_neither_daemon_nor_exemption: [Needs::Users],
    scan_as_a_normal_user: [Needs::Users],
];

fn hidepid_is_named_by_the_daemon() {
    daemon_names_hidepid("2");
}

fn hidepid_1_is_named_by_the_daemon() {
    daemon_names_hidepid("1");
}

fn hidepid_ptraceable_is_named_by_the_daemon() {
    daemon_names_hidepid("ptraceable");
}

const US: u32 = 65534;
const ANOTHER: u32 = 4711;

fn not_permitted_is_said_once() {
    let machine = Machine::new();
    let hog_of_another = Hog::new().user(ANOTHER).start();
    let mut ours = Hog::new().user(US).start();
    let mut daemon = machine.launch(machine.given(machine.binary_for(US)));
    let pid = hog_of_another.pid();
    let log = machine.log();
    let rejected = format!(
        "Not permitted to signal process: PID={pid}, Name=hog, User=4711, RAM=*.##GB (*.##%)"
    );
    log.wait_for("WARNING", &rejected);
    assert_eq!(ours.ended_by(), Some(libc::SIGTERM));
    log.wait_for_scans(10);
    // A later one is still found: the refusal stopped nothing.
    let mut late = Hog::new().user(US).start();
    assert_eq!(late.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
    assert!(hog_of_another.is_alive());
    let records = log.records();
    let about = format!("PID={pid},");
    let about_it = records
        .iter()
        .filter(|record| record.message.contains(&about));
    assert_eq!(about_it.count(), 1, "{records:?}");
}

fn only_its_own_is_said_once() {
    let machine = Machine::new();
    let mut daemon = machine.launch(machine.given(machine.binary_for(US)));
    let log = machine.log();
    log.wait_for_scans(5);
    daemon.stop();
    let records = log.records();
    let says_so = |message: &str| message.contains("only") && message.contains("processes");
    let said = records.iter().filter(|record| says_so(&record.message));
    assert_eq!(said.count(), 1, "{records:?}");
}

fn daemon_names_hidepid(value: &str) {
    hide_processes(value);
    let machine = Machine::new();
    let hog_of_another = Hog::new().user(ANOTHER).start();
    let mut ours = Hog::new().user(US).start();
    let mut daemon = machine.launch(machine.given(machine.binary_for(US)));
    assert_eq!(ours.ended_by(), Some(libc::SIGTERM));
    let log = machine.log();
    let record = log.wait_for_words(&["hidepid"]);
    assert_eq!(record.level, "WARNING");
    log.wait_for_scans(5);
    daemon.stop();
    assert!(hog_of_another.is_alive());
    let records = log.records();
    let said = records
        .iter()
        .filter(|record| record.message.contains("hidepid"));
    assert_eq!(said.count(), 1, "{records:?}");
    // PID 1 is hidden, and is there.
    let unused = |message: &str| message.contains("no process has PID");
    assert!(
        !records.iter().any(|record| unused(&record.message)),
        "{records:?}"
    );
}

fn scan_for_us(machine: &Machine) -> Command {
    let mut command = machine.binary_for(US);
    command.arg("scan");
    command
}

fn hidepid_is_named_by_scan() {
    hide_processes("2");
    let machine = Machine::new();
    let hog_of_another = Hog::new().user(ANOTHER).start();
    let seen = said(machine.given(scan_for_us(&machine)));
    let text = seen.all();
    assert!(seen.status == Some(0) && text.contains("hidepid"), "{text}");
    assert!(!text.contains("4711"), "{text}");
    // Root sees all, and is not told otherwise.
    let seen = machine.run(&["scan"]);
    let text = seen.all();
    assert!(text.contains("4711") && !text.contains("hidepid"), "{text}");
    assert!(hog_of_another.is_alive());
}

fn hidepid_hides_neither_daemon_nor_exemption() {
    let machine = Machine::new();
    let hog = Hog::new().user(ANOTHER).start();
    let ours = Hog::new().mib(160).user(US).start();
    let pid = hog.pid().to_string();
    let exempted = run(&["exempt", &pid, "--for", "1h"]);
    assert_eq!(exempted.status, Some(0), "{exempted:?}");
    let machine = machine.with("settings.dry_run", "true");
    let mut daemon = machine.start();
    hide_processes("2");
    let as_us = |words: &[&str]| {
        let mut command = machine.binary_for(US);
        command.args(words);
        said(command)
    };
    let listed = as_us(&["exempt", "--list"]);
    assert!(listed.out.contains(&pid), "{listed:?}");
    let own = ours.pid().to_string();
    let config = machine.config_file();
    let explained = as_us(&["explain", &own, "--config", &config]);
    assert!(
        explained.out.contains("/proc is mounted with hidepid"),
        "{explained:?}"
    );
    let checked = as_us(&["check", &config]);
    let unseen = "1  nothing now, but the process exists: it has no memory, or /proc hides it";
    assert!(checked.out.contains(unseen), "{checked:?}");
    daemon.stop();
}

fn scan_as_a_normal_user() {
    let machine = Machine::new();
    let hogs = [
        Hog::new().user(ANOTHER).start(),
        Hog::new().user(US).start(),
        Hog::new().start(),
    ];
    let seen = said(machine.given(scan_for_us(&machine)));
    let text = seen.out;
    assert_eq!(seen.status, Some(0), "{text}");
    for (hog, user) in hogs.iter().zip(["4711", "nobody", "root"]) {
        let pid = hog.pid().to_string();
        let has = |line: &str, word: &str| line.split_ascii_whitespace().any(|part| part == word);
        let line = text.lines().find(|line| has(line, &pid) && has(line, user));
        assert!(
            line.is_some_and(|line| line.contains("hog")),
            "{pid} of {user} in {text}"
        );
        assert!(hog.is_alive());
    }
}

//! What only the system calls show: how often the daemon wakes up, that its rhythm doesn't drift, and what it reads
//! before it kills.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, binary, until};
use crate::harness::memory::Memory;
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

pub(crate) const STRACE: &str = "/usr/bin/strace";

pub(crate) const CASES: &[Case] = cases![
    one_wake_up_an_interval: [Needs::File(STRACE)],
    no_drift: [Needs::File(STRACE)],
    reads_no_other_process_s_memory: [Needs::File(STRACE)],
];

/// The system calls of a daemon that made so many scans, one a line, while nothing happened.
fn trace(machine: &Machine, scans: usize, options: &[&str]) -> Vec<String> {
    let path = machine.path("trace");
    let mut command = Command::new(STRACE);
    // -D: the daemon stays our child.
    command
        .args(["-D", "-f", "-qqq", "-o"])
        .arg(&path)
        .args(options)
        .arg(binary());
    let mut daemon = machine.launch(machine.given(command));
    machine.log().wait_for_scans(scans);
    daemon.stop();
    let text = || fs::read_to_string(&path).unwrap_or_default();
    until("strace has written everything", || {
        text().contains("exit_group(0)")
    });
    whole(&text())
}

/// The calls, one a line: strace writes one in two lines where another process makes a call meanwhile.
fn whole(text: &str) -> Vec<String> {
    let mut first_halves: BTreeMap<&str, &str> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let (pid, call) = line.split_once(' ').unwrap_or_default();
        if let Some(half) = call.strip_suffix(" <unfinished ...>") {
            first_halves.insert(pid, half);
            continue;
        }
        let end = call.split_once(" resumed>").map(|(_, end)| end);
        calls.push(match (first_halves.remove(pid), end) {
            (Some(half), Some(end)) => format!("{pid} {half}{end}"),
            _ => line.to_owned(),
        });
    }
    calls
}

fn one_wake_up_an_interval() {
    let machine = Machine::new()
        .with("thresholds.check_interval", "0.2")
        .with("thresholds.early_scan", "false");
    let calls = trace(&machine, 20, &[]);
    let count = |name: &str| {
        calls
            .iter()
            .filter(|call| call.contains(&format!(" {name}(")))
            .count()
    };
    let scans = machine.log().scans();
    // One before each scan but the first, and the one that SIGTERM ends. The helpers' answers are waited for at the
    // start and the end only.
    let mut waits: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &calls {
        let on = call
            .split_once(" ppoll([{fd=")
            .and_then(|(_, rest)| rest.split_once(','));
        if let Some((fd, _)) = on {
            *waits.entry(fd).or_default() += 1;
        }
    }
    let most = waits.values().max().copied().unwrap_or(0);
    assert!(
        most <= scans + 1 && count("ppoll") <= most + 9,
        "{calls:#?}"
    );
    // What is open at the start, and whether stderr can be written to, is asked without waiting.
    let is_answered = |call: &str| call.ends_with("POLLOUT}])") || call.contains(", 0) = ");
    let waits = |call: &&String| call.contains(" poll(") && !is_answered(call);
    assert_eq!(calls.iter().find(waits), None);
    for other in [
        "nanosleep",
        "clock_nanosleep",
        "select",
        "pselect6",
        "epoll_wait",
        "epoll_pwait",
        "futex",
        "pause",
        "clone3",
        "fork",
        "vfork",
        "setitimer",
        "timer_create",
        "alarm",
    ] {
        assert_eq!(count(other), 0, "{other}");
    }
    // The helpers.
    assert!(count("clone") <= 2);
}

/// Each listing of /proc takes 50 ms longer than it would. A daemon that sleeps for a whole interval
/// after each scan drifts by that much; one with a rhythm sleeps for the rest of the interval. A slow
/// machine only makes the rest smaller.
fn no_drift() {
    let machine = Machine::new().with("thresholds.check_interval", "0.3");
    let options = [
        "-e",
        "trace=ppoll,poll,getdents64,exit_group",
        "-e",
        "inject=getdents64:delay_exit=50000",
    ];
    let calls = trace(&machine, 8, &options);
    let sleeps: Vec<f64> = calls.iter().filter_map(|call| timeout(call)).collect();
    assert!(sleeps.len() >= 8, "{calls:?}");
    for sleep in &sleeps {
        assert!(
            (0.0..=0.25).contains(sleep),
            "slept for {sleep} s of 0.3: {sleeps:?}"
        );
    }
}

/// The timeout of a ppoll in seconds, as strace shows it: `{tv_sec=0, tv_nsec=99999999}`.
fn timeout(call: &str) -> Option<f64> {
    let (_, rest) = call.split_once(", {tv_sec=")?;
    let (seconds, rest) = rest.split_once(", tv_nsec=")?;
    let (nanoseconds, _) = rest.split_once('}')?;
    Some(seconds.parse::<f64>().ok()? + nanoseconds.parse::<f64>().ok()? / 1e9)
}

/// In a shortage, from the trigger to the signal, whatever could call for a read: long names, rules by arguments, a
/// metric that needs smaps_rollup.
fn reads_no_other_process_s_memory() {
    const PLENTY: u64 = 700;
    let memory = Memory::available(PLENTY);
    let machine = Machine::new()
        .with("thresholds.ram_gb_threshold", "100")
        .with("thresholds.check_interval", "3600")
        .with("system.action", "\"kill\"")
        .with("thresholds.metric", "\"pss\"");
    machine.drop_in(
        "rules.toml",
        "[[rule]]\ncmdline = \"*no-such-argument*\"\nram_gb_threshold = 7\n",
    );
    let long = Hog::new()
        .comm("a-name-of-many-")
        .argv0("a-name-of-many-letters")
        .mib(60)
        .start();
    let mut daemon = machine.start();
    let mut victim = Hog::new().mib(120).start();
    let trace = machine.path("trace");
    let mut strace = Command::new(STRACE);
    strace.args([
        "-qq",
        "-e",
        "trace=openat,readlinkat,pidfd_send_signal",
        "-p",
        &daemon.pid().to_string(),
    ]);
    strace
        .arg("-o")
        .arg(&trace)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let mut strace = strace.spawn().expect("strace starts");
    let traced = || fs::read_to_string(&trace).unwrap_or_default();
    until("the daemon is traced", || {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid()));
        status.is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
    });
    memory.set_available(30);
    assert_eq!(victim.ended_by(), Some(libc::SIGTERM));
    memory.set_available(PLENTY);
    machine.log().wait_for_words(&["Memory is no longer short"]);
    daemon.stop();
    strace.wait().expect("a child of ours");
    let text = traced();
    let (before, _) = text.split_once("pidfd_send_signal(").expect("the signal");
    assert!(
        before.contains("\"status\"") && before.contains("\"cgroup\""),
        "{before}"
    );
    for file in ["cmdline", "smaps", "maps", "environ", "mem\""] {
        assert!(!before.contains(file), "{file}: {before}");
    }
    assert!(long.is_alive());
}

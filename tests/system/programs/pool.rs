//! A pool of processes that one forks when it has its memory, as in Python's multiprocessing: memory that all share
//! until one of them writes to it.

use super::{children, freed, is_gone, killed, wait_for_file};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::group::Group;
use crate::harness::machine::{Daemon, Machine, until};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    is_over_by_rss: [Needs::File(PYTHON)],
    is_over_by_anon: [Needs::File(PYTHON)],
    is_not_by_pss: [Needs::File(PYTHON)],
    is_not_by_pss_that_is_not_read_in_time: [Needs::File(PYTHON)],
    does_not_hide_one_that_is_over: [Needs::File(PYTHON)],
    is_not_to_blame_for_a_busy_processor: [Needs::File(PYTHON), Needs::Group],
];

const PYTHON: &str = "/usr/bin/python3";
const WORKERS: usize = 8;
const MIB: u64 = 200;
/// So many that a scan has no time to read the PSS of each: 2 ms are needed for it.
const TOO_MANY: usize = 120;
/// In small pages (PR_SET_THP_DISABLE), each of which the kernel visits for the PSS.
const POOL: &str = "\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)
memory = bytearray(b'm') * (int(sys.argv[3]) << 20)
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        signal.pause()
open(sys.argv[1], 'w').close()
signal.pause()
";

/// It has less than the pool, so that it is read after that, and a child that might share its memory.
const OWN: &str = "\
import os, signal, sys
if os.fork() == 0:
    signal.pause()
memory = bytearray(b'm') * (150 << 20)
open(sys.argv[1], 'w').close()
signal.pause()
";

fn is_over_by_rss() {
    all_are_killed("rss");
}

fn is_over_by_anon() {
    all_are_killed("anon");
}

fn is_not_by_pss() {
    none_is_killed(WORKERS);
}

/// What they share does not tell that one is over.
fn is_not_by_pss_that_is_not_read_in_time() {
    let machine = none_is_killed(TOO_MANY);
    let log = machine.log();
    log.wait_for_words(&["Protected process", "Name=python3", "smaps_rollup"]);
}

/// There is never time to read all of them, and each has its turn.
fn does_not_hide_one_that_is_over() {
    let (machine, mut parent) = start("pss", TOO_MANY);
    let ready = machine.path("own");
    let mut command = Command::new(PYTHON);
    command.args(["-c", OWN]).arg(&ready);
    let mut own = Daemon::launch(command, &machine.path("own-stderr"));
    wait_for_file(&ready);
    let mut daemon = machine.start();
    own.wait();
    machine.log().wait_for_words(&["Process ended: "]);
    daemon.stop();
    assert_eq!(killed(&machine.log()), 1);
    assert!(parent.is_running());
}

/// What reads the PSS gets no answer in time, since it gets no processor: that is no fault of the process, which would
/// count with its anonymous memory otherwise.
fn is_not_to_blame_for_a_busy_processor() {
    // To read one takes longer than the kernel lets anything run before it looks at the limit, and on a slow processor
    // less than is blamed.
    let (machine, mut parent) = start_with("pss", 12, 3 * MIB);
    let group = Group::starved().expect("the case runs where it can be made");
    let mut command = machine.command();
    group.hold(&mut command);
    let daemon = machine.launch(command);
    let log = machine.log();
    log.wait_for_words(&["Protected process", "smaps_rollup: no answer in time"]);
    let helpers = children(daemon.pid());
    // Those that are left alone for a second are asked again.
    log.wait_for_scans(40);
    assert_eq!(killed(&log), 0);
    assert!(parent.is_running());
    // Another one in its place would get no processor either.
    assert_eq!(children(daemon.pid()), helpers);
    drop(daemon);
}

fn none_is_killed(workers: usize) -> Machine {
    let (machine, mut parent) = start("pss", workers);
    let workers = children(parent.pid());
    let mut daemon = machine.start();
    machine.log().wait_for_scans(3);
    assert_eq!(killed(&machine.log()), 0);
    assert!(parent.is_running());
    assert!(!workers.into_iter().any(is_gone));
    daemon.stop();
    machine
}

fn all_are_killed(metric: &str) {
    let (machine, mut parent) = start(metric, WORKERS);
    let workers = children(parent.pid());
    assert_eq!(workers.len(), WORKERS);
    let mut daemon = machine.start();
    parent.wait();
    for worker in workers {
        until("the worker is over", || is_gone(worker));
    }
    let log = machine.log();
    until("all ends are in the log", || {
        log.count_of("Process ended: ") == WORKERS + 1
    });
    assert_eq!(killed(&log), WORKERS + 1);
    daemon.stop();
    // They had it together: each figure is of what no other had, or unknown where that is less than half.
    let entries = freed();
    assert_eq!(entries.len(), WORKERS + 1, "{entries:?}");
    let freed: u64 = entries.iter().filter_map(|(_, freed)| *freed).sum();
    assert!(freed <= (MIB + 20) << 20, "{freed}");
}

/// Starts it, and a daemon's configuration in which each of the pool is over the threshold by what it shares.
fn start(metric: &str, workers: usize) -> (Machine, Daemon) {
    start_with(metric, workers, MIB)
}

/// The same with so many MiB.
fn start_with(metric: &str, workers: usize, mib: u64) -> (Machine, Daemon) {
    let machine = Machine::new()
        .with("thresholds.ram_gb_threshold", "0.1")
        .with("thresholds.metric", &format!("{metric:?}"));
    let ready = machine.path("ready");
    let mut command = Command::new(PYTHON);
    command.args(["-c", POOL]).arg(&ready);
    command.arg(workers.to_string()).arg(mib.to_string());
    let parent = Daemon::launch(command, &machine.path("pool"));
    wait_for_file(&ready);
    (machine, parent)
}

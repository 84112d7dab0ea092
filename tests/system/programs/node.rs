//! Node, which calls its main thread MainThread.

use super::{killed, shipped, wait_for_file};
use crate::harness::confine::{Case, Needs, cached, cases};
use crate::harness::machine::{Daemon, Machine, run};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// tests/programs/install has no package for others.
pub(crate) const CASES: &[Case] = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
    cases![is_protected_by_the_name_of_its_program: [Needs::Cached(NODE)]]
} else {
    &[]
};

/// The directory of the cache.
const NODE: &str = "node";
const HEAP: &str = "const memory = Buffer.alloc(160 << 20, 1);
    require('fs').writeFileSync(process.argv[1], 'ready');
    setInterval(() => memory[0]++, 1000);";

fn is_protected_by_the_name_of_its_program() {
    let machine = shipped("0.1", "[whitelist]\nnames = [\"node\"]\n");
    let mut node = start(&machine);
    let pid = node.pid();
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).expect("it runs");
    assert_eq!(comm, "MainThread\n");
    let check = run(&["check", &machine.config_file()]).out;
    let line = check.lines().find(|line| line.contains("\"node\" "));
    let matches = format!("PID {pid} (MainThread)");
    assert!(line.is_some_and(|line| line.contains(&matches)), "{check}");
    let why = "whitelist.names has node, the name of its executable";
    let explain = machine.run(&["explain", &pid.to_string()]).out;
    assert!(explain.contains(why), "{explain}");
    let mut daemon = machine.start();
    let log = machine.log();
    log.wait_for_words(&["Protected process", &format!("PID={pid},"), why]);
    log.wait_for_scans(3);
    assert!(node.is_running());
    assert_eq!(killed(&log), 0);
    daemon.stop();
    drop(node);

    // It is the entry that protects it.
    let machine = shipped("0.1", "");
    let mut node = start(&machine);
    let mut daemon = machine.start();
    assert!(node.wait().signal().is_some());
    let line = format!("PID={}, Name=MainThread", node.pid());
    machine.log().wait_for_words(&["Killing process", &line]);
    daemon.stop();
}

fn start(machine: &Machine) -> Daemon {
    let ready = machine.path("ready");
    let mut command = Command::new(cached(NODE).join("package/bin/node"));
    command.args(["-e", HEAP]).arg(&ready);
    let node = Daemon::launch(command, &machine.path("node"));
    wait_for_file(&ready);
    node
}

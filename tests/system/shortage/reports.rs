//! What is said of a shortage where the guard kills nothing: it only warns, or the kernel has killed already.

use super::{DESPERATE, PLENTY, machine, wait_a_while, wait_for};
use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, run, until};
use crate::harness::memory::Memory;

pub(crate) const CASES: &[Case] = cases![
    it_only_warns_as_configured,
    an_older_file_only_warns,
    a_dry_run_kills_nothing,
    kills_of_the_kernel_are_noticed,
];

fn only_warns(machine: &Machine, memory: &Memory) {
    let hog = Hog::new().mib(90).start();
    let mut daemon = machine.start();
    memory.set_available(DESPERATE);
    let first = format!("first victim would be: PID={}", hog.pid());
    machine
        .log()
        .wait_for_words(&["Memory is short: 0.01GB", &first]);
    wait_a_while();
    let said = run(&["status"]).out;
    let short = "not over, 0 killed (0.01GB left, available_percent_threshold = 4.00%)";
    assert!(said.contains(short), "{said}");
    memory.set_available(PLENTY);
    machine
        .log()
        .wait_for_words(&["Memory is no longer short", "Killed: 0"]);
    until("the status says so", || {
        run(&["status"]).out.contains(", over after ")
    });
    daemon.stop();
    assert_eq!(machine.log().count_of("Memory is short"), 1);
    assert_eq!(machine.log().count_of("Killing"), 0);
    assert!(hog.is_alive());
}

fn it_only_warns_as_configured() {
    let memory = Memory::available(PLENTY);
    let machine = machine().with("system.action", "\"warn\"");
    only_warns(&machine, &memory);
}

fn an_older_file_only_warns() {
    let memory = Memory::available(PLENTY);
    let machine = Machine::new()
        .with("thresholds.ram_gb_threshold", "100")
        .with("thresholds.check_interval", "3600");
    let said = machine.run(&["check"]).out;
    assert!(said.contains("the file has no table [system]"), "{said}");
    only_warns(&machine, &memory);
}

fn a_dry_run_kills_nothing() {
    let memory = Memory::available(PLENTY);
    let mut machine = machine()
        .with("settings.dry_run", "true")
        .with("thresholds.check_interval", "0.2");
    let mut hog = Hog::new().mib(90).start();
    let mut daemon = machine.start();
    memory.set_available(DESPERATE);
    wait_for(&machine, "Would kill process", &hog);
    wait_for(&machine, "Reason: memory is short", &hog);
    wait_a_while();
    let said = run(&["status"]).out;
    for part in [" not over, 0 killed (0.01GB left", "(1 process would be"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(machine.log().count_of("Would kill process"), 1);
    assert!(hog.is_alive());
    // The administrator has seen what it would do.
    machine.set("settings.dry_run", "false");
    machine.write_config();
    let freed = memory.is_freed_by(&hog, PLENTY);
    daemon.signal(libc::SIGHUP);
    assert!(hog.ended_by().is_some());
    freed.join().expect("memory is written");
    daemon.stop();
}

fn kills_of_the_kernel_are_noticed() {
    let memory = Memory::available(PLENTY);
    memory.set_kernel_kills(7);
    let machine = machine().with("thresholds.check_interval", "0.1");
    let mut daemon = machine.start();
    memory.set_kernel_kills(9);
    let killed = machine.log().wait_for(
        "WARNING",
        "The kernel's OOM killer killed * processes since the last scan",
    );
    assert!(
        killed.message.contains(" killed 2 processes"),
        "{}",
        killed.message
    );
    machine.log().wait_for_scans(3);
    daemon.stop();
    assert_eq!(machine.log().count_of("The kernel's OOM killer"), 1);
    let said = run(&["history"]).out;
    assert!(said.contains("By the kernel's OOM killer:\n"), "{said}");
    assert!(said.contains("  2 processes\n"), "{said}");
    let json = run(&["history", "--json"]).json();
    assert_eq!(json["kernel_oom_kills"][0]["kernel_oom_kills"], 2);
}

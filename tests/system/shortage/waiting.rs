//! Whose end the guard waits for before it kills another process.

use super::{DESPERATE, PLENTY, SHORT, about, machine, stop_calm, wait_a_while, wait_for};
use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::LONG;
use crate::harness::memory::Memory;

pub(crate) const CASES: &[Case] = cases![
    the_same_victim_is_sent_sigkill,
    what_is_over_its_threshold_is_waited_for,
];

fn the_same_victim_is_sent_sigkill() {
    let memory = Memory::available(PLENTY);
    let machine = machine();
    let other = Hog::new().mib(60).start();
    let mut stubborn = Hog::new().mib(90).ignores_sigterm().start();
    let daemon = machine.start();
    memory.set_available(SHORT);
    wait_for(&machine, "Killing process", &stubborn);
    wait_a_while();
    // It has its grace period as long as something is left, and no other is killed instead.
    assert!(stubborn.is_alive() && other.is_alive());
    let freed = memory.is_freed_by(&stubborn, PLENTY);
    memory.set_available(DESPERATE);
    assert_eq!(stubborn.ended_by(), Some(libc::SIGKILL));
    freed.join().expect("memory is written");
    wait_for(&machine, "Escalating to SIGKILL", &stubborn);
    wait_for(&machine, "Process ended: ", &stubborn);
    stop_calm(daemon, &machine, 1);
    assert!(other.is_alive());
}

/// What was sent SIGTERM for its threshold gives enough: no other is killed while it ends.
fn what_is_over_its_threshold_is_waited_for() {
    let memory = Memory::available(PLENTY);
    let machine = machine()
        .with("thresholds.ram_gb_threshold", "0.2")
        .with("thresholds.check_interval", "0.1")
        .with("settings.term_timeout", LONG);
    let other = Hog::new().mib(150).start();
    let mut stubborn = Hog::new().mib(400).ignores_sigterm().start();
    let daemon = machine.start();
    wait_for(&machine, "Killing process", &stubborn);
    memory.set_available(SHORT);
    let words = about("Memory is short", &stubborn);
    machine.log().wait_for_words(&[&words[0], &words[1]]);
    wait_a_while();
    assert!(stubborn.is_alive() && other.is_alive());
    let freed = memory.is_freed_by(&stubborn, PLENTY);
    memory.set_available(DESPERATE);
    assert_eq!(stubborn.ended_by(), Some(libc::SIGKILL));
    freed.join().expect("memory is written");
    stop_calm(daemon, &machine, 1);
    assert!(other.is_alive());
}

//! The live suite: the real binary against real processes.
//!
//! Each test runs in a pid and a mount namespace of its own, with its own /proc, so that its daemon
//! sees, and can end, nothing but the test's processes; see [`harness::confine`]. The same executable is also
//! the processes that use memory; see [`harness::hog`]. What a test waits for is an event; a limit of a minute
//! only turns a wait that would never end into a failure.

#![allow(clippy::expect_used, clippy::panic)]

mod adversity;
mod commands;
mod exempt;
mod golden;
mod grace;
mod harness;
mod identity;
mod killing;
mod log_file;
mod metrics;
mod names;
mod old_kernels;
mod policy;
mod protection;
mod records;
mod rotation;
mod running;
mod schedule;
mod traced;
mod users;
mod verify_names;

use harness::{
    confine::{self, Case},
    hog,
};
use libtest_mimic::Arguments;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let cases: Vec<Case> = [
        adversity::CASES,
        commands::CASES,
        killing::CASES,
        exempt::CASES,
        golden::CASES,
        golden::check::CASES,
        golden::daemon::CASES,
        grace::CASES,
        identity::CASES,
        log_file::CASES,
        metrics::CASES,
        names::CASES,
        old_kernels::CASES,
        policy::CASES,
        protection::CASES,
        records::CASES,
        rotation::CASES,
        running::CASES,
        schedule::CASES,
        traced::CASES,
        users::CASES,
        verify_names::CASES,
    ]
    .concat();
    match arguments.next() {
        Some(word) if word == hog::WORD => hog::run(arguments),
        Some(word) if word == confine::WORD => {
            confine::run_here(&cases, arguments.next().as_deref());
        }
        _ => {
            let trials = confine::trials(&cases);
            libtest_mimic::run(&Arguments::from_args(), trials).exit()
        }
    }
}

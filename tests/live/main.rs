//! The live suite: the real binary against real processes.
//!
//! Each test runs in a pid and a mount namespace of its own, with its own /proc, so that its daemon
//! sees, and can end, nothing but the test's processes; see [`confine`]. The same executable is also
//! the processes that use memory; see [`hog`]. What a test waits for is an event; a limit of a minute
//! only turns a wait that would never end into a failure.

#![allow(clippy::expect_used, clippy::panic)]

mod adversity;
mod commands;
mod confine;
mod ending;
mod exempt;
mod grace;
mod hog;
mod identity;
mod log_file;
mod log_lines;
mod machine;
mod metrics;
mod names;
mod old_kernels;
mod os;
mod policy;
mod protection;
mod records;
mod rotation;
mod running;
mod schedule;
mod syslog;
mod traced;
mod users;
mod verify_names;

use confine::Case;
use libtest_mimic::Arguments;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let cases: Vec<Case> = [
        adversity::CASES,
        commands::CASES,
        ending::CASES,
        exempt::CASES,
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

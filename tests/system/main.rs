//! The system suite: the real binary against real processes, one function a case.
//!
//! `cargo test --test system rotation::with_a_signal` runs one case, `... rotation::` the cases of a module,
//! and `cargo test --test system` all. With MEMORY_MONITOR=PATH they try another binary than the one just built.
//!
//! Each test runs in a pid and a mount namespace of its own, with its own /proc, so that its daemon
//! sees, and can kill, nothing but the test's processes; see [`harness::confine`]. The same executable is also
//! the processes that use memory, see [`harness::hog`], and other helpers, each by a first argument. What a test waits
//! for is an event; a limit of a minute only turns a wait without end into a failure.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by them"
)]

mod adversity;
mod attacks;
mod check;
mod commands;
mod configuration;
mod dry_run;
mod early_scan;
mod exempt;
mod explain;
mod faults;
mod first_install;
mod golden;
mod grace;
mod group_views;
mod groups;
mod harness;
mod history_and_status;
mod identity;
mod killing;
mod limited;
mod log_file;
mod lost_files;
mod metrics;
mod names;
mod notify;
mod old_kernels;
mod package_managers;
mod peers;
mod policy;
mod programs;
mod protected_names;
mod protection;
mod readme;
mod records;
mod rotation;
mod running;
mod scan;
mod schedule;
mod selftest;
mod shortage;
mod sinks;
mod systemd;
mod traced;
mod trusted_files;
mod users;
mod verify_names;

use harness::{
    confine::{self, Case},
    hog, hostile,
};
use libtest_mimic::Arguments;
use notify::socket_unit;
use sinks::console;
use std::num::NonZero;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let cases: Vec<Case> = [
        adversity::CASES,
        attacks::CASES,
        check::CASES,
        commands::CASES,
        configuration::CASES,
        killing::CASES,
        dry_run::CASES,
        early_scan::CASES,
        exempt::CASES,
        explain::CASES,
        faults::CASES,
        first_install::CASES,
        golden::CASES,
        golden::check::CASES,
        golden::daemon::CASES,
        grace::CASES,
        group_views::CASES,
        groups::CASES,
        history_and_status::CASES,
        identity::CASES,
        log_file::CASES,
        limited::CASES,
        lost_files::CASES,
        metrics::CASES,
        names::CASES,
        package_managers::CASES,
        notify::commands::CASES,
        notify::desktop::CASES,
        notify::mail::CASES,
        notify::running::CASES,
        socket_unit::CASES,
        notify::terminals::CASES,
        old_kernels::CASES,
        peers::CASES,
        policy::CASES,
        programs::mariadb::CASES,
        programs::node::CASES,
        programs::pool::CASES,
        programs::postgresql::CASES,
        programs::redis::CASES,
        protected_names::CASES,
        protection::CASES,
        readme::CASES,
        records::CASES,
        rotation::CASES,
        running::CASES,
        scan::CASES,
        schedule::CASES,
        selftest::CASES,
        console::CASES,
        sinks::file::CASES,
        sinks::full_disk::CASES,
        sinks::syslog::CASES,
        shortage::CASES,
        shortage::reports::CASES,
        shortage::waiting::CASES,
        systemd::CASES,
        traced::CASES,
        trusted_files::CASES,
        users::CASES,
        verify_names::CASES,
    ]
    .concat();
    match arguments.next() {
        Some(word) if word == hog::WORD => hog::run(arguments),
        Some(word) if word == hostile::WORD => hostile::run(arguments),
        Some(word) if word == console::WORD => console::run(arguments),
        Some(word) if word == socket_unit::WORD => socket_unit::run(arguments),
        Some(word) if word == confine::WORD => {
            confine::run_here(&cases, arguments.next().as_deref());
        }
        _ => {
            let mut arguments = Arguments::from_args();
            // Most of the time a case waits.
            let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
            arguments.test_threads.get_or_insert(2 * cores);
            libtest_mimic::run(&arguments, confine::trials(&cases)).exit()
        }
    }
}

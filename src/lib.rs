//! memory-monitor kills processes that use more memory than a threshold, before the kernel's OOM killer has to guess.
//!
//! Data goes one way: [`config`] and [`proc`] feed [`policy`], which decides without any I/O; [`kill`] carries a
//! decision out through [`sys`], the only module with libc and `unsafe`; [`events`] reports what happened. The daemon
//! and the commands only connect these modules.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by them"
    )
)]

pub mod cli;
pub mod commands;
pub mod config;
mod daemon;
mod error;
pub mod escape;
pub mod events;
pub mod kill;
mod nearest;
pub mod paths;
pub mod policy;
pub mod proc;
pub mod quantities;
pub mod state;
pub mod sys;
pub mod systemd;
pub mod users;

pub use error::Error;

use cli::Invocation;
use std::ffi::OsString;

/// Does what the arguments, the program's name left out, ask for.
///
/// # Errors
/// When that can't be done: [`Error::print`] prints it, [`Error::exit_code`] is the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    match cli::parse(arguments)? {
        Invocation::Run(options) => daemon::run(&options),
        Invocation::Scan(options) => commands::scan::run(&options),
        Invocation::Explain(options) => commands::explain::run(&options),
        Invocation::Check(options) => commands::check::run(&options),
        Invocation::History(options) => commands::history::run(&options),
        Invocation::Exempt(options) => commands::exempt::run(&options),
        Invocation::Notify(options) => commands::notify::run(&options),
        Invocation::Status(options) => commands::status::run(&options),
        Invocation::Selftest(options) => commands::selftest::run(&options),
        Invocation::Help(name) => commands::print(&cli::help::of(&name)?),
        Invocation::Version => {
            commands::print(concat!("memory-monitor ", env!("CARGO_PKG_VERSION"), "\n"))
        }
    }
}

//! The notifier, /usr/libexec/memory-monitor/notify: sends mail, runs commands, and writes messages to terminals and
//! desktops for the events that the daemon hands over. A program of its own without privileges, so that the program
//! that may kill anything contains no code for any of it. May touch sockets, terminals and the programs it starts; it
//! reads nothing below /proc but its own descriptors, and signals only what it has started.
//!
//! [`listener`] takes datagrams and [`event`] reads them; [`channels`] hands each event to the channels that the
//! configuration asks for. Each has a queue and threads of its own, so that a slow one delays none of the others.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by them"
    )
)]

mod channels;
mod child;
mod command;
mod deduplicate;
mod desktop;
mod event;
mod listener;
mod mail;
mod messages;
mod notifier;
mod queue;
mod sessions;
mod terminals;

use memory_monitor::Error;
use memory_monitor::cli::{self, Invocation};
use std::env;
use std::io::{self, Write};
use std::iter;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            error.exit_code()
        }
    }
}

/// Its options are those of `memory-monitor notify`.
fn run() -> Result<(), Error> {
    let arguments = iter::once("notify".into()).chain(env::args_os().skip(1));
    match cli::parse(arguments)? {
        Invocation::Notify(options) => notifier::run(&options),
        Invocation::Help(name) => print(&cli::help::of(&name)?),
        _ => print(concat!("memory-monitor ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

/// A closed pipe is not a failure, as for the commands.
fn print(text: &str) -> Result<(), Error> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::System("writing to the standard output", error))
        }
        _ => Ok(()),
    }
}

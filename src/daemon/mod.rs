//! The daemon: read -> decide -> kill -> report, in a loop. Each part is in a file of its own, and is handed what it
//! may touch.

mod candidates;
mod early_scan;
mod exemptions;
mod finish;
mod group_kill;
pub(crate) mod group_reader;
mod group_reports;
mod groups;
mod hardening;
mod judge;
mod judged;
mod main_loop;
mod reload;
mod report;
mod scan;
mod scans;
mod schedule;
mod shortage;
mod start;
mod state;
mod system_guard;
#[cfg(test)]
mod tests;
mod victims;

use crate::Error;
use crate::cli::RunOptions;
use crate::config::Config;
use crate::proc::Reader;
use crate::quantities::ProcessKey;
use crate::sys::memory;
use crate::sys::signals::Signals;
use crate::users::{Directory, UserNames};
use main_loop::Daemon;
use std::path::Path;

/// Runs until a signal or, with `--once`, until one scan and its kills are over. Fails where the configuration is
/// rejected, or /proc, the log or the signals can't be set up.
pub(crate) fn run(options: &RunOptions) -> Result<(), Error> {
    start(options, None, None)
}

/// The same, for the selftest: whatever is read and decided, no process but `only` is ever signalled. With `memory`,
/// the directory with a meminfo, until the machine that it shows has been short of memory. Fails as [`run`] does.
pub(crate) fn run_confined(
    options: &RunOptions,
    only: ProcessKey,
    memory: Option<&Path>,
) -> Result<(), Error> {
    start(options, Some(only), memory)
}

fn start(
    options: &RunOptions,
    only: Option<ProcessKey>,
    memory: Option<&Path>,
) -> Result<(), Error> {
    let reader = Reader::start();
    let users = UserNames::of(Directory::start());
    // Before anything is allocated, so that all of it comes from what was touched.
    memory::touch();
    // Until the signals are blocked they end the program, as it must be possible where it waits for a slow directory
    // server.
    let loaded = Config::load(options.config.as_deref())?;
    let signals = Signals::block().map_err(|error| Error::System("signalfd", error))?;
    let mut daemon = Daemon::start(options, only, loaded, reader, users)?;
    if let Some(memory) = memory {
        daemon.run_in_shortage(memory, &signals)
    } else if options.once {
        daemon.run_once(&signals)
    } else {
        daemon.run_until_stopped(&signals)
    }
}

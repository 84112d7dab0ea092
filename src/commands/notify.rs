//! `memory-monitor notify`: becomes the notifier, which is a program of its own.

use crate::Error;
use crate::cli::NotifyOptions;
use crate::cli::Verbosity;
use crate::paths;
use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Returns only where the notifier can't be started.
pub(crate) fn run(options: &NotifyOptions) -> Result<(), Error> {
    let program = program();
    let mut command = Command::new(&program);
    if let Some(config) = &options.config {
        command.arg("--config").arg(config);
    }
    match options.console {
        Verbosity::Quiet => drop(command.arg("--quiet")),
        Verbosity::Normal => {}
        Verbosity::Verbose => drop(command.arg("--verbose")),
    }
    Err(Error::Start(program, command.exec()))
}

/// The notifier that was built together with this program, or the installed one.
fn program() -> PathBuf {
    let built = env::current_exe().map(|program| program.with_file_name(paths::BUILT_NOTIFIER));
    built
        .ok()
        .filter(|built| built.is_file())
        .unwrap_or_else(|| paths::NOTIFIER.into())
}

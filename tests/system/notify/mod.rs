//! The notifier with a real bus, real terminals, real programs and a real mail server.

pub(crate) mod commands;
pub(crate) mod desktop;
mod letters;
pub(crate) mod mail;
mod notifier;
pub(crate) mod running;
pub(crate) mod socket_unit;
pub(crate) mod terminals;

use crate::harness::lines::Lines;
use crate::harness::machine::Daemon;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// The user nobody.
const NOBODY: u32 = 65534;

/// Starts a program that writes to the file `output`, and waits for a line with `mark` in it; the lines after it are
/// returned.
fn start(mut command: Command, output: &Path, mark: &str) -> (Daemon, Lines) {
    let file = File::create(output).expect("a directory of ours");
    let child = command.stdin(Stdio::null()).stdout(file).spawn();
    let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut lines = Lines::of(output);
    lines.wait_for(mark);
    (Daemon::of(child), lines)
}

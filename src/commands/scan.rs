//! `memory-monitor scan`: one look at the machine with the verdict on each process; signals nobody.

use super::scene::Scene;
use crate::Error;
use crate::cli::ScanOptions;
use crate::report::{ConsoleMode, ScanReport, UserNames, wants_colour};
use crate::sample::Snapshot;
use crate::units::Bytes;
use std::io;

pub(crate) fn run(options: &ScanOptions) -> Result<(), Error> {
    let mut scene = Scene::open(options.config.as_deref())?;
    if options.console != ConsoleMode::Quiet {
        for warning in &scene.warnings {
            super::warn(&warning.to_string());
        }
    }
    let mut snapshot = Snapshot::default();
    scene.sampler.scan(|_| Bytes::ZERO, &mut snapshot)?;
    let hidepid = scene.sampler.hides_processes();
    let report = ScanReport::new(&scene.policy, &snapshot, hidepid, &mut UserNames::default());
    if options.json {
        super::print_json(&report)
    } else {
        super::print(&report.table(wants_colour(&io::stdout())))
    }
}

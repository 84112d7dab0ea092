//! `memory-monitor check`: a configuration as understood, and what it means here and now.

use super::scene::Scene;
use crate::Error;
use crate::cli::CheckOptions;
use crate::config::Config;
use crate::notify::trust;
use crate::report::{self, CheckReport, Checked};
use crate::sample::Snapshot;
use crate::unit::Unit;
use crate::units::Bytes;
use serde::Serialize;
use std::path::Path;

/// What `--json` says of a configuration that is refused.
#[derive(Serialize)]
struct Refused {
    valid: bool,
    errors: Vec<String>,
}

pub(crate) fn run(options: &CheckOptions) -> Result<(), Error> {
    if options.names {
        let loaded = Config::load(options.config.as_deref())?;
        return super::print(&report::names(&loaded.config));
    }
    let scene = Scene::open(options.config.as_deref());
    if let (Err(Error::Config(error)), true) = (&scene, options.json) {
        let errors = error.causes().map(ToString::to_string).collect();
        super::print_json(&Refused {
            valid: false,
            errors,
        })?;
    }
    let mut scene = scene?;
    let mut snapshot = Snapshot::default();
    scene.sampler.scan(|_| Bytes::ZERO, &mut snapshot)?;
    let unit = Unit::find(Path::new("/"), "memory-monitor.service");
    let commands = scene.policy.config.notify.command.iter();
    let refused_commands: Vec<_> = commands
        .filter_map(|command| trust::check(command).err())
        .collect();
    let checked = Checked {
        policy: &scene.policy,
        written: &scene.written,
        warnings: &scene.warnings,
        snapshot: &snapshot,
        unit: unit.as_ref(),
        hidepid: scene.sampler.hides_processes(),
        now: super::week_minute(),
        refused_commands: &refused_commands,
    };
    let report = CheckReport::new(&checked);
    if options.json {
        super::print_json(&report)
    } else {
        super::print(&report.text())
    }
}

//! `memory-monitor scan`: one look at the machine with the verdict on each process; signals nobody.

use crate::Error;
use crate::cli::ScanOptions;
use crate::config::Config;
use crate::policy::{Policy, Survey};
use crate::report::{ConsoleMode, ScanReport, UserNames, wants_colour};
use crate::sample::{ProcRoot, Sampler, Snapshot};
use crate::units::Bytes;
use std::io;

pub(crate) fn run(options: &ScanOptions) -> Result<(), Error> {
    let mut loaded = Config::load(options.config.as_deref())?;
    if options.console != ConsoleMode::Quiet {
        for warning in &loaded.warnings {
            super::warn(&warning.to_string());
        }
    }
    let mut sampler = Sampler::new(ProcRoot::system()?);
    let own = sampler.root().own_pid()?;
    let pids = loaded.config.whitelist.pids.iter();
    let pinned = pids
        .filter_map(|&pid| sampler.identify(pid).ok().flatten())
        .collect();
    super::follow_schedule(&mut loaded.config);
    sampler.inquire(Box::new(Survey::new(&loaded.config)));
    let policy = Policy {
        config: loaded.config,
        pinned,
        own,
    };
    let mut snapshot = Snapshot::default();
    sampler.scan(|_| Bytes::ZERO, &mut snapshot)?;
    let hidepid = sampler.hides_processes();
    let report = ScanReport::new(&policy, &snapshot, hidepid, &mut UserNames::default());
    if options.json {
        let json = report
            .json()
            .map_err(|error| Error::System("writing JSON", error.into()))?;
        super::print(&json)
    } else {
        super::print(&report.table(wants_colour(&io::stdout())))
    }
}

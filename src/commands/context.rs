//! What a command looks at: the configuration as the daemon would read it, and the machine.

use crate::Error;
use crate::config::{Config, Loaded, Warning, Written};
use crate::policy::{Exemptions, Policy, Survey};
use crate::proc::{ProcRoot, Sampler};
use crate::state::exemptions::ExemptionsFile;
use crate::state::status::DaemonStatus;
use crate::sys;
use std::path::Path;

pub(crate) struct Context {
    pub(crate) policy: Policy,
    pub(crate) written: Written,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) sampler: Sampler,
    /// The place of the schedule that holds now.
    pub(crate) schedule: Option<usize>,
    /// What the running daemon has left.
    pub(crate) daemon: Option<DaemonStatus>,
}

impl Context {
    pub(crate) fn open(config: Option<&Path>) -> Result<Self, Error> {
        let Loaded {
            mut config,
            warnings,
            written,
        } = Config::load(config)?;
        let schedule = crate::commands::follow_schedule(&mut config);
        let mut sampler = Sampler::new(ProcRoot::system()?);
        sampler.inquire(Box::new(Survey::new(&config)));
        // The daemon protects itself, not this command.
        let (own, daemon) = match crate::commands::status::daemon(&sampler) {
            Some((pid, state)) => (pid, Some(state)),
            None => (sampler.root().own_pid()?, None),
        };
        let pids = config.whitelist.pids.iter();
        let pinned = pids
            .filter_map(|&pid| sampler.identify(pid).ok().flatten())
            .collect();
        let policy = Policy {
            config,
            pinned,
            own,
            // Who may not read them is told by the daemon's log.
            exemptions: Exemptions::new(
                ExemptionsFile::usual().read().unwrap_or_default(),
                sys::boot_clock(),
            ),
        };
        Ok(Self {
            policy,
            written,
            warnings,
            sampler,
            schedule,
            daemon,
        })
    }
}

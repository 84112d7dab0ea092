//! What a command looks at: the configuration as the daemon would read it, and the machine.

use crate::Error;
use crate::config::{Config, Loaded, Warning, Written};
use crate::policy::{Policy, Survey};
use crate::sample::{ProcRoot, Sampler};
use std::path::Path;

pub(crate) struct Scene {
    pub(crate) policy: Policy,
    pub(crate) written: Written,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) sampler: Sampler,
}

impl Scene {
    pub(crate) fn open(config: Option<&Path>) -> Result<Self, Error> {
        let Loaded {
            mut config,
            warnings,
            written,
        } = Config::load(config)?;
        super::follow_schedule(&mut config);
        let mut sampler = Sampler::new(ProcRoot::system()?);
        sampler.inquire(Box::new(Survey::new(&config)));
        // The daemon protects itself, not this command.
        let own = match super::status::daemon(&sampler) {
            Some(daemon) => daemon,
            None => sampler.root().own_pid()?,
        };
        let pids = config.whitelist.pids.iter();
        let pinned = pids
            .filter_map(|&pid| sampler.identify(pid).ok().flatten())
            .collect();
        let policy = Policy {
            config,
            pinned,
            own,
        };
        Ok(Self {
            policy,
            written,
            warnings,
            sampler,
        })
    }
}

//! What most commands work on: the configuration as the daemon would read it, and the machine.

use crate::Error;
use crate::config::{Config, Loaded, Warning, Written};
use crate::policy::{Exemptions, Policy};
use crate::proc::{ProcRoot, Sampler};
use crate::quantities::Pid;
use crate::state::exemptions::ExemptionsFile;
use crate::state::status::DaemonStatus;
use crate::sys::process;
use std::io;
use std::path::Path;

pub(crate) struct Context {
    pub(crate) policy: Policy,
    pub(crate) written: Written,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) sampler: Sampler,
    /// The index of the schedule in force; None if there is none.
    pub(crate) schedule: Option<usize>,
    /// The status of the running daemon; None if there is none.
    pub(crate) daemon: Option<DaemonStatus>,
}

impl Context {
    pub(crate) fn open(config: Option<&Path>) -> Result<Self, Error> {
        let Loaded {
            mut config,
            warnings,
            written,
            ..
        } = Config::load_once(config)?;
        let schedule = crate::commands::follow_schedule(&mut config);
        let sampler = Sampler::new(ProcRoot::system()?).for_command();
        // The daemon protects itself, not this command.
        let (own, daemon) = match crate::commands::status::daemon(&sampler) {
            Some((pid, state)) => (pid, Some(state)),
            None => (sampler.root().own_pid()?, None),
        };
        let pids = config.whitelist.pids.iter();
        let pinned = pids
            .filter_map(|&pid| sampler.identify_process(pid).ok().flatten())
            .collect();
        let policy = Policy {
            config,
            pinned,
            own,
            // A user who may not read them still sees in the daemon's log that they hold.
            exemptions: Exemptions::new(ExemptionsFile::usual().read().unwrap_or_default()),
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

/// Why a process can't be read. A process that hidepid hides still has its PID.
pub(crate) fn absence(pid: Pid, error: &io::Error, hidepid: bool) -> Error {
    let reason = match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) if !process::exists(pid) => "does not exist".to_owned(),
        _ if hidepid => {
            "exists, but /proc is mounted with hidepid: other users' processes can't be seen, \
             run as root"
                .to_owned()
        }
        Some(libc::ENOENT | libc::ESRCH) => "has just ended".to_owned(),
        _ => format!("can't be read: {error}"),
    };
    Error::Process(pid, reason)
}

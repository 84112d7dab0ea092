//! Makes the daemon of its parts, before its first scan.

use super::exemptions::ExemptionReader;
use super::groups::Groups;
use super::judged::ScanOutcome;
use super::main_loop::Daemon;
use super::reload::Occasion;
use super::scan::Machine;
use super::schedule::Schedules;
use super::state;
use super::victims::Victims;
use crate::Error;
use crate::cli::RunOptions;
use crate::config::Loaded;
use crate::events::{Event, Reporter};
use crate::policy::Policy;
use crate::proc::{ProcRoot, Reader, Sampler};
use crate::quantities::ProcessKey;
use crate::state::daemon_lock::DaemonLock;
use crate::state::status::StatusFile;
use crate::sys::process::{against_hidepid, may_signal_any};
use crate::systemd::Service;
use crate::users::UserNames;
use std::io;

/// So many processes over their thresholds at once cost no heap allocation.
const CAPACITY: usize = 24;

impl<'o> Daemon<'o> {
    pub(super) fn start(
        options: &'o RunOptions,
        only: Option<ProcessKey>,
        loaded: Loaded,
        reader: io::Result<Reader>,
        users: UserNames,
    ) -> Result<Self, Error> {
        let sampler = Sampler::new(ProcRoot::system()?);
        let (sampler, unavailable) = match reader {
            Ok(reader) => (sampler.with_reader(reader), None),
            Err(error) => (sampler, Some(error)),
        };
        let own = sampler.root().own_pid()?;
        let log = &loaded.config.log;
        let stderr = options.console.level(log.level);
        let status = state::at_start(options, &sampler, own);
        let mut status_file = if sampler.is_hidepid() {
            StatusFile::private()
        } else {
            StatusFile::usual()
        };
        let lock = DaemonLock::take();
        if matches!(lock, DaemonLock::Taken) {
            if !options.once && !options.dry_run {
                return Err(Error::AlreadyRunning(running(&status_file)));
            }
            status_file = status_file.of_another();
        }
        let reporter = Reporter::install(log, stderr, status, status_file, users)?;
        let policy = Policy::new(loaded.config.clone(), own);
        let mut daemon = Self {
            options,
            policy,
            machine: Machine::with_capacity(CAPACITY, sampler, only),
            outcome: ScanOutcome::none(),
            victims: Victims::with_capacity(CAPACITY),
            groups: Groups::default(),
            early: None,
            guard: None,
            exemptions: ExemptionReader::new(),
            schedules: Schedules::default(),
            reporter,
            service: Service::from_environment(),
            is_rescan_due: false,
            is_dry_run_new: false,
            _lock: lock,
        };
        daemon.enforce(loaded, Occasion::Start);
        if let Some(error) = unavailable {
            let what = "arguments and PSS of processes";
            daemon
                .reporter
                .emit(&Event::FeatureUnavailable(what, &error));
        }
        if !may_signal_any() {
            daemon.reporter.emit(&Event::OnlyOwnProcesses);
        }
        if daemon.machine.sampler.hides_processes() {
            daemon.reporter.emit(&Event::Hidepid(against_hidepid()));
        }
        Ok(daemon)
    }
}

/// The daemon that holds the lock, as its status file has it.
fn running(file: &StatusFile) -> String {
    match file.read() {
        Ok(status) if status.is_service => {
            format!("PID {}, memory-monitor.service", status.pid)
        }
        Ok(status) => format!("PID {}", status.pid),
        Err(_) => "its status can't be read".to_owned(),
    }
}

//! What the daemon writes for `status` and `explain` after a scan: which processes it has signalled, which it protects,
//! and which it kills later. After the signals only.

use super::Daemon;
use crate::cli::RunOptions;
use crate::config::Config;
use crate::policy::{Decision, Delay, Stage};
use crate::proc::{Process, Sampler};
use crate::quantities::Pid;
use crate::state::status::{DaemonStatus, ProcessNote, Waiting};
use crate::sys;
use crate::sys::clock::unix_seconds;
use std::path::absolute;
use std::time::{Instant, SystemTime};

/// The status of a daemon that starts now.
pub(super) fn at_start(options: &RunOptions, sampler: &Sampler, own: Pid) -> DaemonStatus {
    let now = unix_seconds(SystemTime::now());
    let identity = sampler.identify(own).ok().flatten();
    let config_file = options.config.as_ref();
    DaemonStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: own.get(),
        start_time: identity.map_or(0, |key| key.start_time.0),
        started: now,
        is_service: sys::parent_is_manager(),
        config_file: config_file.map(|file| absolute(file).unwrap_or(file.clone())),
        last_check: now,
        next_check: now,
        ..DaemonStatus::default()
    }
}

/// Another configuration is in force.
pub(super) fn note_config(status: &mut DaemonStatus, config: &Config) {
    status.configuration = config.origin.to_string();
    status.config_loaded = unix_seconds(SystemTime::now());
    status.dry_run = config.dry_run;
}

impl Daemon<'_> {
    /// Writes the status after a scan.
    pub(super) fn leave_state(&mut self, next_check: Instant) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let mut protected = Vec::new();
        for process in &self.snapshot.near {
            let memory = &self.snapshot.memory;
            let note = match self.policy.decide(process, memory, &self.ledger, now) {
                Decision::Protected(protection) => protection.to_string(),
                Decision::KillLimitReached(_) => {
                    "the limit of kills a minute is reached".to_owned()
                }
                _ => continue,
            };
            protected.push(self.noted(process, note));
        }
        let next_check = clock + next_check.saturating_duration_since(now);
        let status = self.reporter.status();
        status.last_check = unix_seconds(clock);
        status.next_check = unix_seconds(next_check);
        status.scanned = self.snapshot.scanned;
        status.protected = protected;
        self.leave_victims();
    }

    /// Writes what has become of the victims and what is killed later, and the rest as it was.
    pub(super) fn leave_victims(&mut self) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let waiting = self.waiting(now, clock);
        let kills = self.ledger.times_of_minute(now);
        let recent_kills = kills
            .map(|then| unix_seconds(clock - now.saturating_duration_since(then)))
            .collect();
        let victims = self.ledger.victims().iter().map(|victim| {
            let stage = match victim.stage {
                Stage::Terminating => "sent SIGTERM",
                Stage::Killed(_) => "sent SIGKILL",
                Stage::Surviving => "survives SIGKILL",
            };
            self.noted(&victim.process, stage.to_owned())
        });
        let victims = victims.collect();
        let status = self.reporter.status();
        status.victims = victims;
        status.waiting = waiting;
        status.recent_kills = recent_kills;
        self.reporter.write_status();
    }

    fn waiting(&self, now: Instant, clock: SystemTime) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for key in self.ledger.timed.waiting() {
            // The unit is only known of a process that is held.
            let held = self.sampler.hold(key.pid);
            let Some((process, _)) = held.filter(|(process, _)| process.key() == Some(key)) else {
                continue;
            };
            let memory = &self.snapshot.memory;
            let decision = self.policy.decide(&process, memory, &self.ledger, now);
            if let Decision::Delay(_, delay, until) = decision {
                waiting.push(Waiting {
                    process: self.noted(&process, delay.to_string()),
                    until: unix_seconds(clock + until.saturating_duration_since(now)),
                    restart_loop: matches!(delay, Delay::Restart(_)),
                });
            }
        }
        waiting
    }

    fn noted(&self, process: &Process, note: String) -> ProcessNote {
        let process = self.reporter.process(process);
        ProcessNote { process, note }
    }
}

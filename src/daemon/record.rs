//! What the daemon leaves for its commands: the record of what it has ended, and how things are.
//! After the signals only.

use super::Daemon;
use crate::cli::RunOptions;
use crate::escape::Escaped;
use crate::policy::{Stage, Verdict, Victim};
use crate::report::{History, Noted, Record, State, StateFile, UserNames, seconds};
use crate::sample::{Name, Process, Sampler};
use crate::sys;
use crate::units::Pid;
use std::path::absolute;
use std::time::{Duration, Instant, SystemTime};

/// The files, and what is in them beside the running check.
#[derive(Debug)]
pub(super) struct Keeper {
    history: History,
    file: StateFile,
    state: State,
    users: UserNames,
}

impl Keeper {
    pub(super) fn new(options: &RunOptions, sampler: &Sampler, own: Pid) -> Self {
        let now = seconds(SystemTime::now());
        let identity = sampler.identify(own).ok().flatten();
        let config_file = options.config.as_ref();
        Self {
            history: History::usual(),
            file: StateFile::usual(sampler.is_hidepid()),
            state: State {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: own.get(),
                start_time: identity.map_or(0, |key| key.start_time.0),
                started: now,
                is_service: sys::parent_is_manager(),
                configuration: String::new(),
                config_file: config_file.map(|file| absolute(file).unwrap_or(file.clone())),
                config_loaded: now,
                dry_run: false,
                last_check: now,
                next_check: now,
                scanned: 0,
                ended: 0,
                ending: Vec::new(),
                spared: Vec::new(),
            },
            users: UserNames::default(),
        }
    }

    /// The configuration was read.
    pub(super) fn note_config(&mut self, config: &crate::config::Config) {
        self.state.configuration = config.origin.to_string();
        self.state.config_loaded = seconds(SystemTime::now());
        self.state.dry_run = config.dry_run;
        self.users.clear();
    }

    /// A victim has ended.
    pub(super) fn note_end(&mut self, victim: &Victim, after: Duration, unit: Option<&Name>) {
        self.state.ended += 1;
        let record = Record::new(victim, after, unit, &mut self.users);
        self.history.append(&record);
    }

    /// The daemon stops.
    pub(super) fn finish(&self) {
        self.file.remove(self.state.pid);
    }

    fn noted(&mut self, process: &Process, note: String) -> Noted {
        let facts = process.facts.as_ref().ok();
        Noted {
            pid: process.pid.get(),
            name: facts.map_or("?".to_owned(), |facts| {
                Escaped(facts.name.as_bytes()).to_string()
            }),
            user: facts.map_or("?".to_owned(), |facts| {
                Escaped(self.users.name(facts.uid)).to_string()
            }),
            rss_bytes: process.rss.get(),
            note,
        }
    }
}

impl Daemon<'_> {
    /// Leaves how things are after a check.
    pub(super) fn leave_state(&mut self, next_check: Instant) {
        let now = SystemTime::now();
        let memory = &self.snapshot.memory;
        let keeper = &mut self.keeper;
        keeper.state.last_check = seconds(now);
        keeper.state.next_check =
            seconds(now + next_check.saturating_duration_since(Instant::now()));
        keeper.state.scanned = self.snapshot.scanned;
        keeper.state.spared = self
            .snapshot
            .near
            .iter()
            .filter_map(|process| match self.policy.judge(process, memory) {
                Verdict::Spared(exemption) => Some(keeper.noted(process, exemption.to_string())),
                Verdict::Within | Verdict::Breach(_) => None,
            })
            .collect();
        self.leave_victims();
    }

    /// Leaves who is being ended, and the rest as it was.
    pub(super) fn leave_victims(&mut self) {
        let keeper = &mut self.keeper;
        keeper.state.ending = self
            .ledger
            .victims()
            .iter()
            .map(|victim| {
                let stage = match victim.stage {
                    Stage::Terminating => "sent SIGTERM",
                    Stage::Killed(_) => "sent SIGKILL",
                    Stage::Surviving => "survives SIGKILL",
                };
                keeper.noted(&victim.process, stage.to_owned())
            })
            .collect();
        keeper.file.write(&keeper.state);
    }
}

//! What the daemon writes for its commands, after the signals: the history of what it has killed, and its status.
//! Touches these two files.

use super::scan::{Machine, ScanOutcome};
use crate::cli::RunOptions;
use crate::escape::Escaped;
use crate::policy::{Decision, Delay, Ledger, Policy, Stage, Victim};
use crate::proc::{Process, Sampler};
use crate::quantities::{Now, Pid};
use crate::state::history::{History, Record, seconds};
use crate::state::status::{Noted, State, StatusFile, Waiting};
use crate::sys;
use crate::users::UserNames;
use std::path::absolute;
use std::time::{Duration, SystemTime};

/// The files, and what is in them.
#[derive(Debug)]
pub(super) struct StateWriter {
    history: History,
    file: StatusFile,
    state: State,
    users: UserNames,
}

impl StateWriter {
    pub(super) fn new(options: &RunOptions, sampler: &Sampler, own: Pid) -> Self {
        let now = seconds(SystemTime::now());
        let identity = sampler.identify(own).ok().flatten();
        let config_file = options.config.as_ref();
        Self {
            history: History::usual(),
            file: StatusFile::usual(sampler.is_hidepid()),
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
                over: 0,
                ended: 0,
                ending: Vec::new(),
                spared: Vec::new(),
                waiting: Vec::new(),
                asked: Vec::new(),
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
    pub(super) fn note_end(&mut self, victim: &Victim, after: Duration) {
        self.state.ended += 1;
        let unit = victim.process.details.unit.as_ref();
        let record = Record::new(victim, after, unit, &mut self.users);
        self.history.append(&record);
    }

    /// The daemon stops.
    pub(super) fn finish(&self) {
        self.file.remove(self.state.pid);
    }

    fn noted(users: &mut UserNames, process: &Process, note: String) -> Noted {
        let facts = process.facts.as_ref().ok();
        Noted {
            pid: process.pid.get(),
            name: facts.map_or("?".to_owned(), |facts| {
                Escaped(facts.name.as_bytes()).to_string()
            }),
            user: facts.map_or("?".to_owned(), |facts| {
                Escaped(users.name(facts.uid)).to_string()
            }),
            rss_bytes: process.rss.get(),
            note,
        }
    }

    /// A scan was made, and the next one is due then. Written with [`StateWriter::write_victims`].
    pub(super) fn note_scan(
        &mut self,
        outcome: &ScanOutcome,
        machine: &Machine,
        policy: &Policy,
        next_scan: SystemTime,
        now: &Now,
    ) {
        let Self { state, users, .. } = self;
        state.last_check = seconds(now.wall);
        state.next_check = seconds(next_scan);
        (state.scanned, state.over) = (outcome.scanned, outcome.over);
        let protected = machine.judged().filter_map(|(process, judged)| {
            let note = match &judged.decision {
                Decision::Protected(protection) => policy.shown(protection).to_string(),
                Decision::KillLimitReached(_) => {
                    "the limit of kills a minute is reached".to_owned()
                }
                _ => return None,
            };
            Some(Self::noted(users, process, note))
        });
        state.spared = protected.collect();
    }

    /// Writes the status with the victims and the delayed kills as they are now.
    pub(super) fn write_victims(&mut self, machine: &Machine, ledger: &Ledger, now: &Now) {
        let Self { state, users, .. } = self;
        let waiting = machine.judged().filter_map(|(process, judged)| {
            let Decision::Delay(_, delay, until) = &judged.decision else {
                return None;
            };
            let until = now.wall + until.saturating_duration_since(now.monotonic);
            Some(Waiting {
                process: Self::noted(users, process, delay.to_string()),
                start_time: process.key()?.start_time.0,
                until: seconds(until),
                restart_loop: matches!(delay, Delay::Restart(_)),
            })
        });
        state.waiting = waiting.collect();
        let kills = ledger.kills_within_minute(now.monotonic);
        let kills = kills.map(|then| now.wall - now.monotonic.saturating_duration_since(then));
        state.asked = kills.map(seconds).collect();
        let victims = ledger.victims().iter().map(|victim| {
            let stage = match victim.stage {
                Stage::Terminating => "sent SIGTERM",
                Stage::Killed(_) => "sent SIGKILL",
                Stage::Surviving => "survives SIGKILL",
            };
            Self::noted(users, &victim.process, stage.to_owned())
        });
        state.ending = victims.collect();
        self.file.write(&self.state);
    }
}

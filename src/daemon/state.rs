//! What the daemon leaves for its commands: the record of what it has ended, and how things are.
//! After the signals only.

use super::Daemon;
use crate::cli::RunOptions;
use crate::escape::Escaped;
use crate::policy::{Decision, Delay, Stage, Victim};
use crate::proc::{Name, Process, Sampler};
use crate::quantities::Pid;
use crate::state::history::{History, Record, seconds};
use crate::state::status::{Noted, State, StatusFile, Waiting};
use crate::sys;
use crate::users::UserNames;
use std::path::absolute;
use std::time::{Duration, Instant, SystemTime};

/// The files, and what is in them beside the running check.
#[derive(Debug)]
pub(super) struct Keeper {
    history: History,
    file: StatusFile,
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
        let looked = Instant::now();
        let spared = self.snapshot.near.iter().filter_map(|process| {
            let decision = self.policy.decide(process, memory, &self.ledger, looked);
            let note = match decision {
                Decision::Protected(protection) => protection.to_string(),
                Decision::KillLimitReached(_) => {
                    "the limit of kills a minute is reached".to_owned()
                }
                _ => return None,
            };
            Some(keeper.noted(process, note))
        });
        keeper.state.spared = spared.collect();
        self.leave_victims();
    }

    /// Leaves who is being ended and who waits for it, and the rest as it was.
    pub(super) fn leave_victims(&mut self) {
        let (now, clock) = (Instant::now(), SystemTime::now());
        self.leave_waiting(now, clock);
        let keeper = &mut self.keeper;
        let asked = self.ledger.times_of_minute(now);
        keeper.state.asked = asked
            .map(|then| seconds(clock - now.saturating_duration_since(then)))
            .collect();
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

    fn leave_waiting(&mut self, now: Instant, clock: SystemTime) {
        let mut waiting = Vec::new();
        for key in self.ledger.timed.waiting() {
            // Only of one that is held it is known which unit it belongs to.
            let held = self.sampler.hold(key.pid);
            let Some((process, _)) = held.filter(|(process, _)| process.key() == Some(key)) else {
                continue;
            };
            let memory = &self.snapshot.memory;
            let decision = self.policy.decide(&process, memory, &self.ledger, now);
            if let Decision::Delay(_, wait, until) = decision {
                waiting.push(Waiting {
                    process: self.keeper.noted(&process, wait.to_string()),
                    start_time: key.start_time.0,
                    until: seconds(clock + until.saturating_duration_since(now)),
                    restart_loop: matches!(wait, Delay::Restart(_)),
                });
            }
        }
        self.keeper.state.waiting = waiting;
    }
}

//! What the daemon writes for `status` and `explain`, after the signals: what the last scan decided, what is being
//! killed, and what is killed later. Fills in the status; the reporter writes its file.

use super::judged::ScanOutcome;
use super::scan::Machine;
use crate::cli::RunOptions;
use crate::config::{Config, LoadedFile};
use crate::events::Reporter;
use crate::policy::system_guard::Level;
use crate::policy::{Decision, Delay, Ledger, Policy, Stage};
use crate::proc::{Process, Sampler};
use crate::quantities::{Now, Pid};
use crate::state::status::{DaemonStatus, ProcessNote, RecentKill, ShortageNote, Waiting};
use crate::sys;
use crate::sys::clock::unix_seconds;
use std::path::absolute;
use std::time::SystemTime;

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
pub(super) fn note_config(status: &mut DaemonStatus, config: &Config, files: Vec<LoadedFile>) {
    status.configuration = config.sources().to_string();
    status.config_loaded = unix_seconds(SystemTime::now());
    status.loaded_files = Some(files);
    status.dry_run = config.dry_run;
    status.dry_run_cause = config.dry_run_cause();
    config
        .system
        .action
        .name()
        .clone_into(&mut status.system_action);
}

/// The machine is short of memory, and so many more processes were killed for it.
pub(super) fn note_shortage(status: &mut DaemonStatus, level: &Level, now: u64, killed: usize) {
    let goes_on = |note: &ShortageNote| note.over.is_none();
    let before = status.shortage.take().filter(goes_on);
    let began = before.as_ref().map_or(now, |note| note.began);
    status.shortage = Some(ShortageNote {
        began,
        over: None,
        reason: level.to_string(),
        left_bytes: level.left.get(),
        killed: before.map_or(0, |note| note.killed) + killed,
    });
}

/// It no longer is. Whether it was until now.
pub(super) fn note_shortage_over(status: &mut DaemonStatus, now: u64) -> bool {
    let note = status.shortage.as_mut();
    let Some(note) = note.filter(|note| note.over.is_none()) else {
        return false;
    };
    note.over = Some(now);
    true
}

/// A scan was made, after which so many would be killed but for a dry run, and the next one is due then. Written with
/// [`write_victims`].
pub(super) fn note_scan(
    reporter: &mut Reporter,
    (outcome, would_kill): (&ScanOutcome, usize),
    machine: &Machine,
    policy: &Policy,
    next_scan: SystemTime,
    now: &Now,
) {
    let protected = machine.judged().filter_map(|(process, judged)| {
        let note = match &judged.decision {
            Decision::Protected(protection) => policy.shown(protection).to_string(),
            Decision::Plentiful(_, share) => format!("memory is plentiful ({share:.0} available)"),
            Decision::KillLimitReached(_) => "the limit of kills a minute is reached".to_owned(),
            _ => return None,
        };
        Some(noted(reporter, process, note))
    });
    let protected = protected.collect();
    let status = reporter.status();
    status.last_check = unix_seconds(now.wall);
    status.next_check = unix_seconds(next_scan);
    (status.scanned, status.over) = (outcome.processes, outcome.over);
    status.would_kill = would_kill;
    status.protected = protected;
}

/// Writes the status with the victims and the delayed kills as they are now.
pub(super) fn write_victims(
    reporter: &mut Reporter,
    machine: &Machine,
    ledger: &Ledger,
    now: &Now,
) {
    let waiting = machine.judged().filter_map(|(process, judged)| {
        let Decision::Delay(_, delay, until) = &judged.decision else {
            return None;
        };
        let until = now.wall + until.saturating_duration_since(now.monotonic);
        Some(Waiting {
            process: noted(reporter, process, delay.to_string()),
            until: unix_seconds(until),
            restart_loop: matches!(delay, Delay::Restart(_)),
        })
    });
    let waiting = waiting.collect();
    let kills = ledger.kills_within_minute(now.monotonic);
    let kills = kills.map(|kill| RecentKill {
        at: unix_seconds(now.wall - now.monotonic.saturating_duration_since(kill.at)),
        uid: Some(kill.uid.get()),
        anonymous_bytes: Some(kill.anonymous.get()),
    });
    let kills = kills.collect();
    let victims = ledger.victims().iter().map(|victim| {
        let stage = match victim.stage {
            Stage::Terminating => "sent SIGTERM",
            Stage::Killed(_) => "sent SIGKILL",
            Stage::Surviving => "survives SIGKILL",
        };
        noted(reporter, &victim.process, stage.to_owned())
    });
    let victims = victims.collect();
    let status = reporter.status();
    status.recent_kills = kills;
    status.victims = victims;
    status.waiting = waiting;
    reporter.write_status();
}

fn noted(reporter: &Reporter, process: &Process, note: String) -> ProcessNote {
    let process = reporter.process(process);
    ProcessNote { process, note }
}

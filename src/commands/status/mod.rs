//! `memory-monitor status`: whether the daemon runs, from what it leaves in /run/memory-monitor.

mod view;

use crate::Error;
use crate::cli::StatusOptions;
use crate::commands::history;
use crate::commands::history::PastReport;
use crate::config::Config;
use crate::paths;
use crate::proc::{ProcRoot, Sampler};
use crate::quantities::{Pid, ProcessKey, StartTime};
use crate::state::history::{History, seconds};
use crate::state::status::{State, StatusFile};
use crate::sys::process;
use serde::Serialize;
use std::io;
use std::path::Path;
use view::{Situation, StatusReport};

/// What `--json` says where no daemon runs.
#[derive(Serialize)]
struct NotRunning {
    running: bool,
    reason: String,
}

pub(crate) fn run(options: &StatusOptions) -> Result<(), Error> {
    let state = match running()? {
        Ok(state) => state,
        Err(reason) => {
            if options.json {
                crate::commands::print_json(&NotRunning {
                    running: false,
                    reason: reason.clone(),
                })?;
            }
            return Err(Error::NotRunning(reason));
        }
    };
    let report = StatusReport::new(Situation {
        file: file_on_disk(&state),
        today: history::today(&History::usual())
            .as_ref()
            .map(PastReport::total),
        state,
    });
    if options.json {
        crate::commands::print_json(&report)
    } else {
        crate::commands::print(&report.text())
    }
}

/// What the daemon has left; or why there is none that runs.
fn running() -> Result<Result<State, String>, Error> {
    let file = StatusFile::usual(false);
    let state = match file.read() {
        Ok(state) => state,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(format!(
                "no daemon runs that could leave its state in \"{}\"",
                file.path().display()
            )));
        }
        Err(error) => return Err(Error::File(file.path().to_owned(), error)),
    };
    Ok(if is_running(&state)? {
        Ok(state)
    } else {
        Err(format!(
            "the daemon with PID {} has ended without a word, what it left is stale",
            state.pid
        ))
    })
}

/// The daemon that runs: its number, as it protects itself, and what it has left.
pub(crate) fn daemon(sampler: &Sampler) -> Option<(Pid, State)> {
    let state = StatusFile::usual(false).read().ok()?;
    let pid = Pid::new(state.pid)?;
    sampler
        .is_still(identity(pid, &state))
        .then_some((pid, state))
}

fn identity(pid: Pid, state: &State) -> ProcessKey {
    ProcessKey {
        pid,
        start_time: StartTime(state.start_time),
    }
}

fn is_running(state: &State) -> Result<bool, Error> {
    let Some(pid) = Pid::new(state.pid) else {
        return Ok(false);
    };
    let sampler = Sampler::new(ProcRoot::system()?);
    Ok(match sampler.identify(pid) {
        Ok(Some(key)) => key == identity(pid, state),
        // What hidepid keeps from us has its number all the same.
        Ok(None) | Err(_) => process::exists(pid),
    })
}

/// What there is to say about the configuration file as it is now.
fn file_on_disk(state: &State) -> Vec<String> {
    let named = state.config_file.as_deref();
    let path = named.unwrap_or(Path::new(paths::CONFIG));
    let changed = path.metadata().and_then(|file| file.modified());
    let mut lines = Vec::new();
    match changed {
        Ok(changed) if seconds(changed) > state.config_loaded => {
            lines
                .push("the file on disk is newer, a reload (SIGHUP) puts it into force".to_owned());
        }
        Err(error) if named.is_some() || error.kind() != io::ErrorKind::NotFound => {
            lines.push(format!("the file on disk can't be looked at: {error}"));
            return lines;
        }
        _ => {}
    }
    if let Err(refused) = Config::load(named) {
        let causes = refused.to_string();
        let causes = causes.lines();
        lines.extend(causes.map(|cause| format!("the file on disk would now be refused: {cause}")));
    }
    lines
}

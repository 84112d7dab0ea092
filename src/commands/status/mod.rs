//! `memory-monitor status`: whether the daemon runs and what it does, from its file in /run/memory-monitor.

mod view;

use crate::Error;
use crate::cli::StatusOptions;
use crate::commands::history;
use crate::commands::history::PastReport;
use crate::config::Config;
use crate::paths;
use crate::proc::{ProcRoot, Sampler};
use crate::quantities::{Pid, ProcessKey, StartTime};
use crate::state::history::History;
use crate::state::status::{DaemonStatus, StatusFile};
use crate::sys::clock::unix_seconds;
use crate::sys::process;
use serde::Serialize;
use std::io;
use std::path::Path;
use view::{Situation, StatusReport};

/// What `--json` prints where no daemon runs.
#[derive(Serialize)]
struct NotRunning {
    running: bool,
    reason: String,
}

pub(crate) fn run(options: &StatusOptions) -> Result<(), Error> {
    let status = match running()? {
        Ok(status) => status,
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
        file: file_on_disk(&status),
        today: history::today(&History::usual())
            .as_ref()
            .map(PastReport::total),
        status,
    });
    if options.json {
        crate::commands::print_json(&report)
    } else {
        crate::commands::print(&report.text())
    }
}

/// The status of the running daemon, or why none runs.
fn running() -> Result<Result<DaemonStatus, String>, Error> {
    let file = StatusFile::usual(false);
    let status = match file.read() {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(format!(
                "no daemon runs that writes \"{}\"",
                file.path().display()
            )));
        }
        Err(error) => return Err(Error::File(file.path().to_owned(), error)),
    };
    Ok(if is_running(&status)? {
        Ok(status)
    } else {
        Err(format!(
            "the daemon with PID {} exited without cleaning up; its status file is stale",
            status.pid
        ))
    })
}

/// The PID and the status of the running daemon; None where none runs or its file can't be read.
pub(crate) fn daemon(sampler: &Sampler) -> Option<(Pid, DaemonStatus)> {
    let status = StatusFile::usual(false).read().ok()?;
    let pid = Pid::new(status.pid)?;
    sampler
        .is_still(identity(pid, &status))
        .then_some((pid, status))
}

fn identity(pid: Pid, status: &DaemonStatus) -> ProcessKey {
    ProcessKey {
        pid,
        start_time: StartTime(status.start_time),
    }
}

fn is_running(status: &DaemonStatus) -> Result<bool, Error> {
    let Some(pid) = Pid::new(status.pid) else {
        return Ok(false);
    };
    let sampler = Sampler::new(ProcRoot::system()?);
    Ok(match sampler.identify(pid) {
        Ok(Some(key)) => key == identity(pid, status),
        // A process that hidepid hides still has its PID.
        Ok(None) | Err(_) => process::exists(pid),
    })
}

/// How the configuration file on disk differs from the one in force.
fn file_on_disk(status: &DaemonStatus) -> Vec<String> {
    let named = status.config_file.as_deref();
    let path = named.unwrap_or(Path::new(paths::CONFIG));
    let changed = path.metadata().and_then(|file| file.modified());
    let mut lines = Vec::new();
    match changed {
        Ok(changed) if unix_seconds(changed) > status.config_loaded => {
            lines.push("the file on disk is newer, a reload (SIGHUP) puts it in force".to_owned());
        }
        Err(error) if named.is_some() || error.kind() != io::ErrorKind::NotFound => {
            lines.push(format!("the file on disk can't be read: {error}"));
            return lines;
        }
        _ => {}
    }
    if let Err(error) = Config::load(named) {
        let causes = error.to_string();
        let causes = causes.lines();
        lines.extend(causes.map(|cause| format!("the file on disk would be rejected: {cause}")));
    }
    lines
}

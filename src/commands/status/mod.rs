//! `memory-monitor status`: whether the daemon runs and what it does, from its file in /run/memory-monitor.

mod on_disk;
mod view;

use crate::Error;
use crate::cli::StatusOptions;
use crate::commands::exemptions::in_force;
use crate::commands::hidepid::still_runs;
use crate::commands::history;
use crate::commands::history::PastReport;
use crate::commands::peers;
use crate::config::LoadedFile;
use crate::events::Spelling;
use crate::paths;
use crate::proc::{ProcRoot, Sampler};
use crate::quantities::{Pid, ProcessKey, StartTime};
use crate::state::exemptions::ExemptionsFile;
use crate::state::history::History;
use crate::state::status::{DaemonStatus, StatusFile};
use crate::systemd::Unit;
use on_disk::Doubts;
use serde::Serialize;
use std::io;
use std::path::{Path, absolute};
use view::{Situation, StatusReport};

const SERVICE: &str = "memory-monitor.service";

/// What `--json` prints where no daemon runs.
#[derive(Serialize)]
struct NotRunning {
    running: bool,
    reason: String,
    /// What became of the service; None where systemd does not tell.
    service: Option<String>,
    /// Why the configuration would be rejected.
    rejected: Vec<String>,
}

pub(crate) fn run(options: &StatusOptions) -> Result<(), Error> {
    let mut status = match running()? {
        Ok(status) => status,
        Err(reason) => {
            let service = Unit::ask(SERVICE).ok().and_then(|unit| unit.fate());
            let service = service.map(|fate| format!("{SERVICE} {fate}"));
            let Doubts { rejected, unknown } = on_disk::doubts(options.config.as_deref());
            let rejected = rejected.iter();
            let rejected = rejected.map(|cause| format!("the configuration is rejected: {cause}"));
            let rejected: Vec<_> = rejected.collect();
            let unknown = unknown.iter();
            let unknown = unknown
                .map(|cause| format!("whether the configuration is valid is not known: {cause}"));
            let mut lines = vec![reason.clone()];
            lines.extend(service.clone());
            lines.extend(rejected.clone());
            lines.extend(unknown);
            if options.json {
                crate::commands::print_json(&NotRunning {
                    running: false,
                    reason,
                    service,
                    rejected,
                })?;
            }
            return Err(Error::NotRunning(lines.join("\n")));
        }
    };
    let sampler = Sampler::new(ProcRoot::system()?);
    let file = match options.config.as_deref() {
        Some(file) if !is_its_file(&status, Some(file)) => on_disk::of_another(&status, file),
        _ => on_disk::of_daemon(&status),
    };
    let spelling = Spelling::of_output(options.json);
    if spelling == Spelling::Plain {
        status.unescape();
    }
    let report = StatusReport::new(Situation {
        exemptions: in_force(&sampler, &ExemptionsFile::usual(), spelling).ok(),
        file,
        peers: peers::running(&mut Sampler::new(ProcRoot::system()?).for_command()),
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
    let file = StatusFile::usual();
    let status = match file.read() {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(format!(
                "no daemon runs that writes \"{}\"",
                file.path().display()
            )));
        }
        Err(error) => return Err(Error::reading(file.path(), error, "status")),
    };
    let sampler = Sampler::new(ProcRoot::system()?);
    let is_running = identity(&status).is_some_and(|key| still_runs(&sampler, key));
    Ok(if is_running {
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
    let status = StatusFile::usual().read().ok()?;
    let key = identity(&status)?;
    still_runs(sampler, key).then_some((key.pid, status))
}

/// The files that the running daemon has in force, where this configuration is what it reads at a reload. None for
/// another configuration, where no daemon runs, and where another user can have written its status.
pub(crate) fn files_in_force(config: Option<&Path>) -> Option<Vec<LoadedFile>> {
    let status = StatusFile::usual().read_trusted().ok()?;
    let sampler = Sampler::new(ProcRoot::system().ok()?);
    let is_running = sampler.is_still(identity(&status)?);
    let is_read = is_running && is_its_file(&status, config);
    status.loaded_files.filter(|_| is_read)
}

/// Whether this is the configuration file that the daemon reads; None for the usual one.
fn is_its_file(status: &DaemonStatus, file: Option<&Path>) -> bool {
    let path = |file: Option<&Path>| absolute(file.unwrap_or(Path::new(paths::CONFIG))).ok();
    path(file) == path(status.config_file.as_deref())
}

/// The daemon; None where the file has no PID.
fn identity(status: &DaemonStatus) -> Option<ProcessKey> {
    Some(ProcessKey {
        pid: Pid::new(status.pid)?,
        start_time: StartTime(status.start_time),
    })
}

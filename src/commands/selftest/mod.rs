//! `memory-monitor selftest`: kills processes of its own with the privileges it has, and reports each step. The second
//! memory-monitor that kills them is confined to them by PID and start time ([`crate::daemon::run_confined`]): it can't
//! signal anything else, whatever it reads or decides.

mod cgroup;
mod hog;
mod monitor;
mod notify;
mod probe;
mod role;
mod shortage;
mod view;

use crate::Error;
use crate::cli::SelftestOptions;
use crate::proc::{ProcRoot, Sampler};
use crate::sys::terminal::wants_colour;
use crate::systemd;
use hog::Hog;
use role::ROLE;
use std::env;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;
use view::{Outcome, SelftestReport, Step};

pub(crate) fn run(options: &SelftestOptions) -> Result<(), Error> {
    match env::var(ROLE).as_deref() {
        Ok(role) if role.starts_with("monitor ") => return monitor::run(role),
        Ok(role @ (hog::OBEYS | hog::IGNORES | hog::GROWS)) => return hog::run(role),
        _ => {}
    }
    if options.sandbox {
        return within_sandbox(options);
    }
    let steps = if options.notify {
        notify::steps()?
    } else {
        steps()?
    };
    let report = SelftestReport::new(steps);
    if options.json {
        crate::commands::print_json(&report)?;
    } else {
        crate::commands::print(&report.text(wants_colour(&io::stdout())))?;
    }
    match report.failures() {
        0 => Ok(()),
        failures => Err(Error::Selftest(failures)),
    }
}

fn steps() -> Result<Vec<Step>, Error> {
    let mut sampler = Sampler::new(ProcRoot::system()?);
    let mut steps = probe::access(&mut sampler)?;
    let directory = OwnDirectory::make()
        .map_err(|error| Error::System("making a directory for the test", error))?;
    for ignores in [false, true] {
        let begun = Instant::now();
        let (role, kind) = if ignores {
            (hog::IGNORES, "that ignores SIGTERM")
        } else {
            (hog::OBEYS, "that obeys SIGTERM")
        };
        let what = format!("start a process {kind}");
        match Hog::start(role, &sampler) {
            Ok(hog) => {
                let detail = format!("PID {}, {} of memory", hog.key.pid, hog::SIZE);
                steps.push(Step::new(what, Outcome::Ok, begun.elapsed(), detail));
                steps.extend(monitor::watch(&hog, ignores, &directory.0));
            }
            Err(error) => steps.push(Step::new(
                what,
                Outcome::Failed,
                begun.elapsed(),
                error.to_string(),
            )),
        }
    }
    steps.extend(shortage::steps(&sampler, &directory.0));
    steps.push(probe::reclaim(&sampler));
    steps.extend(probe::sinks());
    Ok(steps)
}

/// A directory for what the second memory-monitor writes.
struct OwnDirectory(PathBuf);

impl OwnDirectory {
    fn make() -> io::Result<Self> {
        let name = format!("memory-monitor-selftest-{}", std::process::id());
        let path = env::temp_dir().join(name);
        // Fails if another user has made it.
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for OwnDirectory {
    fn drop(&mut self) {
        // What can't be removed is in a directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the test by systemd-run(1) with the sandbox that the service has. Its quota of processor time, which would only
/// slow the test down, and the directories that a running daemon uses are not part of that.
fn within_sandbox(options: &SelftestOptions) -> Result<(), Error> {
    let program =
        env::current_exe().map_err(|error| Error::System("finding this program", error))?;
    let mut command = Command::new("systemd-run");
    command.args(["--wait", "--pipe", "--quiet", "--collect"]);
    for setting in systemd::sandbox("memory-monitor.service")? {
        command.arg(format!("--property={setting}"));
    }
    command.arg(program).arg("selftest");
    if options.json {
        command.arg("--json");
    }
    let status = command.stdin(Stdio::null()).status();
    match status
        .map_err(|error| Error::System("running systemd-run", error))?
        .code()
    {
        Some(0) => Ok(()),
        // It has printed why.
        _ => Err(Error::Sandboxed),
    }
}

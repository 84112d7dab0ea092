//! `memory-monitor exempt`: spares a process for a while. Writes the file that the daemon reads.

use super::{explain, status};
use crate::Error;
use crate::cli::{ExemptOptions, ExemptWish};
use crate::policy::{Grant, built_in};
use crate::report::{ExemptRow, GrantFile, exempt_table};
use crate::sample::{ProcRoot, Sampler};
use crate::sys;
use crate::units::{Pid, Uid};
use std::time::{Duration, SystemTime};

pub(crate) fn run(options: &ExemptOptions) -> Result<(), Error> {
    let sampler = Sampler::new(ProcRoot::system()?);
    let file = GrantFile::usual();
    match &options.wish {
        ExemptWish::List => list(&sampler, &file, options.json),
        ExemptWish::End(pid) => {
            need_root()?;
            end(&sampler, &file, *pid)
        }
        ExemptWish::Grant(pid, time, reason) => {
            need_root()?;
            let row = grant(&sampler, &file, *pid, *time, reason)?;
            if options.json {
                super::print_json(&row)?;
            } else {
                super::print(&row.sentence())?;
            }
            if status::daemon(&sampler).is_none() {
                super::warn("no daemon runs now; one that is started before that time obeys it");
            }
            Ok(())
        }
    }
}

fn need_root() -> Result<(), Error> {
    if sys::effective_uid() == Uid::ROOT {
        Ok(())
    } else {
        Err(Error::NotRoot("exempt"))
    }
}

/// Whether it still holds: its time is not over and its process has not ended.
fn holds(sampler: &Sampler, grant: &Grant) -> bool {
    grant.until > sys::boot_clock() && sampler.is_still(grant.process)
}

fn grant(
    sampler: &Sampler,
    file: &GrantFile,
    pid: Pid,
    time: Duration,
    reason: &str,
) -> Result<ExemptRow, Error> {
    let held = sampler.try_hold(pid);
    let (process, _) =
        held.map_err(|error| explain::absence(pid, &error, sampler.hides_processes()))?;
    let (Ok(facts), Some(key)) = (&process.facts, process.key()) else {
        return Err(Error::Process(
            pid,
            "can't be read, and so is never ended".to_owned(),
        ));
    };
    let own = match status::daemon(sampler) {
        Some((pid, _)) => pid,
        None => sampler.root().own_pid()?,
    };
    if let Some(exemption) = built_in(&process, facts, own) {
        return Err(Error::Process(
            pid,
            format!("needs no exemption: {exemption}"),
        ));
    }
    let grant = Grant {
        process: key,
        name: facts.name.as_bytes().to_vec(),
        until: sys::boot_clock() + time,
        reason: reason.to_owned(),
    };
    let row = ExemptRow::new(&grant, time, SystemTime::now());
    file.change(|grants| {
        grants.retain(|other| other.process.pid != pid && holds(sampler, other));
        grants.push(grant);
    })
    .map_err(|error| Error::Write(file.path().to_owned(), error))?;
    Ok(row)
}

fn end(sampler: &Sampler, file: &GrantFile, pid: Pid) -> Result<(), Error> {
    let mut was_exempt = false;
    file.change(|grants| {
        grants.retain(|grant| holds(sampler, grant));
        was_exempt = grants.iter().any(|grant| grant.process.pid == pid);
        grants.retain(|grant| grant.process.pid != pid);
    })
    .map_err(|error| Error::Write(file.path().to_owned(), error))?;
    if was_exempt {
        super::print(&format!("No longer exempt: PID={pid}\n"))
    } else {
        Err(Error::Process(
            pid,
            "is not exempt, see \"memory-monitor exempt --list\"".to_owned(),
        ))
    }
}

fn list(sampler: &Sampler, file: &GrantFile, json: bool) -> Result<(), Error> {
    let grants = file.read();
    let grants = grants.map_err(|error| Error::File(file.path().to_owned(), error))?;
    let now = SystemTime::now();
    let clock = sys::boot_clock();
    let holding = grants.iter().filter(|grant| holds(sampler, grant));
    let rows: Vec<ExemptRow> = holding
        .map(|grant| ExemptRow::new(grant, grant.until.saturating_sub(clock), now))
        .collect();
    if json {
        super::print_json(&rows)
    } else {
        super::print(&exempt_table(&rows))
    }
}

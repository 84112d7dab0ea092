//! `memory-monitor exempt`: protects a process for a limited time. Writes the file that the daemon reads.

mod view;

use crate::Error;
use crate::cli::{Exempt, ExemptOptions};
use crate::commands::context::absence;
use crate::commands::exemptions::{ExemptRow, in_force, is_in_force};
use crate::commands::status;
use crate::events::Spelling;
use crate::policy::{Exemption, built_in};
use crate::proc::{NoQuestions, ProcRoot, Sampler};
use crate::quantities::{Bytes, Pid, Uid};
use crate::state::exemptions::ExemptionsFile;
use crate::sys;
use std::time::{Duration, SystemTime};
use view::{exempt_table, sentence};

pub(crate) fn run(options: &ExemptOptions) -> Result<(), Error> {
    let sampler = Sampler::new(ProcRoot::system()?).for_command();
    let file = ExemptionsFile::usual();
    match &options.action {
        Exempt::List => list(&sampler, &file, options.json),
        Exempt::End(pid) => {
            need_root()?;
            end(&sampler, &file, *pid)
        }
        Exempt::Begin(pid, time, reason) => {
            need_root()?;
            let exemption = exemption(&sampler, &file, *pid, *time, reason)?;
            let spelling = Spelling::of_output(options.json);
            let row = ExemptRow::new(&exemption, *time, SystemTime::now(), spelling);
            if options.json {
                crate::commands::print_json(&row)?;
            } else {
                crate::commands::print(&sentence(&row))?;
            }
            if status::daemon(&sampler).is_none() {
                crate::commands::warn(
                    "no daemon runs now; one that is started before the exemption is over applies it",
                );
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

fn exemption(
    sampler: &Sampler,
    file: &ExemptionsFile,
    pid: Pid,
    time: Duration,
    reason: &str,
) -> Result<Exemption, Error> {
    let held = sampler.try_hold(&NoQuestions(Bytes::ZERO), pid);
    let (process, _) = held.map_err(|error| absence(pid, &error, sampler.hides_processes()))?;
    // An exemption of the thread, or of what has exited, would protect nothing.
    if let Some(whole) = sampler.thread_of(pid) {
        let reason = format!("is a thread of process {whole}: exempt that one");
        return Err(Error::Process(pid, reason));
    }
    if process.has_exited() {
        let reason = "has exited, and its parent has not waited for it yet".to_owned();
        return Err(Error::Process(pid, reason));
    }
    let (Ok(facts), Some(key)) = (&process.facts, process.key()) else {
        return Err(Error::Process(
            pid,
            "can't be read, and so is never killed".to_owned(),
        ));
    };
    let own = match status::daemon(sampler) {
        Some((pid, _)) => pid,
        None => sampler.root().own_pid()?,
    };
    if let Some(protection) = built_in(&process, own) {
        return Err(Error::Process(
            pid,
            format!("needs no exemption: {protection}"),
        ));
    }
    let exemption = Exemption {
        process: key,
        name: facts.name.as_bytes().to_vec(),
        until: sys::boot_clock() + time,
        reason: reason.to_owned(),
    };
    file.change(|exemptions| {
        exemptions.retain(|other| other.process.pid != pid && is_in_force(sampler, other));
        exemptions.push(exemption.clone());
        true
    })
    .map_err(|error| Error::Write(file.path().to_owned(), error))?;
    Ok(exemption)
}

fn end(sampler: &Sampler, file: &ExemptionsFile, pid: Pid) -> Result<(), Error> {
    let mut was_exempt = false;
    file.change(|exemptions| {
        exemptions.retain(|exemption| is_in_force(sampler, exemption));
        was_exempt = exemptions
            .iter()
            .any(|exemption| exemption.process.pid == pid);
        exemptions.retain(|exemption| exemption.process.pid != pid);
        was_exempt
    })
    .map_err(|error| Error::Write(file.path().to_owned(), error))?;
    if was_exempt {
        crate::commands::print(&format!("No longer exempt: PID={pid}\n"))
    } else {
        Err(Error::Process(
            pid,
            "is not exempt, see \"memory-monitor exempt --list\"".to_owned(),
        ))
    }
}

fn list(sampler: &Sampler, file: &ExemptionsFile, json: bool) -> Result<(), Error> {
    let rows = in_force(sampler, file, Spelling::of_output(json));
    let rows = rows.map_err(|error| Error::File(file.path().to_owned(), error))?;
    if json {
        crate::commands::print_json(&rows)
    } else {
        crate::commands::print(&exempt_table(&rows))
    }
}

//! Reads what a decision about a process rests on beside its memory. Touches the files of its directory.

use super::blocking::Arguments;
use super::context::Context;
use super::exe_link::read_exe;
use super::facts::{Facts, State};
use super::name::{FULL_COMM, Name, base_name, complete, is_renamed};
use super::package_manager;
use super::parse::{self, Status};
use super::procfile::{self, BUFFER, Failure};
use crate::quantities::{ProcessKey, StartTime};
use crate::sys::fs;
use crate::sys::process::ProcessDirectory;
use std::io;
use std::os::fd::AsFd;

/// The facts; the status that they are read from, which has some of the memory; and the arguments, which may have been
/// read for the name.
pub(super) fn read<'a>(
    directory: &'a ProcessDirectory,
    context: Context<'a>,
) -> Result<(Facts, Status, Arguments<'a>), Failure> {
    let mut buffer = [0; BUFFER];
    let text = procfile::read(directory, c"stat", &mut buffer)?;
    let stat = parse::stat(text).ok_or(Failure::unexpected("stat"))?;
    let (state, is_kernel_thread) = (State(stat.state), stat.is_kernel_thread);
    let (start_time, session) = (stat.start_time, stat.session);
    let comm = Name::new(stat.comm);
    let key = ProcessKey {
        pid: directory.pid(),
        start_time,
    };
    let mut arguments = Arguments::of(context.blocking, directory, key);
    let names = if is_kernel_thread {
        Names::of(comm)
    } else {
        Names::read(comm, directory, context, &mut arguments)
    };
    let mut status = Status::default();
    procfile::each_line(directory, c"status", |line| status.take(line))?;
    let uid = status.uid.ok_or(Failure::unexpected("status"))?;
    let oom_score_adj = oom_score_adj(directory, &mut buffer)?;
    let is_package_manager = !is_kernel_thread
        && package_manager::is_of_root(
            context.root,
            directory,
            uid,
            comm.as_bytes(),
            Some(&mut arguments),
        );
    let facts = Facts {
        start_time,
        name: names.name,
        is_name_cut: names.is_cut,
        alias: names.alias,
        uid,
        parent: status.parent,
        session,
        state,
        is_kernel_thread,
        oom_score_adj,
        is_package_manager,
    };
    Ok((facts, status, arguments))
}

/// The OOM killer's adjustment of a process.
pub(super) fn oom_score_adj(
    directory: &ProcessDirectory,
    buffer: &mut [u8],
) -> Result<i16, Failure> {
    let text = procfile::read(directory, c"oom_score_adj", buffer)?;
    parse::integer(text)
        .and_then(|value| i16::try_from(value).ok())
        .ok_or(Failure::unexpected("oom_score_adj"))
}

/// The names of a process.
struct Names {
    name: Name,
    is_cut: bool,
    alias: Option<Name>,
}

impl Names {
    fn of(name: Name) -> Self {
        Self {
            name,
            is_cut: false,
            alias: None,
        }
    }

    /// Arguments and executable are read only where a pattern could match what they say, or all names are wanted whole.
    fn read(
        comm: Name,
        directory: &ProcessDirectory,
        context: Context<'_>,
        arguments: &mut Arguments<'_>,
    ) -> Self {
        let questions = context.questions;
        let mut names = Self::of(comm);
        let mut buffer = [0; BUFFER];
        if comm.as_bytes().len() >= FULL_COMM {
            let is_wanted =
                context.has_whole_names || questions.matches_longer_name(comm.as_bytes());
            let arguments = is_wanted.then(|| arguments.get());
            let by_arguments = match arguments {
                Some(Ok(arguments)) => complete(comm.as_bytes(), arguments),
                _ => None,
            };
            let by_exe = || {
                let exe = read_exe(directory, &mut buffer).ok()?;
                let base = base_name(exe);
                base.starts_with(comm.as_bytes()).then(|| Name::new(base))
            };
            match by_arguments.or_else(|| is_wanted.then(by_exe).flatten()) {
                Some(name) => names.name = name,
                None => names.is_cut = true,
            }
        }
        if questions.matches_name(names.name.as_bytes()) {
            return names;
        }
        let exe = match read_exe(directory, &mut buffer) {
            Ok(exe) => base_name(exe),
            Err(_) => return names,
        };
        if exe != names.name.as_bytes() && questions.matches_name(exe) {
            // Without arguments it can't be told, and doubt protects.
            let is_renamed = arguments.get().map_or(true, |arguments| {
                is_renamed(comm.as_bytes(), exe, arguments)
            });
            names.alias = is_renamed.then(|| Name::new(exe));
        }
        names
    }
}

/// The start time alone, for comparing identities.
pub(super) fn read_start_time(directory: &ProcessDirectory) -> io::Result<StartTime> {
    let mut buffer = [0; BUFFER];
    let text = fs::read_at(directory.as_fd(), c"stat", &mut buffer)?;
    parse::stat(text)
        .map(|stat| stat.start_time)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

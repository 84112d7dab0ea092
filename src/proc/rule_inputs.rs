//! Reads what rules need to know of a process, and what is recorded of one that is to be killed. Touches the files of
//! its directory; the texts are in buffers that are kept.

use super::blocking::Arguments;
use super::context::Context;
use super::exe_link::read_exe;
use super::executable;
use super::facts::Facts;
use super::parse::{self, CgroupPath};
use super::procfile::{self, BUFFER, Failure, Unreadable};
use super::questions::{RuleFiles, RuleInput, RuleMatch};
use super::unit::Unit;
use crate::sys::process::ProcessDirectory;
use std::os::fd::AsFd;

/// Reads what the rules need and asks which one matches.
pub(super) fn match_rule(
    directory: &ProcessDirectory,
    context: Context<'_>,
    facts: &Facts,
    arguments: &mut Arguments<'_>,
) -> Result<RuleMatch, Failure> {
    let files = context.questions.rule_files();
    let mut input = RuleInput {
        facts,
        exe: None,
        is_exe_forgeable: false,
        cmdline: None,
        cgroup: None,
    };
    if files == RuleFiles::default() {
        return Ok(context.questions.match_rule(&input));
    }
    let (mut exe, mut cgroup) = ([0; BUFFER], [0; BUFFER]);
    if files.exe {
        input.exe = Some(procfile::unless_gone(read_exe(directory, &mut exe))?);
        let proc = context.root.as_fd();
        // What can't be found out is doubt, which must not take a protection away.
        input.is_exe_forgeable =
            executable::is_in_namespace_of_user(proc, directory.as_fd()).unwrap_or(false);
    }
    if files.cmdline {
        input.cmdline = Some(arguments.joined());
    }
    if files.cgroup {
        input.cgroup = Some(procfile::unless_gone(read_cgroup(directory, &mut cgroup))?);
    }
    Ok(context.questions.match_rule(&input))
}

/// The systemd unit, or else the control group.
pub(super) fn read_unit(directory: &ProcessDirectory) -> Option<Unit> {
    let mut buffer = [0; BUFFER];
    Unit::of_cgroup(read_cgroup(directory, &mut buffer).ok()?)
}

/// The path of the control group in the unified hierarchy or, where that is the root, in systemd's own.
pub(super) fn read_cgroup<'b>(
    directory: &ProcessDirectory,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Failure> {
    let (mut length, mut is_too_long) = (0, false);
    let mut take = |path: &[u8]| match buffer.get_mut(..path.len()) {
        Some(start) => {
            start.copy_from_slice(path);
            length = path.len();
        }
        None => is_too_long = true,
    };
    let mut is_unified = false;
    procfile::each_line(directory, c"cgroup", |line| {
        match parse::cgroup_path(line) {
            Some(CgroupPath::Unified(path)) if path != b"/" => {
                is_unified = true;
                take(path);
            }
            Some(CgroupPath::Systemd(path)) if !is_unified => take(path),
            _ => {}
        }
    })?;
    if is_too_long {
        return Err(Failure::Unreadable(Unreadable::too_long("cgroup")));
    }
    match buffer.get(..length) {
        Some(path) if length > 0 => Ok(path),
        _ => Ok(b"/"),
    }
}

//! Every entry of the whitelist with the processes that it matches now, by the same comparisons as the decision.

use super::matches::{Match, matching, shown};
use crate::commands::config_line::from;
use crate::config::{Whitelist, Written, perhaps_meant};
use crate::escape::OneLine;
use crate::events::Spelling;
use crate::policy::{NamedBy, Policy, name_of};
use crate::proc::{Facts, Process, Sampler};
use crate::quantities::{Pid, Uid};
use crate::sys::process;
use serde::Serialize;
use std::fmt::Write;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;

#[derive(Debug, Serialize)]
pub(super) struct Listed {
    pub(super) key: &'static str,
    /// As it is written, with its line breaks.
    pub(super) entry: String,
    pub(super) from: String,
    matches: Vec<Match>,
    /// Whether it protects what it matches.
    protects: bool,
    /// How many of them have a name that is cut at 15 bytes, which this entry may complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<NonZeroUsize>,
    /// With `verify_names`: how many processes have the name, which their executables do not verify.
    refuted: usize,
    /// Whether the process with this PID is not among those that were read: it has no memory, or hidepid hides it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unseen: bool,
    /// The process whose thread has this number, which is no PID then.
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_of: Option<Pid>,
    /// Where it matches nothing: the processes whose executable has such a name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_executable: Vec<Pid>,
    /// What may have been meant by a name that no process has.
    #[serde(skip_serializing_if = "Option::is_none")]
    perhaps_meant: Option<String>,
}

pub(super) fn list(
    policy: &Policy,
    written: &Written,
    (processes, sampler): (&[Process], &Sampler),
    spelling: Spelling,
) -> Vec<Listed> {
    let Whitelist {
        pids,
        names,
        users,
        protect_root,
        ..
    } = &policy.config.whitelist;
    let entry = |key: &'static str, index: usize, matches, protects| {
        let item = written
            .entry("whitelist", key)
            .and_then(|entry| entry.items.get(index));
        Listed {
            key,
            entry: item.map_or(String::new(), |item| item.text.clone()),
            from: from(item.and_then(|item| item.location.as_ref())),
            matches,
            protects,
            cut: None,
            refuted: 0,
            unseen: false,
            thread_of: None,
            by_executable: Vec::new(),
            perhaps_meant: None,
        }
    };
    let mut executables = None;
    let mut entries = Vec::new();
    for (index, pid) in pids.iter().enumerate() {
        let is_match = |process: &Process, _: &Facts| process.pid == *pid;
        let matches = matching(processes, spelling, is_match);
        let thread_of = sampler.thread_of(*pid).filter(|_| matches.is_empty());
        entries.push(Listed {
            unseen: matches.is_empty() && thread_of.is_none() && process::exists(*pid),
            thread_of,
            ..entry("pids", index, matches, true)
        });
    }
    for (index, name) in names.iter().enumerate() {
        let is_match = |process: &Process, facts: &Facts| {
            name_of(name, facts).is_some() && policy.refuted_name(process).is_none()
        };
        let is_refuted = |process: &Process, facts: &Facts| {
            name_of(name, facts).is_some() && policy.refuted_name(process).is_some()
        };
        let matches = matching(processes, spelling, is_match);
        let by_executable = if matches.is_empty() {
            executables.get_or_insert_with(|| base_names(processes));
            let named = executables.iter().flatten();
            let named = named.filter(|(_, exe)| name.matches(exe));
            named.map(|(pid, _)| *pid).collect()
        } else {
            Vec::new()
        };
        let is_cut = |process: &Process, facts: &Facts| {
            matches!(name_of(name, facts), Some((NamedBy::Start, _)))
                && policy.refuted_name(process).is_none()
        };
        let refuted = matching(processes, spelling, is_refuted).len();
        let is_unknown = matches.is_empty() && by_executable.is_empty() && refuted == 0;
        let perhaps_meant = is_unknown.then(|| perhaps_meant(name.text())).flatten();
        entries.push(Listed {
            by_executable,
            perhaps_meant,
            cut: NonZeroUsize::new(matching(processes, spelling, is_cut).len()),
            refuted,
            ..entry("names", index, matches, true)
        });
    }
    for (index, user) in users.iter().enumerate() {
        let is_match = |_: &Process, facts: &Facts| user.uid == Some(facts.uid);
        let protects = user.uid != Some(Uid::ROOT) || *protect_root;
        let matches = matching(processes, spelling, is_match);
        entries.push(entry("users", index, matches, protects));
    }
    entries
}

pub(super) fn write(out: &mut String, entries: &[Listed]) -> std::fmt::Result {
    if entries.is_empty() {
        return writeln!(out, "\nThe whitelist is empty.");
    }
    writeln!(out, "\nThe whitelist:")?;
    let texts = entries.iter();
    let texts: Vec<_> = texts
        .map(|entry| OneLine(&entry.entry).to_string())
        .collect();
    let width = texts.iter().map(|text| text.chars().count()).max();
    let width = width.unwrap_or(0).min(30);
    for (entry, text) in entries.iter().zip(&texts) {
        let matches = shown(&entry.matches);
        let but = match (entry.protects, entry.matches.is_empty(), entry.refuted) {
            (false, false, _) => ", not protected: protect_root is false".to_owned(),
            (_, _, 1..) => format!(
                ", {} of that name not protected: another program",
                entry.refuted
            ),
            _ if entry.thread_of.is_some() => {
                let process = entry.thread_of.map_or(String::new(), |pid| pid.to_string());
                format!(", as it is the number of a thread of process {process}: no effect")
            }
            _ if entry.unseen => {
                ", but the process exists: it has no memory, or /proc hides it".to_owned()
            }
            _ if !entry.by_executable.is_empty() => {
                let pids = entry.by_executable.iter().take(4);
                let pids: Vec<_> = pids.map(ToString::to_string).collect();
                format!(
                    ", but the executable of {} has that name: they are called by their scripts",
                    pids.join(", ")
                )
            }
            _ => match (entry.cut, &entry.perhaps_meant) {
                (Some(cut), _) => format!(
                    ", protected as a name of 15 bytes may be the beginning of this one ({cut} of them)"
                ),
                (None, Some(meant)) => format!(": {meant}"),
                (None, None) => String::new(),
            },
        };
        writeln!(
            out,
            "  {:<5}  {text:width$}  {matches}{but}  ({})",
            entry.key, entry.from
        )?;
    }
    Ok(())
}

/// The names of the executables, where they can be read.
fn base_names(processes: &[Process]) -> Vec<(Pid, Vec<u8>)> {
    let names = processes.iter().filter_map(|process| {
        let link = fs::read_link(format!("/proc/{}/exe", process.pid)).ok()?;
        let name = link.file_name()?.as_bytes().to_vec();
        Some((process.pid, name))
    });
    names.collect()
}

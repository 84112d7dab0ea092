//! One process in detail, all of it read through one open directory /proc/PID, so that it is about one process.

use super::facts::{self, Facts};
use super::memory::{self, Anonymous};
use super::name::Name;
use super::procfile::{self, Failure, Unreadable};
use super::questions::{Questions, RuleMatch};
use super::{ProcRoot, executable, rule_inputs};
use crate::quantities::{Bytes, Metric, Pid, ProcessKey};
use crate::sys::process::ProcessDirectory;

/// A process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// With the start time in the facts: its identity.
    pub pid: Pid,
    /// Resident memory; of a live thread where the main thread has exited.
    pub rss: Bytes,
    /// Or why they can't be read.
    pub facts: Result<Facts, Unreadable>,
    /// The answers to the policy's questions.
    pub details: Details,
}

/// The answers to the policy's questions, and what is recorded of a process that is to be killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Its rule; None where the facts can't be read.
    pub rule_match: Option<RuleMatch>,
    /// Its memory by another metric than RSS, where its rule has one and RSS alone does not decide.
    pub memory: Option<(Metric, Result<Bytes, Unreadable>)>,
    /// Its systemd unit or control group; read only of a process that is held to be killed, as the next two are.
    pub unit: Option<Name>,
    /// Its executable, cut at 255 bytes.
    pub exe: Option<Name>,
    /// Its arguments with spaces between them, cut at 255 bytes.
    pub cmdline: Option<Name>,
    /// Its anonymous resident memory.
    pub anon: Option<Bytes>,
    /// Its memory in swap.
    pub swap: Option<Bytes>,
    /// Whether its executable verifies its name; read only where that name may protect it.
    pub program: Option<executable::Program>,
}

impl Details {
    /// Its PSS; None where that was not needed or can't be read.
    pub fn pss(&self) -> Option<Bytes> {
        match self.memory {
            Some((Metric::Pss, memory)) => memory.ok(),
            _ => None,
        }
    }
}

impl Process {
    /// One of which nothing is known but why.
    pub(super) fn unreadable(pid: Pid, unreadable: Unreadable) -> Self {
        Self {
            pid,
            rss: Bytes::ZERO,
            facts: Err(unreadable),
            details: Details::default(),
        }
    }

    /// Its memory by the metric that was asked for, RSS where none was.
    ///
    /// # Errors
    /// Why that can't be read.
    pub fn memory(&self) -> Result<Bytes, Unreadable> {
        self.details
            .memory
            .map_or(Ok(self.rss), |(_, memory)| memory)
    }

    /// Its identity; None where the facts can't be read.
    pub fn key(&self) -> Option<ProcessKey> {
        let start_time = self.facts.as_ref().ok()?.start_time;
        Some(ProcessKey {
            pid: self.pid,
            start_time,
        })
    }
}

/// What reading a process needs to know.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) root: &'c ProcRoot,
    pub(super) questions: &'c dyn Questions,
    /// MemTotal.
    pub(super) total: Bytes,
    /// Whether it is held to be killed, so that unit, executable and arguments are wanted.
    pub(super) is_held: bool,
}

/// Reads the process behind an open directory; None if it has ended.
pub(super) fn read(directory: &ProcessDirectory, context: Context<'_>) -> Option<Process> {
    match try_read(directory, context) {
        Ok(process) => Some(process),
        Err(Failure::Unreadable(unreadable)) => {
            Some(Process::unreadable(directory.pid(), unreadable))
        }
        Err(Failure::Gone) => None,
    }
}

fn try_read(directory: &ProcessDirectory, context: Context<'_>) -> Result<Process, Failure> {
    let read = procfile::unless_gone(facts::read(directory))?;
    let rss = memory::rss(context.root, directory)?;
    let details = match &read {
        Ok((facts, anonymous)) => read_details(directory, context, facts, *anonymous, rss)?,
        Err(_) => Details::default(),
    };
    Ok(Process {
        pid: directory.pid(),
        rss,
        facts: read.map(|(facts, _)| facts),
        details,
    })
}

fn read_details(
    directory: &ProcessDirectory,
    context: Context<'_>,
    facts: &Facts,
    anonymous: Option<Anonymous>,
    rss: Bytes,
) -> Result<Details, Failure> {
    let questions = context.questions;
    let rule_match = rule_inputs::match_rule(directory, questions, facts)?;
    let is_protected_name = questions.protects_name(facts.name.as_c_str());
    let metric = questions.metric(rule_match, rss, context.total);
    let memory = match metric {
        Metric::Rss => None,
        // A main thread that has exited shows neither, and RSS counts: it is not less.
        Metric::Pss => memory::pss(directory),
        Metric::Anon => anonymous.map(|anonymous| Ok(anonymous.sum())),
    };
    let (exe, cmdline) = if context.is_held {
        rule_inputs::exe_and_cmdline(directory)
    } else {
        (None, None)
    };
    Ok(Details {
        rule_match: Some(rule_match),
        memory: memory.map(|memory| (metric, memory)),
        unit: context
            .is_held
            .then(|| rule_inputs::read_unit(directory))
            .flatten(),
        exe,
        cmdline,
        anon: anonymous.map(|anonymous| anonymous.resident),
        swap: anonymous.map(|anonymous| anonymous.swapped),
        program: is_protected_name
            .then(|| executable::read(context.root, directory, &facts.name, questions)),
    })
}

//! One process in detail, all of it read through one open directory /proc/PID, so that it is about one process.

use super::blocking::Arguments;
use super::context::Context;
use super::facts::Facts;
use super::memory;
use super::name::Name;
use super::parse::Status;
use super::procfile::{self, Failure, Unreadable};
use super::questions::RuleMatch;
use super::unit::Unit;
use super::{exe_link, executable, facts_reader, relatives, rule_inputs};
use crate::quantities::{Bytes, Metric, Pid, ProcessKey};
use crate::sys::process::ProcessDirectory;

/// A process at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// With the start time in the facts: its identity.
    pub pid: Pid,
    /// Resident memory and reserved huge pages; of a live thread where the main thread has exited.
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
    /// Its systemd unit or control group; read only of a process that is held to be killed, or when memory is short.
    pub unit: Option<Unit>,
    /// The path of its executable, cut at 255 bytes.
    pub exe: Option<Name>,
    /// Its arguments with spaces between them, cut at 255 bytes; read after the signals.
    pub cmdline: Option<Name>,
    /// Its anonymous resident memory.
    pub anon: Option<Bytes>,
    /// Its memory in swap.
    pub swap: Option<Bytes>,
    /// Reserved huge pages, which are in its resident memory here.
    pub huge: Option<Bytes>,
    /// Its anonymous memory, in RAM and in swap, with what it shares with others divided among them. Read after the
    /// signals, where memory is not short.
    pub share: Option<Bytes>,
    /// What of that is its own alone; None where most of it is shared, or where it is not known. Read together with
    /// it.
    pub own: Option<Bytes>,
    /// Whether neither children nor siblings nor its parent may share its anonymous memory; false where that is not
    /// known.
    pub is_alone: bool,
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

    /// What comes back when it ends, in RAM and in swap: anonymous memory that it shares with no other process. Memory
    /// of files stays in the page cache, and shared memory with those that share it. None where it is not known.
    pub fn freed(&self) -> Option<Bytes> {
        let Details {
            share,
            own,
            anon,
            swap,
            is_alone,
            ..
        } = self.details;
        if share.is_some() {
            return own;
        }
        let anon = anon.filter(|_| is_alone);
        anon.map(|anon| anon.saturating_add(swap.unwrap_or_default()))
    }

    /// It is no longer known what comes back.
    pub fn forget_freed(&mut self) {
        (self.details.share, self.details.is_alone) = (None, false);
    }

    /// Its anonymous memory, in RAM and in swap; zero where it is not known.
    pub fn anonymous(&self) -> Bytes {
        let Details { anon, swap, .. } = self.details;
        let swap = swap.unwrap_or_default();
        anon.map_or(Bytes::ZERO, |anon| anon.saturating_add(swap))
    }

    /// What it has of its own, where it is measured by RSS, which is over `threshold`, and that alone is not: anonymous
    /// memory in RAM and in swap. None where that is over it as well, or is not known.
    pub fn own_share(&self, metric: Metric, threshold: Bytes) -> Option<Bytes> {
        self.details.anon?;
        let own = self.details.share.unwrap_or(self.anonymous());
        let own = own.saturating_add(self.details.huge.unwrap_or_default());
        (metric == Metric::Rss && own <= threshold).then_some(own)
    }

    /// The unit that systemd may start again when this process is killed: the one of a system service whose process was
    /// started by pid 1. A user's session, a container or a control group of the service's own is none: there a process
    /// that comes back was not started by the service manager, and waiting would shelter it.
    pub fn restarted_unit(&self) -> Option<Name> {
        let parent = self.facts.as_ref().ok()?.parent;
        let unit = self.details.unit.filter(Unit::is_system_service)?;
        (parent == Some(Pid::INIT)).then_some(unit.name)
    }

    /// Its PSS as a share of its RSS; None where that was not needed or can't be read.
    #[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
    pub fn pss_share(&self) -> Option<f64> {
        let pss = self.details.pss()?;
        (self.rss > Bytes::ZERO).then(|| pss.get() as f64 / self.rss.get() as f64)
    }

    /// Whether it has exited and only its parent has not waited for it: a zombie without any memory has no thread left.
    pub fn has_exited(&self) -> bool {
        self.rss == Bytes::ZERO && self.facts.is_ok_and(|facts| facts.state.is_zombie())
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
    let read = procfile::unless_gone(facts_reader::read(directory, context))?;
    let mut rss = memory::rss(context.root, directory)?;
    let (facts, details) = match read {
        Ok((facts, status, mut arguments)) => {
            rss = rss.saturating_add(status.huge.unwrap_or(Bytes::ZERO));
            let arguments = &mut arguments;
            let details = read_details(directory, context, (&facts, &status), arguments, rss)?;
            (Ok(facts), details)
        }
        Err(unreadable) => (Err(unreadable), Details::default()),
    };
    Ok(Process {
        pid: directory.pid(),
        rss,
        facts,
        details,
    })
}

fn read_details(
    directory: &ProcessDirectory,
    context: Context<'_>,
    (facts, status): (&Facts, &Status),
    arguments: &mut Arguments<'_>,
    rss: Bytes,
) -> Result<Details, Failure> {
    let questions = context.questions;
    let rule_match = rule_inputs::match_rule(directory, context, facts, arguments)?;
    let metric = questions.metric(rule_match, rss, context.total);
    let key = ProcessKey {
        pid: directory.pid(),
        start_time: facts.start_time,
    };
    let anonymous = memory::anonymous(status);
    let memory = match metric {
        Metric::Rss => None,
        // A main thread that has exited shows neither, and RSS counts: it is not less.
        Metric::Anon => anonymous.map(|memory| (metric, Ok(memory))),
        Metric::Pss => match memory::pss(directory, key, context.blocking) {
            // No mapping can make that larger than it is, and no lock keeps it from being read. But processes that have
            // forked each other have the same memory: of each it tells no more than that it is within its threshold,
            // unless it keeps its memory from being read.
            Some(Err(unreadable)) if unreadable.is_late() => {
                let is_own = || {
                    let is_within = |&memory: &Bytes| {
                        questions.metric(rule_match, memory, context.total) != metric
                    };
                    anonymous.as_ref().is_some_and(is_within)
                        || context.blocking.is_blocked(key)
                        || relatives::may_share(directory, context.root, facts) == Some(false)
                };
                let memory = anonymous.filter(|_| is_own());
                Some(memory.map_or((metric, Err(unreadable)), |memory| {
                    (Metric::Anon, Ok(memory))
                }))
            }
            pss => pss.map(|memory| (metric, memory)),
        },
    };
    let program = questions
        .protecting_name(facts)
        .map(|name| executable::read(context.root, directory, name, questions, arguments));
    let is_held = context.is_held;
    Ok(Details {
        rule_match: Some(rule_match),
        memory,
        unit: is_held.then(|| rule_inputs::read_unit(directory)).flatten(),
        exe: is_held.then(|| exe_link::exe(directory)).flatten(),
        cmdline: None,
        anon: status.anonymous,
        swap: status.swapped,
        share: None,
        own: None,
        is_alone: is_held && relatives::has_children(directory) == Some(false),
        huge: status.huge.filter(|&huge| huge > Bytes::ZERO),
        program,
    })
}

//! What has happened since the daemon was started, counted from the descriptions of events. Pure.

use super::page::Page;
use crate::escape::Unquoted;
use crate::events::description::{Counter, Data, Failure};
use crate::quantities::Bytes;
use crate::sys::process::Signal;
use std::fmt::{self, Display};

/// So many names have a series of their own: any user can choose names.
const NAMES: usize = 50;
/// The series of all other names.
const OTHER: &str = "other";

/// The processes over the thresholds of one rule, or over the general ones.
#[derive(Clone, Copy, Debug, Default)]
struct Kills {
    /// Ended after SIGTERM.
    by_sigterm: u64,
    /// Ended after SIGKILL.
    by_sigkill: u64,
    /// Would have been killed in a dry run.
    would_be: u64,
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Those of the general thresholds at index 0, those of each rule at its number.
    kills: Vec<Kills>,
    names: Vec<(Box<[u8]>, u64)>,
    other_names: u64,
    freed_bytes: u64,
    restart_loops: u64,
    failures: [u64; Failure::ALL.len()],
}

impl Counts {
    /// Makes series for so many rules and keeps those there are: a counter that is there before it first counts shows its
    /// first step.
    pub(super) fn reserve(&mut self, rules: usize) {
        let length = self.kills.len().max(rules + 1);
        self.kills.resize_with(length, Kills::default);
    }

    /// Counts an event.
    pub(super) fn count(&mut self, counter: Counter, data: &Data<'_>) {
        let rule = data.breach.and_then(|breach| breach.rule);
        match counter {
            Counter::Ended => {
                self.at_rule(rule, |kills| match data.signal {
                    Some(Signal::Kill) => kills.by_sigkill += 1,
                    Some(Signal::Terminate) | None => kills.by_sigterm += 1,
                });
                let freed = data.freed.map_or(0, Bytes::get);
                self.freed_bytes = self.freed_bytes.saturating_add(freed);
                let facts = data.process.and_then(|process| process.facts.as_ref().ok());
                self.count_name(facts.map_or(&[], |facts| facts.name.as_bytes()));
            }
            Counter::WouldKill => self.at_rule(rule, |kills| kills.would_be += 1),
            Counter::RestartLoop => self.restart_loops += 1,
            Counter::Failure(failure) => self.fail(failure),
        }
    }

    /// Counts a failure.
    pub(super) fn fail(&mut self, failure: Failure) {
        let known = Failure::ALL.iter().zip(&mut self.failures);
        for (_, count) in known.filter(|((kind, _), _)| *kind == failure) {
            *count += 1;
        }
    }

    fn count_name(&mut self, name: &[u8]) {
        // A second series of the name "other" would make the whole file invalid.
        let is_free = self.names.len() < NAMES && name != OTHER.as_bytes();
        match self.names.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, count)) => *count += 1,
            None if is_free => self.names.push((name.into(), 1)),
            None => self.other_names += 1,
        }
    }

    fn at_rule(&mut self, rule: Option<usize>, count: impl FnOnce(&mut Kills)) {
        let index = rule.unwrap_or(0);
        self.reserve(index);
        if let Some(kills) = self.kills.get_mut(index) {
            count(kills);
        }
    }

    /// As families of counters.
    pub(super) fn write(&self, page: &mut Page<'_>) {
        page.counter(
            "ended_total",
            "Processes that were killed and have ended, by the last signal they were sent and the rule that matched.",
        );
        for (index, kills) in self.kills.iter().enumerate() {
            for (signal, count) in [
                (Signal::Terminate, kills.by_sigterm),
                (Signal::Kill, kills.by_sigkill),
            ] {
                page.sample(&[("signal", &signal.name()), ("rule", &Rule(index))], count);
            }
        }
        page.counter(
            "ended_by_name_total",
            "The same by name: the first 50 names, and all others as one.",
        );
        for (name, count) in &self.names {
            page.sample(&[("name", &Unquoted(name))], count);
        }
        page.sample(&[("name", &OTHER)], self.other_names);
        page.counter(
            "would_end_total",
            "Processes that a dry run would have killed, by the rule that matched.",
        );
        for (index, kills) in self.kills.iter().enumerate() {
            page.sample(&[("rule", &Rule(index))], kills.would_be);
        }
        page.counter(
            "freed_bytes_total",
            "Resident memory of the processes that ended, when they were last seen.",
        );
        page.sample(&[], self.freed_bytes);
        page.counter(
            "restart_loops_total",
            "Units that were restarted as often as they were killed, each time that was found.",
        );
        page.sample(&[], self.restart_loops);
        page.counter("failures_total", "Failures by kind.");
        for ((_, kind), count) in Failure::ALL.iter().zip(self.failures) {
            page.sample(&[("kind", kind)], count);
        }
    }
}

/// The label of an index of [`Counts::kills`].
struct Rule(usize);

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("general"),
            number => number.fmt(f),
        }
    }
}

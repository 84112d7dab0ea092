//! What has happened since the daemon was started, counted from its events. Pure.

use super::page::Page;
use crate::escape::Escaped;
use crate::events::Event;
use crate::policy::Victim;
use crate::sys::process::Signal;
use std::fmt::{self, Display};

/// So many names have a series of their own: names are chosen by whoever is ended.
const NAMES: usize = 50;
/// All others.
const OTHER: &str = "other";

/// What did not go as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A scan found nothing out.
    Scan,
    /// A configuration was refused.
    Configuration,
    /// A process may not be signalled.
    NotPermitted,
    /// A signal could not be sent for another reason.
    Signal,
    /// A process is there long after SIGKILL.
    SurvivesSigkill,
    /// Processes could not be read.
    Unreadable,
    /// A process was left alone because of max_kills_per_minute.
    KillLimit,
    /// The file with the exemptions can't be read or believed.
    Exemptions,
    /// The file with the metrics could not be written.
    MetricsFile,
}

impl Failure {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Scan, "scan"),
        (Self::Configuration, "configuration"),
        (Self::NotPermitted, "not_permitted"),
        (Self::Signal, "signal"),
        (Self::SurvivesSigkill, "survives_sigkill"),
        (Self::Unreadable, "unreadable"),
        (Self::KillLimit, "kill_limit"),
        (Self::Exemptions, "exemptions"),
        (Self::MetricsFile, "metrics_file"),
    ];

    fn of(event: &Event<'_>) -> Option<Self> {
        Some(match event {
            Event::ScanFailed(_) => Self::Scan,
            Event::NotPermitted(..) => Self::NotPermitted,
            Event::SignalFailed(..) => Self::Signal,
            Event::Survives(..) => Self::SurvivesSigkill,
            Event::Unreadable { .. } => Self::Unreadable,
            Event::KillLimitReached(..) => Self::KillLimit,
            Event::ExemptionsRejected(..) => Self::Exemptions,
            _ => return None,
        })
    }
}

/// What became of the processes that one rule, or none, is for.
#[derive(Clone, Copy, Debug, Default)]
struct Ended {
    terminated: u64,
    killed: u64,
    would_end: u64,
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// First of those that no rule matches, then a place for each rule.
    ended: Vec<Ended>,
    names: Vec<(Box<[u8]>, u64)>,
    other_names: u64,
    freed_bytes: u64,
    restart_loops: u64,
    failures: [u64; Failure::ALL.len()],
}

impl Counts {
    /// Has a place for so many rules, and keeps those it has: a counter that is there before it first
    /// counts shows its first step.
    pub(super) fn make_room(&mut self, rules: usize) {
        let places = self.ended.len().max(rules + 1);
        self.ended.resize_with(places, Ended::default);
    }

    /// Counts an event; whether there was something to count.
    pub(super) fn note(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Ended(victim, _) => self.note_end(victim),
            Event::RestartLoop(..) => self.restart_loops += 1,
            event => match Failure::of(event) {
                Some(failure) => self.fail(failure),
                None => return false,
            },
        }
        true
    }

    /// Counts a failure.
    pub(super) fn fail(&mut self, failure: Failure) {
        let known = Failure::ALL.iter().zip(&mut self.failures);
        for (_, count) in known.filter(|((kind, _), _)| *kind == failure) {
            *count += 1;
        }
    }

    /// A process over the threshold of this rule would have been ended.
    pub(super) fn would_end(&mut self, rule: Option<usize>) {
        self.at_rule(rule, |ended| ended.would_end += 1);
    }

    fn note_end(&mut self, victim: &Victim) {
        self.at_rule(victim.breach.rule, |ended| match victim.signal() {
            Signal::Terminate => ended.terminated += 1,
            Signal::Kill => ended.killed += 1,
        });
        self.freed_bytes = self.freed_bytes.saturating_add(victim.last_rss.get());
        let facts = victim.process.facts.as_ref();
        self.note_name(facts.map_or(&[], |facts| facts.name.as_bytes()));
    }

    fn note_name(&mut self, name: &[u8]) {
        // A second series of the name "other" would make the whole file invalid.
        let has_room = self.names.len() < NAMES && name != OTHER.as_bytes();
        match self.names.iter_mut().find(|(known, _)| **known == *name) {
            Some((_, count)) => *count += 1,
            None if has_room => self.names.push((name.into(), 1)),
            None => self.other_names += 1,
        }
    }

    fn at_rule(&mut self, rule: Option<usize>, count: impl FnOnce(&mut Ended)) {
        let place = rule.unwrap_or(0);
        self.make_room(place);
        if let Some(ended) = self.ended.get_mut(place) {
            count(ended);
        }
    }

    /// As families of counters.
    pub(super) fn write(&self, page: &mut Page<'_>) {
        page.counter(
            "ended_total",
            "Processes that ended after they were asked to, by the last signal they were sent and the rule that matched.",
        );
        for (place, ended) in self.ended.iter().enumerate() {
            for (signal, count) in [
                (Signal::Terminate, ended.terminated),
                (Signal::Kill, ended.killed),
            ] {
                page.sample(&[("signal", &signal.name()), ("rule", &Rule(place))], count);
            }
        }
        page.counter(
            "ended_by_name_total",
            "The same by name: the first 50 names, and all others as one.",
        );
        for (name, count) in &self.names {
            page.sample(&[("name", &Escaped(name))], count);
        }
        page.sample(&[("name", &OTHER)], self.other_names);
        page.counter(
            "would_end_total",
            "Processes that a dry run would have asked to end, by the rule that matched.",
        );
        for (place, ended) in self.ended.iter().enumerate() {
            page.sample(&[("rule", &Rule(place))], ended.would_end);
        }
        page.counter(
            "freed_bytes_total",
            "Resident memory of the processes that ended, when they were last seen.",
        );
        page.sample(&[], self.freed_bytes);
        page.counter(
            "restart_loops_total",
            "Units that came back as often as they were ended, each time that was found.",
        );
        page.sample(&[], self.restart_loops);
        page.counter("failures_total", "What did not go as it should, by kind.");
        for ((_, kind), count) in Failure::ALL.iter().zip(self.failures) {
            page.sample(&[("kind", kind)], count);
        }
    }
}

/// The label of a place of [`Counts::ended`].
struct Rule(usize);

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("general"),
            number => number.fmt(f),
        }
    }
}

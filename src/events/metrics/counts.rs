//! What has happened since the daemon was started, counted from the descriptions of events. Pure.

use super::page::Page;
use crate::escape::Unquoted;
use crate::events::description::{Counter, Data, Failure};
use crate::policy::{Breach, Threshold};
use crate::quantities::Bytes;
use crate::sys::process::Signal;
use std::fmt::{self, Display};

/// So many names have a series of their own: any user can choose names. The next one has that of the name with the
/// fewest kills, which are counted as those of others, so that no user can keep a name out.
const NAMES: usize = 50;
/// The series of all other names.
const OTHER: &str = "other";

/// The processes over the thresholds of one rule, or over the general ones; or those that were killed for a shortage.
#[derive(Clone, Copy, Debug, Default)]
struct Kills {
    /// Ended after SIGTERM.
    by_sigterm: u64,
    /// Ended after SIGKILL.
    by_sigkill: u64,
    /// Would have been killed in a dry run.
    would_be: u64,
}

/// What says that the machine is short of memory: the keys of its thresholds.
const TRIGGERS: [&str; 3] = [
    "available_percent_threshold",
    "available_gb_threshold",
    "stall_seconds",
];

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Those of the general thresholds at index 0, those of each rule at its number.
    kills: Vec<Kills>,
    /// Those that were killed because the machine was short of memory.
    shortage_kills: Kills,
    /// Those that were killed because their group was over its threshold.
    group_kills: Kills,
    /// The shortages by [`TRIGGERS`].
    shortages: [u64; TRIGGERS.len()],
    kernel_kills: u64,
    names: Vec<(Box<[u8]>, u64)>,
    other_names: u64,
    freed_bytes: u64,
    restart_loops: u64,
    failures: [u64; Failure::ALL.len()],
}

impl Counts {
    /// Makes series for so many rules and keeps those there are: a counter that is there before it first counts shows
    /// its first step.
    pub(super) fn reserve(&mut self, rules: usize) {
        let length = self.kills.len().max(rules + 1);
        self.kills.resize_with(length, Kills::default);
    }

    /// Counts an event.
    pub(super) fn count(&mut self, counter: Counter, data: &Data<'_>) {
        match counter {
            Counter::Ended => {
                self.at(data.breach, |kills| match data.signal {
                    Some(Signal::Kill) => kills.by_sigkill += 1,
                    Some(Signal::Terminate) | None => kills.by_sigterm += 1,
                });
                let freed = data.freed.map_or(0, Bytes::get);
                self.freed_bytes = self.freed_bytes.saturating_add(freed);
                let facts = data.process.and_then(|process| process.facts.as_ref().ok());
                self.count_name(facts.map_or(&[], |facts| facts.name.as_bytes()));
            }
            Counter::WouldKill => self.at(data.breach, |kills| kills.would_be += 1),
            Counter::KernelKills(count) => self.kernel_kills += count,
            Counter::RestartLoop => self.restart_loops += 1,
            Counter::Failure(failure) => self.fail(failure),
        }
    }

    /// Counts a shortage of the machine.
    pub(super) fn count_shortage(&mut self, threshold: Threshold) {
        let known = TRIGGERS.iter().zip(&mut self.shortages);
        for (_, count) in known.filter(|(key, _)| **key == threshold.key()) {
            *count += 1;
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
        if name == OTHER.as_bytes() {
            self.other_names += 1;
            return;
        }
        let mut names = self.names.iter_mut();
        if let Some((_, count)) = names.find(|(known, _)| **known == *name) {
            *count += 1;
            return;
        }
        if self.names.len() >= NAMES {
            // The oldest of them.
            let all = self.names.iter().enumerate();
            let least = all.min_by_key(|(_, (_, count))| *count);
            if let Some((index, _)) = least {
                self.other_names += self.names.remove(index).1;
            }
        }
        self.names.push((name.into(), 1));
    }

    fn at(&mut self, breach: Option<&Breach>, count: impl FnOnce(&mut Kills)) {
        if breach.is_some_and(|breach| breach.threshold.is_of_system()) {
            return count(&mut self.shortage_kills);
        }
        if breach.is_some_and(|breach| breach.group.is_some()) {
            return count(&mut self.group_kills);
        }
        let index = breach.and_then(|breach| breach.rule).unwrap_or(0);
        self.reserve(index);
        if let Some(kills) = self.kills.get_mut(index) {
            count(kills);
        }
    }

    /// As families of counters.
    pub(super) fn write(&self, page: &mut Page<'_>) {
        page.counter(
            "ended_total",
            "Processes that were killed and have ended, by the last signal they were sent, the rule that matched, and the cause: a threshold of their own, one of their group, or a shortage of the machine.",
        );
        for (cause, rule, kills) in self.by_cause() {
            for (signal, count) in [
                (Signal::Terminate, kills.by_sigterm),
                (Signal::Kill, kills.by_sigkill),
            ] {
                let labels: [(&str, &dyn Display); 3] = [
                    ("signal", &signal.name()),
                    ("rule", &rule),
                    ("cause", &cause),
                ];
                page.sample(&labels, count);
            }
        }
        page.counter(
            "ended_by_name_total",
            "The same by name: 50 names, and all others as one. A new name replaces the one with the fewest.",
        );
        for (name, count) in &self.names {
            page.sample(&[("name", &Unquoted(name))], count);
        }
        page.sample(&[("name", &OTHER)], self.other_names);
        page.counter(
            "would_end_total",
            "Processes that a dry run would have killed, by the rule that matched and the cause.",
        );
        for (cause, rule, kills) in self.by_cause() {
            page.sample(&[("rule", &rule), ("cause", &cause)], kills.would_be);
        }
        page.counter(
            "freed_bytes_total",
            "What came back of the memory of the processes that ended: what they shared with others is left out.",
        );
        page.sample(&[], self.freed_bytes);
        page.counter(
            "restart_loops_total",
            "Units that were restarted as often as they were killed, each time that was found.",
        );
        page.sample(&[], self.restart_loops);
        page.counter(
            "shortages_total",
            "How often the machine was short of memory, by the threshold that said so.",
        );
        for (trigger, count) in TRIGGERS.iter().zip(self.shortages) {
            page.sample(&[("trigger", trigger)], count);
        }
        page.counter(
            "kernel_oom_kills_total",
            "Processes that the kernel's OOM killer killed, in the machine or in a control group.",
        );
        page.sample(&[], self.kernel_kills);
        page.counter("failures_total", "Failures by kind.");
        for ((_, kind), count) in Failure::ALL.iter().zip(self.failures) {
            page.sample(&[("kind", kind)], count);
        }
    }

    /// All kills with their labels.
    fn by_cause(&self) -> impl Iterator<Item = (&'static str, RuleLabel, Kills)> {
        let kills = self.kills.iter().enumerate();
        let own = kills.map(|(index, kills)| ("threshold", RuleLabel(index), *kills));
        own.chain([
            ("shortage", RuleLabel(0), self.shortage_kills),
            ("group", RuleLabel(0), self.group_kills),
        ])
    }
}

/// The label of an index of [`Counts::kills`].
struct RuleLabel(usize);

impl Display for RuleLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("general"),
            number => number.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_user_do_not_keep_out_those_of_others() {
        let mut counts = Counts::default();
        for name in ["database", "database", "decoy"] {
            counts.count_name(name.as_bytes());
        }
        for number in 0..100 {
            counts.count_name(format!("n{number}").as_bytes());
        }
        counts.count_name(b"late");
        let count = |name: &[u8]| {
            let mut names = counts.names.iter();
            names.find(|(known, _)| **known == *name).map(|own| own.1)
        };
        assert_eq!(count(b"database"), Some(2));
        assert_eq!(count(b"late"), Some(1));
        assert_eq!(count(b"decoy"), None);
        assert_eq!((counts.names.len(), counts.other_names), (NAMES, 53));
    }
}

//! The tests of a scan, in their order, each with its answer and its figures.

use super::evidence::Evidence;
use super::shortage::Rivals;
use crate::escape::Escaped;
use crate::policy::{BuiltIn, Protection, ProtectionTest};
use crate::quantities::{Bytes, Metric, Percent, Uid};
use crate::users::UserNames;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Test {
    pub(super) name: &'static str,
    pub(super) answer: Answer,
    pub(super) detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Answer {
    #[serde(rename = "yes")]
    Yes,
    #[serde(rename = "no")]
    No,
    /// An earlier test has decided.
    #[serde(rename = "not reached")]
    NotReached,
    /// The configuration switches it off.
    #[serde(rename = "off")]
    Off,
}

impl Answer {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotReached => "-",
            Self::Off => "off",
        }
    }

    pub(super) fn of(answer: bool) -> Self {
        if answer { Self::Yes } else { Self::No }
    }
}

/// The tests for protections, in their order: the first that answers yes decides, and those after it are not reached.
pub(super) fn protections(evidence: &Evidence<'_>, users: &mut UserNames) -> Vec<Test> {
    let policy = evidence.policy;
    let tests = policy.protections(evidence.process, &evidence.memory, &evidence.now);
    let mut is_decided = false;
    let tests = tests.map(|(test, protection)| {
        let (answer, detail) = match protection {
            _ if is_decided => (Answer::NotReached, String::new()),
            Some(protection) => (Answer::Yes, said(evidence, &protection)),
            None => (Answer::No, why_not(evidence, test, users)),
        };
        is_decided |= answer == Answer::Yes;
        Test {
            name: name(test),
            answer,
            detail,
        }
    });
    tests.collect()
}

fn name(test: ProtectionTest) -> &'static str {
    match test {
        ProtectionTest::Unreadable => "too little can be read",
        ProtectionTest::BuiltIn(BuiltIn::Init) => "pid 1",
        ProtectionTest::BuiltIn(BuiltIn::KernelThread) => "kernel thread",
        ProtectionTest::BuiltIn(BuiltIn::Itself) => "memory-monitor itself",
        ProtectionTest::BuiltIn(BuiltIn::OomScoreAdj) => "oom_score_adj -1000",
        ProtectionTest::BuiltIn(BuiltIn::PackageManager) => "root's package manager",
        ProtectionTest::Exemption => "exempt",
        ProtectionTest::Pids => "whitelist.pids",
        ProtectionTest::Names => "whitelist.names",
        ProtectionTest::Users => "whitelist.users",
        ProtectionTest::Rule => "protect rule",
    }
}

/// What a test that does not hold has compared.
fn why_not(evidence: &Evidence<'_>, test: ProtectionTest, users: &mut UserNames) -> String {
    let whitelist = &evidence.policy.config.whitelist;
    let Ok(facts) = &evidence.process.facts else {
        return String::new();
    };
    let none_of = |count: usize, what: &str| match count {
        0 => "the list is empty".to_owned(),
        1 => format!("its only entry is not {what}"),
        count => format!("none of {count} entries is {what}"),
    };
    match test {
        ProtectionTest::BuiltIn(BuiltIn::OomScoreAdj) => format!("it is {}", facts.oom_score_adj),
        ProtectionTest::Unreadable | ProtectionTest::BuiltIn(_) | ProtectionTest::Exemption => {
            String::new()
        }
        ProtectionTest::Pids => none_of(whitelist.pids.len(), "this process"),
        ProtectionTest::Names => {
            let name = Escaped(facts.name.as_bytes()).to_string();
            let refuted = evidence.policy.refuted_name(evidence.process);
            refuted.map_or_else(
                || none_of(whitelist.names.len(), &name),
                |program| format!("its name is in the list, {program}"),
            )
        }
        ProtectionTest::Users if facts.uid == Uid::ROOT => {
            "root is protected only with protect_root = true".to_owned()
        }
        ProtectionTest::Users => {
            let user = Escaped(users.name(facts.uid)).to_string();
            none_of(whitelist.users.len(), &user)
        }
        ProtectionTest::Rule => rule_of(evidence),
    }
}

/// What a protection says; for a name, also whether its executable confirms it.
fn said(evidence: &Evidence<'_>, protection: &Protection) -> String {
    let shown = evidence.policy.shown(protection);
    match (protection, evidence.process.details.program) {
        (Protection::Name(_, _, None), Some(program)) => format!("{shown} ({program})"),
        _ => shown.to_string(),
    }
}

fn rule_of(evidence: &Evidence<'_>) -> String {
    let rules = &evidence.policy.config.rules;
    match evidence.policy.rule(evidence.process) {
        Some((number, rule)) => match &rule.location {
            Some(location) => format!(
                "rule {number} at {}:{} kills it: {rule}",
                location.shown_file(),
                location.line
            ),
            None => format!("rule {number} kills it: {rule}"),
        },
        None => match rules.len() {
            0 => "there are no rules".to_owned(),
            1 => "the one rule does not match".to_owned(),
            count => format!("none of {count} rules matches"),
        },
    }
}

/// Whether it would be the first victim in a shortage.
pub(super) fn shortage(evidence: &Evidence<'_>) -> Test {
    let candidates = evidence.candidates.as_ref();
    let place = candidates.map(Rivals::place);
    let (answer, detail) = match place {
        None => (Answer::Off, String::new()),
        Some((is_first, detail)) => (Answer::of(is_first), detail),
    };
    Test {
        name: "first in a shortage",
        answer,
        detail,
    }
}

/// Whether so little memory is available that a process over its threshold is killed.
pub(super) fn availability(evidence: &Evidence<'_>) -> Test {
    let criteria = evidence.policy.criteria(evidence.process);
    let name = "little memory available";
    let memory = &evidence.memory;
    let (answer, detail) = match (criteria.plenty(memory), memory.available) {
        _ if criteria.only_below_available >= Percent::ALL => (Answer::Off, String::new()),
        (_, None) => (
            Answer::Yes,
            "the kernel does not say how much is available".to_owned(),
        ),
        (plenty, Some(available)) => {
            let relation = if plenty.is_some() {
                "not below"
            } else {
                "below"
            };
            let share = Percent::share(available, memory.total);
            let from = criteria.plenty_from(memory.total);
            let only = criteria.only_below_available;
            let detail = format!("{available} ({share}) is {relation} {only} = {from}");
            (Answer::of(plenty.is_none()), detail)
        }
    };
    Test {
        name,
        answer,
        detail,
    }
}

pub(super) fn thresholds(evidence: &Evidence<'_>) -> [Test; 2] {
    let process = evidence.process;
    let criteria = evidence.policy.criteria(process);
    let thresholds = criteria.thresholds;
    let memory = process.memory().unwrap_or(process.rss);
    let total = evidence.memory.total;
    let share = Percent::share(memory, total);
    let measured = process.details.memory.map(|(metric, _)| metric);
    let by = match (measured, criteria.metric) {
        (_, Metric::Rss) => String::new(),
        (None | Some(Metric::Rss), Metric::Pss) => " by rss, and pss is never more".to_owned(),
        (None | Some(Metric::Rss), metric) => format!(" by rss, as {metric} can't be read"),
        (Some(measured), _) => format!(" by {measured}"),
    };
    // RSS counts what is shared in every process, and a page again for each mapping: what is anonymous is its own.
    let is_rss = matches!(measured, None | Some(Metric::Rss));
    let anonymous = process.details.anon.filter(|_| is_rss);
    let anonymous = anonymous.map_or(String::new(), |own| format!(", {own} of it anonymous"));
    let test = |test, threshold: Option<(Bytes, String)>| match threshold {
        None => Test {
            name: test,
            answer: Answer::Off,
            detail: String::new(),
        },
        Some((threshold, shown)) => {
            let is_over = memory > threshold;
            let relation = if is_over { "over" } else { "not over" };
            Test {
                name: test,
                answer: Answer::of(is_over),
                detail: format!("{memory} ({share}) is {relation} {shown}{by}{anonymous}"),
            }
        }
    };
    let percent = thresholds.percent().zip(thresholds.percent_of(total));
    let percent = percent.map(|(percent, bytes)| (bytes, format!("{percent} = {bytes}")));
    let amount = thresholds.amount().map(|bytes| (bytes, bytes.to_string()));
    [
        test("ram_percent_threshold", percent),
        test("ram_gb_threshold", amount),
    ]
}

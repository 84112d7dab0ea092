//! The tests of a scan, in their order, each with its answer and its figures.

use super::evidence::Evidence;
use crate::escape::Escaped;
use crate::policy::Protection;
use crate::proc::Facts;
use crate::quantities::{Bytes, Metric, Percent};
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
pub(super) fn protections(
    evidence: &Evidence<'_>,
    protection: Option<&Protection<'_>>,
    users: &mut UserNames,
) -> Vec<Test> {
    let whitelist = &evidence.policy.config.whitelist;
    let facts = evidence.process.facts.as_ref().ok();
    let name = facts.map_or(String::new(), |facts| {
        Escaped(facts.name.as_bytes()).to_string()
    });
    let user = facts.map_or(String::new(), |facts| {
        Escaped(users.name(facts.uid)).to_string()
    });
    let none_of = |count: usize, what: &str| match count {
        0 => "the list is empty".to_owned(),
        1 => format!("its one entry is not {what}"),
        count => format!("none of {count} entries is {what}"),
    };
    let adj = |facts: &Facts| format!("it is {}", facts.oom_score_adj);
    let is_root = facts.is_some_and(|facts| facts.uid == crate::quantities::Uid::ROOT);
    let steps = [
        ("something is unreadable", String::new()),
        ("pid 1", String::new()),
        ("kernel thread", String::new()),
        ("memory-monitor itself", String::new()),
        ("oom_score_adj -1000", facts.map_or(String::new(), adj)),
        ("exempt", String::new()),
        (
            "whitelist.pids",
            none_of(whitelist.pids.len(), "this process"),
        ),
        (
            "whitelist.names",
            match evidence.policy.refuted_name(evidence.process) {
                Some(program) => format!("its name is in the list, {program}"),
                None => none_of(whitelist.names.len(), &name),
            },
        ),
        (
            "whitelist.users",
            if is_root {
                "root is protected only with protect_root = true".to_owned()
            } else {
                none_of(whitelist.users.len(), &user)
            },
        ),
        ("protect rule", rule_of(evidence)),
    ];
    let deciding = protection.map(step);
    let answer = |(index, (test, detail))| {
        let (answer, detail) = match deciding {
            Some(deciding) if index > deciding => (Answer::NotReached, String::new()),
            Some(deciding) if index == deciding => (
                Answer::Yes,
                protection.map_or(String::new(), |protection| said(evidence, protection)),
            ),
            _ => (Answer::No, detail),
        };
        Test {
            name: test,
            answer,
            detail,
        }
    };
    steps.into_iter().enumerate().map(answer).collect()
}

/// What a protection says; for a name, also whether its executable confirms it.
fn said(evidence: &Evidence<'_>, protection: &Protection<'_>) -> String {
    match (protection, evidence.process.details.program) {
        (Protection::Name(_, None), Some(program)) => format!("{protection} ({program})"),
        _ => protection.to_string(),
    }
}

fn rule_of(evidence: &Evidence<'_>) -> String {
    let rules = &evidence.policy.config.rules;
    match evidence.policy.rule(evidence.process) {
        Some((number, rule)) => match &rule.place {
            Some(place) => format!(
                "rule {number} at {}:{} kills it: {rule}",
                place.shown_file(),
                place.line
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

/// The index of a protection's test in the order of the tests.
fn step(protection: &Protection<'_>) -> usize {
    match protection {
        Protection::Unreadable(_) => 0,
        Protection::Init => 1,
        Protection::KernelThread => 2,
        Protection::Itself => 3,
        Protection::OomScoreAdj => 4,
        Protection::Exempt(..) => 5,
        Protection::Pid(_) => 6,
        Protection::Name(..) => 7,
        Protection::User(_) | Protection::Root => 8,
        Protection::Rule(..) | Protection::WarnOnly(..) => 9,
    }
}

pub(super) fn thresholds(evidence: &Evidence<'_>) -> [Test; 2] {
    let process = evidence.process;
    let limits = evidence.policy.limits(process);
    let thresholds = limits.thresholds;
    let memory = process.memory().unwrap_or(process.rss);
    let total = evidence.memory.total;
    let share = Percent::share(memory, total);
    let measured = process.details.memory.map(|(metric, _)| metric);
    let by = match (measured, limits.metric) {
        (_, Metric::Rss) => String::new(),
        (None | Some(Metric::Rss), Metric::Pss) => " by rss, and pss is never more".to_owned(),
        (None | Some(Metric::Rss), metric) => format!(" by rss, as {metric} can't be read"),
        (Some(measured), _) => format!(" by {measured}"),
    };
    let test = |test, limit: Option<(Bytes, String)>| match limit {
        None => Test {
            name: test,
            answer: Answer::Off,
            detail: String::new(),
        },
        Some((limit, shown)) => {
            let is_over = memory > limit;
            let relation = if is_over { "over" } else { "not over" };
            Test {
                name: test,
                answer: Answer::of(is_over),
                detail: format!("{memory} ({share}) is {relation} {shown}{by}"),
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

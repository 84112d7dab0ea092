//! Why one process is, or is not, ended: each test with its answer, for people and for programs.

use super::line_of::{self, ConfigLine};
use super::span::ago;
use super::users::UserNames;
use crate::config::Written;
use crate::escape::Escaped;
use crate::policy::{Exemption, Limit, Policy, Verdict};
use crate::sample::{Facts, Portrait, Process, SystemMemory, Unreadable};
use crate::sys::clock::local_time;
use crate::units::{Bytes, Percent, Pid};
use serde::Serialize;
use std::fmt::Write;
use std::io;
use std::time::SystemTime;

/// What an explanation is made from.
#[derive(Debug)]
pub struct Evidence<'e> {
    /// The policy that the daemon would decide by.
    pub policy: &'e Policy,
    /// Its configuration as written.
    pub written: &'e Written,
    /// The process.
    pub process: &'e Process,
    /// What else is known of it.
    pub portrait: &'e Portrait,
    /// When it was started.
    pub started: Option<SystemTime>,
    /// The machine's memory.
    pub memory: SystemMemory,
    /// What the kernel said to signal 0.
    pub permission: io::Result<()>,
}

/// Why one process is, or is not, ended.
#[derive(Debug, Serialize)]
pub struct Explanation {
    configuration: String,
    process: Subject,
    tests: Vec<Test>,
    verdict: &'static str,
    sentence: String,
    /// The line of the configuration that decides; None where none does.
    decided_by: Option<String>,
}

#[derive(Debug, Serialize)]
struct Subject {
    pid: Pid,
    name: Option<String>,
    user: Option<String>,
    uid: Option<u32>,
    exe: Option<String>,
    unit: Option<String>,
    started: Option<String>,
    #[serde(skip)]
    age: Option<String>,
    rss_bytes: Bytes,
    rss_percent: f64,
    pss_bytes: Option<Bytes>,
    anonymous_bytes: Option<Bytes>,
    swap_bytes: Option<Bytes>,
    /// What the kernel would not say.
    unreadable: Vec<String>,
    #[serde(skip)]
    thread_of: Option<Pid>,
}

#[derive(Debug, Serialize)]
struct Test {
    name: &'static str,
    answer: Answer,
    detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Answer {
    #[serde(rename = "yes")]
    Yes,
    #[serde(rename = "no")]
    No,
    /// Not asked any more, because a test before it has decided.
    #[serde(rename = "not reached")]
    NotReached,
    /// The threshold is off.
    #[serde(rename = "off")]
    Off,
}

impl Answer {
    fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotReached => "-",
            Self::Off => "off",
        }
    }

    fn of(answer: bool) -> Self {
        if answer { Self::Yes } else { Self::No }
    }
}

impl Explanation {
    /// Makes the tests.
    pub fn new(evidence: &Evidence<'_>, users: &mut UserNames) -> Self {
        let Evidence {
            policy, process, ..
        } = evidence;
        let exemption = match &process.facts {
            Ok(facts) => policy
                .exemption(process.pid, facts)
                .or_else(|| policy.rule_exemption(process)),
            Err(unreadable) => Some(Exemption::Unreadable(*unreadable)),
        };
        let mut tests = protections(evidence, exemption.as_ref(), users);
        tests.extend(thresholds(evidence));
        tests.push(Test {
            name: "dry run",
            answer: Answer::of(policy.config.dry_run),
            detail: String::new(),
        });
        tests.push(Test {
            name: "this user may signal it",
            answer: Answer::of(evidence.permission.is_ok()),
            detail: match &evidence.permission {
                Ok(()) => "the kernel took signal 0".to_owned(),
                Err(error) => error.to_string(),
            },
        });
        let conclusion = Conclusion::new(evidence, exemption);
        Self {
            configuration: policy.config.origin.to_string(),
            process: Subject::new(evidence, users),
            tests,
            verdict: conclusion.verdict,
            sentence: conclusion.sentence,
            decided_by: conclusion.line.map(|line| line.to_string()),
        }
    }

    /// As text for people.
    pub fn text(&self, coloured: bool) -> String {
        let mut text = String::new();
        // A String takes any text.
        let _ = self.write(&mut text, coloured);
        text
    }

    fn write(&self, out: &mut String, coloured: bool) -> std::fmt::Result {
        let subject = &self.process;
        let unknown = "?";
        writeln!(
            out,
            "Process {} ({})",
            subject.pid,
            subject.name.as_deref().unwrap_or(unknown)
        )?;
        if let Some(process) = subject.thread_of {
            writeln!(out, "  a thread of process {process}: explain that one")?;
        }
        let user = match (&subject.user, subject.uid) {
            (Some(user), Some(uid)) => format!("{user} ({uid})"),
            _ => unknown.to_owned(),
        };
        let share = Percent::new(subject.rss_percent).map_or(String::new(), |p| p.to_string());
        let amount =
            |amount: Option<Bytes>| amount.map_or(unknown.to_owned(), |amount| amount.to_string());
        let lines = [
            ("user", user),
            (
                "executable",
                subject.exe.clone().unwrap_or(unknown.to_owned()),
            ),
            ("unit", subject.unit.clone().unwrap_or("none".to_owned())),
            ("started", subject.age.clone().unwrap_or(unknown.to_owned())),
            ("RSS", format!("{} ({share} of RAM)", subject.rss_bytes)),
            ("PSS", amount(subject.pss_bytes)),
            ("anonymous", amount(subject.anonymous_bytes)),
            ("swap", amount(subject.swap_bytes)),
        ];
        for (what, value) in lines {
            writeln!(out, "  {what:<10}  {value}")?;
        }
        for unreadable in &subject.unreadable {
            writeln!(out, "  can't be read here: {unreadable}")?;
        }
        writeln!(out, "\nTests, by {}:", self.configuration)?;
        for (number, test) in self.tests.iter().enumerate() {
            let line = format!(
                "{:>3}. {:<24} {:<3}  {}",
                number + 1,
                test.name,
                test.answer.word(),
                test.detail
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        let (on, off) = match self.verdict {
            "over" if coloured => ("\x1b[31m", "\x1b[0m"),
            "spared" if coloured => ("\x1b[33m", "\x1b[0m"),
            _ => ("", ""),
        };
        writeln!(out, "\nVerdict: {on}{}{off}", self.sentence)?;
        if let Some(line) = &self.decided_by {
            writeln!(out, "Decided by {line}")?;
        }
        Ok(())
    }
}

/// What the tests come to.
struct Conclusion {
    verdict: &'static str,
    sentence: String,
    line: Option<ConfigLine>,
}

impl Conclusion {
    fn new(evidence: &Evidence<'_>, exemption: Option<Exemption<'_>>) -> Self {
        let Evidence {
            policy,
            written,
            process,
            memory,
            ..
        } = evidence;
        let config = &policy.config;
        let (verdict, sentence, line) = match policy.judge(process, memory) {
            Verdict::Breach(breach) => {
                let over = format!("it is over {breach}");
                let (sentence, line) = if config.dry_run {
                    (
                        format!("it would be reported, not ended: {over}, and dry_run is true"),
                        line_of::of_key("settings", "dry_run", written),
                    )
                } else {
                    let line = match policy.rule(process) {
                        Some((_, rule)) if rule.thresholds.is_some() => {
                            Some(line_of::of_rule(rule))
                        }
                        _ => line_of::of_limit(&breach.limit, written),
                    };
                    match &evidence.permission {
                        Ok(()) => (format!("a check would end it: {over}"), line),
                        Err(error) => (
                            format!(
                                "a check by this user could not end it ({error}), though {over}"
                            ),
                            line,
                        ),
                    }
                };
                ("over", sentence, line)
            }
            Verdict::Spared(exemption) => {
                let sentence = match exemption {
                    Exemption::Unreadable(_) => {
                        format!("it is spared, doubt never kills: {exemption}")
                    }
                    _ => format!("it is spared, although it is over a threshold: {exemption}"),
                };
                let line = line_of::of_exemption(&exemption, config, written);
                ("spared", sentence, line)
            }
            Verdict::Within => {
                let sentence = match &exemption {
                    None => "it is left alone: it is over no threshold".to_owned(),
                    Some(exemption) => format!(
                        "it is left alone: it is over no threshold, and would be spared if it were: {exemption}"
                    ),
                };
                let lowest = nearest_limit(policy, memory.total);
                let line = lowest.and_then(|limit| line_of::of_limit(&limit, written));
                ("within", sentence, line)
            }
        };
        Self {
            verdict,
            sentence: sentence + ".",
            line,
        }
    }
}

/// The threshold that would be crossed first.
fn nearest_limit(policy: &Policy, total: Bytes) -> Option<Limit> {
    let thresholds = policy.config.thresholds;
    let percent = thresholds
        .percent()
        .zip(thresholds.percent_of(total))
        .map(|(percent, bytes)| (bytes, Limit::Percent(percent)));
    let amount = thresholds
        .amount()
        .map(|bytes| (bytes, Limit::Amount(bytes)));
    [percent, amount]
        .into_iter()
        .flatten()
        .min_by_key(|(bytes, _)| *bytes)
        .map(|(_, limit)| limit)
}

/// The tests that protect, in their order: the one that answers yes decides, the others after it are
/// not made.
fn protections(
    evidence: &Evidence<'_>,
    exemption: Option<&Exemption<'_>>,
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
    let is_root = facts.is_some_and(|facts| facts.uid == crate::units::Uid::ROOT);
    let steps = [
        ("something is unreadable", String::new()),
        ("pid 1", String::new()),
        ("kernel thread", String::new()),
        ("memory-monitor itself", String::new()),
        ("oom_score_adj -1000", facts.map_or(String::new(), adj)),
        (
            "whitelist.pids",
            none_of(whitelist.pids.len(), "this process"),
        ),
        ("whitelist.names", none_of(whitelist.names.len(), &name)),
        (
            "whitelist.users",
            if is_root {
                "root is protected only with protect_root = true".to_owned()
            } else {
                none_of(whitelist.users.len(), &user)
            },
        ),
        ("rule that spares", rule_of(evidence)),
    ];
    let deciding = exemption.map(step);
    let answer = |(place, (test, detail))| {
        let (answer, detail) = match deciding {
            Some(deciding) if place > deciding => (Answer::NotReached, String::new()),
            Some(deciding) if place == deciding => {
                let said = exemption.map_or(String::new(), ToString::to_string);
                (Answer::Yes, said)
            }
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

/// The rule that matches.
fn rule_of(evidence: &Evidence<'_>) -> String {
    let rules = &evidence.policy.config.rules;
    match evidence.policy.rule(evidence.process) {
        Some((number, rule)) => format!("rule {number} matches: {rule}"),
        None if rules.is_empty() => "there are no rules".to_owned(),
        None => format!("none of {} rules matches", rules.len()),
    }
}

/// The place of a protection in the order of the tests.
fn step(exemption: &Exemption<'_>) -> usize {
    match exemption {
        Exemption::Unreadable(_) => 0,
        Exemption::Init => 1,
        Exemption::KernelThread => 2,
        Exemption::Itself => 3,
        Exemption::OomScoreAdj => 4,
        Exemption::Pid(_) => 5,
        Exemption::Name(_) => 6,
        Exemption::User(_) | Exemption::Root => 7,
        Exemption::Rule(..) | Exemption::WarnOnly(..) => 8,
    }
}

fn thresholds(evidence: &Evidence<'_>) -> [Test; 2] {
    let process = evidence.process;
    let thresholds = evidence.policy.limits(process).thresholds;
    let rss = process.memory().unwrap_or(process.rss);
    let total = evidence.memory.total;
    let share = Percent::share(rss, total);
    let test = |test, limit: Option<(Bytes, String)>| match limit {
        None => Test {
            name: test,
            answer: Answer::Off,
            detail: String::new(),
        },
        Some((limit, shown)) => {
            let is_over = rss > limit;
            let relation = if is_over { "over" } else { "not over" };
            Test {
                name: test,
                answer: Answer::of(is_over),
                detail: format!("{rss} ({share}) is {relation} {shown}"),
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

impl Subject {
    fn new(evidence: &Evidence<'_>, users: &mut UserNames) -> Self {
        let Evidence {
            process, portrait, ..
        } = evidence;
        let facts = process.facts.as_ref();
        let shown = |bytes: &[u8]| Escaped(bytes).to_string();
        let exe = portrait.exe.as_ref();
        let pss = portrait.pss.as_ref();
        let failures = [
            facts.err(),
            exe.and_then(|exe| exe.as_ref().err()),
            pss.and_then(|pss| pss.as_ref().err()),
        ];
        let facts = facts.ok();
        Self {
            pid: process.pid,
            name: facts.map(|facts| shown(facts.name.as_bytes())),
            user: facts.map(|facts| shown(users.name(facts.uid))),
            uid: facts.map(|facts| facts.uid.get()),
            exe: match exe {
                None => Some("none".to_owned()),
                Some(exe) => exe.as_ref().ok().map(|exe| shown(exe)),
            },
            unit: portrait.unit.as_deref().map(shown),
            started: evidence.started.map(|start| local_time(start).to_string()),
            age: evidence.started.map(|start| ago(start, SystemTime::now())),
            rss_bytes: process.rss,
            rss_percent: Percent::share(process.rss, evidence.memory.total).get(),
            pss_bytes: match pss {
                None => Some(Bytes::ZERO),
                Some(pss) => pss.as_ref().ok().copied(),
            },
            anonymous_bytes: portrait.anonymous,
            swap_bytes: portrait.swap,
            unreadable: failures
                .into_iter()
                .flatten()
                .map(Unreadable::to_string)
                .collect(),
            thread_of: portrait.thread_of,
        }
    }
}

//! Why one process is, or is not, ended: each test with its answer, for people and for programs.

use super::conclusion::Conclusion;
use super::subject::Subject;
use super::test::{Answer, Test, protections, thresholds};
use crate::config::{Schedule, Written};
use crate::policy::{Policy, Protection};
use crate::proc::{Portrait, Process, SystemMemory};
use crate::quantities::{Bytes, Metric, Percent};
use crate::state::status::DaemonStatus;
use crate::users::UserNames;
use serde::Serialize;
use std::fmt::Write;
use std::io;
use std::time::SystemTime;

/// What an explanation is made from.
#[derive(Debug)]
pub(super) struct Evidence<'e> {
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
    /// The schedule that holds now.
    pub schedule: Option<&'e Schedule>,
    /// What the running daemon has left.
    pub daemon: Option<&'e DaemonStatus>,
}

/// Why one process is, or is not, ended.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    configuration: String,
    process: Subject,
    tests: Vec<Test>,
    /// The number of the rule that matches, from 1.
    rule: Option<usize>,
    metric: Metric,
    verdict: &'static str,
    sentence: String,
    /// The line of the configuration that decides; None where none does.
    decided_by: Option<String>,
}

impl Explanation {
    /// Makes the tests.
    pub(super) fn new(evidence: &Evidence<'_>, users: &mut UserNames) -> Self {
        let Evidence {
            policy, process, ..
        } = evidence;
        let protection = match &process.facts {
            Ok(facts) => policy
                .protection(process, facts)
                .or_else(|| policy.rule_protection(process)),
            Err(unreadable) => Some(Protection::Unreadable(*unreadable)),
        };
        let mut tests = protections(evidence, protection.as_ref(), users);
        tests.extend(thresholds(evidence));
        tests.extend(super::delay::tests(evidence));
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
        let conclusion = Conclusion::new(evidence, protection.as_ref());
        Self {
            configuration: policy.config.origin.to_string(),
            process: Subject::new(evidence, users),
            tests,
            rule: policy.rule(process).map(|(number, _)| number),
            metric: policy.limits(process).metric,
            verdict: conclusion.verdict,
            sentence: conclusion.sentence,
            decided_by: conclusion.line.map(|line| line.to_string()),
        }
    }

    /// As text for people.
    pub(super) fn text(&self, coloured: bool) -> String {
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

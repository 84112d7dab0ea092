//! Why one process would, or would not, be killed: each test with its answer, for people and for programs.

use super::conclusion::Conclusion;
use super::evidence::Evidence;
use super::subject::Subject;
use super::test::{Answer, Test, availability, protections, shortage, thresholds};
use crate::escape::OneLine;
use crate::events::ProcessRecord;
use crate::quantities::{Metric, Percent};
use crate::users::UserNames;
use serde::Serialize;
use std::fmt::Write;

/// Why one process would, or would not, be killed.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    configuration: String,
    process: Subject,
    tests: Vec<Test>,
    /// The number of the rule that matches, from 1; None where none does.
    rule: Option<usize>,
    metric: Metric,
    verdict: &'static str,
    sentence: String,
    /// The line of the configuration that decides; None where no line does.
    decided_by: Option<String>,
}

impl Explanation {
    pub(super) fn new(evidence: &Evidence<'_>, users: &mut UserNames) -> Self {
        let Evidence {
            policy, process, ..
        } = evidence;
        let protection = policy.protection(process, &evidence.memory, &evidence.now);
        let mut tests = protections(evidence, users);
        tests.extend(thresholds(evidence));
        tests.push(availability(evidence));
        tests.extend(super::delay::tests(evidence));
        tests.push(super::groups::test(evidence.groups.as_ref()));
        tests.push(shortage(evidence));
        tests.push(Test {
            name: "dry run",
            answer: Answer::of(policy.config.dry_run),
            detail: policy
                .config
                .dry_run_cause()
                .map_or(String::new(), |cause| format!("because of {cause}")),
        });
        tests.push(Test {
            name: "this user may signal it",
            answer: Answer::of(evidence.permission.is_ok()),
            detail: match &evidence.permission {
                Ok(()) => "the kernel accepted signal 0".to_owned(),
                Err(error) => error.to_string(),
            },
        });
        let conclusion = Conclusion::new(evidence, protection.as_ref());
        Self {
            configuration: policy.config.sources().to_string(),
            process: Subject::new(evidence, users),
            tests,
            rule: policy.rule(process).map(|(number, _)| number),
            metric: policy.criteria(process).metric,
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
        let process = &subject.process;
        let text = |text: &Option<String>| text.clone().unwrap_or("?".to_owned());
        let (pid, name) = (process.pid.unwrap_or_default(), text(&process.name));
        writeln!(out, "Process {pid} ({name})")?;
        if let Some(process) = subject.thread_of {
            writeln!(out, "  a thread of process {process}: explain that one")?;
        }
        let user = match (&process.user, process.uid) {
            (Some(user), Some(uid)) => format!("{user} ({uid})"),
            _ => "?".to_owned(),
        };
        let share = Percent::new(subject.rss_percent).map_or(String::new(), |p| p.to_string());
        let amount = ProcessRecord::amount;
        let rss = format!("{} ({share} of RAM)", amount(process.rss_bytes));
        let lines = [
            ("user", user),
            ("executable", text(&process.exe)),
            ("arguments", text(&process.cmdline)),
            ("parent", subject.parent.clone()),
            ("unit", process.unit.clone().unwrap_or("none".to_owned())),
            ("started", text(&subject.age)),
            ("RSS", rss),
            ("PSS", amount(process.pss_bytes)),
            ("anonymous", amount(process.anon_bytes)),
            ("swap", amount(process.swap_bytes)),
            ("huge pages", amount(subject.huge_bytes)),
            ("SIGKILL", subject.grace_period.clone()),
        ];
        for (what, value) in lines {
            writeln!(out, "  {what:<10}  {value}")?;
        }
        for unreadable in &subject.unreadable {
            writeln!(out, "  can't be read: {unreadable}")?;
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
            "protected" | "plentiful" if coloured => ("\x1b[33m", "\x1b[0m"),
            _ => ("", ""),
        };
        writeln!(out, "\nVerdict: {on}{}{off}", self.sentence)?;
        if let Some(line) = &self.decided_by {
            writeln!(out, "Decided by {}", OneLine(line))?;
        }
        Ok(())
    }
}

//! How a selftest went, step by step.

use crate::escape::OneLine;
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// As it should.
    Ok,
    /// Something is missing: memory-monitor works without it, but less well.
    Missing,
    /// It did not work.
    Failed,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Failed => "FAILED",
        }
    }

    fn colour(self) -> u8 {
        match self {
            Self::Ok => 32,
            Self::Missing => 33,
            Self::Failed => 31,
        }
    }
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    name: String,
    outcome: Outcome,
    seconds: f64,
    detail: String,
}

impl Step {
    /// What was done, how it went, how long it took, and what there is to say.
    pub(crate) fn new(name: String, outcome: Outcome, took: Duration, detail: String) -> Self {
        Self {
            name,
            outcome,
            seconds: took.as_secs_f64(),
            detail,
        }
    }
}

/// All steps.
#[derive(Debug, Serialize)]
pub(crate) struct SelftestReport {
    steps: Vec<Step>,
}

impl SelftestReport {
    /// Of these steps.
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.steps
            .iter()
            .filter(|step| step.outcome == outcome)
            .count()
    }

    /// How many did not work.
    pub(crate) fn failures(&self) -> usize {
        self.count(Outcome::Failed)
    }

    /// As text for people.
    pub(crate) fn text(&self, coloured: bool) -> String {
        let mut text = String::new();
        let width = self
            .steps
            .iter()
            .map(|step| step.name.chars().count())
            .max()
            .unwrap_or(0);
        for step in &self.steps {
            let (on, off) = if coloured {
                (format!("\x1b[{}m", step.outcome.colour()), "\x1b[0m")
            } else {
                (String::new(), "")
            };
            let line = format!(
                "{on}{:<7}{off}  {:>6.3}s  {:width$}  {}",
                step.outcome.word(),
                step.seconds,
                step.name,
                OneLine(&step.detail)
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        // A String takes any text.
        let _ = writeln!(
            text,
            "\n{} steps ok, {} missing, {} failed. Nothing but processes of this test was signalled.",
            self.count(Outcome::Ok),
            self.count(Outcome::Missing),
            self.failures()
        );
        text
    }
}

//! The steps of a selftest, for people and for programs.

use crate::escape::OneLine;
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// It worked.
    Ok,
    /// Something is not available; memory-monitor works without it, but less well.
    Missing,
    /// It can't be tried here, which says nothing of the daemon.
    Skipped,
    /// It did not work, and must.
    Failed,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Skipped => "skipped",
            Self::Failed => "FAILED",
        }
    }

    fn colour(self) -> u8 {
        match self {
            Self::Ok => 32,
            Self::Missing | Self::Skipped => 33,
            Self::Failed => 31,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    name: String,
    outcome: Outcome,
    seconds: f64,
    detail: String,
}

impl Step {
    pub(crate) fn new(name: String, outcome: Outcome, took: Duration, detail: String) -> Self {
        Self {
            name,
            outcome,
            seconds: took.as_secs_f64(),
            detail,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct SelftestReport {
    steps: Vec<Step>,
}

impl SelftestReport {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.steps
            .iter()
            .filter(|step| step.outcome == outcome)
            .count()
    }

    /// How many steps failed.
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
        let skipped = match self.count(Outcome::Skipped) {
            0 => String::new(),
            count => format!("{count} skipped, "),
        };
        // A String takes any text.
        let _ = writeln!(
            text,
            "\n{} steps ok, {} missing, {skipped}{} failed. No process but those of this test was sent a signal.",
            self.count(Outcome::Ok),
            self.count(Outcome::Missing),
            self.failures()
        );
        text
    }
}

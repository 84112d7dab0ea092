//! What holds for one process: thresholds, metric and time, its own rule's or everybody's. Pure.

use crate::config::{Config, Rule, Thresholds};
use crate::quantities::Metric;
use std::time::Duration;

/// What a process may have, by what measure, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Criteria {
    /// What it may have.
    pub thresholds: Thresholds,
    /// By what measure.
    pub metric: Metric,
    /// How long it must be over one of them before it is ended.
    pub sustained: Duration,
}

impl Criteria {
    /// Those of a process that no rule matches.
    pub const fn general(config: &Config) -> Self {
        Self {
            thresholds: config.thresholds,
            metric: config.metric,
            sustained: config.sustained,
        }
    }

    /// The same with what a rule says instead.
    #[must_use]
    pub fn of_rule(self, rule: Option<&Rule>) -> Self {
        let Some(rule) = rule else { return self };
        Self {
            thresholds: rule.thresholds.unwrap_or(self.thresholds),
            metric: rule.metric.unwrap_or(self.metric),
            sustained: rule.sustained.unwrap_or(self.sustained),
        }
    }
}

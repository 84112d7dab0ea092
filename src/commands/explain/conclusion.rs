//! The result of the tests: the verdict in one sentence, and the line of the configuration that decides.

use super::delay::{self, Delay};
use super::evidence::Evidence;
use crate::commands::config_line::{self, ConfigLine};
use crate::config::Thresholds;
use crate::escape::OneLine;
use crate::events::Own;
use crate::policy::{Protection, Threshold, Verdict};
use crate::quantities::Span;
use std::fmt::Display;
use std::num::NonZeroU32;

pub(super) struct Conclusion {
    pub(super) verdict: &'static str,
    pub(super) sentence: String,
    pub(super) line: Option<ConfigLine>,
}

impl Conclusion {
    pub(super) fn new(evidence: &Evidence<'_>, protection: Option<&Protection>) -> Self {
        let verdict = || Self::of_verdict(evidence, protection);
        not_judged(evidence).unwrap_or_else(|| for_group(evidence).unwrap_or_else(verdict))
    }

    fn of_verdict(evidence: &Evidence<'_>, protection: Option<&Protection>) -> Self {
        let Evidence {
            policy,
            written,
            process,
            memory,
            now,
            ..
        } = evidence;
        let config = &policy.config;
        let (verdict, sentence, line) = match policy.judge(process, memory, now) {
            Verdict::Breach(breach) => {
                let over = format!("it is over {breach}{}", Own(process, &breach));
                let rule = policy.rule(process).map(|(_, rule)| rule);
                let line =
                    config_line::of_threshold(&breach.threshold, rule, evidence.schedule, written);
                let own = |table, key| config_line::of_key(table, key, written);
                let (sentence, line) = match (&evidence.permission, delay::of(evidence, &breach)) {
                    _ if config.dry_run => (
                        format!("it would be reported, not killed: {over}, and dry_run is true"),
                        own("settings", "dry_run"),
                    ),
                    (Err(error), None | Some(Delay::NotSeen(_))) => (
                        format!("a scan by this user could not kill it ({error}), although {over}"),
                        line,
                    ),
                    (_, None) => (format!("a scan would kill it: {over}"), line),
                    (_, Some(Delay::KillLimit(limit))) => (
                        format!("it is not killed now, {}: {over}", reached(limit)),
                        own("settings", "max_kills_per_minute"),
                    ),
                    (_, Some(Delay::AboveKillLimit(limit))) => (
                        format!(
                            "a scan would kill it, if no larger one waits: it is far larger than those that have used \
                             up the limit of kills of a user a minute ({limit}), and {over}"
                        ),
                        line,
                    ),
                    (_, Some(Delay::Ending(stage))) => (
                        format!("it is being killed, {}: {over}", OneLine(stage)),
                        line,
                    ),
                    (_, Some(delay)) => (
                        format!("it will be killed {delay}, unless it shrinks: {over}"),
                        line,
                    ),
                };
                ("over", sentence, line)
            }
            Verdict::Plentiful(breach, share) => {
                let rule = policy.rule(process).map(|(_, rule)| rule);
                let rule = rule.filter(|rule| rule.only_below_available.is_some());
                let key = "only_below_available_percent";
                let line = rule.map_or_else(
                    || config_line::of_key("thresholds", key, written),
                    |rule| Some(config_line::of_rule(rule)),
                );
                let sentence = format!(
                    "it stays as long as memory is plentiful ({share:.0} available), although it is over {breach}"
                );
                ("plentiful", sentence, line)
            }
            Verdict::Protected(protection) => {
                let shown = policy.shown(&protection);
                let sentence = match protection {
                    Protection::Unreadable(_) => {
                        format!("it is protected, as too little is known about it: {shown}")
                    }
                    _ => format!("it is protected, although it is over a threshold: {shown}"),
                };
                let line = config_line::of_protection(&protection, config, written);
                ("protected", sentence, line)
            }
            Verdict::Within => {
                let thresholds = policy.criteria(process).thresholds;
                let sentence = within(thresholds, protection.map(|own| policy.shown(own)));
                let rule = policy.rule(process).map(|(_, rule)| rule);
                // The one that it would cross first.
                let both = Threshold::both(thresholds, memory.total);
                let line = both.min_by_key(|(_, bytes)| *bytes);
                let line = line.and_then(|(threshold, _)| {
                    config_line::of_threshold(&threshold, rule, evidence.schedule, written)
                });
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

/// The verdict on a process that is over no threshold of its own, or stays for plenty of memory, and would be killed
/// for a group that is over one; None for another process.
fn for_group(evidence: &Evidence<'_>) -> Option<Conclusion> {
    let victim = evidence.group_victim()?;
    let policy = evidence.policy;
    let group = policy.config.groups.get(victim.number - 1)?;
    let sustained = policy.group_criteria(group).sustained;
    let once = if sustained.is_zero() {
        String::new()
    } else {
        format!(" once that has been so for {}", Span(sustained))
    };
    let reason = format!("it is {}", victim.reason);
    let own = |table, key| config_line::of_key(table, key, evidence.written);
    let line = Some(config_line::of_group(group));
    let (sentence, line) = match (&evidence.permission, delay::ending(evidence)) {
        _ if policy.config.dry_run => (
            format!("it would be reported, not killed: {reason}, and dry_run is true"),
            own("settings", "dry_run"),
        ),
        (_, Some(stage)) => (
            format!("it is being killed, {}: {reason}", OneLine(stage)),
            line,
        ),
        (Err(error), None) => (
            format!("a scan by this user could not kill it ({error}), although {reason}"),
            line,
        ),
        (Ok(()), None) => match delay::kill_limit(evidence) {
            Some(limit) => (
                format!("it is not killed now, {}: {reason}", reached(limit)),
                own("settings", "max_kills_per_minute"),
            ),
            None => (format!("a scan would kill it{once}: {reason}"), line),
        },
    };
    Some(Conclusion {
        verdict: "group",
        sentence: sentence + ".",
        line,
    })
}

/// That the limit of kills protects it.
fn reached(limit: NonZeroU32) -> String {
    format!("as the limit of kills of a user a minute ({limit}) is reached")
}

/// That it is over no threshold, and what would protect it if it were.
fn within(thresholds: Thresholds, protection: Option<impl Display>) -> String {
    let within = if thresholds.are_off() {
        "no threshold of a single process applies to it"
    } else {
        "it is within its thresholds"
    };
    match protection {
        None => within.to_owned(),
        Some(shown) => {
            format!("{within}, and would be protected if it were over one: {shown}")
        }
    }
}

/// The verdict on what a scan does not judge; None for a process.
fn not_judged(evidence: &Evidence<'_>) -> Option<Conclusion> {
    let (verdict, sentence) = match evidence.details.thread_of {
        Some(process) => (
            "thread",
            format!("it is a thread: a scan judges its process, {process}."),
        ),
        None if evidence.process.has_exited() => (
            "exited",
            "it has exited and has no memory left, and its parent has not waited for it yet."
                .to_owned(),
        ),
        None => return None,
    };
    Some(Conclusion {
        verdict,
        sentence,
        line: None,
    })
}

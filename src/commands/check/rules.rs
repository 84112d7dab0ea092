//! Every rule with the processes that it applies to now.

use super::matches::{Match, matching, shown};
use crate::commands::config_line::from;
use crate::escape::OneLine;
use crate::events::Spelling;
use crate::policy::{Policy, Verdict};
use crate::proc::{Facts, Process, Snapshot};
use serde::Serialize;
use std::fmt::Write;

#[derive(Debug, Serialize)]
pub(super) struct Ruled {
    number: usize,
    rule: String,
    from: String,
    /// The processes that no earlier rule matches.
    matches: Vec<Match>,
    /// How many of them are protected by something that comes before any rule.
    protected: usize,
    /// How many of them are over their threshold and not protected.
    over: usize,
    /// Of how many processes it can't be told whether it matches.
    doubtful: usize,
}

pub(super) fn list(policy: &Policy, snapshot: &Snapshot, spelling: Spelling) -> Vec<Ruled> {
    let processes = &snapshot.near;
    let now = &crate::sys::now();
    let count = |is_match: &dyn Fn(&Process, &Facts) -> bool| {
        let facts = processes.iter().filter_map(|process| {
            let facts = process.facts.as_ref().ok()?;
            is_match(process, facts).then_some(())
        });
        facts.count()
    };
    let rules = policy.config.rules.iter().enumerate();
    let entries = rules.map(|(index, rule)| {
        let doubt = |process: &Process| process.details.rule_match.and_then(|found| found.doubt);
        let is_own = |process: &Process| {
            let own = policy.rule(process);
            doubt(process).is_none() && own.is_some_and(|(number, _)| number == index + 1)
        };
        Ruled {
            number: index + 1,
            rule: rule.to_string(),
            from: from(rule.location.as_ref()),
            matches: matching(processes, spelling, |process, _| is_own(process)),
            protected: count(&|process, _| {
                let protection = policy.protection(process, &snapshot.memory, now);
                is_own(process) && protection.is_some_and(|protection| !protection.is_by_rule())
            }),
            over: count(&|process, _| {
                let is_over = |verdict| matches!(verdict, Verdict::Breach(_));
                is_own(process) && is_over(policy.judge(process, &snapshot.memory, now))
            }),
            doubtful: count(&|process, _| {
                doubt(process).is_some_and(|(doubted, _)| usize::from(doubted) == index)
            }),
        }
    });
    entries.collect()
}

pub(super) fn write(out: &mut String, rules: &[Ruled]) -> std::fmt::Result {
    if rules.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nThe rules, which come after the whitelist; the first that matches decides:"
    )?;
    for ruled in rules {
        writeln!(
            out,
            "  {}  {}  ({})",
            ruled.number,
            OneLine(&ruled.rule),
            ruled.from
        )?;
        write!(out, "     matches {}", shown(&ruled.matches))?;
        for (count, what) in [
            (ruled.protected, "protected all the same"),
            (ruled.over, "over the threshold"),
            (ruled.doubtful, "more can't be told here"),
        ] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        out.push('\n');
    }
    Ok(())
}

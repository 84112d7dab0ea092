//! What `scan --over` prints: what is over a threshold on this machine, and what else decides, then a line for each
//! process that would be killed. The package's script reads it. Pure.

use super::row::{Row, Word};
use super::view::ScanReport;
use crate::config::{Action, Config, Group, GroupAction, Rule, Schedule, SystemAction, Thresholds};
use crate::policy::Policy;
use crate::quantities::{Bytes, Metric, Percent, Uid};
use std::fmt::Write;

impl ScanReport {
    /// The lines, the largest process first.
    pub(super) fn over(&self, policy: &Policy) -> String {
        let mut text = what_is_killed(policy, self.total());
        text.push('\n');
        if let Some(dry_run) = self.dry_run() {
            text.push_str(&dry_run);
            text.push('\n');
        }
        let is_over = |row: &&Row| matches!(row.verdict, Word::Over | Word::Group);
        let mut rows: Vec<_> = self.rows().iter().filter(is_over).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.process.rss_bytes));
        for row in rows {
            let process = &row.process;
            // A String takes any text.
            let _ = writeln!(
                text,
                "  PID {}, {} of {}, {}{}",
                process.pid.unwrap_or_default(),
                process.name.as_deref().unwrap_or("?"),
                process.user.as_deref().unwrap_or("?"),
                gb(Bytes::new(process.rss_bytes.unwrap_or_default())),
                match row.verdict {
                    Word::Group => format!(", {}", row.reason),
                    _ => String::new(),
                }
            );
        }
        text
    }
}

/// `any process over 0.07 GB (10% of 0.69 GB), root's too, but none that is protected; 1 rule has a threshold of its
/// own`.
fn what_is_killed(policy: &Policy, total: Bytes) -> String {
    let config = &policy.config;
    let mut text = "any process over ".to_owned();
    if config.thresholds.are_off() {
        text = match elsewhere(config) {
            Some(others) => others,
            None => return "no process".to_owned(),
        };
    } else {
        write_general(&mut text, config, total);
    }
    let protects_root = config.whitelist.protects_user(Uid::ROOT).is_some();
    text.push_str(if protects_root {
        ", but none of root and none that is protected"
    } else {
        ", root's too, but none that is protected"
    });
    text.push_str(&others(config));
    text
}

/// `any process over a threshold of a rule, group or schedule`: what kills where both of `[thresholds]` are off; None
/// where nothing does.
fn elsewhere(config: &Config) -> Option<String> {
    let (rules, groups) = others_that_kill(config);
    let has_threshold = |schedule: &Schedule| schedule.thresholds.is_some_and(is_on);
    let tables = [
        (rules > 0, "rule"),
        (groups > 0, "group"),
        (config.schedules.iter().any(has_threshold), "schedule"),
    ];
    let tables = tables.iter().filter(|(is_there, _)| *is_there);
    let tables: Vec<_> = tables.map(|(_, table)| *table).collect();
    match tables.split_last() {
        None => (config.system.action == SystemAction::Kill)
            .then(|| "any process only while the machine is short of memory".to_owned()),
        Some((last, [])) => Some(format!("any process over a threshold of a {last}")),
        Some((last, first)) => {
            let first = first.join(", ");
            Some(format!(
                "any process over a threshold of a {first} or {last}"
            ))
        }
    }
}

fn is_on(thresholds: Thresholds) -> bool {
    !thresholds.are_off()
}

/// The lower one of `[thresholds]`, and when a process is killed that is over it.
fn write_general(text: &mut String, config: &Config, total: Bytes) {
    let thresholds = config.thresholds;
    let lowest = thresholds.lowest(total);
    text.push_str(&gb(lowest));
    let is_percent = thresholds.percent_of(total) == Some(lowest);
    // A String takes any text.
    if let Some(percent) = thresholds.percent().filter(|_| is_percent) {
        let _ = write!(text, " ({}% of {})", percent.get(), gb(total));
    }
    if config.metric != Metric::Rss {
        let _ = write!(text, " by {}", config.metric);
    }
    let sustained = config.sustained.as_secs_f64();
    if sustained > 0.0 {
        let _ = write!(text, " for {sustained} s");
    }
    let available = config.only_below_available;
    if available < Percent::ALL {
        let share = available.get();
        let _ = write!(text, " while less than {share}% of the memory is available");
    }
}

/// `; 2 rules and 1 group have thresholds of their own`: what kills by another threshold than that of `[thresholds]`.
fn others(config: &Config) -> String {
    let (rules, groups) = others_that_kill(config);
    let counted = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    };
    let both = counted(rules, "rule").into_iter();
    let both: Vec<_> = both.chain(counted(groups, "group")).collect();
    match rules + groups {
        0 => String::new(),
        1 => format!("; {} has a threshold of its own", both.concat()),
        _ => format!("; {} have thresholds of their own", both.join(" and ")),
    }
}

/// How many rules with thresholds of their own kill, and how many groups.
fn others_that_kill(config: &Config) -> (usize, usize) {
    let is_other = |rule: &&Rule| rule.action == Action::Kill && rule.thresholds.is_some_and(is_on);
    let is_killing = |group: &&Group| group.action == GroupAction::Kill;
    let rules = config.rules.iter().filter(is_other);
    let groups = config.groups.iter().filter(is_killing);
    (rules.count(), groups.count())
}

fn gb(bytes: Bytes) -> String {
    format!("{:.2} GB", bytes.gb())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;
    use crate::quantities::Pid;

    fn killed_by(text: &str, gb: f64) -> String {
        let origin = Origin::File("c.toml".into());
        let uid_of = |name: &str| Ok((name == "root").then_some(Uid::ROOT));
        let loaded = Config::parse(text.as_bytes(), origin, &uid_of).unwrap();
        let policy = Policy::new(loaded.config, Pid::INIT);
        what_is_killed(&policy, Bytes::from_gb(gb).unwrap())
    }

    #[test]
    fn the_lower_threshold_is_told_in_figures() {
        for (text, gb, expected) in [
            (
                "",
                0.69,
                "any process over 0.07 GB (10% of 0.69 GB), root's too, but none that is protected",
            ),
            (
                "",
                15.6,
                "any process over 1.56 GB (10% of 15.60 GB), root's too, but none that is protected",
            ),
            (
                "",
                64.0,
                "any process over 2.00 GB, root's too, but none that is protected",
            ),
            (
                "[[rule]]\nname = \"a\"\nsustained = 9\nonly_below_available_percent = 20\n",
                64.0,
                "any process over 2.00 GB, root's too, but none that is protected",
            ),
            (
                "[[rule]]\nname = \"a\"\nram_gb_threshold = 9\n[[rule]]\nname = \"b\"\naction = \"warn\"\n",
                64.0,
                "any process over 2.00 GB, root's too, but none that is protected; 1 rule has a threshold of its own",
            ),
            (
                "[[rule]]\nname = \"a\"\nram_percent_threshold = 4\n[[rule]]\nname = \"b\"\nram_gb_threshold = 4\n\
                 [[group]]\nby = \"user\"\nram_gb_threshold = 9\n\
                 [[group]]\nlabel = \"x\"\nby = \"user\"\nram_gb_threshold = 8\naction = \"warn\"\n",
                64.0,
                "any process over 2.00 GB, root's too, but none that is protected; 2 rules and 1 group have thresholds of their own",
            ),
            (
                "thresholds = { ram_percent_threshold = 100, ram_gb_threshold = inf, sustained = 60 }\n\
                 group = [{ by = \"user\", ram_gb_threshold = 8 }]\n",
                64.0,
                "any process over a threshold of a group, root's too, but none that is protected; 1 group has a threshold of its own",
            ),
            (
                "thresholds = { ram_percent_threshold = 100, ram_gb_threshold = inf }\n\
                 rule = [{ name = \"a\", ram_gb_threshold = 8 }, { name = \"b\", sustained = 8 }]\n\
                 group = [{ by = \"user\", ram_gb_threshold = 8 }]\n\
                 schedule = [{ from = \"22:00\", to = \"06:00\", ram_gb_threshold = 8 }]\n",
                64.0,
                "any process over a threshold of a rule, group or schedule, root's too, but none that is protected; 1 rule and 1 group have thresholds of their own",
            ),
            (
                "thresholds = { ram_percent_threshold = 100, ram_gb_threshold = inf }\n\
                 schedule = [{ from = \"22:00\", to = \"06:00\", ram_gb_threshold = 8 }]\n",
                64.0,
                "any process over a threshold of a schedule, root's too, but none that is protected",
            ),
            (
                "thresholds = { ram_percent_threshold = 100, ram_gb_threshold = inf }\nsystem = { action = \"kill\" }\n",
                64.0,
                "any process only while the machine is short of memory, root's too, but none that is protected",
            ),
            (
                "thresholds = { ram_percent_threshold = 100, ram_gb_threshold = inf }\n\
                 group = [{ by = \"user\", ram_gb_threshold = 8, action = \"warn\" }]\n",
                64.0,
                "no process",
            ),
            (
                "[thresholds]\nram_percent_threshold = 100\nmetric = \"pss\"\nsustained = 60\nonly_below_available_percent = 20\n[whitelist]\nprotect_root = true\n",
                1.9,
                "any process over 2.00 GB by pss for 60 s while less than 20% of the memory is available, but none of root and none that is protected",
            ),
        ] {
            assert_eq!(killed_by(text, gb), expected);
        }
    }
}

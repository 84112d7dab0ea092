//! What was killed, for people and for programs.

use crate::commands::bar::bar;
use crate::commands::freed::Freed;
use crate::escape::OneLine;
use crate::events::{ProcessRecord, Spelling};
use crate::policy::{QUIET, is_restart};
use crate::quantities::{Bytes, Percent};
use crate::state::history::{Entry, KernelKills, Past};
use crate::sys::clock::{LocalTime, local_time};
use serde::Serialize;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

/// Cells of the bars in the summary.
const BAR: usize = 20;

/// What was killed, and how often.
#[derive(Debug, Serialize)]
pub(crate) struct PastReport {
    #[serde(rename = "records")]
    rows: Vec<HistoryRow>,
    summary: Vec<Summary>,
    /// What the kernel's OOM killer did.
    kernel_oom_kills: Vec<KernelKills>,
    /// Lines that could not be read.
    skipped_lines: usize,
}

#[derive(Debug, Serialize)]
struct HistoryRow {
    #[serde(flatten)]
    entry: Entry,
    /// Whether it was killed within the ten minutes before, and started again.
    restart_loop: bool,
}

#[derive(Debug, Default, Serialize)]
struct Summary {
    name: String,
    user: String,
    count: usize,
    #[serde(rename = "freed_bytes")]
    freed: Freed,
    restart_loop: bool,
    /// The unit that is restarted, and its Restart=.
    unit: Option<String>,
    restart: Option<String>,
}

impl PastReport {
    /// Of the wanted entries, and of what the kernel did since this time; `restart` gives the `Restart=` of a unit.
    pub(crate) fn new(
        past: Past,
        since: u64,
        wanted: impl Fn(&Entry) -> bool,
        restart: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut rows: Vec<HistoryRow> = Vec::new();
        for entry in past.entries {
            let before = rows.iter().rev().map(|row| &row.entry);
            let restart_loop = before
                .take_while(|before| entry.time.saturating_sub(before.time) <= QUIET.as_secs())
                .any(|before| has_restarted(before, &entry));
            rows.push(HistoryRow {
                entry,
                restart_loop,
            });
        }
        rows.retain(|row| wanted(&row.entry));
        let mut kernel = past.kernel;
        kernel.retain(|kills| kills.time >= since);
        let mut summary: Vec<Summary> = Vec::new();
        for HistoryRow {
            entry,
            restart_loop,
        } in &rows
        {
            let known = |sum: &&mut Summary| sum.name == entry.name && sum.user == entry.user;
            if summary.iter_mut().find(known).is_none() {
                summary.push(Summary {
                    name: entry.name.clone(),
                    user: entry.user.clone(),
                    ..Summary::default()
                });
            }
            let Some(sum) = summary.iter_mut().find(known) else {
                continue;
            };
            sum.count += 1;
            sum.freed.add(entry.freed_bytes);
            if *restart_loop {
                sum.restart_loop = true;
                sum.unit = service(entry).map(str::to_owned);
                sum.restart = sum.unit.as_deref().and_then(&restart);
            }
        }
        summary.sort_by(|one, other| other.count.cmp(&one.count).then(one.name.cmp(&other.name)));
        Self {
            rows,
            summary,
            kernel_oom_kills: kernel,
            skipped_lines: past.skipped,
        }
    }

    /// How many processes, and how much memory they freed.
    pub(crate) fn total(&self) -> (usize, Freed) {
        let freed = self.rows.iter().map(|row| row.entry.freed_bytes);
        (self.rows.len(), freed.collect())
    }

    /// The same for programs.
    pub(super) fn plain(mut self) -> Self {
        for row in &mut self.rows {
            row.entry.unescape();
        }
        for sum in &mut self.summary {
            [&mut sum.name, &mut sum.user]
                .into_iter()
                .chain(&mut sum.unit)
                .for_each(Spelling::unescape);
        }
        self
    }

    /// As text for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes any text.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        if self.rows.is_empty() {
            writeln!(out, "Nothing was killed.")?;
        } else {
            self.write_rows(out)?;
            self.write_summary(out)?;
        }
        self.write_kernel(out)?;
        match self.skipped_lines {
            0 => Ok(()),
            1 => writeln!(
                out,
                "\nOne line of the history can't be read and was skipped."
            ),
            lines => writeln!(
                out,
                "\n{lines} lines of the history can't be read and were skipped."
            ),
        }
    }

    fn write_rows(&self, out: &mut String) -> std::fmt::Result {
        let longest = |text: &dyn Fn(&Entry) -> &str| {
            let widths = self.rows.iter().map(|row| text(&row.entry).chars().count());
            widths.max().unwrap_or(0).clamp(4, 30)
        };
        let name = longest(&|entry| &entry.name);
        let user = longest(&|entry| &entry.user);
        writeln!(
            out,
            "{:<19}  {:>7}  {:name$}  {:user$}  {:>9}  {:>7}  {:<7}  {:>7}  {:>9}  OVER",
            "ENDED", "PID", "NAME", "USER", "RSS", "RAM", "SIGNAL", "AFTER", "FREED"
        )?;
        for HistoryRow {
            entry,
            restart_loop,
        } in &self.rows
        {
            let share = Percent::new(entry.rss_percent).map_or(String::new(), |p| p.to_string());
            writeln!(
                out,
                "{}  {:>7}  {:name$}  {:user$}  {:>9}  {share:>7}  {:<7}  {:>6.2}s  {:>9}  {}{}{}",
                shown(entry.time),
                entry.pid,
                OneLine(&entry.name).to_string(),
                OneLine(&entry.user).to_string(),
                Bytes::new(entry.rss_bytes).to_string(),
                OneLine(&entry.signal).to_string(),
                entry.seconds,
                ProcessRecord::amount(entry.freed_bytes),
                why(entry),
                OneLine(&entry.threshold),
                if *restart_loop { ", restart loop" } else { "" }
            )?;
            let command = entry.cmdline.as_ref().or(entry.exe.as_ref());
            if let Some(command) = command {
                let parent = entry
                    .parent
                    .map_or(String::new(), |parent| format!(", child of {parent}"));
                let exe = entry.exe.as_deref().unwrap_or("?");
                writeln!(
                    out,
                    "{:19}  {}{parent}: {}",
                    "",
                    OneLine(exe),
                    OneLine(command)
                )?;
            }
            if let (true, Some(unit)) = (entry.unit_empty, &entry.unit) {
                writeln!(out, "{:19}  {} has no process left", "", OneLine(unit))?;
            }
        }
        Ok(())
    }

    fn write_kernel(&self, out: &mut String) -> std::fmt::Result {
        if !self.kernel_oom_kills.is_empty() {
            writeln!(out, "\nBy the kernel's OOM killer:")?;
        }
        for kills in &self.kernel_oom_kills {
            let count = kills.kernel_oom_kills;
            let time = shown(kills.time);
            let plural = if count == 1 { "" } else { "es" };
            writeln!(out, "{time}  {count} process{plural}")?;
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss, reason = "counts of kills, for a bar")]
    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nBy name and user:")?;
        let most = self.summary.iter().map(|sum| sum.count).max().unwrap_or(1);
        for sum in &self.summary {
            let bar = bar(sum.count as f64 / most as f64 * 100.0, BAR);
            write!(
                out,
                "  {bar}  {:>4}  {} ({}), {}",
                sum.count,
                OneLine(&sum.name),
                OneLine(&sum.user),
                sum.freed
            )?;
            if sum.restart_loop {
                write!(out, ", restart loop")?;
            }
            match (&sum.unit, &sum.restart) {
                (Some(unit), Some(restart)) => {
                    write!(out, ": {} has Restart={}", OneLine(unit), OneLine(restart))?;
                }
                (Some(unit), None) => write!(out, ": {}", OneLine(unit))?,
                (None, _) => {}
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// What was over the threshold, before that; nothing where it was the process itself.
fn why(entry: &Entry) -> String {
    match (entry.cause.as_deref(), &entry.group_name) {
        (Some("group"), Some(name)) => format!("group {}: ", OneLine(name)),
        (Some("group"), None) => "its group: ".to_owned(),
        (Some("shortage"), _) => "memory short: ".to_owned(),
        // A newer daemon may have written another one.
        (Some(cause), _) => format!("{}: ", OneLine(cause)),
        (None, _) => String::new(),
    }
}

/// A time of the file, in a range that every clock can show.
fn shown(time: u64) -> LocalTime {
    local_time(UNIX_EPOCH + Duration::from_secs(time.min(1 << 40)))
}

/// The service of the process; None where it was of no service: a scope or a slice holds processes that have nothing to
/// do with each other.
fn service(entry: &Entry) -> Option<&str> {
    let unit = entry.unit.as_deref()?;
    (unit.ends_with(".service") && !unit.starts_with("user@")).then_some(unit)
}

/// Whether the later process is the earlier one started again, as the daemon recognises it.
fn has_restarted(earlier: &Entry, later: &Entry) -> bool {
    let (Some(unit), Some(again), Some(started)) = (&earlier.unit, &later.unit, later.started)
    else {
        return false;
    };
    is_restart(
        (unit, &earlier.name, earlier.time),
        (again, &later.name, started),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(started: u64, time: u64, name: &str, unit: Option<&str>) -> Entry {
        Entry {
            time,
            started: Some(started),
            pid: 7,
            name: name.into(),
            user: "john".into(),
            uid: 1000,
            unit: unit.map(str::to_owned),
            rss_bytes: 3 << 30,
            rss_percent: 12.5,
            threshold: "ram_gb_threshold = 0.50GB".into(),
            signal: "SIGTERM".into(),
            seconds: 0.5,
            freed_bytes: Some(2 << 30),
            unit_empty: false,
            parent: None,
            exe: None,
            cmdline: None,
            cause: None,
            group_name: None,
        }
    }

    #[test]
    fn says_what_was_over_its_threshold() {
        let killed = |cause: Option<&str>, group: Option<&str>| Entry {
            cause: cause.map(str::to_owned),
            group_name: group.map(str::to_owned),
            ..entry(900, 1000, "a", None)
        };
        for (entry, expected) in [
            (killed(None, None), ""),
            (killed(Some("shortage"), None), "memory short: "),
            (
                killed(Some("group"), Some("users/ann")),
                "group users/ann: ",
            ),
            (killed(Some("group"), None), "its group: "),
        ] {
            let past = Past {
                entries: vec![entry],
                ..Past::default()
            };
            let text = PastReport::new(past, 0, |_| true, |_| None).text();
            let shown = format!("  2.00GB  {expected}ram_gb_threshold = 0.50GB\n");
            assert!(text.contains(&shown), "{expected}: {text}");
        }
    }

    #[test]
    fn what_is_killed_started_again_and_killed_again_is_a_loop() {
        let a = Some("a.service");
        let past = Past {
            entries: vec![
                entry(900, 1000, "a", a),
                entry(900, 1100, "b", None),
                // Processes of a pool that were killed one after another, and other jobs of the unit.
                entry(900, 1000, "a", a),
                entry(1001, 1200, "a-worker", a),
                entry(1001, 1200, "a", a),
                entry(1001, 1200, "c", Some("session-1.scope")),
                // After a long time, and what is of no unit.
                entry(8000, 9000, "a", a),
                entry(1101, 1300, "b", None),
                Entry {
                    started: None,
                    ..entry(0, 9100, "a", a)
                },
            ],
            kernel: Vec::new(),
            skipped: 1,
        };
        let restart = |unit: &str| (unit == "a.service").then(|| "always".to_owned());
        let report = PastReport::new(past, 0, |entry| entry.name != "c", restart);
        let loops: Vec<_> = report.rows.iter().map(|row| row.restart_loop).collect();
        assert_eq!(
            loops,
            [false, false, false, false, true, false, false, false]
        );
        assert_eq!(report.total().1.to_string(), "16.00GB freed");
        let text = report.text();
        assert!(
            text.contains(
                "5  a (john), 10.00GB freed, restart loop: a.service has Restart=always\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("########............     2  b (john), 4.00GB freed\n"),
            "{text}"
        );
        assert!(
            text.ends_with("One line of the history can't be read and was skipped.\n"),
            "{text}"
        );
    }
}

//! What was ended, for people and for programs.

use crate::commands::bar::bar;
use crate::escape::OneLine;
use crate::quantities::{Bytes, Percent};
use crate::state::history::{Past, Record};
use crate::sys::clock::local_time;
use serde::Serialize;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

/// The same thing that is ended again within this time is started again by something.
const LOOP: u64 = 600;

/// Cells of the bars in the summary.
const BAR: usize = 20;

/// What was ended, and how often what.
#[derive(Debug, Serialize)]
pub(crate) struct PastReport {
    records: Vec<Told>,
    summary: Vec<Sum>,
    /// Lines that could not be read.
    skipped_lines: usize,
}

#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    record: Record,
    /// Whether it was ended again within ten minutes.
    restart_loop: bool,
}

#[derive(Debug, Serialize)]
struct Sum {
    name: String,
    user: String,
    count: usize,
    freed_bytes: u64,
    restart_loop: bool,
    /// The unit that is started again, and what its Restart= says.
    unit: Option<String>,
    restart: Option<String>,
}

impl Sum {
    fn of(record: &Record) -> Self {
        Self {
            name: record.name.clone(),
            user: record.user.clone(),
            count: 0,
            freed_bytes: 0,
            restart_loop: false,
            unit: None,
            restart: None,
        }
    }
}

impl PastReport {
    /// Of what is wanted; `restart` is what the unit of that name says by `Restart=`.
    pub(crate) fn new(
        past: Past,
        wanted: impl Fn(&Record) -> bool,
        restart: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut records: Vec<Told> = Vec::new();
        for record in past.records {
            let before = records.iter().rev().map(|told| &told.record);
            let restart_loop = before
                .take_while(|before| record.time.saturating_sub(before.time) <= LOOP)
                .any(|before| is_same(before, &record));
            records.push(Told {
                record,
                restart_loop,
            });
        }
        records.retain(|told| wanted(&told.record));
        let mut summary: Vec<Sum> = Vec::new();
        for Told {
            record,
            restart_loop,
        } in &records
        {
            let known = |sum: &&mut Sum| sum.name == record.name && sum.user == record.user;
            if summary.iter_mut().find(known).is_none() {
                summary.push(Sum::of(record));
            }
            let Some(sum) = summary.iter_mut().find(known) else {
                continue;
            };
            sum.count += 1;
            sum.freed_bytes = sum.freed_bytes.saturating_add(record.freed_bytes);
            if *restart_loop {
                sum.restart_loop = true;
                sum.unit = service(record).map(str::to_owned);
                sum.restart = sum.unit.as_deref().and_then(&restart);
            }
        }
        summary.sort_by(|one, other| other.count.cmp(&one.count).then(one.name.cmp(&other.name)));
        Self {
            records,
            summary,
            skipped_lines: past.skipped,
        }
    }

    /// How many, and how much came back.
    pub(crate) fn total(&self) -> (usize, Bytes) {
        let freed = self.records.iter().map(|told| told.record.freed_bytes);
        (self.records.len(), Bytes::new(freed.sum()))
    }

    /// As text for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes any text.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        if self.records.is_empty() {
            writeln!(out, "Nothing was ended.")?;
        } else {
            self.write_records(out)?;
            self.write_summary(out)?;
        }
        match self.skipped_lines {
            0 => Ok(()),
            1 => writeln!(
                out,
                "\nOne line of the record can't be read and was skipped."
            ),
            lines => writeln!(
                out,
                "\n{lines} lines of the record can't be read and were skipped."
            ),
        }
    }

    fn write_records(&self, out: &mut String) -> std::fmt::Result {
        let longest = |texts: &dyn Fn(&Record) -> &str| {
            let widths = self
                .records
                .iter()
                .map(|told| texts(&told.record).chars().count());
            widths.max().unwrap_or(0).clamp(4, 30)
        };
        let name = longest(&|record| &record.name);
        let user = longest(&|record| &record.user);
        writeln!(
            out,
            "{:<19}  {:>7}  {:name$}  {:user$}  {:>9}  {:>7}  {:<7}  {:>7}  {:>9}  OVER",
            "ENDED", "PID", "NAME", "USER", "RSS", "RAM", "SIGNAL", "AFTER", "FREED"
        )?;
        for Told {
            record,
            restart_loop,
        } in &self.records
        {
            let share = Percent::new(record.rss_percent).map_or(String::new(), |p| p.to_string());
            writeln!(
                out,
                "{}  {:>7}  {:name$}  {:user$}  {:>9}  {share:>7}  {:<7}  {:>6.2}s  {:>9}  {}{}",
                local_time(UNIX_EPOCH + Duration::from_secs(record.time.min(1 << 40))),
                record.pid,
                OneLine(&record.name).to_string(),
                OneLine(&record.user).to_string(),
                Bytes::new(record.rss_bytes).to_string(),
                OneLine(&record.signal).to_string(),
                record.seconds,
                Bytes::new(record.freed_bytes).to_string(),
                OneLine(&record.threshold),
                if *restart_loop { ", restart loop" } else { "" }
            )?;
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)] // counts of kills, for a bar
    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nBy name and user:")?;
        let most = self.summary.iter().map(|sum| sum.count).max().unwrap_or(1);
        for sum in &self.summary {
            let bar = bar(sum.count as f64 / most as f64 * 100.0, BAR);
            write!(
                out,
                "  {bar}  {:>4}  {} ({}), {} came back",
                sum.count,
                OneLine(&sum.name),
                OneLine(&sum.user),
                Bytes::new(sum.freed_bytes)
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

/// The service that the process was of. In a scope or a slice are many things that have nothing to do
/// with each other.
fn service(record: &Record) -> Option<&str> {
    let unit = record.unit.as_deref()?;
    (unit.ends_with(".service") && !unit.starts_with("user@")).then_some(unit)
}

/// Whether it is the same thing that was ended again: of one service, or of one name and user.
fn is_same(one: &Record, other: &Record) -> bool {
    match (service(one), service(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => (&one.name, one.uid) == (&other.name, other.uid),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(time: u64, name: &str, unit: Option<&str>) -> Record {
        Record {
            time,
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
            freed_bytes: 2 << 30,
        }
    }

    #[test]
    fn what_comes_back_within_minutes_is_a_loop() {
        let past = Past {
            records: vec![
                record(1000, "a", Some("a.service")),
                record(1100, "b", None),
                record(1200, "a-worker", Some("a.service")),
                record(1200, "c", Some("session-1.scope")),
                record(9000, "a", Some("a.service")),
                record(9100, "b", None),
            ],
            skipped: 1,
        };
        let restart = |unit: &str| (unit == "a.service").then(|| "always".to_owned());
        let report = PastReport::new(past, |record| record.name != "c", restart);
        let loops: Vec<_> = report
            .records
            .iter()
            .map(|told| told.restart_loop)
            .collect();
        assert_eq!(loops, [false, false, true, false, false]);
        assert_eq!(report.total(), (5, Bytes::new(10 << 30)));
        let text = report.text();
        assert!(
            text.contains(
                "1  a-worker (john), 2.00GB came back, restart loop: a.service has Restart=always\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("####################     2  a (john), 4.00GB came back\n"),
            "{text}"
        );
        assert!(
            text.ends_with("One line of the record can't be read and was skipped.\n"),
            "{text}"
        );
    }
}

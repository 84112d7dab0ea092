//! The week by the schedules.

use crate::commands::config_line::from;
use crate::config::Config;
use crate::config::schedule::{DAYS, Stretch, WeekMinute, in_force, week};
use crate::escape::OneLine;
use serde::Serialize;
use std::fmt::Write;

/// The schedules, and when each is in force.
#[derive(Debug, Serialize)]
pub(super) struct Week {
    /// Local time, as `mon 09:00`.
    now: String,
    /// The number of the schedule in force.
    schedule_now: Option<usize>,
    schedules: Vec<Scheduled>,
    stretches: Vec<InForce>,
    #[serde(skip)]
    days: Vec<Day>,
}

#[derive(Debug, Serialize)]
struct Scheduled {
    number: usize,
    schedule: String,
    from: String,
}

#[derive(Debug, Serialize)]
struct InForce {
    /// Its first minute, as `mon 09:00`.
    from: String,
    /// The number of the schedule in force until the next stretch; None for none.
    schedule: Option<usize>,
}

/// The minutes of one day at which a schedule, by its number, or none comes into force.
type Day = Vec<(u16, Option<usize>)>;

impl Week {
    /// None where there are no schedules.
    pub(super) fn new(config: &Config, now: WeekMinute) -> Option<Self> {
        let schedules = &config.schedules;
        if schedules.is_empty() {
            return None;
        }
        let number = |index: Option<usize>| index.map(|index| index + 1);
        let numbered = schedules.iter().zip(1..);
        let stretches = week(schedules);
        Some(Self {
            now: now.to_string(),
            schedule_now: number(in_force(schedules, now)),
            schedules: numbered
                .map(|(schedule, number)| Scheduled {
                    number,
                    schedule: schedule.to_string(),
                    from: from(schedule.location.as_ref()),
                })
                .collect(),
            days: days(&stretches),
            stretches: stretches
                .iter()
                .map(|stretch| InForce {
                    from: stretch.from.to_string(),
                    schedule: number(stretch.schedule),
                })
                .collect(),
        })
    }

    pub(super) fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\nThe week by local time, where it is {} now, with {}:",
            self.now,
            name(self.schedule_now)
        )?;
        for (first, last) in runs(&self.days) {
            let name = |day: usize| DAYS.get(day).copied().unwrap_or_default();
            let days = match last - first {
                0 => name(first).to_owned(),
                1 => format!("{}, {}", name(first), name(last)),
                _ => format!("{} to {}", name(first), name(last)),
            };
            write!(out, "  {days:<10}")?;
            let mut separator = "  ";
            for (minute, number) in self.days.get(first).into_iter().flatten() {
                let (hour, minute) = (minute / 60, minute % 60);
                let what = self::name(*number);
                write!(out, "{separator}{hour:02}:{minute:02} {what:<12}")?;
                separator = "  ";
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
        for scheduled in &self.schedules {
            writeln!(
                out,
                "  schedule {}  {}  ({})",
                scheduled.number,
                OneLine(&scheduled.schedule),
                scheduled.from
            )?;
        }
        Ok(())
    }
}

fn name(number: Option<usize>) -> String {
    number.map_or("[thresholds]".to_owned(), |number| {
        format!("schedule {number}")
    })
}

/// The week by days: each begins with what is in force at its first minute.
fn days(stretches: &[Stretch]) -> Vec<Day> {
    let mut before = None;
    let day = |weekday: usize| {
        let mut day = vec![(0, before)];
        for stretch in stretches {
            if stretch.from.weekday() == weekday {
                let number = stretch.schedule.map(|index| index + 1);
                day.retain(|(minute, _)| *minute != stretch.from.minute());
                day.push((stretch.from.minute(), number));
                before = number;
            }
        }
        day
    };
    (0..DAYS.len()).map(day).collect()
}

/// The first and the last day of each run of days that are alike.
fn runs(days: &[Day]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (index, day) in days.iter().enumerate() {
        match runs.last_mut() {
            Some((first, last)) if days.get(*first) == Some(day) => *last = index,
            _ => runs.push((index, index)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;
    use std::path::PathBuf;

    #[test]
    fn days_that_are_alike_share_a_line() {
        let text = b"[[schedule]]\nfrom = \"09:00\"\nto = \"17:30\"\ndays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]\ncheck_interval = 15\n\
            [[schedule]]\nfrom = \"22:00\"\nto = \"06:00\"\ndays = [\"fri\"]\nram_gb_threshold = 8.0\n";
        let origin = Origin::File(PathBuf::from("/w.toml"));
        let loaded = Config::parse(text, origin, &|_| Ok(None)).unwrap();
        let week = Week::new(&loaded.config, WeekMinute::new(0, 600)).unwrap();
        let mut text = String::new();
        week.write(&mut text).unwrap();
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "The week by local time, where it is mon 10:00 now, with schedule 1:",
                "  mon to thu  00:00 [thresholds]  09:00 schedule 1    17:30 [thresholds]",
                "  fri         00:00 [thresholds]  09:00 schedule 1    17:30 [thresholds]  22:00 schedule 2",
                "  sat         00:00 schedule 2    06:00 [thresholds]",
                "  sun         00:00 [thresholds]",
                "  schedule 1  09:00 to 17:30 on mon tue wed thu fri, check_interval = 15  (/w.toml:1)",
                "  schedule 2  22:00 to 06:00 on fri, ram_gb_threshold = 8.00GB  (/w.toml:6)",
            ]
        );
    }
}

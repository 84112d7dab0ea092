//! Whether the daemon runs and how things are, for people and for programs.

use crate::commands::progress::{Processes, ago};
use crate::escape::OneLine;
use crate::quantities::Bytes;
use crate::quantities::Span;
use crate::state::status::{Noted, State, Waiting};
use serde::Serialize;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A check that is so late means that the daemon hangs, or that the machine was suspended.
const LATE: Duration = Duration::from_secs(15);

/// What the status is made from.
#[derive(Debug)]
pub(super) struct Situation {
    /// What the daemon has left.
    pub state: State,
    /// What there is to say about the configuration file as it is on disk now.
    pub file: Vec<String>,
    /// How many were ended since midnight, and how much came back; None where the record can't be
    /// read.
    pub today: Option<(usize, Bytes)>,
}

/// Whether the daemon runs and how things are.
#[derive(Debug, Serialize)]
pub(super) struct StatusReport {
    running: bool,
    /// Whether the daemon should have looked again by now.
    stale: bool,
    #[serde(flatten)]
    state: State,
    configuration_on_disk: Vec<String>,
    ended_today: Option<usize>,
    freed_today_bytes: Option<Bytes>,
}

impl StatusReport {
    /// Of a daemon that runs.
    pub(super) fn new(situation: Situation) -> Self {
        let due = time(situation.state.next_check);
        let late = SystemTime::now().duration_since(due).unwrap_or_default();
        let (ended, freed) = situation.today.unzip();
        Self {
            running: true,
            stale: late > LATE,
            state: situation.state,
            configuration_on_disk: situation.file,
            ended_today: ended,
            freed_today_bytes: freed,
        }
    }

    /// As text for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes any text.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let State {
            version,
            pid,
            started,
            is_service,
            configuration,
            config_loaded,
            dry_run,
            last_check,
            next_check,
            scanned,
            over,
            ended,
            ending,
            spared,
            waiting,
            ..
        } = &self.state;
        let now = SystemTime::now();
        let how = if *is_service {
            "as a service"
        } else {
            "by hand"
        };
        writeln!(
            out,
            "memory-monitor {} runs {how}: PID {pid}, since {}",
            OneLine(version),
            ago(time(*started), now)
        )?;
        if *dry_run {
            writeln!(out, "It is a dry run: it signals nobody.")?;
        }
        writeln!(
            out,
            "Policy: {}, read {}",
            OneLine(configuration),
            ago(time(*config_loaded), now)
        )?;
        for line in &self.configuration_on_disk {
            writeln!(out, "  {}", OneLine(line))?;
        }
        match scanned {
            0 => writeln!(out, "Last check: none yet")?,
            _ => writeln!(
                out,
                "Last check: {}, {}, {over} over",
                ago(time(*last_check), now),
                Processes(*scanned)
            )?,
        }
        match time(*next_check).duration_since(now) {
            Ok(left) => writeln!(out, "Next check: in {}", Span(left))?,
            Err(late) if self.stale => writeln!(
                out,
                "Next check: was due {} ago. This is stale: the daemon hangs, or the machine was suspended",
                Span(late.duration())
            )?,
            Err(_) => writeln!(out, "Next check: now")?,
        }
        match (self.ended_today, self.freed_today_bytes) {
            (Some(today), Some(freed)) => writeln!(
                out,
                "Ended today: {today}, {freed} came back; since its start: {ended}"
            )?,
            _ => writeln!(
                out,
                "Ended since its start: {ended}, today's record can't be read here"
            )?,
        }
        write_list(out, "Being ended now:", ending)?;
        let waits = |waiting: &Waiting| Noted {
            note: format!("{}, {} left", waiting.process.note, Span(waiting.left(now))),
            ..waiting.process.clone()
        };
        let waiting: Vec<_> = waiting.iter().map(waits).collect();
        write_list(out, "Over a threshold, and waited for:", &waiting)?;
        write_list(out, "Over a threshold, but spared:", spared)
    }
}

fn write_list(out: &mut String, title: &str, processes: &[Noted]) -> std::fmt::Result {
    if processes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for noted in processes {
        writeln!(
            out,
            "{:>9}  {:>9}  {} ({}), {}",
            noted.pid,
            Bytes::new(noted.rss_bytes).to_string(),
            OneLine(&noted.name),
            OneLine(&noted.user),
            OneLine(&noted.note)
        )?;
    }
    Ok(())
}

/// A time that the daemon has written; one that no clock shows is bounded.
fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(1 << 40))
}

//! Whether the daemon runs and what it does, for people and for programs.

use crate::commands::config_line::file_of;
use crate::commands::exemptions::ExemptRow;
use crate::commands::freed::Freed;
use crate::commands::peers::{Peer, notes};
use crate::commands::progress::{Processes, ago};
use crate::config::{DryRun, GroupAction, SystemAction};
use crate::escape::OneLine;
use crate::quantities::{Bytes, Span};
use crate::state::status::{DaemonStatus, GroupOver, GroupState, ProcessNote, Waiting};
use serde::Serialize;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A scan that is so late means that the daemon hangs, or that the machine was suspended.
const LATE: Duration = Duration::from_secs(15);

/// What the report is made from.
#[derive(Debug)]
pub(super) struct Situation {
    /// What the daemon has written.
    pub status: DaemonStatus,
    /// How the configuration on disk, or another one that was given, differs from the one in force.
    pub file: Vec<String>,
    /// How many processes were killed since midnight, and how much memory they freed; None where the history can't be
    /// read.
    pub today: Option<(usize, Freed)>,
    /// The exemptions in force; None where they can't be read.
    pub exemptions: Option<Vec<ExemptRow>>,
    /// What else kills when the machine is short of memory.
    pub peers: Vec<Peer>,
}

/// Whether the daemon runs and what it does.
#[derive(Debug, Serialize)]
pub(super) struct StatusReport {
    running: bool,
    /// Whether the next scan should be over by now.
    stale: bool,
    #[serde(flatten)]
    status: DaemonStatus,
    configuration_on_disk: Vec<String>,
    ended_today: Option<usize>,
    freed_today_bytes: Option<Freed>,
    exemptions: Option<Vec<ExemptRow>>,
    peers: Vec<Peer>,
}

impl StatusReport {
    /// Of a daemon that runs.
    pub(super) fn new(situation: Situation) -> Self {
        let due = time(situation.status.next_check);
        let late = SystemTime::now().duration_since(due).unwrap_or_default();
        let (ended, freed) = situation.today.unzip();
        Self {
            running: true,
            stale: late > LATE,
            status: situation.status,
            configuration_on_disk: situation.file,
            ended_today: ended,
            freed_today_bytes: freed,
            exemptions: situation.exemptions,
            peers: situation.peers,
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
        let status = &self.status;
        let now = SystemTime::now();
        let how = if status.is_service {
            "as a service"
        } else {
            "in the foreground"
        };
        writeln!(
            out,
            "memory-monitor {} runs {how}: PID {}, since {}",
            OneLine(&status.version),
            status.pid,
            ago(time(status.started), now)
        )?;
        if status.dry_run {
            let cause = status.dry_run_cause.as_deref().unwrap_or("dry_run = true");
            let (cause, over) = (&OneLine(cause).to_string(), status.would_kill);
            writeln!(out, "{}", DryRun { cause, over })?;
        }
        writeln!(
            out,
            "Configuration: {}, loaded {}",
            OneLine(file_of(&status.configuration)),
            ago(time(status.config_loaded), now)
        )?;
        for line in &self.configuration_on_disk {
            writeln!(out, "  {}", OneLine(line))?;
        }
        match status.scanned {
            0 => writeln!(out, "Last scan: none yet")?,
            _ => writeln!(
                out,
                "Last scan: {}, {}, {} over",
                ago(time(status.last_check), now),
                Processes(status.scanned),
                status.over
            )?,
        }
        match time(status.next_check).duration_since(now) {
            Ok(left) => writeln!(out, "Next scan: in {}", Span(left))?,
            Err(late) if self.stale => writeln!(
                out,
                "Next scan: was due {} ago. This is stale: the daemon hangs, or the machine was suspended",
                Span(late.duration())
            )?,
            Err(_) => writeln!(out, "Next scan: now")?,
        }
        match (self.ended_today, self.freed_today_bytes) {
            (Some(today), Some(freed)) => writeln!(
                out,
                "Killed today: {today}, {freed}; since its start: {}",
                status.ended
            )?,
            _ => writeln!(
                out,
                "Killed since its start: {}; this user can't read today's history",
                status.ended
            )?,
        }
        if let Some(note) = &status.shortage {
            let began = ago(time(note.began), now);
            let over = match note.over {
                Some(over) => format!(
                    "over after {}",
                    Span(Duration::from_secs(over.saturating_sub(note.began)))
                ),
                None => "not over".to_owned(),
            };
            writeln!(
                out,
                "Short of memory: {began}, {over}, {} killed ({})",
                note.killed,
                OneLine(&note.reason)
            )?;
        }
        let action = SystemAction::of_name(&status.system_action);
        for note in action.map_or(Vec::new(), |action| notes(&self.peers, action)) {
            writeln!(out, "Beside it: {note}")?;
        }
        write_groups(out, &status.groups, now)?;
        write_list(out, "Being killed now:", &status.victims)?;
        let waits = |waiting: &Waiting| ProcessNote {
            note: format!("{}, {} left", waiting.process.note, Span(waiting.left(now))),
            ..waiting.process.clone()
        };
        let waiting: Vec<_> = status.waiting.iter().map(waits).collect();
        write_list(out, "Over a threshold, killed later:", &waiting)?;
        write_list(out, "Over a threshold, protected:", &status.protected)?;
        match &self.exemptions {
            Some(exemptions) => write_exemptions(out, exemptions),
            None => writeln!(out, "\nThe exemptions can't be read."),
        }
    }
}

/// All that are in force, also of processes that are over no threshold.
fn write_exemptions(out: &mut String, exemptions: &[ExemptRow]) -> std::fmt::Result {
    if !exemptions.is_empty() {
        writeln!(out, "\nExempt:")?;
    }
    for row in exemptions {
        let ExemptRow {
            pid, name, until, ..
        } = row;
        write!(out, "{pid:>9}  {name}, until {until} ({} left)", row.left())?;
        match row.reason.as_str() {
            "" => writeln!(out)?,
            reason => writeln!(out, ", {reason}")?,
        }
    }
    Ok(())
}

fn write_groups(out: &mut String, groups: &[GroupOver], now: SystemTime) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nGroups over their thresholds:")?;
    for group in groups {
        let state = match group.action {
            GroupAction::Warn => GroupState::Warn,
            GroupAction::Kill => group.state,
        };
        let left = group.until.map(|until| time(until).duration_since(now));
        let does = match (state, left) {
            (GroupState::Kill, _) => String::new(),
            (GroupState::Warn, _) => ", only reported".to_owned(),
            (GroupState::Delay, Some(Ok(left))) => {
                format!(", in {} members are killed if it still is", Span(left))
            }
            (GroupState::Delay, _) => {
                ", at the next scan members are killed if it still is".to_owned()
            }
            (GroupState::Ending, _) => ", waits for the end of what is killed".to_owned(),
            (GroupState::Plentiful, _) => ", nothing is killed, memory is plentiful".to_owned(),
            (GroupState::Protected, _) => ", every member is protected".to_owned(),
            (GroupState::Limited, _) => {
                ", nothing is killed, the limit of kills a minute is reached".to_owned()
            }
        };
        let program = group.program.as_ref();
        let program = program.map_or(String::new(), |name| format!(" ({})", OneLine(name)));
        let s = if group.members == 1 { "" } else { "s" };
        writeln!(
            out,
            "  {}{program}: {} member{s}, {}, over {}{does}",
            OneLine(&group.group),
            group.members,
            Bytes::new(group.bytes),
            OneLine(&group.threshold)
        )?;
    }
    Ok(())
}

fn write_list(out: &mut String, title: &str, processes: &[ProcessNote]) -> std::fmt::Result {
    if processes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for ProcessNote { process, note } in processes {
        let text = |text: &Option<String>| text.clone().unwrap_or("?".to_owned());
        writeln!(
            out,
            "{:>9}  {:>9}  {} ({}), {}",
            process.pid.unwrap_or(0),
            Bytes::new(process.rss_bytes.unwrap_or(0)).to_string(),
            OneLine(&text(&process.name)),
            OneLine(&text(&process.user)),
            OneLine(note)
        )?;
    }
    Ok(())
}

/// A time that the daemon has written, in a range that every clock can show.
fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(1 << 40))
}

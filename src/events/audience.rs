//! Which sinks get a record. Journal and syslog get the two lines of a scan that found nothing only now and then; the
//! log file and a terminal get every record. Pure.

use crate::proc::SystemMemory;
use log::Record;
use std::time::{Duration, Instant};

/// The sinks that get a record; its target says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    All,
    /// All but journal and syslog.
    Complete,
    /// Journal and syslog.
    Quiet,
}

impl Audience {
    /// The target of a record for these sinks.
    pub(super) const fn target(self) -> &'static str {
        match self {
            Self::All => "memory_monitor",
            Self::Complete => "memory_monitor::complete",
            Self::Quiet => "memory_monitor::quiet",
        }
    }
}

/// Whether the record is for a sink that is journal or syslog, or for one that is not.
pub(super) fn is_for(record: &Record<'_>, is_quiet: bool) -> bool {
    let other = if is_quiet {
        Audience::Complete
    } else {
        Audience::Quiet
    };
    record.target() != other.target()
}

/// When journal and syslog get the lines of a scan.
#[derive(Debug, Default)]
pub(super) struct ScanLines {
    /// The time between the lines of scans that found nothing.
    interval: Duration,
    /// When journal and syslog got the lines last; None where they are to get those of the next scan.
    last: Option<Instant>,
    /// The first line of a scan, until that is found to have something to report.
    held: Option<SystemMemory>,
}

impl ScanLines {
    /// The lines of the next scan are written whatever it finds, those of later ones at this interval.
    pub(super) fn restart(&mut self, interval: Duration) {
        (self.interval, self.last) = (interval, None);
    }

    /// A scan begins: who gets its first line now.
    pub(super) fn begin(&mut self, memory: &SystemMemory, now: Instant) -> Audience {
        let is_early = |last| now.saturating_duration_since(last) < self.interval;
        if self.last.is_some_and(is_early) {
            self.held = Some(*memory);
            Audience::Complete
        } else {
            Audience::All
        }
    }

    /// There is something to report: the first line, where journal and syslog have not got it yet.
    pub(super) fn take_held(&mut self) -> Option<SystemMemory> {
        self.held.take()
    }

    /// A scan is complete: who gets its last line.
    pub(super) fn end(&mut self, now: Instant) -> Audience {
        if self.held.take().is_some() {
            return Audience::Complete;
        }
        self.last = Some(now);
        Audience::All
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_that_found_nothing_is_told_once_an_interval() {
        let (mut lines, memory) = (ScanLines::default(), SystemMemory::default());
        let start = Instant::now();
        lines.restart(Duration::from_secs(60));
        let mut told = Vec::new();
        for second in (0..=150).step_by(30) {
            let now = start + Duration::from_secs(second);
            let first = lines.begin(&memory, now);
            if second == 90 {
                assert_eq!(lines.take_held(), Some(memory));
            }
            told.push((first, lines.end(now)));
        }
        let (all, none) = (Audience::All, Audience::Complete);
        let found = (none, all);
        let expected = [
            (all, all),
            (none, none),
            (all, all),
            found,
            (none, none),
            (all, all),
        ];
        assert_eq!(told, expected);
        lines.restart(Duration::ZERO);
        for _ in 0..3 {
            assert_eq!(lines.begin(&memory, start), all);
            assert_eq!(lines.end(start), all);
        }
    }

    #[test]
    fn each_sink_gets_what_is_for_it() {
        let is_for = |audience: Audience, is_quiet| {
            is_for(
                &Record::builder().target(audience.target()).build(),
                is_quiet,
            )
        };
        for is_quiet in [true, false] {
            assert!(is_for(Audience::All, is_quiet));
            assert_eq!(is_for(Audience::Quiet, is_quiet), is_quiet);
            assert_eq!(is_for(Audience::Complete, is_quiet), !is_quiet);
        }
    }
}

//! The metrics of the daemon: what each scan has found, and when the file is written. After the signals only.

use super::{Daemon, Occasion};
use crate::events::Scan;
use crate::policy::Verdict;
use std::time::Duration;

impl Daemon<'_> {
    /// A scan is complete and took so long.
    pub(super) fn count_scan(&mut self, occasion: Occasion, took: Duration) {
        let metrics = self.reporter.metrics();
        let snapshot = &self.snapshot;
        // They are judged once more only where the figure is written.
        let near = snapshot.near.iter().filter(|_| metrics.is_wanted());
        let over = near
            .filter(|process| {
                matches!(
                    self.policy.judge(process, &snapshot.memory),
                    Verdict::Breach(_)
                )
            })
            .count();
        metrics.note_scan(Scan {
            is_early: occasion == Occasion::Early,
            took,
            memory: snapshot.memory,
            processes: snapshot.scanned,
            over,
        });
    }

    /// Writes the file where there is something new.
    pub(super) fn leave_metrics(&mut self) {
        let interval = self.policy.config.check_interval;
        self.reporter.metrics().write(interval);
    }
}

//! How a daemon comes to its end: `--once`, and the kills that are due when it is stopped.

use super::judged::ScanKind;
use super::main_loop::Daemon;
use crate::Error;
use crate::events::Event;
use crate::policy::{Extent, OverSince, Stage, Victim};
use crate::sys;
use crate::sys::signals::{Request, Signals};
use std::time::Duration;

/// How long the daemon stays for its victims when it is stopped: the service has 10 s (TimeoutStopSec=).
const AFTER_STOP: Duration = Duration::from_secs(8);
/// How long `--once` waits for its victims after the last of them was sent SIGKILL.
const AFTER_KILL: Duration = Duration::from_secs(10);

impl Daemon<'_> {
    pub(super) fn run_once(&mut self, signals: &Signals) -> Result<(), Error> {
        let mut now = sys::now();
        self.service.ready();
        self.follow_schedule(&now);
        self.scan_and_report(ScanKind::Regular, Extent::All, &now)?;
        // A delayed kill needs more than one read.
        self.victims.ledger.over = OverSince::default();
        now = sys::now();
        // One that can't be read, or does not take its SIGKILL, is not waited for for ever.
        let longest = self.victims.ledger.last_deadline();
        let end = longest.map(|deadline| deadline + AFTER_KILL);
        let may_end = |victim: &Victim| victim.stage != Stage::Surviving;
        while self.victims.ledger.victims().iter().any(may_end)
            && end.is_some_and(|end| now.monotonic < end)
        {
            self.escalate(&now);
            now = self.next_turn(signals, end, &now);
            if let Some(Request::Stop(signal)) = signals.next() {
                self.reporter.emit(&Event::Stopping(signal));
                break;
            }
        }
        Ok(())
    }

    /// The daemon stops: what is due for its victims soon enough is still done. A second signal ends that.
    pub(super) fn finish_kills(&mut self, signals: &Signals) {
        let mut now = sys::now();
        let end = now.monotonic + AFTER_STOP;
        while self
            .victims
            .ledger
            .next_deadline()
            .is_some_and(|then| then <= end)
        {
            self.escalate(&now);
            now = self.next_turn(signals, None, &now);
            if let Some(Request::Stop(_)) = signals.next() {
                break;
            }
        }
        let victims = self.victims.ledger.victims().iter();
        for victim in victims.filter(|victim| !victim.is_sharer) {
            self.reporter.emit(&Event::LeftBehind(victim));
        }
    }
}

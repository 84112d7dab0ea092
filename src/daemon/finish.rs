//! How a daemon comes to its end: `--once`, and the kills that are due when it is stopped.

use super::judged::ScanKind;
use super::main_loop::Daemon;
use super::system_guard::SystemGuard;
use crate::Error;
use crate::events::Event;
use crate::policy::{Extent, OverSince, Stage, Victim};
use crate::proc::{ProcRoot, SystemFiles};
use crate::sys;
use crate::sys::signals::{Request, Signals};
use std::path::Path;
use std::time::Duration;

/// How long the daemon stays for its victims when it is stopped: the service has 10 s (TimeoutStopSec=).
const AFTER_STOP: Duration = Duration::from_secs(8);
/// How long `--once` waits for its victims after the last of them was sent SIGKILL.
const AFTER_KILL: Duration = Duration::from_secs(10);
/// How long the daemon of a selftest waits for a shortage and its end.
const LONGEST_SHORTAGE: Duration = Duration::from_secs(50);

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
            if let Some(Request::Stop(signal)) = self.victims.next_request(signals) {
                self.reporter.emit(&Event::Stopping(signal));
                break;
            }
        }
        Ok(())
    }

    /// Until memory has been short and no longer is, by what is in this directory: not for ever, so that no such daemon
    /// is left by a selftest that was killed.
    pub(super) fn run_in_shortage(
        &mut self,
        memory: &Path,
        signals: &Signals,
    ) -> Result<(), Error> {
        let mut now = sys::now();
        let end = now.monotonic + LONGEST_SHORTAGE;
        let root = ProcRoot::open(memory, sys::page_size())?;
        self.guard = Some(SystemGuard::new(SystemFiles::open(&root)?, &now));
        self.guard(&now);
        self.scan_and_report(ScanKind::Regular, Extent::All, &now)?;
        self.note_scan(&now);
        let mut was_short = false;
        while now.monotonic < end {
            now = self.next_turn(signals, Some(end), &now);
            if let Some(Request::Stop(signal)) = self.victims.next_request(signals) {
                self.reporter.emit(&Event::Stopping(signal));
                break;
            }
            self.guard(&now);
            self.escalate(&now);
            let guard = self.guard.as_ref();
            let is_short = guard.is_some_and(|guard| guard.shortage.is_short());
            if was_short && !is_short {
                break;
            }
            was_short |= is_short;
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
            if let Some(Request::Stop(_)) = self.victims.next_request(signals) {
                break;
            }
        }
        let victims = self.victims.ledger.victims().iter();
        for victim in victims.filter(|victim| !victim.is_sharer) {
            self.reporter.emit(&Event::LeftBehind(victim));
        }
    }
}

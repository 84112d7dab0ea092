//! The loop that connects the rooms: sample -> decide -> act -> report; reload; stop. Sleeps in one
//! poll(2) and holds no rule, no parser and no text of its own.

mod early_scan;
mod exemptions;
mod hardening;
mod metrics;
mod scan;
mod schedule;
mod state;
#[cfg(test)]
mod tests;
mod victims;

use crate::Error;
use crate::cli::RunOptions;
use crate::config::{Config, Loaded};
use crate::events::{Event, Reporter};
use crate::kill::Actor;
use crate::policy::{Exemptions, Ledger, OverSince, Policy, Stage, Survey};
use crate::proc::{ProcRoot, Sampler, Snapshot, Unreadable};
use crate::quantities::ProcessKey;
use crate::state::status::StatusFile;
use crate::sys;
use crate::sys::memory;
use crate::sys::poll::Poll;
use crate::sys::process::may_signal_anybody;
use crate::sys::signals::{Request, Signals};
use crate::systemd::Service;
use early_scan::Early;
use exemptions::Exempting;
use scan::{Deed, Occasion};
use schedule::Following;
use std::iter;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use victims::Held;

/// After a failing poll(2), which only a kernel without memory has: long enough to use no processor,
/// short enough to miss nothing.
const PAUSE: Duration = Duration::from_millis(100);

/// So many processes over their thresholds at once are dealt with without a heap allocation.
const ROOM: usize = 32;

/// Runs until a signal or, with `--once`, until one check and its consequences are over.
pub(crate) fn run(options: &RunOptions) -> Result<(), Error> {
    start(options, None)
}

/// The same, for the selftest: whatever is seen and decided, no process but `only` is ever signalled.
pub(crate) fn run_confined(options: &RunOptions, only: ProcessKey) -> Result<(), Error> {
    start(options, Some(only))
}

fn start(options: &RunOptions, only: Option<ProcessKey>) -> Result<(), Error> {
    // Before anything is allocated, so that all of it comes from what was touched.
    memory::touch();
    // Until the signals are blocked they end the program, as one must be able to where a FIFO that nobody
    // writes to or a slow directory server makes it wait.
    let loaded = Config::load(options.config.as_deref())?;
    let signals = Signals::block().map_err(|error| Error::System("signalfd", error))?;
    let mut daemon = Daemon::start(options, only, loaded)?;
    if options.once {
        daemon.run_once(&signals)
    } else {
        daemon.run_until_stopped(&signals)
    }
}

struct Daemon<'o> {
    options: &'o RunOptions,
    /// The one process that may be signalled; None for no such limit.
    only: Option<ProcessKey>,
    policy: Policy,
    sampler: Sampler,
    snapshot: Snapshot,
    ledger: Ledger,
    /// The processes of the ledger, held so that their ends are noticed.
    held: Vec<Held>,
    poll: Poll,
    reporter: Reporter,
    service: Service,
    /// What looks between the checks, where that is wanted.
    early: Option<Early>,
    /// What the running check did; its memory is kept.
    deeds: Vec<Deed>,
    /// Who is exempt for a while.
    exempting: Exempting,
    /// Why processes could not be read, when that was last said.
    unreadable_said: Option<Unreadable>,
    /// Which schedule holds.
    following: Following,
}

impl<'o> Daemon<'o> {
    fn start(
        options: &'o RunOptions,
        only: Option<ProcessKey>,
        loaded: Loaded,
    ) -> Result<Self, Error> {
        let sampler = Sampler::new(ProcRoot::system()?);
        let own = sampler.root().own_pid()?;
        let log = &loaded.config.log;
        let status = state::at_start(options, &sampler, own);
        let status_file = StatusFile::usual(sampler.is_hidepid());
        let stderr = options.console.level(log.level);
        let reporter = Reporter::install(log, stderr, status, status_file)?;
        let service = Service::from_environment();
        let policy = Policy {
            config: loaded.config.clone(),
            pinned: Vec::new(),
            own,
            exemptions: Exemptions::default(),
        };
        let mut daemon = Self {
            options,
            only,
            policy,
            sampler,
            snapshot: Snapshot::with_capacity(ROOM),
            ledger: Ledger::with_capacity(ROOM),
            held: Vec::with_capacity(ROOM),
            poll: Poll::with_capacity(ROOM),
            early: None,
            reporter,
            service,
            deeds: Vec::with_capacity(ROOM),
            exempting: Exempting::new(),
            unreadable_said: None,
            following: Following::default(),
        };
        daemon.enforce(loaded, false);
        if !may_signal_anybody() {
            daemon.reporter.emit(&Event::OnlyOwnProcesses);
        }
        if daemon.sampler.hides_processes() {
            daemon.reporter.emit(&Event::Hidepid);
        }
        Ok(daemon)
    }

    fn run_until_stopped(&mut self, signals: &Signals) -> Result<(), Error> {
        self.brace();
        let mut next_check = Instant::now();
        self.service.ready();
        self.leave_state(next_check);
        loop {
            let now = Instant::now();
            if self.follow_schedule() {
                // Who is over what holds from now on does not wait for what held before.
                next_check = now;
            }
            if self
                .next_end_of_exemption(now)
                .is_some_and(|end| end <= now)
            {
                next_check = now;
            }
            if now >= next_check {
                self.check(Occasion::Regular, now);
                let interval = self.policy.config.check_interval;
                // Counted from when it was due, so that the checks don't drift; a daemon that was stopped or
                // overloaded makes up for missed checks with one. While the machine sleeps the clock
                // (CLOCK_MONOTONIC) stands still, as do all processes: no check is missed then.
                next_check = (next_check + interval).max(now);
                if next_check <= Instant::now() {
                    next_check = now + interval;
                }
                self.report_status(next_check);
                self.leave_state(next_check);
            } else if self.is_early_scan_due(now) && self.check(Occasion::Early, now) {
                self.leave_state(next_check);
            }
            self.attend_timed(Instant::now());
            self.attend_victims(Instant::now());
            self.leave_metrics();
            self.service.watchdog();
            self.sleep(signals, Some(next_check));
            while let Some(request) = signals.next() {
                match request {
                    Request::Stop(signal) => {
                        self.service.stopping();
                        self.reporter.emit(&Event::Stopping(signal));
                        self.reporter.remove_status();
                        self.leave_metrics();
                        return Ok(());
                    }
                    Request::Reload => {
                        if self.reload() {
                            next_check = Instant::now();
                        }
                    }
                    Request::ReopenLog => self.reporter.reopen_log(),
                }
            }
        }
    }

    fn run_once(&mut self, signals: &Signals) -> Result<(), Error> {
        self.service.ready();
        self.follow_schedule();
        self.scan_and_act(Occasion::Regular, Instant::now())?;
        // Who must be over for some time is not ended by one look.
        self.ledger.timed = OverSince::default();
        while self
            .ledger
            .victims()
            .iter()
            .any(|victim| victim.stage != Stage::Surviving)
        {
            self.attend_victims(Instant::now());
            self.sleep(signals, None);
            if let Some(Request::Stop(signal)) = signals.next() {
                self.reporter.emit(&Event::Stopping(signal));
                break;
            }
        }
        Ok(())
    }

    /// A tick, where one is due or the kernel has reported pressure: whether a scan can't wait.
    fn is_early_scan_due(&mut self, now: Instant) -> bool {
        let is_pressed = self.poll.is_urgent();
        self.early.as_mut().is_some_and(|early| {
            (is_pressed || now >= early.next_tick()) && early.calls_for_scan(is_pressed, now)
        })
    }

    /// Sleeps until a signal, the end of a victim, word of memory pressure, or the first of all that is due
    /// at a time: `next_check`, a tick, the next thing for a victim, a sign of life.
    fn sleep(&mut self, signals: &Signals, next_check: Option<Instant>) {
        let now = Instant::now();
        let must_ask = self.held.iter().any(Held::must_be_asked);
        let deadlines = [
            next_check,
            self.early.as_ref().map(Early::next_tick),
            self.ledger.next_deadline(self.policy.config.term_timeout),
            self.service.watchdog_interval().map(|time| now + time),
            must_ask.then_some(now + victims::ASKING),
            self.following.next,
            self.next_end_of_exemption(now),
            self.ledger.timed.next_look(),
        ];
        let first = deadlines.into_iter().flatten().min();
        let timeout = first.map(|then| then.saturating_duration_since(now));
        let pidfds = self.held.iter().filter_map(Held::pidfd);
        let descriptors = iter::once(signals.as_fd()).chain(pidfds);
        let pressure = self.early.as_ref().and_then(Early::pressure);
        if self
            .poll
            .wait_or_urgent(descriptors, pressure, timeout)
            .is_err()
        {
            std::thread::sleep(PAUSE);
        }
        self.notice_ends();
    }

    /// Reads the configuration again; whether the new one is in force.
    fn reload(&mut self) -> bool {
        self.service.reloading(sys::monotonic_clock());
        let loaded = Config::load(self.options.config.as_deref());
        let is_good = loaded.is_ok();
        match loaded {
            Ok(loaded) => {
                let log = &loaded.config.log;
                self.reporter
                    .apply(log, self.options.console.level(log.level));
                self.enforce(loaded, true);
                self.set_early_scan();
            }
            Err(refused) => {
                for (index, cause) in refused.to_string().lines().enumerate() {
                    self.reporter
                        .emit(&Event::ReloadRejected(cause, index == 0));
                }
            }
        }
        self.service.ready();
        is_good
    }

    /// Puts a configuration into force and says so.
    fn enforce(&mut self, mut loaded: Loaded, is_reload: bool) {
        if is_reload {
            loaded.keep_users(&self.policy.config);
        }
        let Loaded {
            mut config,
            warnings,
            ..
        } = loaded;
        config.dry_run |= self.options.dry_run;
        self.reporter.emit(&if is_reload {
            Event::Reloaded(&config)
        } else {
            Event::Started(&config)
        });
        if is_reload {
            for change in self.policy.config.changes(&config) {
                self.reporter.emit(&Event::Changed(&change));
            }
        }
        self.reporter.set_notified(config.notify.is_wanted());
        self.reporter.metrics().note_config(&config);
        state::note_config(self.reporter.status(), &config);
        for warning in &warnings {
            self.reporter.emit(&Event::ConfigWarning(warning));
        }
        let mut pinned = Vec::new();
        for &pid in &config.whitelist.pids {
            match self.sampler.identify(pid) {
                Ok(Some(key)) => pinned.push(key),
                Ok(None) | Err(_) => self.reporter.emit(&Event::PidUnused(pid)),
            }
        }
        self.sampler.inquire(Box::new(Survey::new(&config)));
        self.policy = Policy {
            config,
            pinned,
            own: self.policy.own,
            exemptions: std::mem::take(&mut self.policy.exemptions),
        };
        // What holds at this time of the week is looked up again, and said.
        self.following = Following::default();
    }

    fn actor(&self) -> Actor {
        if self.policy.config.dry_run {
            Actor::DryRun
        } else {
            Actor::Real
        }
    }
}

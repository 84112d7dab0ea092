//! The loop: sleeps in one poll(2), and hands each part what it may touch. Holds no rule, no parser and no text of its
//! own.

use super::early_scan::{self, EarlyScan};
use super::exemptions::{self, ExemptionReader};
use super::groups::Groups;
use super::judged::{ScanKind, ScanOutcome};
use super::reload::Occasion;
use super::report::{Lines, Reports};
use super::scan::{self, Machine};
use super::schedule::Schedules;
use super::system_guard::{self, SystemGuard};
use super::victims::{self, Victims};
use super::{group_reports, hardening, reload, state};
use crate::Error;
use crate::cli::RunOptions;
use crate::config::Loaded;
use crate::events::{Event, GroupMemory, Reporter};
use crate::policy::{Extent, Policy};
use crate::proc::cgroup::is_populated;
use crate::quantities::Now;
use crate::state::daemon_lock::DaemonLock;
use crate::sys;
use crate::sys::signals::{Request, Signals};
use crate::systemd::Service;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// After a failing poll(2), which only a kernel without memory has: long enough to use no processor,
/// short enough to miss nothing.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Daemon<'o> {
    pub(super) options: &'o RunOptions,
    pub(super) policy: Policy,
    /// The processes, and the decision about each.
    pub(super) machine: Machine,
    /// The last scan in numbers.
    pub(super) outcome: ScanOutcome,
    /// What was done before, and to which processes.
    pub(super) victims: Victims,
    /// The groups over their thresholds.
    pub(super) groups: Groups,
    /// None where early scan is off.
    pub(super) early: Option<EarlyScan>,
    /// None where the guard is off, and where only one scan is made.
    pub(super) guard: Option<SystemGuard>,
    pub(super) exemptions: ExemptionReader,
    pub(super) schedules: Schedules,
    pub(super) reporter: Reporter,
    pub(super) service: Service,
    /// Held while this daemon runs.
    pub(super) _lock: DaemonLock,
    /// Whether a scan is due at once: a victim has ended, and what it has forked may be over its threshold.
    pub(super) is_rescan_due: bool,
    /// Whether the next scan says that nothing is killed, and how many processes would be.
    pub(super) is_dry_run_new: bool,
}

impl Daemon<'_> {
    pub(super) fn run_until_stopped(&mut self, signals: &Signals) -> Result<(), Error> {
        let mut now = sys::now();
        self.harden(&now);
        let mut next_scan = now.monotonic;
        self.service.ready();
        self.write_state(next_scan, &now);
        loop {
            let has_switched = self.follow_schedule(&now);
            let is_exemption_over = exemptions::next_end(&self.policy, &now)
                .is_some_and(|expires| expires <= now.monotonic);
            if has_switched || is_exemption_over {
                // A process that is over its threshold now does not wait for the interval of before.
                next_scan = now.monotonic;
            }
            // On each occasion to be awake, and first: nothing is as urgent.
            let levels = self.guard(&now);
            if now.monotonic >= next_scan {
                let began = now.monotonic;
                self.scan(ScanKind::Regular, Extent::All, &now);
                self.note_scan(&now);
                let interval = self.policy.config.check_interval;
                // A scan takes time, which counts for what follows.
                now = sys::now();
                // Counted from when it was due, so that the scans don't drift; a daemon that was stopped or overloaded
                // makes up for missed scans with one. While the machine sleeps the clock (CLOCK_MONOTONIC) stands
                // still, as do all processes: no scan is missed then.
                next_scan = (next_scan + interval).max(began);
                if next_scan <= now.monotonic {
                    next_scan = began + interval;
                }
                self.write_state(next_scan, &now);
            } else if let Some(extent) = self.early_scan_due(levels.as_ref(), now.monotonic) {
                let has_killed = self.scan_early(extent, &now);
                now = sys::now();
                if has_killed {
                    self.write_state(next_scan, &now);
                }
            }
            self.read_delayed(&now);
            self.escalate(&now);
            let interval = self.policy.config.check_interval;
            self.reporter.metrics().write(interval);
            self.service.watchdog();
            now = self.next_turn(signals, Some(next_scan), &now);
            while let Some(request) = self.victims.next_request(signals) {
                match request {
                    Request::Stop(signal) => {
                        self.service.stopping();
                        self.reporter.emit(&Event::Stopping(signal));
                        self.finish_kills(signals);
                        self.reporter.remove_status();
                        self.reporter.metrics().write(interval);
                        return Ok(());
                    }
                    Request::Reload => {
                        if self.reload(&now) {
                            next_scan = now.monotonic;
                        }
                    }
                    Request::ReopenLog => self.reporter.reopen_log(),
                }
            }
        }
    }

    /// Reads the processes whose kill is delayed, where that is due.
    fn read_delayed(&mut self, now: &Now) {
        if self.victims.ledger.over.due(now.monotonic).next().is_none() {
            return;
        }
        self.exemptions
            .read(&mut self.policy, &self.machine.sampler);
        self.machine.read_delayed(scan::Context {
            policy: &self.policy,
            victims: &mut self.victims,
            now,
        });
        self.machine.add_words(&mut self.victims);
        let mut reports = Reports {
            reporter: &mut self.reporter,
            ledger: &mut self.victims.ledger,
            policy: &mut self.policy,
            now,
            lines: Lines::default(),
        };
        reports.judged(&mut self.machine);
        self.write_victims(now);
    }

    /// Sends SIGKILL to the victims whose grace period is over.
    pub(super) fn escalate(&mut self, now: &Now) {
        if self.victims.ledger.victims().is_empty() {
            return;
        }
        self.exemptions
            .read(&mut self.policy, &self.machine.sampler);
        let context = victims::Context {
            policy: &self.policy,
            sampler: &self.machine.sampler,
            memory: &self.machine.snapshot.memory,
            now,
        };
        self.victims.escalate(&context, &mut self.reporter);
    }

    /// Reports the victims that have ended during the last sleep.
    fn report_ended(&mut self, now: &Now) {
        let (policy, sampler) = (&self.policy, &self.machine.sampler);
        let mut ended = self.victims.take_ended(policy, sampler, now);
        if ended.is_empty() {
            return;
        }
        let context = scan::Context {
            policy: &self.policy,
            victims: &mut self.victims,
            now,
        };
        self.machine.doubt_freed(&mut ended, &context);
        self.is_rescan_due = true;
        if let Some(early) = &mut self.early {
            early.tick_at_once(now.monotonic);
        }
        for victim in ended.iter().filter(|victim| !victim.is_sharer) {
            let after = now.monotonic.duration_since(victim.terminated);
            let unit = victim.process.details.unit;
            let service = unit.and_then(|unit| unit.service);
            let is_empty = service.and_then(|path| is_populated(path.as_bytes())) == Some(false);
            let ended = Event::Ended(victim, after, is_empty);
            let total = self.machine.snapshot.memory.total;
            let group = self.groups.watch.group_of(victim.key);
            match group.and_then(|sum| GroupMemory::of(&self.policy, sum, total)) {
                Some(group) => self.reporter.emit(&Event::InGroup(group, &ended)),
                None => self.reporter.emit(&ended),
            }
            if let Some(unit) = unit.filter(|_| is_empty) {
                let uid = victim.process.facts.as_ref().ok().map(|facts| facts.uid);
                let uid = uid.filter(|_| !unit.is_system_service());
                self.reporter.emit(&Event::UnitEmpty(&unit.name, uid));
            }
        }
        if !self.options.once {
            self.write_victims(now);
        }
    }

    /// Sleeps, and begins the next turn of the loop: with its clock, and a report of the victims that have ended.
    pub(super) fn next_turn(
        &mut self,
        signals: &Signals,
        next_scan: Option<Instant>,
        now: &Now,
    ) -> Now {
        self.sleep(signals, next_scan, now);
        let now = sys::now();
        self.machine.sampler.begin_turn();
        self.report_ended(&now);
        now
    }

    /// Sleeps until a signal, the exit of a victim, a notification of PSI, or the first of all that is due at a time:
    /// `next_scan`, a tick, the next step of a kill, a watchdog message.
    fn sleep(&mut self, signals: &Signals, next_scan: Option<Instant>, now: &Now) {
        let watchdog = self.service.watchdog_interval();
        let deadlines = [
            next_scan,
            self.early.as_ref().map(EarlyScan::next_tick),
            self.victims.ledger.next_deadline(),
            self.guard.as_ref().map(|guard| guard.shortage.next_tick()),
            watchdog.map(|interval| now.monotonic + interval),
            self.victims.next_read(now.monotonic),
            self.schedules.next(),
            exemptions::next_end(&self.policy, now),
            self.victims.ledger.over.next_read(),
        ];
        let first = deadlines.into_iter().flatten().min();
        let pressure = self.early.as_ref().and_then(EarlyScan::pressure);
        if self
            .victims
            .sleep(signals.as_fd(), pressure, first)
            .is_err()
        {
            std::thread::sleep(PAUSE);
        }
    }

    /// Follows the schedules; whether another one is in force now, which is reported.
    pub(super) fn follow_schedule(&mut self, now: &Now) -> bool {
        let config = &mut self.policy.config;
        let Some(switch) = self.schedules.follow(config, now) else {
            return false;
        };
        let event = Event::Schedule(&self.policy.config, switch.schedule, switch.until);
        self.reporter.emit(&event);
        true
    }

    /// Prepares for a shortage of memory.
    pub(super) fn harden(&mut self, now: &Now) {
        self.set_between_scans(now);
        let early = self.early.as_mut();
        let over = &self.victims.ledger.over;
        hardening::rehearse(&mut self.machine, early, &self.policy, over, now);
        self.rehearse_guard();
        if let Some(early) = &mut self.early {
            early.tick_at_once(now.monotonic);
        }
        // Whatever it calls for: the first scan follows.
        let _ = self.early_scan_due(None, now.monotonic);
        hardening::lock(&mut self.reporter);
        self.victims.renew_capacity();
    }

    /// Switches what works between two scans on or off, as configured.
    fn set_between_scans(&mut self, now: &Now) {
        let (config, sampler) = (&self.policy.config, &self.machine.sampler);
        early_scan::set(&mut self.early, config, sampler, &mut self.reporter, now);
        // For the selftest no other process is signalled, whatever is short.
        if !self.machine.is_confined() {
            system_guard::set(&mut self.guard, config, sampler, &mut self.reporter, now);
        }
    }

    /// Reloads the configuration; whether the new one is in force.
    fn reload(&mut self, now: &Now) -> bool {
        self.service.reloading(sys::monotonic_clock());
        let loaded = reload::load(&self.policy.config, self.options.config.as_deref());
        let is_valid = loaded.is_ok();
        match loaded {
            Ok(loaded) => {
                let log = &loaded.config.log;
                let stderr = self.options.console.level(log.level);
                self.reporter.apply(log, stderr);
                self.enforce(loaded, Occasion::Reload);
                self.set_between_scans(now);
            }
            Err(rejected) => {
                for (index, cause) in rejected.to_string().lines().enumerate() {
                    self.reporter
                        .emit(&Event::ReloadRejected(cause, index == 0));
                }
            }
        }
        self.service.ready();
        is_valid
    }

    /// Puts a configuration into force and reports that.
    pub(super) fn enforce(&mut self, loaded: Loaded, occasion: Occasion) {
        let context = reload::Context {
            options: self.options,
            policy: &mut self.policy,
            sampler: &self.machine.sampler,
            reporter: &mut self.reporter,
        };
        reload::enforce(context, loaded, occasion);
        // What was decided is by the previous one.
        self.machine.forget();
        self.groups.forget();
        self.victims
            .renew_timeouts(&self.policy, &self.machine.sampler);
        // Which schedule is in force is found out again, and reported.
        self.schedules = Schedules::default();
        self.is_dry_run_new = self.policy.config.dry_run;
    }

    /// Writes the last scan, for systemd and for `status`.
    fn write_state(&mut self, next_scan: Instant, now: &Now) {
        let wait = next_scan.saturating_duration_since(now.monotonic);
        let ScanOutcome {
            processes, over, ..
        } = self.outcome;
        if processes > 0 {
            self.service.status(processes, over, wait);
        }
        let would_kill = self.would_be_killed();
        let machine = &self.machine;
        let (reporter, next_scan) = (&mut self.reporter, now.wall + wait);
        let counts = (&self.outcome, would_kill);
        state::note_scan(reporter, counts, machine, &self.policy, next_scan, now);
        group_reports::note(reporter, &self.groups, machine, &self.policy, now);
        self.write_victims(now);
    }

    /// Writes the victims and the delayed kills for `status`, and the rest as it was.
    pub(super) fn write_victims(&mut self, now: &Now) {
        state::write_victims(&mut self.reporter, &self.machine, &self.victims.ledger, now);
    }
}

//! The guard in the daemon's loop: hands it what it may touch, and reports what it did, after the signals. Touches what
//! the daemon has; decides nothing.

use super::candidates::Context;
use super::main_loop::Daemon;
use super::system_guard::{OrderOutcome, Ordered, SystemGuard};
use super::{state, victims};
use crate::events::{Event, Reason, SystemEvent, Whereabouts};
use crate::kill::SignalOutcome;
use crate::policy::system_guard::Step;
use crate::proc::{Levels, SystemReading};
use crate::quantities::{Now, Signal};
use crate::sys;
use crate::sys::clock::unix_seconds;

impl Daemon<'_> {
    /// A reading of the machine, and what is due then. Its levels are for an early scan.
    pub(super) fn guard(&mut self, now: &Now) -> Option<Levels> {
        let Some(mut guard) = self.guard.take() else {
            self.victims.ledger.is_short = false;
            self.note_over(now);
            return None;
        };
        let was_short = guard.shortage.is_short();
        let (read, step, outcome) = self.guard_and_signal(&mut guard, now);
        let is_short = guard.shortage.is_short();
        self.follow(&mut guard, step, outcome, now);
        if let (Some(trigger), false) = (guard.level().trigger, was_short) {
            self.reporter.metrics().count_shortage(trigger);
        }
        // Another order follows at once, which must not wait for a file.
        if outcome != Some(OrderOutcome::Changed) {
            self.note_level(&guard, now);
        }
        let is_new = step != Step::Rest || was_short != is_short;
        let level = *guard.level();
        self.reporter.metrics().note_system(level, is_short, is_new);
        self.guard = Some(guard);
        read.levels.total.map(|_| read.levels)
    }

    /// The part that is urgent: the reading, and the signals of an order.
    pub(super) fn guard_and_signal(
        &mut self,
        guard: &mut SystemGuard,
        now: &Now,
    ) -> (SystemReading, Step, Option<OrderOutcome>) {
        let (read, step) = guard.tick(&self.policy.config, &self.victims, now);
        self.victims.ledger.is_short = guard.shortage.is_short();
        if step != Step::Rest {
            self.exemptions
                .read(&mut self.policy, &self.machine.sampler);
        }
        let outcome = if step == Step::Choose {
            Some(guard.order(&mut self.context(now)))
        } else {
            None
        };
        (read, step, outcome)
    }

    /// Does what else is due, and reports.
    fn follow(
        &mut self,
        guard: &mut SystemGuard,
        step: Step,
        outcome: Option<OrderOutcome>,
        now: &Now,
    ) {
        match step {
            Step::Rest | Step::SetAside => {}
            Step::Choose => {
                if let Some(outcome) = outcome {
                    self.finish_order(guard, outcome, now);
                }
            }
            Step::Warn => {
                let first = guard.first(&mut self.context(now));
                let event = SystemEvent::Short(guard.level(), first.as_ref());
                self.reporter.emit(&Event::System(event));
            }
            Step::Escalate => self.kill_victims(guard, now),
            Step::Over { after, killed } => {
                let event = SystemEvent::Over(guard.level(), after, killed);
                self.reporter.emit(&Event::System(event));
                self.note_over(now);
            }
        }
    }

    /// For `status`: that memory is short, whatever is done about it, and that it no longer is.
    fn note_level(&mut self, guard: &SystemGuard, now: &Now) {
        let note = self.reporter.status().shortage.as_ref();
        let is_known = note.is_some_and(|note| note.over.is_none());
        if guard.level().trigger.is_some() && !is_known {
            let seconds = unix_seconds(now.wall);
            state::note_shortage(self.reporter.status(), guard.level(), seconds, 0);
            self.write_victims(now);
        } else if guard.shortage.is_over() {
            self.note_over(now);
        }
    }

    fn note_over(&mut self, now: &Now) {
        let status = self.reporter.status();
        if state::note_shortage_over(status, unix_seconds(now.wall)) {
            self.write_victims(now);
        }
    }

    fn context<'d>(&'d mut self, now: &'d Now) -> Context<'d> {
        Context {
            policy: &self.policy,
            machine: &mut self.machine,
            victims: &mut self.victims,
            now,
        }
    }

    /// What comes after the signals of an order: SIGKILL where there is no time for a grace period, and the reports.
    fn finish_order(&mut self, guard: &mut SystemGuard, outcome: OrderOutcome, now: &Now) {
        let level = *guard.level();
        match outcome {
            OrderOutcome::Signalled(count) => {
                let is_urgent = guard.shortage.is_urgent(guard.why);
                guard.shortage.ordered(count, now.monotonic);
                if is_urgent {
                    self.kill_victims(guard, now);
                }
                state::note_shortage(
                    self.reporter.status(),
                    &level,
                    unix_seconds(now.wall),
                    count,
                );
            }
            OrderOutcome::DryRun => {
                guard.shortage.reported();
                let ordered = guard.orders.iter();
                let ordered = ordered.filter(|own| matches!(own.outcome, SignalOutcome::DryRun));
                let keys = ordered.map(|own| own.candidate.key);
                guard.would_be.extend(keys);
            }
            OrderOutcome::Awaited => {
                guard.shortage.ordered(0, now.monotonic);
                let ledger = &self.victims.ledger;
                let first = ledger
                    .victims()
                    .iter()
                    .find(|victim| guard.victims.contains(&victim.key));
                if guard.shortage.note_warned(now.monotonic) {
                    let event = SystemEvent::Short(&level, first.map(|victim| &victim.process));
                    self.reporter.emit(&Event::System(event));
                }
                if guard.shortage.is_desperate() {
                    self.kill_victims(guard, now);
                }
            }
            OrderOutcome::NoCandidate => {
                if guard.shortage.found_none(now.monotonic) {
                    self.report_no_candidate(guard, now);
                }
            }
            OrderOutcome::Changed => guard.shortage.choose_again(now.monotonic),
        }
        self.report_orders(guard, now);
        if let OrderOutcome::Signalled(_) = outcome {
            self.write_victims(now);
        }
    }

    fn kill_victims(&mut self, guard: &SystemGuard, now: &Now) {
        let context = victims::Context {
            policy: &self.policy,
            sampler: &self.machine.sampler,
            memory: &self.machine.snapshot.memory,
            now,
        };
        guard.escalate(&mut self.victims, &context, &mut self.reporter);
    }

    fn report_orders(&mut self, guard: &mut SystemGuard, now: &Now) {
        let level = *guard.level();
        let (why, lost) = (guard.why, guard.lost(now.monotonic));
        let victims = guard.orders.len();
        for ordered in &guard.orders {
            let Ordered {
                process,
                candidate,
                breach,
                outcome,
            } = ordered;
            let reason = SystemEvent::Reason(
                process,
                breach,
                Reason {
                    level: &level,
                    victim: candidate,
                    why,
                    lost,
                    victims,
                },
            );
            let is_reported = matches!(outcome, SignalOutcome::Sent | SignalOutcome::DryRun);
            if is_reported && guard.shortage.note_warned(now.monotonic) {
                let event = SystemEvent::Short(&level, Some(process));
                self.reporter.emit(&Event::System(event));
            }
            match outcome {
                SignalOutcome::Sent => {
                    self.reporter.emit(&Event::Killing(process, breach));
                    self.reporter.emit(&Event::System(reason));
                }
                SignalOutcome::DryRun => {
                    self.reporter.emit(&Event::WouldKill(process, breach));
                    self.reporter.emit(&Event::System(reason));
                }
                SignalOutcome::NotPermitted => {
                    self.reporter.emit(&Event::NotPermitted(process, breach));
                }
                SignalOutcome::Gone => {}
                SignalOutcome::Failed(error) => {
                    let event = Event::SignalFailed(process, Signal::Terminate, error);
                    self.reporter.emit(&event);
                }
            }
        }
        guard.orders.clear();
    }

    fn report_no_candidate(&mut self, guard: &SystemGuard, now: &Now) {
        let (protected, largest, is_any_small) =
            guard
                .candidates()
                .protected(&self.policy, &self.machine, now);
        let largest = largest.as_ref();
        let event = SystemEvent::NoCandidate(Whereabouts {
            protected,
            largest: largest.map(|(process, protection)| (process, self.policy.shown(protection))),
            other: guard.other_memory(),
            is_any_small,
        });
        self.reporter.emit(&Event::System(event));
    }

    /// After a regular scan: what is taken from now on counts from there, and what the kernel did meanwhile.
    pub(super) fn note_scan(&mut self, now: &Now) {
        if let Some(guard) = &mut self.guard {
            guard.note_scan(&self.policy, &mut self.machine, now);
        }
        let count = self.machine.kernel_kills.take();
        if count > 0 {
            let event = SystemEvent::KernelKills(count);
            self.reporter.emit(&Event::System(event));
        }
    }

    /// Brings all that the guard needs into memory.
    pub(super) fn rehearse_guard(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            guard.rehearse(&mut self.context(&sys::now()));
            self.guard = Some(guard);
        }
    }
}

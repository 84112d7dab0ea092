//! What was done before, and the processes it was done to: held until they have ended, sent SIGKILL when their grace
//! period is over. Touches the held processes and the log, and sleeps for the daemon, as it waits for their exit.

use crate::events::{Event, Reporter};
use crate::kill::{SignalOutcome, Signaller};
use crate::policy::{Due, Ledger, Policy, Protection, Stage, Victim};
use crate::proc::{Details, Facts, Process, Sampler, SystemMemory};
use crate::quantities::{Bytes, Now, ProcessKey, Signal};
use crate::sys::process::ProcessHandle;
use crate::sys::signals::{Request, Signals};
use crate::sys::{memory, poll::Poll};
use std::io;
use std::iter;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// The time between two reads of a victim where the kernel has no pidfd to wait on.
const INTERVAL: Duration = Duration::from_millis(100);

/// So many victims at once: their memory is bounded, and further ones are killed when these have ended.
pub(super) const MOST: usize = 256;
/// Descriptors for everything else: watched processes, files, sockets.
const OTHERS: u64 = 48;
/// Before a victim that could not be read is read again.
const PAUSE: Duration = Duration::from_millis(100);

/// How many victims can be held with so many descriptors, two for each.
fn capacity(descriptors: u64) -> usize {
    let capacity = descriptors.saturating_sub(OTHERS) / 2;
    usize::try_from(capacity).unwrap_or(MOST).clamp(4, MOST)
}

/// The ledger, and its victims, held.
#[derive(Debug)]
pub(super) struct Victims {
    pub(super) ledger: Ledger,
    held: Vec<Held>,
    poll: Poll,
    /// For one of them.
    probe: Poll,
    /// How many are held at once.
    capacity: usize,
}

#[derive(Debug)]
struct Held {
    key: ProcessKey,
    handle: ProcessHandle,
}

/// What SIGKILL needs to know.
pub(super) struct Context<'c> {
    pub(super) policy: &'c Policy,
    pub(super) sampler: &'c Sampler,
    pub(super) memory: &'c SystemMemory,
    pub(super) now: &'c Now,
}

impl Victims {
    /// So many victims at once cost no heap allocation.
    pub(super) fn with_capacity(victims: usize) -> Self {
        Self {
            ledger: Ledger::with_capacity(victims),
            held: Vec::with_capacity(victims),
            // The signals' descriptor and the one of PSI are polled as well.
            poll: Poll::with_capacity(victims + 2),
            probe: Poll::with_capacity(1),
            capacity: capacity(memory::descriptor_limit()),
        }
    }

    /// Whether a further process can be held.
    pub(super) fn has_capacity(&self) -> bool {
        self.held.len() < self.capacity
    }

    /// The same for a process that shares its memory with a victim: half of all is left for others.
    pub(super) fn has_capacity_for_sharers(&self) -> bool {
        self.held.len() < self.capacity / 2
    }

    /// What sends signals under this policy.
    pub(super) fn signaller(policy: &Policy) -> Signaller {
        if policy.config.dry_run {
            Signaller::DryRun
        } else {
            Signaller::Real
        }
    }

    /// The limit of descriptors was raised.
    pub(super) fn renew_capacity(&mut self) {
        self.capacity = capacity(memory::descriptor_limit());
    }

    /// Holds a process that was sent SIGTERM.
    pub(super) fn hold(&mut self, key: ProcessKey, handle: ProcessHandle) {
        self.held.push(Held { key, handle });
    }

    /// How many are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Lets all of them go.
    #[cfg(test)]
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }

    /// When a victim is to be read to find out whether it has ended; None where the kernel notifies of that.
    pub(super) fn next_read(&self, now: Instant) -> Option<Instant> {
        let must_be_read = |held: &Held| held.handle.pidfd().is_none();
        let is_any = self.held.iter().any(must_be_read);
        is_any.then(|| now + INTERVAL)
    }

    /// Sleeps until `signals` is readable, a victim has ended, PSI notifies of pressure, or `deadline`.
    pub(super) fn sleep(
        &mut self,
        signals: BorrowedFd<'_>,
        pressure: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let pidfds = self.held.iter().filter_map(|held| held.handle.pidfd());
        let descriptors = iter::once(signals).chain(pidfds);
        self.poll.wait_until(descriptors, pressure, deadline)
    }

    /// The next request since the last sleep, where it was ended by one; None when there is none.
    pub(super) fn next_request(&self, signals: &Signals) -> Option<Request> {
        // Index 0 is theirs.
        self.poll.is_ready(0).then(|| signals.next()).flatten()
    }

    /// Whether PSI notified of pressure during the last sleep.
    pub(super) fn is_pressed(&self) -> bool {
        self.poll.is_urgent()
    }

    /// The victims that have ended since the last sleep began.
    pub(super) fn take_ended(
        &mut self,
        policy: &Policy,
        sampler: &Sampler,
        now: &Now,
    ) -> Vec<Victim> {
        let mut ended = Vec::new();
        // Index 0 is the signals'.
        let mut index = 0;
        for held in &self.held {
            let has_ended = if held.handle.pidfd().is_some() {
                index += 1;
                self.poll.is_ready(index)
            } else {
                let process = sampler.read_held(policy, &held.handle);
                process.is_none_or(|process| process.has_exited())
            };
            if has_ended {
                ended.push(held.key);
            }
        }
        self.held.retain(|held| !ended.contains(&held.key));
        let ended = ended.into_iter();
        ended.filter_map(|key| self.ledger.end(key, now)).collect()
    }

    /// Another configuration is in force: the victims have the grace period that it gives them.
    pub(super) fn renew_timeouts(&mut self, policy: &Policy, sampler: &Sampler) {
        for held in &self.held {
            if let Some(process) = sampler.read_held(policy, &held.handle) {
                let timeout = policy.criteria(&process).term_timeout;
                self.ledger.record_timeout(held.key, timeout);
            }
        }
    }

    /// Does what is due for the victims: SIGKILL first, to all, and then the rest.
    pub(super) fn escalate(&mut self, context: &Context<'_>, reporter: &mut Reporter) {
        let now = context.now.monotonic;
        let mut killed = Vec::new();
        while let Some((victim, due)) = self.ledger.next_due(now) {
            match due {
                Due::Kill => {
                    if self.kill(&victim, context, reporter) {
                        killed.push(victim);
                    }
                }
                // It has ended since the last poll; the next one notices.
                Due::Survives if self.has_ended(&victim, context) => {
                    self.ledger.postpone(victim.key, now + PAUSE);
                }
                Due::Survives => {
                    self.ledger.record_stage(victim.key, Stage::Surviving);
                    let after = now.duration_since(victim.terminated);
                    if !victim.is_sharer {
                        reporter.emit(&Event::Survives(&victim, after));
                    }
                }
            }
        }
        self.finish_kills(&killed, context, reporter);
    }

    /// Sends SIGKILL at once to those of these victims that were only sent SIGTERM: to all, and then does the rest.
    pub(super) fn kill_now(
        &mut self,
        keys: &[ProcessKey],
        context: &Context<'_>,
        reporter: &mut Reporter,
    ) {
        let mut killed = Vec::with_capacity(keys.len());
        for key in keys {
            let is_due =
                |victim: &&Victim| victim.key == *key && victim.stage == Stage::Terminating;
            let Some(victim) = self.ledger.victims().iter().find(is_due).copied() else {
                continue;
            };
            if self.kill(&victim, context, reporter) {
                killed.push(victim);
            }
        }
        self.finish_kills(&killed, context, reporter);
    }

    /// What comes after SIGKILL: the memory of the victims is freed at once, and their kills are reported.
    fn finish_kills(&self, killed: &[Victim], context: &Context<'_>, reporter: &mut Reporter) {
        for held in killed.iter().filter_map(|victim| self.find(victim.key)) {
            context.sampler.reclaim(&held.handle);
        }
        for victim in killed.iter().filter(|victim| !victim.is_sharer) {
            reporter.emit(&Event::Escalating(victim));
        }
    }

    /// Whether a victim has no thread left.
    fn has_ended(&mut self, victim: &Victim, context: &Context<'_>) -> bool {
        let Self { held, probe, .. } = self;
        let Some(held) = held.iter().find(|held| held.key == victim.key) else {
            return false;
        };
        if let Some(pidfd) = held.handle.pidfd() {
            let polled = probe.wait(iter::once(pidfd), Some(Duration::ZERO));
            return polled.is_ok() && probe.is_ready(0);
        }
        let process = context.sampler.read_held(context.policy, &held.handle);
        process.is_none_or(|process| process.has_exited())
    }

    fn find(&self, key: ProcessKey) -> Option<&Held> {
        self.held.iter().find(|held| held.key == key)
    }

    /// Sends SIGKILL if the victim still exists and is not protected by now; whether it was sent.
    fn kill(&mut self, victim: &Victim, context: &Context<'_>, reporter: &mut Reporter) -> bool {
        let Context {
            policy,
            sampler,
            memory,
            now,
        } = *context;
        let key = victim.key;
        let Some(held) = self.find(key) else {
            // All are held; of one that is not, no end would be noticed.
            self.ledger.cancel(key);
            return false;
        };
        let Some(process) = read(victim, &held.handle, context) else {
            // It has ended, which the next poll notices; or it could not be read, and is tried again.
            self.ledger.postpone(key, now.monotonic + PAUSE);
            return false;
        };
        let mut reason = "dry_run is true".to_owned();
        let outcome = match policy.protection(&process, memory, now) {
            // It was read before, and what could be told then still holds: this is no protection, and tried again.
            Some(Protection::Unreadable(_)) => {
                self.ledger.postpone(key, now.monotonic + PAUSE);
                return false;
            }
            Some(protection) => {
                reason = policy.shown(&protection).to_string();
                SignalOutcome::DryRun
            }
            None => Self::signaller(policy).kill(&held.handle, &|| sampler.is_still(key)),
        };
        if process.rss > Bytes::ZERO {
            self.ledger.record_memory(key, &process);
        }
        let event = match &outcome {
            SignalOutcome::Sent => {
                self.ledger.record_stage(key, Stage::Killed(now.monotonic));
                return true;
            }
            SignalOutcome::Gone => {
                self.ledger.postpone(key, now.monotonic + PAUSE);
                return false;
            }
            SignalOutcome::DryRun => Event::KillCancelled(victim, &reason),
            SignalOutcome::NotPermitted => Event::NotPermitted(&victim.process, &victim.breach),
            SignalOutcome::Failed(error) => {
                Event::SignalFailed(&victim.process, Signal::Kill, error)
            }
        };
        self.held.retain(|held| held.key != key);
        self.ledger.cancel(key);
        if !victim.is_sharer {
            reporter.emit(&event);
        }
        false
    }
}

/// A victim as it is now; None if it has ended or can't be read. Where the machine is short of memory, without waiting
/// for the victim.
fn read(victim: &Victim, handle: &ProcessHandle, context: &Context<'_>) -> Option<Process> {
    let Context {
        policy, sampler, ..
    } = context;
    if !victim.breach.threshold.is_of_system() {
        return sampler.read_held(*policy, handle);
    }
    let glance = sampler.glance_held(*policy, handle)?;
    let (now, then) = (glance.process.facts.ok()?, victim.process.facts.ok()?);
    Some(Process {
        rss: glance.process.rss,
        // What could not be read now was read before.
        facts: Ok(Facts {
            name: then.name,
            is_name_cut: false,
            alias: then.alias,
            is_package_manager: then.is_package_manager,
            ..now
        }),
        details: Details {
            anon: glance.process.details.anon,
            swap: glance.process.details.swap,
            ..victim.process.details
        },
        pid: victim.process.pid,
    })
}

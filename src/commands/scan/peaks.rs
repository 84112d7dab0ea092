//! What `scan --suggest` remembers of each process, and of the machine as a whole.

use super::kinds::Kinds;
use super::names::plain;
use super::sums::{self, Sums};
use crate::Error;
use crate::commands::context::Context;
use crate::policy::system_guard::{Reading, Stall};
use crate::proc::{Snapshot, SystemFiles};
use crate::quantities::{Bytes, Metric, Now, ProcessKey};
use crate::users::UserNames;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

/// PSS is measured of so many processes a scan, the largest; it takes up to 160 us each.
pub(super) const MEASURED: usize = 64;

/// Below this, nothing is suggested that PSS could change.
pub(super) const SMALLEST_GB: f64 = 0.25;

/// The most that was seen of a process that nothing protects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Peak {
    pub(super) pid: u32,
    /// The last one, as a shell that becomes another program keeps its PID.
    #[serde(serialize_with = "plain")]
    pub(super) name: Vec<u8>,
    #[serde(serialize_with = "plain")]
    pub(super) user: Vec<u8>,
    pub(super) rss_bytes: Bytes,
    /// None where it was not measured.
    pub(super) pss_bytes: Option<Bytes>,
    /// Its lowest threshold; None where it is not measured by RSS.
    #[serde(skip)]
    pub(super) threshold: Option<Bytes>,
}

impl Peak {
    /// Whether RSS alone is over its threshold: pages that it shares with others count in full.
    pub(super) fn is_over_by_rss_alone(&self) -> bool {
        let threshold = self.threshold.zip(self.pss_bytes);
        threshold.is_some_and(|(threshold, pss)| self.rss_bytes > threshold && pss <= threshold)
    }

    /// By PSS, or by RSS where that was not measured.
    pub(super) fn shared_out(&self) -> Bytes {
        self.pss_bytes.unwrap_or(self.rss_bytes)
    }
}

/// The machine as a whole.
#[derive(Debug, Default)]
pub(super) struct MachinePeaks {
    pub(super) total: Bytes,
    /// None where the kernel does not say.
    pub(super) least_left: Option<Bytes>,
    /// The most of ten seconds; None where the kernel does not say.
    pub(super) longest_stall: Option<Duration>,
}

/// What was seen in all scans.
#[derive(Debug, Default)]
pub(super) struct Peaks {
    pub(super) processes: HashMap<ProcessKey, Peak>,
    pub(super) machine: MachinePeaks,
    users: UserNames,
    snapshot: Snapshot,
    stall: Stall,
    /// What the processes of each user had together at most.
    pub(super) by_user: Sums,
    /// The same of units, by kinds of them.
    pub(super) kinds: Kinds,
    /// The control groups of the processes that the last scan saw.
    cgroups: HashMap<ProcessKey, Option<Vec<u8>>>,
}

impl Peaks {
    /// Scans once. Fails where /proc can't be read.
    pub(super) fn scan(
        &mut self,
        context: &mut Context,
        system: &mut SystemFiles,
    ) -> Result<(), Error> {
        let mut snapshot = std::mem::take(&mut self.snapshot);
        let scanned = context.sampler.scan_all(&context.policy, &mut snapshot);
        let now = crate::sys::now();
        if scanned.is_ok() {
            self.machine.total = snapshot.memory.total;
            self.note_processes(context, &snapshot, &now);
        }
        self.snapshot = snapshot;
        self.note_machine(Reading::of(&system.read()), &now);
        Ok(scanned?)
    }

    fn note_processes(&mut self, context: &Context, snapshot: &Snapshot, now: &Now) {
        let (policy, total) = (&context.policy, snapshot.memory.total);
        let own = context.sampler.root().own_pid().ok();
        let mut measured = 0;
        let (mut users, mut by_cgroup) = (Sums::new(), Sums::new());
        let mut cgroups = HashMap::new();
        for process in &snapshot.near {
            let (Some(key), Ok(facts)) = (process.key(), &process.facts) else {
                continue;
            };
            // This command, and its helper that reads what can block.
            if own.is_some_and(|own| process.pid == own || facts.parent == Some(own)) {
                continue;
            }
            let criteria = policy.criteria(process);
            let lowest = criteria.thresholds.lowest(total);
            let is_worth_it = process.rss > lowest || process.rss.gb() > SMALLEST_GB;
            let pss = match process.details.pss() {
                None if is_worth_it && measured < MEASURED => {
                    measured += 1;
                    context.sampler.pss(key)
                }
                pss => pss,
            };
            let bytes = pss.or(process.details.anon).unwrap_or(process.rss);
            sums::add(&mut users, self.users.name(facts.uid), bytes);
            let cgroup = self.cgroups.remove(&key);
            let cgroup = cgroup.unwrap_or_else(|| context.sampler.cgroup(process));
            if let Some(cgroup) = &cgroup {
                sums::add(&mut by_cgroup, cgroup, bytes);
            }
            cgroups.insert(key, cgroup);
            if policy.protection(process, &snapshot.memory, now).is_some() {
                // It may have been a shell that has become what is protected.
                self.processes.remove(&key);
                continue;
            }
            let seen = Peak {
                pid: process.pid.get(),
                name: facts.name.as_bytes().to_vec(),
                user: self.users.name(facts.uid).to_vec(),
                rss_bytes: process.rss,
                pss_bytes: pss,
                threshold: (criteria.metric == Metric::Rss).then_some(lowest),
            };
            self.note(key, seen);
        }
        sums::keep_highest(&mut self.by_user, users);
        self.kinds.note(&by_cgroup);
        // Of those that have ended nothing is kept.
        self.cgroups = cgroups;
    }

    /// Takes into account what was seen of a process.
    pub(super) fn note(&mut self, key: ProcessKey, seen: Peak) {
        let before = self.processes.remove(&key);
        let before = before.map_or((Bytes::ZERO, None), |peak| (peak.rss_bytes, peak.pss_bytes));
        let peak = Peak {
            rss_bytes: seen.rss_bytes.max(before.0),
            pss_bytes: seen.pss_bytes.max(before.1),
            ..seen
        };
        self.processes.insert(key, peak);
    }

    fn note_machine(&mut self, reading: Option<Reading>, now: &Now) {
        let Some(reading) = reading else {
            return;
        };
        let machine = &mut self.machine;
        let least = machine
            .least_left
            .map_or(reading.left, |l| l.min(reading.left));
        machine.least_left = Some(least);
        let stall = self.stall.note(reading.stalled, now);
        machine.longest_stall = stall.max(machine.longest_stall);
    }
}

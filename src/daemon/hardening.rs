//! Living through what the daemon guards against: all it needs from a tick to a signal is there, touched and
//! locked before memory is short.

use super::Daemon;
use super::early_scan::Early;
use super::victims::Held;
use crate::events::Event;
use crate::kill::Actor;
use crate::policy::early_scan;
use crate::sys::memory;
use std::time::Instant;

/// Not -1000: it can still be ended when it alone goes beyond the limit of its own cgroup.
const OOM_SCORE_ADJ: i16 = -900;

impl Daemon<'_> {
    /// Prepares for the worst. What is not permitted is done without.
    pub(super) fn brace(&mut self) {
        self.set_early_scan();
        memory::forget_start();
        self.rehearse();
        let steps = [
            ("locked memory pages", memory::lock()),
            (
                "oom_score_adj changes",
                memory::lower_oom_score_adj(OOM_SCORE_ADJ),
            ),
            (
                "additional file descriptors",
                memory::raise_descriptor_limit(),
            ),
        ];
        for (what, result) in steps {
            self.note(what, result.as_ref().err());
        }
    }

    /// Starts or ends early scan, as the configuration wants it. A check that is made as often as the
    /// quickest tick needs none.
    pub(super) fn set_early_scan(&mut self) {
        let config = &self.policy.config;
        if !config.early_scan || config.check_interval <= early_scan::SHORTEST {
            self.early = None;
        } else if self.early.is_none() {
            match Early::new(&self.sampler, Instant::now()) {
                Ok((early, refused)) => {
                    self.early = Some(early);
                    self.note("PSI notifications", refused.err().as_ref());
                }
                Err(error) => self.reporter.emit(&Event::ScanFailed(&error.into())),
            }
        }
    }

    /// A scan, and on this process itself all that would be done to another one, up to the signal: so
    /// the code, the stack and the heap of it are in memory.
    fn rehearse(&mut self) {
        let now = Instant::now();
        let policy = &self.policy;
        // The check that follows says what is wrong.
        let _ = self
            .sampler
            .scan(|memory| policy.sieve(memory), &mut self.snapshot);
        if let Some((process, handle)) = self.sampler.hold(policy.own) {
            let memory = &self.snapshot.memory;
            let _ = policy.decide(&process, memory, &self.ledger, now);
            if let (Ok(facts), Some(key)) = (&process.facts, process.key()) {
                let is_same = || self.sampler.is_still(key);
                let _ = Actor::DryRun.terminate(&handle, facts.state, &is_same);
                self.held.push(Held::new(key, handle));
                self.held.clear();
            }
        }
        if let Some(early) = &mut self.early {
            early.renew(
                (policy, &self.ledger.timed),
                &self.sampler,
                &mut self.snapshot,
                None,
                now,
            );
        }
    }

    fn note(&mut self, what: &'static str, error: Option<&std::io::Error>) {
        if let Some(error) = error {
            self.reporter.emit(&Event::FeatureUnavailable(what, error));
        }
    }
}

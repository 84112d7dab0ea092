//! Exemptions for a while: read before anything is decided, reported after the signals. Touches the file that
//! `memory-monitor exempt` writes, and the log.

use crate::events::{Event, Reporter};
use crate::policy::{Exemption, Exemptions, Policy};
use crate::proc::Sampler;
use crate::quantities::Now;
use crate::state::exemptions::ExemptionsFile;
use std::io;
use std::time::Instant;

/// The file, and what was reported of it.
#[derive(Debug)]
pub(super) struct ExemptionReader {
    file: ExemptionsFile,
    /// The exemptions that were reported to begin, and not to be over.
    reported: Vec<Exemption>,
    /// Those of them that were revoked while their process existed; it may have been killed since.
    revoked: Vec<Exemption>,
    /// Why the file was rejected, until that is reported.
    rejected: Option<io::Error>,
}

impl ExemptionReader {
    pub(super) fn new() -> Self {
        Self {
            file: ExemptionsFile::usual(),
            reported: Vec::new(),
            revoked: Vec::new(),
            rejected: None,
        }
    }

    /// Puts into force what root has given or revoked. A file that can't be trusted or read changes nothing: the
    /// previous exemptions stay in force until they expire.
    pub(super) fn read(&mut self, policy: &mut Policy, sampler: &Sampler) {
        match self.file.read_changed() {
            Some(Ok(exemptions)) => {
                let gone = self.reported.iter();
                let gone = gone.filter(|exemption| {
                    !exemptions.contains(exemption) && sampler.is_still(exemption.process)
                });
                self.revoked.extend(gone.cloned());
                policy.exemptions = Exemptions::new(exemptions);
            }
            Some(Err(error)) => self.rejected = Some(error),
            None => {}
        }
    }

    /// Reports those that have begun and those that are over, and forgets the latter.
    pub(super) fn report(
        &mut self,
        policy: &mut Policy,
        sampler: &Sampler,
        reporter: &mut Reporter,
        now: &Now,
    ) {
        if let Some(error) = self.rejected.take() {
            let path = self.file.path();
            reporter.emit(&Event::ExemptionsRejected(path, &error));
        }
        let exemptions = &mut policy.exemptions;
        let clock = now.since_boot;
        let is_known = |exemption: &Exemption| exemptions.all().contains(exemption);
        let is_replaced = |exemption: &Exemption| {
            let mut all = exemptions.all().iter();
            all.any(|other| other != exemption && other.process == exemption.process)
        };
        let revoked = std::mem::take(&mut self.revoked);
        self.reported.retain(|exemption| {
            // The exit of its process comes last, as the others may have led to it.
            let why = if revoked.contains(exemption) {
                if is_replaced(exemption) {
                    // The one in its place is reported.
                    return false;
                }
                "revoked"
            } else if exemption.until <= clock {
                "expired"
            } else if !sampler.is_still(exemption.process) || !is_known(exemption) {
                "the process has ended"
            } else {
                return true;
            };
            reporter.emit(&Event::ExemptionOver(exemption, why));
            false
        });
        exemptions
            .retain(|exemption| exemption.until > clock && sampler.is_still(exemption.process));
        for exemption in exemptions.all() {
            if !self.reported.contains(exemption) {
                reporter.emit(&Event::Exempted(exemption, exemption.left(clock)));
                self.reported.push(exemption.clone());
            }
        }
    }
}

/// When the next exemption expires, and its process is to be scanned; None where there is none.
pub(super) fn next_end(policy: &Policy, now: &Now) -> Option<Instant> {
    let left = policy.exemptions.next_end(now.since_boot)?;
    Some(now.monotonic + left)
}

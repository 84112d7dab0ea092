//! Exemptions for a while: taken over before anybody is judged, said after the signals.

use super::Daemon;
use crate::events::Event;
use crate::policy::Exemption;
use crate::state::exemptions::ExemptionsFile;
use crate::sys;
use std::io;
use std::time::{Duration, Instant};

/// What is known of them.
#[derive(Debug)]
pub(super) struct Exempting {
    file: ExemptionsFile,
    /// Those whose beginning was said and whose end was not.
    said: Vec<Exemption>,
    /// Those of them that were taken back while their process was there; it may have been ended since.
    taken_back: Vec<Exemption>,
    /// Why the file could not be taken over, until that is said.
    refused: Option<io::Error>,
}

impl Exempting {
    pub(super) fn new() -> Self {
        Self {
            file: ExemptionsFile::usual(),
            said: Vec::new(),
            taken_back: Vec::new(),
            refused: None,
        }
    }
}

impl Daemon<'_> {
    /// Takes over what root has granted or taken back. A file that can't be believed or read changes
    /// nothing: who was exempt stays so until that is over.
    pub(super) fn take_over_exemptions(&mut self) {
        self.policy.exemptions.set_clock(sys::boot_clock());
        match self.exempting.file.read_changed() {
            Some(Ok(exemptions)) => {
                let gone = self.exempting.said.iter();
                let gone = gone.filter(|exemption| {
                    !exemptions.contains(exemption) && self.sampler.is_still(exemption.process)
                });
                self.exempting.taken_back.extend(gone.cloned());
                self.policy.exemptions.replace(exemptions);
            }
            Some(Err(error)) => self.exempting.refused = Some(error),
            None => {}
        }
    }

    /// When an exemption is over: its process is to be looked at then.
    pub(super) fn next_end_of_exemption(&mut self, now: Instant) -> Option<Instant> {
        if self.policy.exemptions.all().is_empty() {
            return None;
        }
        self.policy.exemptions.set_clock(sys::boot_clock());
        self.policy.exemptions.next_end().map(|left| now + left)
    }

    /// Says which have begun and which are over, and forgets the latter.
    pub(super) fn report_exemptions(&mut self) {
        let Self {
            exempting,
            policy,
            sampler,
            reporter,
            ..
        } = self;
        if let Some(error) = exempting.refused.take() {
            let path = exempting.file.path();
            reporter.emit(&Event::ExemptionsRejected(path, &error));
        }
        let exemptions = &mut policy.exemptions;
        let clock = sys::boot_clock();
        exemptions.set_clock(clock);
        let was_granted = |exemption: &Exemption| exemptions.all().contains(exemption);
        let taken_back = std::mem::take(&mut exempting.taken_back);
        exempting.said.retain(|exemption| {
            // Its end comes last, as the others may have been what led to it.
            let why = if taken_back.contains(exemption) {
                "revoked"
            } else if exemption.until <= clock {
                "expired"
            } else if !sampler.is_still(exemption.process) || !was_granted(exemption) {
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
            if !exempting.said.contains(exemption) {
                let left: Duration = exemptions.left(exemption);
                reporter.emit(&Event::Exempted(exemption, left));
                exempting.said.push(exemption.clone());
            }
        }
    }
}

//! Exemptions for a while: taken over before anybody is judged, said after the signals.

use super::Daemon;
use crate::policy::Grant;
use crate::report::{Event, GrantFile};
use crate::sys;
use std::io;
use std::time::{Duration, Instant};

/// What is known of them.
#[derive(Debug)]
pub(super) struct Exempting {
    file: GrantFile,
    /// Those whose beginning was said and whose end was not.
    said: Vec<Grant>,
    /// Those of them that were taken back while their process was there; it may have been ended since.
    taken_back: Vec<Grant>,
    /// Why the file could not be taken over, until that is said.
    refused: Option<io::Error>,
}

impl Exempting {
    pub(super) fn new() -> Self {
        Self {
            file: GrantFile::usual(),
            said: Vec::new(),
            taken_back: Vec::new(),
            refused: None,
        }
    }
}

impl Daemon<'_> {
    /// Takes over what root has granted or taken back. A file that can't be believed or read changes
    /// nothing: who was exempt stays so until that is over.
    pub(super) fn take_over_grants(&mut self) {
        self.policy.grants.set_clock(sys::boot_clock());
        match self.exempting.file.read_changed() {
            Some(Ok(grants)) => {
                let gone = self.exempting.said.iter();
                let gone = gone.filter(|grant| {
                    !grants.contains(grant) && self.sampler.is_still(grant.process)
                });
                self.exempting.taken_back.extend(gone.cloned());
                self.policy.grants.replace(grants);
            }
            Some(Err(error)) => self.exempting.refused = Some(error),
            None => {}
        }
    }

    /// When an exemption is over: its process is to be looked at then.
    pub(super) fn next_end_of_grant(&mut self, now: Instant) -> Option<Instant> {
        if self.policy.grants.all().is_empty() {
            return None;
        }
        self.policy.grants.set_clock(sys::boot_clock());
        self.policy.grants.next_end().map(|left| now + left)
    }

    /// Says which have begun and which are over, and forgets the latter.
    pub(super) fn report_grants(&mut self) {
        let Self {
            exempting,
            policy,
            sampler,
            reporter,
            ..
        } = self;
        if let Some(error) = exempting.refused.take() {
            let path = exempting.file.path();
            reporter.emit(&Event::GrantsRefused(path, &error));
        }
        let grants = &mut policy.grants;
        let clock = sys::boot_clock();
        grants.set_clock(clock);
        let was_granted = |grant: &Grant| grants.all().contains(grant);
        let taken_back = std::mem::take(&mut exempting.taken_back);
        exempting.said.retain(|grant| {
            // Its end comes last, as the others may have been what led to it.
            let why = if taken_back.contains(grant) {
                "it was taken back"
            } else if grant.until <= clock {
                "its time is over"
            } else if !sampler.is_still(grant.process) || !was_granted(grant) {
                "the process has ended"
            } else {
                return true;
            };
            reporter.emit(&Event::ExemptionOver(grant, why));
            false
        });
        grants.retain(|grant| grant.until > clock && sampler.is_still(grant.process));
        for grant in grants.all() {
            if !exempting.said.contains(grant) {
                let left: Duration = grants.left(grant);
                reporter.emit(&Event::Exempted(grant, left));
                exempting.said.push(grant.clone());
            }
        }
    }
}

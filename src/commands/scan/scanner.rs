//! One scan after the other, of one machine. Sends no signal.

use super::view::{ScanReport, View};
use crate::Error;
use crate::commands::context::Context;
use crate::proc::{Snapshot, SystemFiles};
use crate::sys;
use crate::users::UserNames;

/// What is shown, and the memory that two scans share.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    pub(super) view: View,
    pub(super) snapshot: Snapshot,
    users: UserNames,
}

impl Scanner {
    pub(super) fn of(view: View) -> Self {
        Self {
            view,
            ..Self::default()
        }
    }

    /// Reads all processes. Fails where /proc can't be read.
    pub(super) fn scan(&mut self, context: &mut Context) -> Result<(), Error> {
        let questions = &context.policy;
        ScanReport::prepare(questions, &mut self.snapshot);
        Ok(context.sampler.scan_all(questions, &mut self.snapshot)?)
    }

    /// What the last scan found, and the machine as a whole now. Fails where /proc can't be read.
    pub(super) fn report(&mut self, context: &Context) -> Result<ScanReport, Error> {
        let system = SystemFiles::open(context.sampler.root())?.read();
        let (policy, sampler) = (&context.policy, &context.sampler);
        Ok(ScanReport::new(
            policy,
            sampler,
            &mut self.snapshot,
            &system,
            &self.view,
            &sys::now(),
            &mut self.users,
        ))
    }
}

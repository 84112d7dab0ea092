//! The exemptions in force, for `exempt` and `status`. Reads their file.

use crate::commands::hidepid::still_runs;
use crate::events::Spelling;
use crate::policy::Exemption;
use crate::proc::Sampler;
use crate::quantities::Span;
use crate::state::exemptions::ExemptionsFile;
use crate::sys;
use crate::sys::clock::{local_time, unix_seconds};
use serde::Serialize;
use std::io;
use std::time::{Duration, SystemTime};

/// One exemption as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ExemptRow {
    pub(super) pid: u32,
    start_time: u64,
    pub(super) name: String,
    /// Local time.
    pub(super) until: String,
    /// The same in seconds since 1970.
    until_unix: u64,
    /// Rounded.
    left_seconds: u64,
    /// Empty where none was given.
    pub(super) reason: String,
}

impl ExemptRow {
    /// One with so long left from `now` on.
    pub(super) fn new(
        exemption: &Exemption,
        left: Duration,
        now: SystemTime,
        spelling: Spelling,
    ) -> Self {
        Self {
            pid: exemption.process.pid.get(),
            start_time: exemption.process.start_time.0,
            name: spelling.text(&exemption.name),
            until: local_time(now + left).to_string(),
            until_unix: unix_seconds(now + left),
            left_seconds: left.saturating_add(Duration::from_millis(500)).as_secs(),
            reason: match exemption.reason.as_str() {
                "" => String::new(),
                reason => spelling.text(reason.as_bytes()),
            },
        }
    }

    pub(super) fn left(&self) -> Span {
        Span(Duration::from_secs(self.left_seconds))
    }
}

/// Whether it is in force: its time is not over and its process has not ended.
pub(super) fn is_in_force(sampler: &Sampler, exemption: &Exemption) -> bool {
    exemption.until > sys::boot_clock() && still_runs(sampler, exemption.process)
}

/// All that are in force. Fails as [`ExemptionsFile::read`].
pub(super) fn in_force(
    sampler: &Sampler,
    file: &ExemptionsFile,
    spelling: Spelling,
) -> io::Result<Vec<ExemptRow>> {
    let exemptions = file.read()?;
    let (now, clock) = (SystemTime::now(), sys::boot_clock());
    let in_force = exemptions
        .iter()
        .filter(|exemption| is_in_force(sampler, exemption));
    let row =
        |exemption: &Exemption| ExemptRow::new(exemption, exemption.left(clock), now, spelling);
    Ok(in_force.map(row).collect())
}

//! What an explanation is made from.

use super::shortage::Candidates;
use crate::commands::group_row::GroupRow;
use crate::commands::groups::GroupVictim;
use crate::config::{Schedule, Written};
use crate::events::Spelling;
use crate::policy::Policy;
use crate::proc::{Process, ProcessDetails, SystemMemory};
use crate::quantities::Now;
use crate::state::status::DaemonStatus;
use std::io;
use std::time::SystemTime;

#[derive(Debug)]
pub(super) struct Evidence<'e> {
    /// What the daemon would decide by.
    pub policy: &'e Policy,
    /// Its configuration as written.
    pub written: &'e Written,
    /// The process, held.
    pub process: &'e Process,
    /// What is shown of it beside what decides.
    pub details: &'e ProcessDetails,
    /// When it was started; None where that can't be read.
    pub started: Option<SystemTime>,
    /// The machine's memory.
    pub memory: SystemMemory,
    /// The kernel's answer to signal 0.
    pub permission: io::Result<()>,
    /// The schedule in force; None if there is none.
    pub schedule: Option<&'e Schedule>,
    /// The status of the running daemon; None if there is none.
    pub daemon: Option<&'e DaemonStatus>,
    /// What may be killed while memory is short; None where the guard is off.
    pub candidates: Option<Candidates>,
    /// How names are written.
    pub spelling: Spelling,
    /// Its groups; None where none is configured.
    pub groups: Option<OwnGroups>,
    /// The moment it is made for.
    pub now: Now,
}

/// The groups of a process.
#[derive(Debug)]
pub(super) struct OwnGroups {
    /// As a scan shows them.
    pub rows: Vec<GroupRow>,
    /// Why it would be killed for one of them; None where it would not.
    pub victim: Option<GroupVictim>,
}

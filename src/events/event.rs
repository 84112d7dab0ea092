//! What happens, as data. `describe` states each event once.

use super::group::GroupEvent;
use super::group_name::GroupMemory;
use super::system::SystemEvent;
use crate::config::{Change, Config, DryRun, Warning};
use crate::policy::{Breach, Delay, Exemption, RestartLoop, ShownProtection, Victim, Workers};
use crate::proc::{self, Name, Process, SystemMemory};
use crate::quantities::{Percent, Pid, Uid};
use crate::sys::clock::LocalTime;
use crate::sys::process::Signal;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'e> {
    /// The daemon is about to make its first scan.
    Started(&'e Config),
    /// Something in the configuration that is probably not meant so.
    ConfigWarning(&'e Warning),
    /// A reloaded configuration is in force.
    Reloaded(&'e Config),
    /// A reloaded configuration was rejected: one of possibly several causes, and whether it is the first.
    ReloadRejected(&'e str, bool),
    /// One difference between the configurations before and after a reload.
    Changed(&'e Change),
    /// The schedule with this index is in force, or none, until this time.
    Schedule(&'e Config, Option<usize>, Option<LocalTime>),
    /// No process had this PID of `whitelist.pids` when the configuration was read.
    PidUnused(Pid),
    /// The process that was protected by its PID has ended.
    PidEnded(Pid),
    /// This user may only signal its own processes.
    OnlyOwnProcesses,
    /// The mount option hidepid hides other users' processes, and what is against that.
    Hidepid(&'static str),
    /// The kernel does not offer or permit something that would help when memory is short; a plural.
    FeatureUnavailable(&'static str, &'e io::Error),
    /// A scan begins.
    Memory(&'e SystemMemory),
    /// A scan is complete.
    ScanComplete {
        /// How many processes were seen.
        scanned: usize,
        /// How many were signalled.
        killed: usize,
    },
    /// The first scan of a dry run was made.
    DryRun(DryRun<'e>),
    /// A scan gave no result.
    ScanFailed(&'e proc::Error),
    /// Processes could not be read.
    Unreadable {
        /// How many.
        count: usize,
        /// Why the first could not; None where the content has an unexpected format.
        errno: Option<i32>,
    },
    /// A process was sent SIGTERM.
    Killing(&'e Process, &'e Breach),
    /// A process would have been sent SIGTERM.
    WouldKill(&'e Process, &'e Breach),
    /// The threshold that a process is over.
    Reason(&'e Process, &'e Breach),
    /// A process is over a threshold but protected; its share of MemTotal.
    Protected(&'e Process, Percent, ShownProtection<'e>),
    /// Root has exempted a process for so long.
    Exempted(&'e Exemption, Duration),
    /// An exemption is over, and why.
    ExemptionOver(&'e Exemption, &'static str),
    /// The exemptions file can't be read, or others could have written it.
    ExemptionsRejected(&'e Path, &'e io::Error),
    /// A process is near its threshold: the early warning.
    Near(&'e Process, &'e Breach),
    /// Something about the memory of the machine as a whole.
    System(SystemEvent<'e>),
    /// Something about a group of processes.
    Group(GroupEvent<'e>),
    /// A process is over its threshold and killed later, after this time.
    KillDelayed(&'e Process, &'e Breach, &'e Delay, Duration),
    /// A process starts its workers again as often as they are killed.
    WorkersReturn(&'e Workers),
    /// A unit is restarted as often as it is killed; its next kill waits this long.
    RestartLoop(&'e RestartLoop, Duration),
    /// A process is over a threshold, but this many were killed within the last minute.
    KillLimitReached(&'e Process, &'e Breach, u32),
    /// This user may not signal a process.
    NotPermitted(&'e Process, &'e Breach),
    /// A signal could not be sent for another reason.
    SignalFailed(&'e Process, Signal, &'e io::Error),
    /// The grace period of a victim is over.
    Escalating(&'e Victim),
    /// A victim is protected by now, for this reason, and is not sent SIGKILL.
    KillCancelled(&'e Victim, &'e str),
    /// One of these events of a process that is killed for this group.
    InGroup(GroupMemory<'e>, &'e Event<'e>),
    /// A victim is there so long after SIGTERM and after SIGKILL.
    Survives(&'e Victim, Duration),
    /// A victim has ended, so long after SIGTERM; and whether its unit has no process left.
    Ended(&'e Victim, Duration, bool),
    /// This unit has no process left after a kill; the user, where that is one of a user's service manager.
    UnitEmpty(&'e Name, Option<Uid>),
    /// So many further processes are what this says; they are not listed.
    More {
        /// How many.
        count: usize,
        /// What they are.
        what: &'static str,
    },
    /// This signal stops the daemon.
    Stopping(&'static str),
    /// The daemon stops before this victim has ended.
    LeftBehind(&'e Victim),
}

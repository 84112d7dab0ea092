//! What a decision about a process rests on beside its memory. Pure.

use super::name::Name;
use crate::quantities::{Pid, StartTime, Uid};
use std::fmt;

/// What a decision rests on beside the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// With the PID: its identity.
    pub start_time: StartTime,
    /// Its name: comm, completed where the kernel has cut it at 15 bytes.
    pub name: Name,
    /// Whether the kernel has cut the name and nothing completes it, or nothing needed it whole.
    pub is_name_cut: bool,
    /// The name of its executable, where the process has given itself another one and a pattern matches this one.
    pub alias: Option<Name>,
    /// The real user, as psutil has it.
    pub uid: Uid,
    /// Its parent; None where that is outside of the pid namespace.
    pub parent: Option<Pid>,
    /// The leader of its session, which a fork does not change; None where that is not known.
    pub session: Option<Pid>,
    /// Whether it runs, sleeps or is stopped.
    pub state: State,
    /// PF_KTHREAD in its flags.
    pub is_kernel_thread: bool,
    /// -1000 (never) to 1000: how the kernel's OOM killer weighs it.
    pub oom_score_adj: i16,
    /// Whether it is root's package manager, or may be.
    pub is_package_manager: bool,
}

#[cfg(test)]
impl Facts {
    /// Those of a process of root's that nothing else protects.
    pub(crate) fn named(name: &[u8]) -> Self {
        Self {
            start_time: StartTime(1),
            name: Name::new(name),
            is_name_cut: false,
            alias: None,
            uid: Uid::ROOT,
            parent: None,
            session: None,
            state: State(b'S'),
            is_kernel_thread: false,
            oom_score_adj: 0,
            is_package_manager: false,
        }
    }
}

/// The kernel's letter for the state of a process: field 3 of /proc/PID/stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(pub u8);

impl State {
    /// Whether it may take a SIGTERM only when it is continued: stopped by a signal or a tracer, or with a main thread
    /// that has exited, whose state says nothing of the other threads.
    pub fn may_be_stopped(self) -> bool {
        matches!(self.0, b'T' | b't') || self.is_zombie()
    }

    /// Exited and not yet reaped; with live threads where only the main thread has exited.
    pub fn is_zombie(self) -> bool {
        self.0 == b'Z'
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

//! Carries a decision out on one held process and says what became of it. Touches `sys` only; knows
//! no rule and parses nothing. The dry run is a twin that signals nobody.

use crate::proc::State;
use crate::sys::process::{ProcessHandle, Signal};
use std::io;

/// What became of an action.
#[must_use]
#[derive(Debug)]
pub enum Outcome {
    /// The signal was delivered.
    Signalled,
    /// Nothing was sent: it is a dry run.
    Pretended,
    /// The process had ended before.
    AlreadyGone,
    /// The kernel does not let us signal it.
    NotPermitted,
    /// Something else went wrong.
    Failed(io::Error),
}

/// Who carries actions out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Sends signals.
    Real,
    /// Only says that it would.
    DryRun,
}

impl Actor {
    /// Asks the process to end. One that is stopped is continued afterwards, since it takes the
    /// SIGTERM only then.
    pub fn terminate(
        self,
        process: &ProcessHandle,
        state: State,
        is_same: &dyn Fn() -> bool,
    ) -> Outcome {
        let outcome = self.send(process, Signal::Terminate, is_same);
        if matches!(outcome, Outcome::Signalled) && state.may_be_stopped() {
            // It was told to end; whether it could be continued shows when its grace time is over.
            let _ = process.resume(is_same);
        }
        outcome
    }

    /// Ends the process.
    pub fn kill(self, process: &ProcessHandle, is_same: &dyn Fn() -> bool) -> Outcome {
        self.send(process, Signal::Kill, is_same)
    }

    /// Takes the memory of a killed process back at once, where the kernel can (Linux 5.15).
    pub fn reclaim(process: &ProcessHandle) {
        // It only speeds up what the kernel does anyway.
        let _ = process.reclaim();
    }

    fn send(self, process: &ProcessHandle, signal: Signal, is_same: &dyn Fn() -> bool) -> Outcome {
        match self {
            Self::DryRun => Outcome::Pretended,
            Self::Real => match process.signal(signal, is_same) {
                Ok(()) => Outcome::Signalled,
                Err(error) => match error.raw_os_error() {
                    Some(libc::ESRCH) => Outcome::AlreadyGone,
                    Some(libc::EPERM) => Outcome::NotPermitted,
                    _ => Outcome::Failed(error),
                },
            },
        }
    }
}

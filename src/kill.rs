//! Carries a decision out on one held process and returns the outcome. Touches `sys` only; knows no rule and parses
//! nothing. A dry run sends no signal.

use crate::proc::State;
use crate::quantities::Signal;
use crate::sys::process::ProcessHandle;
use std::io;

/// The outcome of sending a signal.
#[must_use]
#[derive(Debug)]
pub enum SignalOutcome {
    /// It was delivered.
    Sent,
    /// It was not sent: this is a dry run.
    DryRun,
    /// The process had ended before.
    Gone,
    /// The kernel does not permit it.
    NotPermitted,
    /// It failed for another reason.
    Failed(io::Error),
}

/// What sends signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signaller {
    /// Sends them.
    Real,
    /// Sends none.
    DryRun,
}

impl Signaller {
    /// Sends SIGTERM. A process that may be stopped is continued afterwards, since it takes the SIGTERM only then.
    pub fn terminate(
        self,
        process: &ProcessHandle,
        state: State,
        is_same: &dyn Fn() -> bool,
    ) -> SignalOutcome {
        // First, so that a dry run comes by its code: a missing page of it is waited for while memory is short.
        let may_be_stopped = state.may_be_stopped();
        let outcome = self.send(process, Signal::Terminate, is_same);
        if matches!(outcome, SignalOutcome::Sent) && may_be_stopped {
            // If this fails, SIGKILL follows after the grace period.
            let _ = process.resume(is_same);
        }
        outcome
    }

    /// Sends SIGKILL.
    pub fn kill(self, process: &ProcessHandle, is_same: &dyn Fn() -> bool) -> SignalOutcome {
        self.send(process, Signal::Kill, is_same)
    }

    fn send(
        self,
        process: &ProcessHandle,
        signal: Signal,
        is_same: &dyn Fn() -> bool,
    ) -> SignalOutcome {
        match self {
            Self::DryRun => SignalOutcome::DryRun,
            Self::Real => match process.signal(signal, is_same) {
                Ok(()) => SignalOutcome::Sent,
                Err(error) => match error.raw_os_error() {
                    Some(libc::ESRCH) => SignalOutcome::Gone,
                    Some(libc::EPERM) => SignalOutcome::NotPermitted,
                    _ => SignalOutcome::Failed(error),
                },
            },
        }
    }
}

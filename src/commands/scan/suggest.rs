//! `memory-monitor scan --suggest`: observes for a time, then shows which thresholds would have killed what. Sends no
//! signal.

use super::peaks::Peaks;
use super::suggestion::Suggestion;
use crate::Error;
use crate::commands::context::Context;
use crate::commands::progress::progress;
use crate::proc::SystemFiles;
use crate::sys::poll::Poll;
use crate::sys::signals::{Request, Signals};
use std::io::{self, IsTerminal, Write};
use std::iter;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The time between two scans.
const SECOND: Duration = Duration::from_secs(1);

/// Observes for `time`, or until Ctrl-C.
pub(super) fn observe(context: &mut Context, time: Duration) -> Result<Suggestion, Error> {
    let signals = Signals::block().map_err(|error| Error::System("signalfd", error))?;
    let mut peaks = Peaks::default();
    let mut system = SystemFiles::open(context.sampler.root())?;
    let mut poll = Poll::with_capacity(1);
    let begun = Instant::now();
    let has_terminal = io::stderr().is_terminal();
    loop {
        peaks.scan(context, &mut system)?;
        let observed = begun.elapsed();
        let left = time.saturating_sub(observed);
        if left.is_zero() {
            break;
        }
        if has_terminal {
            // There is nowhere left to report that this failed.
            let _ = write!(io::stderr(), "\r{}\x1b[K", progress(observed, time));
        }
        poll.wait(iter::once(signals.as_fd()), Some(left.min(SECOND)))
            .map_err(|error| Error::System("poll", error))?;
        if let Some(Request::Stop(_) | Request::Reload) = signals.next() {
            break;
        }
    }
    if has_terminal {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    let hidepid = context.sampler.hides_processes();
    let metric = context.policy.config.metric;
    Ok(Suggestion::new(peaks, begun.elapsed(), metric, hidepid))
}

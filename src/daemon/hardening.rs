//! Living through a shortage of memory: all that the daemon needs from a tick to a signal is touched and locked before
//! memory is short. Touches this process's own memory and limits.

use super::early_scan::EarlyScan;
use super::scan::Machine;
use crate::events::{Event, Reporter};
use crate::policy::{Extent, OverSince, Policy};
use crate::quantities::Now;
use crate::sys::memory;

/// Not -1000: it can still be killed when it alone exceeds the limit of its own cgroup.
const OOM_SCORE_ADJ: i16 = -900;

/// Makes a scan, and does everything to this process itself that would be done to a victim, up to the signal: so the
/// code, the stack and the heap of it are in memory.
pub(super) fn rehearse(
    machine: &mut Machine,
    early: Option<&mut EarlyScan>,
    policy: &Policy,
    over: &OverSince,
    now: &Now,
) {
    memory::forget_start();
    machine.rehearse(policy, now);
    if let Some(early) = early {
        for extent in [Extent::All, Extent::Few] {
            early.renew(policy, over, machine, (extent, None), (now.monotonic, now));
        }
    }
    // Nothing was decided about them.
    machine.forget();
}

/// Keeps what is in memory there. What is not permitted is reported, and the daemon continues without it.
pub(super) fn lock(reporter: &mut Reporter) {
    let steps = [
        ("locked memory pages", memory::lock()),
        (
            "oom_score_adj changes",
            memory::lower_oom_score_adj(OOM_SCORE_ADJ),
        ),
        (
            "additional file descriptors",
            memory::raise_descriptor_limit(),
        ),
    ];
    for (what, result) in steps {
        if let Err(error) = result {
            reporter.emit(&Event::FeatureUnavailable(what, &error));
        }
    }
}

//! What commands say, and assume, where hidepid hides other users' processes from them.

use crate::proc::Sampler;
use crate::quantities::ProcessKey;
use crate::sys::process::{self, against_hidepid};

/// What a command says where hidepid hides other users' processes from it.
pub(crate) fn hidepid_note() -> String {
    let remedy = against_hidepid();
    format!("/proc is mounted with hidepid: other users' processes can't be seen, {remedy}")
}

/// Whether this process still runs, as far as can be seen: one that hidepid hides still has its PID.
pub(crate) fn still_runs(sampler: &Sampler, key: ProcessKey) -> bool {
    match sampler.identify(key.pid) {
        Ok(Some(now)) => now == key,
        Ok(None) | Err(_) => process::exists(key.pid),
    }
}

//! A shortage of memory in a control group of the test's own: the guard of the second memory-monitor takes the group
//! for the machine, and kills what takes its memory.

use super::cgroup::Cgroup;
use super::hog::{FULL, GROWS, Hog};
use super::monitor::{self, Expected, Log, MEMORY};
use super::view::{Outcome, Step};
use crate::proc::Sampler;
use crate::quantities::Bytes;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

/// Its memory is short when a quarter of this is left, and the hog leaves an eighth: the kernel never has to kill it.
const LIMIT: Bytes = Bytes::new(64 << 20);

const THRESHOLDS: &str = "ram_gb_threshold = 1024\n[system]\naction = \"kill\"\nstall_seconds = 0\n\
    available_percent_threshold = 25\navailable_gb_threshold = inf";
/// In seconds: it obeys SIGTERM.
const GRACE: u64 = 60;

const EXPECTED: [Expected; 3] = [
    Expected {
        name: "see that its memory is short and send SIGTERM",
        event: "killing",
        signal: None,
    },
    Expected {
        name: "notice that it has ended",
        event: "ended",
        signal: Some("SIGTERM"),
    },
    Expected {
        name: "see that its memory is no longer short",
        event: "memory_restored",
        signal: None,
    },
];

/// The steps of that; one that says why, where there can be no group.
pub(super) fn steps(sampler: &Sampler, directory: &Path) -> Vec<Step> {
    let begun = Instant::now();
    let step = |outcome, detail| {
        let name = "start a process in a control group".to_owned();
        Step::new(name, outcome, begun.elapsed(), detail)
    };
    let cgroup = match Cgroup::make(LIMIT) {
        Ok(cgroup) => cgroup,
        Err(error) => return vec![step(Outcome::Skipped, error.to_string())],
    };
    let mut hog = match Hog::start(GROWS, sampler) {
        Ok(hog) => hog,
        Err(error) => return vec![step(Outcome::Failed, error.to_string())],
    };
    if let Err(error) = cgroup.add(hog.key.pid) {
        return vec![step(Outcome::Skipped, error.to_string())];
    }
    let detail = format!(
        "PID {}, {FULL} of {LIMIT}; only this group is short",
        hog.key.pid
    );
    let mut steps = vec![step(Outcome::Ok, detail)];
    steps.extend(watch(&mut hog, &cgroup, directory));
    steps
}

fn watch(hog: &mut Hog, cgroup: &Cgroup, directory: &Path) -> Vec<Step> {
    let begun = Instant::now();
    let log = listen(hog, cgroup, directory, begun);
    monitor::judge(log, hog, EXPECTED.into_iter(), begun.elapsed())
}

fn listen(hog: &mut Hog, cgroup: &Cgroup, directory: &Path, begun: Instant) -> io::Result<Log> {
    let memory = directory.join(MEMORY);
    let meminfo = memory.join("meminfo");
    fs::create_dir_all(&memory)?;
    fs::write(&meminfo, cgroup.meminfo()?)?;
    let child = monitor::start(hog, " short", (THRESHOLDS, GRACE), directory)?;
    let mut is_growing = false;
    monitor::listen(child, &directory.join("log"), begun, &mut |log| {
        // It watches from its first scan on.
        if !is_growing && log.has("scan_complete") {
            is_growing = true;
            hog.grow()?;
        }
        fs::write(&meminfo, cgroup.meminfo()?)
    })
}

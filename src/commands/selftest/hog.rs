//! A process that takes a bounded amount of memory and lives no longer than the test: it ends when its
//! standard input does.

use super::in_role;
use crate::Error;
use crate::proc::Sampler;
use crate::quantities::{Bytes, Pid, ProcessKey};
use crate::sys::signals;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

/// Small enough for any machine and for the limits of the installed unit, large enough to be told from
/// a memory-monitor, which has 3 MiB.
pub(super) const SIZE: Bytes = Bytes::new(32 << 20);

/// A hog that runs. When it is dropped it ends, and is waited for.
pub(super) struct Hog {
    child: Child,
    /// Nobody else can get its number before it was waited for.
    pub(super) key: ProcessKey,
}

impl Hog {
    /// Starts one and waits until it has its memory.
    pub(super) fn start(ignores: bool, sampler: &Sampler) -> io::Result<Self> {
        let role = if ignores {
            "hog that ignores SIGTERM"
        } else {
            "hog that obeys"
        };
        let mut child = in_role(role)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let key = Pid::new(child.id()).and_then(|pid| sampler.identify(pid).ok().flatten());
        match key {
            Some(key) if line == "ready\n" => Ok(Self { child, key }),
            _ => {
                drop(child.stdin.take());
                child.wait()?;
                Err(io::Error::other("it did not come up"))
            }
        }
    }

    /// Ends it by SIGKILL, without waiting for it.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Its end is what the test was about.
        let _ = self.child.wait();
    }
}

/// The hog itself.
pub(super) fn run(ignores: bool) -> Result<(), Error> {
    if ignores {
        signals::ignore_terminate();
    }
    // The unit may have made it untouchable; to become less so is always allowed, and where it is not,
    // the test shows it.
    let _ = fs::write("/proc/self/oom_score_adj", "0");
    // Each page is written to, so that it is resident.
    let memory = vec![1_u8; usize::try_from(SIZE.get()).unwrap_or(0)];
    let result = io::stdout()
        .write_all(b"ready\n")
        .and_then(|()| io::stdout().flush())
        .and_then(|()| io::stdin().read_to_end(&mut Vec::new()));
    std::hint::black_box(&memory);
    result
        .map(drop)
        .map_err(|error| Error::System("being a hog", error))
}

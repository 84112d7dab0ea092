//! A process that uses a bounded amount of memory and exits when its standard input is closed, at the latest with the
//! test.

use super::role::in_role;
use crate::Error;
use crate::proc::Sampler;
use crate::quantities::{Bytes, Pid, ProcessKey};
use crate::sys::signals;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

/// Small enough for any machine and for the limits of the unit, much larger than a memory-monitor with its 4 MiB.
pub(super) const SIZE: Bytes = Bytes::new(32 << 20);

/// What one that grows has in the end.
pub(super) const FULL: Bytes = Bytes::new(56 << 20);
/// So much more it takes at once, every few milliseconds: a reading or two of the guard.
const STEP: usize = 1 << 20;
const PAUSE: Duration = Duration::from_millis(10);

pub(super) const OBEYS: &str = "hog that obeys";
pub(super) const IGNORES: &str = "hog that ignores SIGTERM";
pub(super) const GROWS: &str = "hog that grows";

/// A running hog. Dropping it makes it exit and waits for that.
pub(super) struct Hog {
    child: Child,
    /// No other process can get its PID before it was waited for.
    pub(super) key: ProcessKey,
}

impl Hog {
    /// Starts one and waits until it has its memory.
    ///
    /// # Errors
    /// When it can't be started, or exits before it is ready.
    pub(super) fn start(role: &str, sampler: &Sampler) -> io::Result<Self> {
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
                // Without memory it has said why.
                let why = match line.trim() {
                    "" | "ready" => "it did not start",
                    why => why,
                };
                Err(io::Error::other(why.to_owned()))
            }
        }
    }

    /// Lets one that grows begin.
    pub(super) fn grow(&mut self) -> io::Result<()> {
        let stdin = self.child.stdin.as_mut();
        stdin.map_or(Ok(()), |stdin| stdin.write_all(b"\n"))
    }

    /// Sends it SIGKILL, without waiting for it.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // How it exited was the subject of the test.
        let _ = self.child.wait();
    }
}

/// The hog itself.
pub(super) fn run(role: &str) -> Result<(), Error> {
    let grows = role == GROWS;
    let full = if grows { FULL } else { SIZE };
    if role == IGNORES {
        signals::ignore_terminate();
    }
    // The unit may have set -1000, which protects; raising it is always permitted, and if it fails the test shows that.
    let _ = fs::write("/proc/self/oom_score_adj", "0");
    let mut memory = Vec::new();
    let size = usize::try_from(full.get()).unwrap_or(0);
    let ready = match memory.try_reserve_exact(size) {
        Ok(()) => {
            if !grows {
                // Each page is written to, so that it is resident.
                memory.resize(size, 1_u8);
            }
            "ready\n".to_owned()
        }
        Err(_) => {
            format!("it got no {full} of memory, see ulimit -v and the limits of its cgroup\n")
        }
    };
    let mut stdin = io::stdin().lock();
    let result = io::stdout()
        .write_all(ready.as_bytes())
        .and_then(|()| io::stdout().flush())
        .and_then(|()| {
            let mut line = String::new();
            // Where standard input was closed there is no test any more.
            let is_told = grows && stdin.read_line(&mut line)? > 0;
            while is_told && memory.len() < memory.capacity() {
                let more = memory.len().saturating_add(STEP);
                memory.resize(more.min(memory.capacity()), 1_u8);
                thread::sleep(PAUSE);
            }
            stdin.read_to_end(&mut Vec::new())
        });
    std::hint::black_box(&memory);
    result
        .map(drop)
        .map_err(|error| Error::System("running a hog", error))
}

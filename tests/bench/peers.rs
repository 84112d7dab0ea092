//! The peers: where `scripts/bench` put them and how each is made to do comparable work.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::program::Program;
use crate::scan::{Contender, Scan};
use crate::{Result, Run, kernel};

/// Where a peer's program is; an error that can be shown where it is not installed.
pub(crate) fn installed(run: &Run, file: &str) -> Result<PathBuf> {
    let path = run.peers.join(file);
    if path.exists() {
        Ok(path)
    } else {
        Err("not installed, see the first lines of scripts/bench's output".into())
    }
}

pub(crate) const EARLYOOM: &str = "earlyoom/usr/bin/earlyoom";
pub(crate) const BUSTD: &str = "bustd/bin/bustd";
const PYTHON: &str = "venv/bin/python";

/// psutil in a Python process that scans twice whenever it is sent a line. Process objects are kept from
/// scan to scan, as in a daemon written with it.
pub(crate) struct Psutil {
    _python: Program,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    version: String,
}

const PSUTIL_SCANS: &str = "
import sys, time, psutil
print(psutil.__version__, flush=True)
def scan():
    return sum(p.info['pid'] > 0 for p in psutil.process_iter(['pid', 'name', 'username', 'memory_info']))
for line in sys.stdin:
    scan()
    start = time.process_time_ns()
    count = scan()
    print(time.process_time_ns() - start, count, flush=True)
";

impl Psutil {
    pub(crate) fn start(run: &Run) -> Result<Self> {
        let mut python = Program::start(
            Command::new(installed(run, PYTHON)?)
                .args(["-c", PSUTIL_SCANS])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        )?;
        let requests = python.child().stdin.take().ok_or("no pipe")?;
        let mut answers = BufReader::new(python.child().stdout.take().ok_or("no pipe")?);
        let mut version = String::new();
        answers.read_line(&mut version)?;
        let version = version.trim().to_owned();
        Ok(Self {
            _python: python,
            requests,
            answers,
            version,
        })
    }
}

impl Contender for Psutil {
    fn name(&self) -> String {
        format!("psutil {}", self.version)
    }

    fn scan(&mut self) -> Result<Scan> {
        self.requests.write_all(b"\n")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let (time, count) = answer
            .trim()
            .split_once(' ')
            .ok_or("psutil's process has ended")?;
        Ok(Scan {
            cpu_time: Duration::from_nanos(time.parse()?),
            processes: Some(count.parse()?),
        })
    }
}

/// earlyoom in a dry run that finds memory short at every poll, so that each poll selects a victim.
pub(crate) struct Earlyoom {
    file: PathBuf,
    version: String,
    /// MemTotal in KiB: less than that is available at any time.
    all_memory: String,
}

impl Earlyoom {
    const SELECTIONS: u32 = 3;

    pub(crate) fn new(run: &Run) -> Result<Self> {
        let file = installed(run, EARLYOOM)?;
        let version = Command::new(&file).arg("-v").output()?;
        let version = [version.stdout, version.stderr].concat();
        let version = String::from_utf8(version)?.trim().replace(" v", " ");
        let meminfo = std::fs::read_to_string("/proc/meminfo")?;
        let total = meminfo
            .split_whitespace()
            .nth(1)
            .ok_or("no MemTotal in /proc/meminfo")?;
        Ok(Self {
            file,
            version,
            all_memory: format!("{total},{total}"),
        })
    }
}

impl Contender for Earlyoom {
    fn name(&self) -> String {
        self.version.clone()
    }

    /// The CPU time from one selected victim to the next: a selection and a look at /proc/meminfo. How
    /// many processes it looked at it does not say.
    fn scan(&mut self) -> Result<Scan> {
        let mut earlyoom = Program::start(
            Command::new(&self.file)
                .args([
                    "--dryrun",
                    "-M",
                    &self.all_memory,
                    "-s",
                    "100,100",
                    "-r",
                    "0",
                ])
                .stdout(Stdio::null())
                .stderr(Stdio::piped()),
        )?;
        let pid = earlyoom.child().id();
        let mut lines = BufReader::new(earlyoom.child().stderr.take().ok_or("no pipe")?).lines();
        let mut next_selection = || -> Result<Duration> {
            for line in &mut lines {
                if line?.starts_with("sending SIGKILL to process") {
                    return Ok(kernel::cpu_time_of(pid)?);
                }
            }
            Err("earlyoom has ended".into())
        };
        let first = next_selection()?;
        let mut last = first;
        for _ in 0..Self::SELECTIONS {
            last = next_selection()?;
        }
        Ok(Scan {
            cpu_time: last.saturating_sub(first) / Self::SELECTIONS,
            processes: None,
        })
    }
}

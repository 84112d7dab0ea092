//! The second memory-monitor, and what its log says of the hog.

use super::hog::{Hog, SIZE};
use super::role::{CONFIG, in_role};
use super::view::{Outcome, Step};
use crate::Error;
use crate::cli::{RunOptions, Verbosity};
use crate::daemon;
use crate::quantities::{Pid, ProcessKey, StartTime};
use crate::sys::poll::Poll;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, Read};
use std::iter;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A test that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// How often its log is read.
const INTERVAL: Duration = Duration::from_millis(5);

/// The second memory-monitor itself.
///
/// # Errors
/// When the role names no process to confine it to, and as [`daemon::run_confined`].
pub(super) fn run(role: &str) -> Result<(), Error> {
    let mut words = role.split(' ').skip(1);
    let mut number = || words.next()?.parse::<u64>().ok();
    let mut key = || -> Option<ProcessKey> {
        let pid = Pid::new(u32::try_from(number()?).ok()?)?;
        let start_time = StartTime(number()?);
        Some(ProcessKey { pid, start_time })
    };
    let Some(only) = key() else {
        return Err(Error::System(
            "confining the test",
            io::ErrorKind::InvalidInput.into(),
        ));
    };
    let config = std::env::var_os(CONFIG).map(Into::into);
    let options = RunOptions {
        config,
        once: true,
        console: Verbosity::Normal,
        ..RunOptions::default()
    };
    daemon::run_confined(&options, only)
}

/// Lets a second memory-monitor kill the hog; the steps of that.
pub(super) fn watch(hog: &Hog, ignores: bool, directory: &Path) -> Vec<Step> {
    let begun = Instant::now();
    let listen = |child| listen(child, &directory.join("log"), begun);
    match start(hog, ignores, directory).and_then(listen) {
        Ok(log) => steps(hog, ignores, directory, &log, begun.elapsed()),
        Err(error) => vec![Step::new(
            "run a second memory-monitor".to_owned(),
            Outcome::Failed,
            begun.elapsed(),
            error.to_string(),
        )],
    }
}

fn start(hog: &Hog, ignores: bool, directory: &Path) -> io::Result<Child> {
    let config = directory.join("config.toml");
    let half = SIZE.gb() / 2.0;
    // A hog that obeys may be slow to exit; one that ignores SIGTERM is not waited for.
    let grace = if ignores { 1 } else { LIMIT.as_secs() };
    let log = directory.join("log");
    // A new log for each hog.
    let _ = fs::remove_file(&log);
    let text = format!(
        "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = {half}\n\
         [whitelist]\npids = []\nnames = []\nusers = []\nprotect_root = false\n\
         [settings]\nlog_file = {:?}\nlog_format = \"json\"\nenable_syslog = false\nterm_timeout = {grace}\n",
        log.to_string_lossy()
    );
    fs::write(&config, text)?;
    in_role(&format!("monitor {} {}", hog.key.pid, hog.key.start_time.0))?
        .env(CONFIG, config)
        .env("STATE_DIRECTORY", directory)
        .env("RUNTIME_DIRECTORY", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

/// A record in the log of the second memory-monitor.
#[derive(Deserialize)]
struct Record {
    level: String,
    message: String,
    event: Option<String>,
    pid: Option<u32>,
    signal: Option<String>,
}

/// What the second memory-monitor logged.
struct Log {
    file: Option<File>,
    /// The beginning of a record that is not complete yet.
    rest: Vec<u8>,
    /// Each with the time since the start at which it was read.
    records: Vec<(Duration, Record)>,
    /// What it wrote to standard error, for the case that it could log nothing else.
    stderr: Vec<u8>,
}

impl Log {
    /// Reads the records that are new in the file, which may not exist yet.
    fn read(&mut self, path: &Path, after: Duration) -> io::Result<()> {
        if self.file.is_none() {
            self.file = File::open(path).ok();
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.read_to_end(&mut self.rest)?;
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let record = serde_json::from_slice(&line)?;
            self.records.push((after, record));
        }
        Ok(())
    }

    /// Why something is not in the log: the last record that is not of level info, or what went to standard error.
    fn complaint(&self) -> String {
        let mut records = self.records.iter().rev();
        let bad = records.find(|(_, record)| record.level != "info");
        if let Some((_, record)) = bad {
            return record.message.clone();
        }
        let text = String::from_utf8_lossy(&self.stderr);
        let last = text.lines().next_back();
        last.map_or("it logged nothing".to_owned(), str::to_owned)
    }
}

/// Reads the log while the second memory-monitor runs.
fn listen(mut child: Child, path: &Path, begun: Instant) -> io::Result<Log> {
    let mut log = Log {
        file: None,
        rest: Vec::new(),
        records: Vec::new(),
        stderr: Vec::new(),
    };
    let mut poll = Poll::with_capacity(1);
    let Some(mut stderr) = child.stderr.take() else {
        return Ok(log);
    };
    loop {
        poll.wait(iter::once(stderr.as_fd()), Some(INTERVAL))?;
        let mut has_exited = false;
        if poll.is_ready(0) {
            let mut buffer = [0; 4096];
            let length = stderr.read(&mut buffer)?;
            log.stderr.extend(buffer.iter().take(length));
            has_exited = length == 0;
        }
        if has_exited {
            child.wait()?;
        }
        log.read(path, begun.elapsed())?;
        if has_exited {
            return Ok(log);
        }
        if begun.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// The steps that the log shows.
fn steps(hog: &Hog, ignores: bool, directory: &Path, log: &Log, took: Duration) -> Vec<Step> {
    let pid = hog.key.pid.get();
    let signal = if ignores { "SIGKILL" } else { "SIGTERM" };
    let mut expected = vec![("read it, decide and send SIGTERM", "killing", None)];
    if ignores {
        expected.push(("send SIGKILL after the grace period", "escalating", None));
    }
    expected.push(("notice that it has ended", "ended", Some(signal)));
    let mut steps: Vec<Step> = expected
        .into_iter()
        .map(|(name, event, signal)| {
            let found = log.records.iter().find(|(_, record)| {
                record.pid == Some(pid)
                    && record.event.as_deref() == Some(event)
                    && signal.is_none_or(|signal| record.signal.as_deref() == Some(signal))
            });
            let (outcome, after, detail) = match found {
                Some((after, record)) => (Outcome::Ok, *after, record.message.clone()),
                None => (Outcome::Failed, took, log.complaint()),
            };
            Step::new(name.to_owned(), outcome, after, detail)
        })
        .collect();
    let files = [
        ("write a log file", "log"),
        ("keep a history", "history.jsonl"),
    ];
    for (name, file) in files {
        let (outcome, detail) = if has_record_of(pid, &directory.join(file)) {
            (Outcome::Ok, String::new())
        } else {
            (
                Outcome::Failed,
                "it has no record of the process".to_owned(),
            )
        };
        steps.push(Step::new(name.to_owned(), outcome, Duration::ZERO, detail));
    }
    steps
}

/// Whether a line of this file is a JSON object about this process.
fn has_record_of(pid: u32, path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let records = text.lines().map(serde_json::from_str::<serde_json::Value>);
    let mut pids = records.filter_map(|record| record.ok()?.get("pid")?.as_u64());
    pids.any(|other| other == u64::from(pid))
}

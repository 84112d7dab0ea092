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
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A test that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// Beside its configuration: the directory with the meminfo of a machine that it takes for this one.
pub(super) const MEMORY: &str = "memory";

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
    let config = std::env::var_os(CONFIG).map(PathBuf::from);
    let directory = config.as_deref().and_then(Path::parent);
    let memory = directory.map(|directory| directory.join(MEMORY));
    let Some(only) = key() else {
        return Err(Error::System(
            "confining the test",
            io::ErrorKind::InvalidInput.into(),
        ));
    };
    let memory = memory.filter(|_| words.next() == Some("short"));
    let options = RunOptions {
        config,
        once: true,
        console: Verbosity::Normal,
        ..RunOptions::default()
    };
    daemon::run_confined(&options, only, memory.as_deref())
}

/// Lets a second memory-monitor kill the hog; the steps of that.
pub(super) fn watch(hog: &Hog, ignores: bool, directory: &Path) -> Vec<Step> {
    let begun = Instant::now();
    // A hog that obeys may be slow to exit; one that ignores SIGTERM is not waited for.
    let grace = if ignores { 1 } else { LIMIT.as_secs() };
    let threshold = format!("ram_gb_threshold = {}", SIZE.gb() / 2.0);
    let started = start(hog, "", (&threshold, grace), directory);
    let log =
        started.and_then(|child| listen(child, &directory.join("log"), begun, &mut |_| Ok(())));
    let is_heard = log.is_ok();
    let mut steps = judge(log, hog, expected(ignores), begun.elapsed());
    if is_heard {
        steps.extend(files(hog.key.pid.get(), directory));
    }
    steps
}

/// Starts a second memory-monitor for this hog, with these thresholds, and what follows them, and this grace period.
///
/// # Errors
/// Where it can't be started, or its configuration not be written.
pub(super) fn start(
    hog: &Hog,
    kind: &str,
    (thresholds, grace): (&str, u64),
    directory: &Path,
) -> io::Result<Child> {
    let config = directory.join("config.toml");
    let log = directory.join("log");
    // A new log for each hog.
    let _ = fs::remove_file(&log);
    let text = format!(
        "[thresholds]\nram_percent_threshold = 100\n{thresholds}\n\
         [whitelist]\npids = []\nnames = []\nusers = []\nprotect_root = false\n\
         [settings]\nlog_file = {:?}\nlog_format = \"json\"\nenable_syslog = false\nterm_timeout = {grace}\n",
        log.to_string_lossy()
    );
    fs::write(&config, text)?;
    let ProcessKey { pid, start_time } = hog.key;
    in_role(&format!("monitor {pid} {}{kind}", start_time.0))?
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
struct LogRecord {
    level: String,
    message: String,
    event: Option<String>,
    pid: Option<u32>,
    signal: Option<String>,
}

/// What the second memory-monitor logged.
pub(super) struct Log {
    file: Option<File>,
    /// The beginning of a record that is not complete yet.
    rest: Vec<u8>,
    /// Each with the time since the start at which it was read.
    records: Vec<(Duration, LogRecord)>,
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

    /// Whether there is a record of this event.
    pub(super) fn has(&self, event: &str) -> bool {
        let mut records = self.records.iter();
        records.any(|(_, record)| record.event.as_deref() == Some(event))
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

/// Reads the log while the second memory-monitor runs, and does this each time.
///
/// # Errors
/// Where the log can't be read, the test takes too long, or `each` fails.
pub(super) fn listen(
    mut child: Child,
    path: &Path,
    begun: Instant,
    each: &mut dyn FnMut(&Log) -> io::Result<()>,
) -> io::Result<Log> {
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
        let is_late = begun.elapsed() > LIMIT;
        let done = if is_late {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            each(&log)
        };
        if done.is_err() {
            child.kill()?;
            child.wait()?;
            done?;
        }
    }
}

/// A record that must be in the log.
pub(super) struct Expected {
    /// The step that it shows.
    pub(super) name: &'static str,
    pub(super) event: &'static str,
    /// None for any.
    pub(super) signal: Option<&'static str>,
}

/// What must be logged of a hog.
fn expected(ignores: bool) -> impl Iterator<Item = Expected> {
    let record = |name, event, signal| Expected {
        name,
        event,
        signal,
    };
    let killing = record("read it, decide and send SIGTERM", "killing", None);
    let escalating = record("send SIGKILL after the grace period", "escalating", None);
    let signal = if ignores { "SIGKILL" } else { "SIGTERM" };
    let ended = record("notice that it has ended", "ended", Some(signal));
    let all = [Some(killing), ignores.then_some(escalating), Some(ended)];
    all.into_iter().flatten()
}

/// The steps that the log shows, or why there is none.
pub(super) fn judge(
    log: io::Result<Log>,
    hog: &Hog,
    expected: impl Iterator<Item = Expected>,
    took: Duration,
) -> Vec<Step> {
    let log = match log {
        Ok(log) => log,
        Err(error) => {
            let name = "run a second memory-monitor".to_owned();
            return vec![Step::new(name, Outcome::Failed, took, error.to_string())];
        }
    };
    let pid = hog.key.pid.get();
    let step = |expected: Expected| {
        let found = log.records.iter().find(|(_, record)| {
            let signal = expected.signal;
            record.pid.is_none_or(|own| own == pid)
                && record.event.as_deref() == Some(expected.event)
                && signal.is_none_or(|signal| record.signal.as_deref() == Some(signal))
        });
        let (outcome, after, detail) = match found {
            Some((after, record)) => (Outcome::Ok, *after, record.message.clone()),
            None => (Outcome::Failed, took, log.complaint()),
        };
        Step::new(expected.name.to_owned(), outcome, after, detail)
    };
    expected.map(step).collect()
}

/// The files that the second memory-monitor must have written.
fn files(pid: u32, directory: &Path) -> impl Iterator<Item = Step> {
    let files = [
        ("write a log file", "log"),
        ("keep a history", "history.jsonl"),
    ];
    files.into_iter().map(move |(name, file)| {
        let (outcome, detail) = if has_record_of(pid, &directory.join(file)) {
            (Outcome::Ok, String::new())
        } else {
            let detail = "it has no record of the process";
            (Outcome::Failed, detail.to_owned())
        };
        Step::new(name.to_owned(), outcome, Duration::ZERO, detail)
    })
}

/// Whether a line of this file is a JSON object about this process.
fn has_record_of(pid: u32, path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    let records = text.lines().map(serde_json::from_str::<serde_json::Value>);
    let mut pids = records.filter_map(|record| record.ok()?.get("pid")?.as_u64());
    pids.any(|other| other == u64::from(pid))
}

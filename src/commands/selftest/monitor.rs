//! The second memory-monitor, and what is seen of it.

use super::hog::{Hog, SIZE};
use super::in_role;
use crate::Error;
use crate::cli::{RunOptions, Verbosity};
use crate::commands::selftest::{Outcome, Step};
use crate::daemon;
use crate::quantities::{Pid, ProcessKey, StartTime};
use crate::sys::poll::Poll;
use std::fs;
use std::io::{self, Read};
use std::iter;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A test that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// The second memory-monitor itself: confined to one process, or an error.
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
    let config = std::env::var_os("MEMORY_MONITOR_SELFTEST_CONFIG").map(Into::into);
    let options = RunOptions {
        config,
        once: true,
        console: Verbosity::Normal,
        ..RunOptions::default()
    };
    daemon::run_confined(&options, only)
}

/// Lets a second memory-monitor end the hog, and says how each step went.
pub(super) fn watch(hog: &Hog, ignores: bool, directory: &Path) -> Vec<Step> {
    let begun = Instant::now();
    match start(hog, ignores, directory).and_then(|child| listen(child, begun)) {
        Ok(lines) => told(hog, ignores, directory, &lines, begun.elapsed()),
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
    // One that obeys may be slow to; one that does not is not waited for.
    let grace = if ignores { 1 } else { LIMIT.as_secs() };
    let log = directory.join("log");
    // A new log for each hog.
    let _ = fs::remove_file(&log);
    let text = format!(
        "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = {half}\n\
         [whitelist]\npids = []\nnames = []\nusers = []\nprotect_root = false\n\
         [settings]\nlog_file = {:?}\nenable_syslog = false\nterm_timeout = {grace}\n",
        log.to_string_lossy()
    );
    fs::write(&config, text)?;
    in_role(&format!("monitor {} {}", hog.key.pid, hog.key.start_time.0))?
        .env("MEMORY_MONITOR_SELFTEST_CONFIG", config)
        .env("STATE_DIRECTORY", directory)
        .env("RUNTIME_DIRECTORY", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

/// A line that the second memory-monitor wrote, and when.
type Heard = (Duration, String);

/// Hears what it says until it ends.
fn listen(mut child: Child, begun: Instant) -> io::Result<Vec<Heard>> {
    let mut lines = Vec::new();
    let mut heard = Vec::new();
    let mut poll = Poll::with_capacity(1);
    let Some(mut stderr) = child.stderr.take() else {
        return Ok(lines);
    };
    loop {
        let left = LIMIT.saturating_sub(begun.elapsed());
        poll.wait(iter::once(stderr.as_fd()), Some(left))?;
        if !poll.is_ready(0) {
            if left.is_zero() {
                child.kill()?;
                child.wait()?;
                return Err(io::ErrorKind::TimedOut.into());
            }
            continue;
        }
        let mut buffer = [0; 4096];
        let length = stderr.read(&mut buffer)?;
        if length == 0 {
            child.wait()?;
            return Ok(lines);
        }
        heard.extend(buffer.iter().take(length));
        while let Some(end) = heard.iter().position(|&byte| byte == b'\n') {
            let line = heard.drain(..=end).collect::<Vec<_>>();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            lines.push((begun.elapsed(), line));
        }
    }
}

/// The steps that the lines tell of.
fn told(hog: &Hog, ignores: bool, directory: &Path, lines: &[Heard], took: Duration) -> Vec<Step> {
    let pid = hog.key.pid;
    let mark = format!("PID={pid},");
    let find = |what: &str| {
        let mut lines = lines.iter();
        lines.find(|(_, line)| line.contains(what) && line.contains(&mark))
    };
    let signal = if ignores {
        "Signal=SIGKILL"
    } else {
        "Signal=SIGTERM"
    };
    let mut expected = vec![("see it, decide and send SIGTERM", "Killing process: ")];
    if ignores {
        expected.push((
            "send SIGKILL after the grace time",
            "Escalating to SIGKILL: ",
        ));
    }
    expected.push(("notice the end", signal));
    let mut steps: Vec<Step> = expected
        .into_iter()
        .map(|(what, words)| {
            let (outcome, after, said) = if let Some((after, line)) = find(words) {
                (Outcome::Ok, *after, text_of(line))
            } else {
                let last = lines.iter().rfind(|(_, line)| !line.contains(" - INFO - "));
                let why = last.map_or("it said nothing".to_owned(), |(_, line)| text_of(line));
                (Outcome::Failed, took, why)
            };
            Step::new(what.to_owned(), outcome, after, said)
        })
        .collect();
    let files = [
        ("write a log file", "log"),
        ("keep a history", "history.jsonl"),
    ];
    for (what, file) in files {
        let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
        let is_there = text.contains(&mark) || text.contains(&format!("\"pid\":{pid},"));
        let (outcome, detail) = if is_there {
            (Outcome::Ok, "")
        } else {
            (Outcome::Failed, "it is not there")
        };
        steps.push(Step::new(
            what.to_owned(),
            outcome,
            Duration::ZERO,
            detail.to_owned(),
        ));
    }
    steps
}

/// A line without its time and level.
fn text_of(line: &str) -> String {
    line.splitn(3, " - ").last().unwrap_or(line).to_owned()
}

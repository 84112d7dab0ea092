//! What is available on this machine: processes, signals, system calls, the outputs of the log.

use super::hog::{Hog, IGNORES};
use super::view::{Outcome, Step};
use crate::Error;
use crate::config::Config;
use crate::proc::{NoQuestions, Sampler, Snapshot};
use crate::quantities::{Bytes, Pid, Uid};
use crate::sys::{self, trust};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The journal takes a message within milliseconds; a machine may be slow.
const JOURNAL_READS: u32 = 20;

/// No policy is asked.
const QUESTIONS: NoQuestions = NoQuestions(Bytes::ZERO);

/// Which processes can be read and signalled.
///
/// # Errors
/// When /proc can't be read.
pub(super) fn access(sampler: &mut Sampler) -> Result<Vec<Step>, Error> {
    let begun = Instant::now();
    let mut snapshot = Snapshot::default();
    sampler.scan_all(&QUESTIONS, &mut snapshot)?;
    let scanned = format!("{} processes", snapshot.scanned);
    let took = begun.elapsed();
    let step = |what: &str, outcome, detail: &str| {
        Step::new(what.to_owned(), outcome, Duration::ZERO, detail.to_owned())
    };
    let hidden = "/proc is mounted with hidepid, other users' processes can't be seen";
    let mut steps = vec![if sampler.hides_processes() {
        Step::new(
            "see all processes".to_owned(),
            Outcome::Missing,
            took,
            hidden.to_owned(),
        )
    } else {
        Step::new("see all processes".to_owned(), Outcome::Ok, took, scanned)
    }];
    steps.push(match fs::read_link("/proc/1/exe") {
        Ok(_) => step("read details of other users' processes", Outcome::Ok, ""),
        Err(error) => step(
            "read details of other users' processes",
            Outcome::Missing,
            &format!("{error}, it needs CAP_SYS_PTRACE"),
        ),
    });
    let own = sys::effective_uid();
    let foreign = |pid: Pid| {
        let (process, handle) = sampler.hold(&QUESTIONS, pid)?;
        let key = process.key()?;
        let is_foreign = process
            .facts
            .is_ok_and(|facts| facts.uid != own && !facts.is_kernel_thread);
        is_foreign.then(|| (pid, handle.ask_permission(&|| sampler.is_still(key))))
    };
    let asked = snapshot
        .near
        .iter()
        .find_map(|process| foreign(process.pid));
    let what = "signal other users' processes";
    // Another user never may; root, and so the service, must.
    let lacking = if own == Uid::ROOT {
        Outcome::Failed
    } else {
        Outcome::Missing
    };
    steps.push(match asked {
        Some((pid, Ok(()))) => step(
            what,
            Outcome::Ok,
            &format!("the kernel accepted signal 0 to PID {pid}"),
        ),
        Some((pid, Err(error))) => {
            let detail = format!("PID {pid}: {error}, it needs CAP_KILL");
            step(what, lacking, &detail)
        }
        None if sys::process::may_signal_any() => step(
            what,
            Outcome::Ok,
            "by CAP_KILL; no other user has a process now",
        ),
        None => step(what, lacking, "it needs CAP_KILL"),
    });
    let pidfd = Pid::new(std::process::id())
        .and_then(|own| sampler.hold(&QUESTIONS, own))
        .is_some_and(|(_, handle)| handle.pidfd().is_some());
    steps.push(if pidfd {
        step("hold a process by pidfd", Outcome::Ok, "")
    } else {
        let detail = "Linux before 5.3, or a system call filter; processes are identified by PID and start time";
        step("hold a process by pidfd", Outcome::Missing, detail)
    });
    Ok(steps)
}

/// Whether the memory of a killed process can be freed at once.
pub(super) fn reclaim(sampler: &Sampler) -> Step {
    let what = "reclaim the memory of a killed process".to_owned();
    let begun = Instant::now();
    let mut hog = match Hog::start(IGNORES, sampler) {
        Ok(hog) => hog,
        Err(error) => return Step::new(what, Outcome::Failed, begun.elapsed(), error.to_string()),
    };
    let Some((_, handle)) = sampler.hold(&QUESTIONS, hog.key.pid) else {
        return Step::new(
            what,
            Outcome::Failed,
            begun.elapsed(),
            "it can't be held".to_owned(),
        );
    };
    let begun = Instant::now();
    let reclaimed = hog.kill().and_then(|()| match handle.pidfd() {
        Some(pidfd) => sys::process::reclaim(pidfd),
        None => Err(io::ErrorKind::Unsupported.into()),
    });
    let took = begun.elapsed();
    let (outcome, detail) = match reclaimed.map_err(|error| (error.raw_os_error(), error)) {
        Ok(()) => (Outcome::Ok, String::new()),
        Err((Some(libc::ESRCH), _)) => {
            (Outcome::Ok, "it had freed its memory by itself".to_owned())
        }
        Err((_, error)) => (
            Outcome::Missing,
            format!("process_mrelease: {error}; the kernel frees it a little later"),
        ),
    };
    Step::new(what, outcome, took, detail)
}

/// Whether the log of the installed configuration can be written.
pub(super) fn sinks() -> Vec<Step> {
    let config = match Config::load(None) {
        Ok(loaded) => loaded.config,
        Err(error) => {
            let detail = error.to_string();
            let what = "read the installed configuration".to_owned();
            return vec![Step::new(what, Outcome::Failed, Duration::ZERO, detail)];
        }
    };
    let mut steps = Vec::new();
    if let Some(file) = &config.log.file {
        let begun = Instant::now();
        let what = format!(
            "write to {}",
            crate::escape::Escaped(file.as_os_str().as_encoded_bytes())
        );
        steps.push(match may_append(file) {
            Ok(()) => Step::new(what, Outcome::Ok, begun.elapsed(), String::new()),
            Err(error) => Step::new(what, Outcome::Missing, begun.elapsed(), error.to_string()),
        });
    }
    if config.log.syslog {
        steps.extend(syslog());
    }
    steps
}

/// Whether the daemon would append to the log file; leaves no new file behind.
fn may_append(file: &Path) -> io::Result<()> {
    trust::check_own_output(file)?;
    if file.exists() {
        // A FIFO without a reader fails, and does not wait for one.
        let mut options = OpenOptions::new();
        options
            .append(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
        return options.open(file).map(drop);
    }
    let probe = file.with_extension(format!("selftest-{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)?;
    fs::remove_file(probe)
}

/// Sends a line to syslog and looks for it in the journal.
fn syslog() -> Vec<Step> {
    let begun = Instant::now();
    let mark = format!("selftest of PID {}", std::process::id());
    let sent = UnixDatagram::unbound().and_then(|socket| {
        // LOG_DAEMON | LOG_DEBUG.
        socket.send_to(format!("<31>memory-monitor: {mark}").as_bytes(), "/dev/log")
    });
    let syslog = "send to syslog".to_owned();
    if let Err(error) = sent {
        let detail = format!("/dev/log: {error}");
        return vec![Step::new(syslog, Outcome::Missing, begun.elapsed(), detail)];
    }
    let sent = Step::new(syslog, Outcome::Ok, begun.elapsed(), String::new());
    let begun = Instant::now();
    let mut outcome = (
        Outcome::Missing,
        "it did not arrive, or may not be read by this user".to_owned(),
    );
    for _ in 0..JOURNAL_READS {
        let found = Command::new("journalctl")
            .args([
                "--quiet",
                "--identifier=memory-monitor",
                "--since=-1min",
                "--output=cat",
                "--no-pager",
            ])
            .output();
        match found {
            Ok(output) if String::from_utf8_lossy(&output.stdout).contains(&mark) => {
                outcome = (Outcome::Ok, String::new());
                break;
            }
            Ok(_) => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => {
                outcome = (Outcome::Missing, format!("journalctl: {error}"));
                break;
            }
        }
    }
    let (outcome, detail) = outcome;
    let found = Step::new(
        "find it in the journal".to_owned(),
        outcome,
        begun.elapsed(),
        detail,
    );
    vec![sent, found]
}

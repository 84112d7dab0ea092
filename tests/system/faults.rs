//! Failing system calls, by strace: while they fail and afterwards the daemon lives, signals no process that
//! is protected or small, and kills the one that is over its threshold.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::{Daemon, Machine, quoted, until};
use crate::harness::os;
use crate::traced::STRACE;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const NEEDS: Needs = Needs::File(STRACE);

pub(crate) const CASES: &[Case] = cases![
    openat_every_second_time: [NEEDS],
    read_every_third_time: [NEEDS],
    pread_every_fifth_time: [NEEDS],
    getdents_every_second_time: [NEEDS],
    ppoll: [NEEDS],
    every_openat: [NEEDS],
    every_read: [NEEDS],
    storm_of_eintr: [NEEDS],
    empty_files: [NEEDS],
    writes_to_the_log: [NEEDS],
    full_disk_now_and_then: [NEEDS],
    metrics_file: [NEEDS],
    no_pidfd: [NEEDS],
    no_lseek: [NEEDS],
    slow_system_calls: [NEEDS],
];

const ERRORS: &[&str] = &[
    "EMFILE", "ENFILE", "ENOMEM", "EINTR", "EIO", "ENOENT", "ESRCH", "EACCES",
];
const FEW_ERRORS: &[&str] = &["EINTR", "ENOMEM", "ENOENT"];

fn openat_every_second_time() {
    for error in ERRORS {
        survives(&[&format!("openat:error={error}:when=1+2")]);
    }
}

fn read_every_third_time() {
    for error in ERRORS {
        survives(&[&format!("read:error={error}:when=2+3")]);
    }
}

fn pread_every_fifth_time() {
    for error in ERRORS {
        survives(&[&format!("pread64:error={error}:when=1+5")]);
    }
}

fn getdents_every_second_time() {
    for error in FEW_ERRORS {
        survives(&[&format!("getdents64:error={error}:when=1+2")]);
    }
}

fn ppoll() {
    for error in FEW_ERRORS {
        survives(&[&format!("ppoll:error={error}:when=1+1")]);
    }
}

fn every_openat() {
    survives(&["openat:error=EMFILE"]);
}

fn every_read() {
    survives(&["read:error=ENOMEM"]);
}

fn storm_of_eintr() {
    survives(&["openat,read,pread64,ppoll,getdents64,write:error=EINTR:when=1+2"]);
}

fn empty_files() {
    survives(&["read:retval=0:when=1+2"]);
}

fn writes_to_the_log() {
    survives(&["write:error=EIO"]);
}

fn full_disk_now_and_then() {
    survives(&["write:error=ENOSPC:when=1+3"]);
}

fn metrics_file() {
    survives(&["rename:error=EIO", "fchmod:error=EPERM:when=1+2"]);
}

fn no_pidfd() {
    survives(&["pidfd_open:error=EMFILE", "openat:error=EMFILE:when=1+4"]);
}

fn no_lseek() {
    survives(&["lseek:error=EIO:when=1+2"]);
}

fn slow_system_calls() {
    survives(&["openat,read:delay_enter=2000:when=1+2"]);
}

/// How many failed calls are enough.
const ENOUGH: usize = 30;

/// Runs the daemon with these injections, each as for `strace -e inject=`, for a while, and then without.
fn survives(injections: &[&str]) {
    // Which of a case's it was, for the message of a failure.
    eprintln!("{injections:?}");
    let machine = Machine::new()
        // Enough for the single reads of early scans.
        .with("thresholds.check_interval", "0.2")
        .with("whitelist.names", r#"["precious"]"#)
        .with("settings.term_timeout", "1");
    let metrics_file = quoted(&machine.path("metrics.prom"));
    let machine = machine.with("settings.metrics_file", &metrics_file);
    let protected = Hog::new().comm("precious").start();
    let small = Hog::new().mib(12).start();
    let mut command = machine.command();
    command.arg("--quiet");
    let mut daemon = machine.launch(command);
    machine.log().wait_for_scans(1);
    let tracer = Tracer::of(&daemon, injections, machine.path("trace"));
    let mut victim = Hog::new().start();
    tracer.wait_for_faults(ENOUGH, &mut daemon, Some(&victim));
    tracer.wait_for_faults(tracer.faults() + 3, &mut daemon, None);
    let trace = tracer.stop();
    victim.becomes_zombie();
    assert!(daemon.is_running());
    assert!(protected.is_alive() && small.is_alive());
    let sends = |call: &&str| call.contains("pidfd_send_signal(") || call.contains("kill(");
    for call in trace.lines().filter(sends) {
        let is_known = ["SIGTERM", "SIGKILL", "SIGCONT"].map(|signal| call.contains(signal));
        assert!(is_known.contains(&true), "{call}");
    }
    daemon.stop();
    assert!(matches!(
        victim.ended_by(),
        Some(libc::SIGTERM | libc::SIGKILL)
    ));
}

/// strace, while it makes the calls of a daemon fail.
struct Tracer {
    child: Child,
    trace: PathBuf,
}

impl Tracer {
    /// Returns when the first call has failed.
    fn of(daemon: &Daemon, injections: &[&str], trace: PathBuf) -> Self {
        let errors = trace.with_extension("errors");
        let mut command = Command::new(STRACE);
        command
            .args(["-qq", "-e", "trace=all", "-p", &daemon.pid().to_string()])
            .arg("-o")
            .arg(&trace);
        for injection in injections {
            command.arg("-e").arg(format!("inject={injection}"));
        }
        let stderr = fs::File::create(&errors).expect("a directory of ours");
        let child = command.stdin(Stdio::null()).stderr(stderr).spawn();
        let child = child.expect("strace starts");
        let mut tracer = Self { child, trace };
        until("the first call has failed", || {
            let ended = tracer.child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "strace: {}", text(&errors));
            tracer.faults() > 0
        });
        tracer
    }

    /// How many calls have failed, or were delayed.
    fn faults(&self) -> usize {
        let trace = text(&self.trace);
        let is_fault = |line: &&str| line.contains("INJECTED") || line.contains("DELAYED");
        trace.lines().filter(is_fault).count()
    }

    /// Waits until so many calls have failed, or the victim, if there is one, is over.
    fn wait_for_faults(&self, count: usize, daemon: &mut Daemon, victim: Option<&RunningHog>) {
        until("enough calls have failed", || {
            assert!(daemon.is_running(), "{}", daemon.stderr());
            self.faults() >= count || victim.is_some_and(|victim| !victim.is_alive())
        });
    }

    /// Lets the daemon go on without faults; returns all its calls.
    fn stop(mut self) -> String {
        os::signal(self.child.id(), libc::SIGINT);
        self.child.wait().expect("a child of ours");
        text(&self.trace)
    }
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

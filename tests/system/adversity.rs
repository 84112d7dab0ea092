//! A daemon that was started with too little: descriptors, a reader of its stderr, the right /proc.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::{Daemon, Machine, binary, said};
use crate::harness::os;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

pub(crate) const CASES: &[Case] = cases![
    few_descriptors,
    stderr_is_not_read,
    stderr_is_closed,
    proc_of_another_namespace,
    no_proc,
];

/// Each victim needs two descriptors, and the daemon itself 18: where there are too few for all, the victims are killed
/// one after the other.
fn few_descriptors() {
    let machine = Machine::new().with("settings.term_timeout", "0.3");
    let start = |_| Hog::new().mib(24).ignores_sigterm().start();
    let mut hogs: Vec<RunningHog> = (0..20).map(start).collect();
    let mut command = machine.command();
    os::with_descriptors(&mut command, 24);
    let mut daemon = machine.launch(command);
    for hog in &mut hogs {
        assert_eq!(hog.ended_by(), Some(libc::SIGKILL));
    }
    daemon.stop();
}

/// Starts the daemon with `stderr`.
fn with_stderr(machine: &Machine, stderr: impl Into<Stdio>) -> Daemon {
    let mut command = machine.command();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr);
    Daemon::of(command.spawn().expect("the daemon starts"))
}

fn stderr_is_not_read() {
    let machine = Machine::new().with("settings.log_level", "\"debug\"");
    let (mut reader, writer) = UnixStream::pair().expect("a pair of sockets");
    os::fill(&writer);
    let mut hog = Hog::new().start();
    let mut daemon = with_stderr(&machine, OwnedFd::from(writer));
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_scans(5);
    let mut late = Hog::new().start();
    assert_eq!(late.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
    let mut byte = [0];
    reader
        .read_exact(&mut byte)
        .expect("what it was filled with");
}

fn stderr_is_closed() {
    let machine = Machine::new();
    let (reader, writer) = UnixStream::pair().expect("a pair of sockets");
    drop(reader);
    let mut hog = Hog::new().start();
    let mut daemon = with_stderr(&machine, OwnedFd::from(writer));
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_scans(5);
    daemon.stop();
}

/// The PIDs that such a /proc shows mean other processes in a system call.
fn proc_of_another_namespace() {
    let machine = Machine::new();
    let hog = Hog::new().start();
    for words in [&["--once"][..], &["scan"]] {
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child", "--"])
            .arg(binary());
        command.args(words);
        let output = said(machine.given(command));
        assert_eq!(output.status, Some(1), "{output:?}");
        let text = output.err;
        assert!(text.starts_with("memory-monitor: error: "), "{text}");
        assert!(text.contains("namespace"), "{text}");
    }
    assert!(hog.is_alive());
}

fn no_proc() {
    let machine = Machine::new();
    let directory = machine.path("empty");
    std::fs::create_dir(&directory).expect("a directory of ours");
    for words in [&["--once"][..], &["scan"]] {
        // In a namespace of its own, since this test needs its own /proc.
        let mut command = Command::new("unshare");
        let shell = r#"mount --bind "$0" /proc && exec "$@""#;
        command
            .args(["--mount", "--", "sh", "-c", shell])
            .arg(&directory);
        command.arg(binary());
        command.args(words);
        let output = said(machine.given(command));
        assert_eq!(output.status, Some(1), "{output:?}");
        let text = output.err;
        assert!(
            text.starts_with("memory-monitor: error: ") && text.contains("/proc"),
            "{text}"
        );
    }
}

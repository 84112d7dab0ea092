//! The commands that look and explain, as the real binary on real processes. Whatever could signal runs
//! in a pid namespace of its own; what needs root, or a second user, says so when it is left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check;
mod explain;
mod past;
mod scan;
mod selftest;
mod systemd;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_memory-monitor");

/// What the program printed, and its exit status.
#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            status: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// Runs the program with these arguments.
fn run(arguments: &[&str]) -> Said {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    output.into()
}

/// Runs a shell script with `$PROGRAM` in new namespaces of mounts and processes, /proc included.
fn in_namespace(script: &str) -> Said {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]);
    // A shell would become the last command of its script.
    let script = format!("{script}\nexit $?");
    command.args(["bash", "-euc", &script]);
    command.env("PROGRAM", PROGRAM).output().unwrap().into()
}

/// Whether this is root, without which namespaces and second users can't be had.
fn is_root(test: &str) -> bool {
    let uid = Command::new("id").arg("-u").output().unwrap().stdout;
    let is_root = uid == b"0\n";
    if !is_root {
        println!("{test}: skipped, it needs root");
    }
    is_root
}

/// A process that sleeps until it is dropped, under a name of its own.
struct Sleeper(Child);

impl Sleeper {
    /// A shell of this name that waits for its standard input to be closed.
    fn named(name: &str) -> Self {
        let mut command = Command::new("python3");
        let program = "import ctypes, sys; \
            ctypes.CDLL(None).prctl(15, sys.argv[1].encode('latin-1')); \
            print('ready', flush=True); sys.stdin.read()";
        let mut child = command
            .args(["-c", program, name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

/// A configuration file in a directory that goes away with it.
struct ConfigFile {
    directory: tempfile::TempDir,
}

impl ConfigFile {
    fn new(text: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut file = std::fs::File::create(directory.path().join("c.toml")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("c.toml")
    }

    fn shown(&self) -> String {
        self.path().display().to_string()
    }
}

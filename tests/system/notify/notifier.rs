//! A notifier as a process: its configuration, its socket and its log.

use super::NOBODY;
use crate::harness::lines::Lines;
use crate::harness::machine::{Daemon, Said, notifier, program, said};
use crate::harness::trusted;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What names the notifier's socket.
pub(super) const SOCKET: &str = "MEMORY_MONITOR_NOTIFY_SOCKET";

/// A notifier while it runs.
pub(super) struct Notifier {
    pub(super) process: Daemon,
    config: PathBuf,
    pub(super) socket: PathBuf,
    log: Lines,
}

/// Where a notifier of a user runs: a directory that root alone can change, with its configuration and a directory
/// `run`, in which the user can make a socket.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    user: u32,
}

impl Place {
    pub(super) fn new(user: u32, config: &str) -> Self {
        let directory = trusted::directory();
        let run = directory.join("run");
        fs::create_dir(&run).expect("a directory of ours");
        chown(&run, Some(user), None).expect("root");
        let place = Self { directory, user };
        fs::write(place.config(), config).expect("a directory of ours");
        place
    }

    fn config(&self) -> PathBuf {
        self.directory.join("notify.toml")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.join("run/notify.sock")
    }

    /// The notifier's own program, where any user may start it.
    pub(super) fn program(&self) -> PathBuf {
        trusted::copy(&notifier(), &self.directory, "memory-monitor-notify")
    }

    /// The notifier, as the user, with these variables.
    pub(super) fn start_as_user(&self, environment: &[(&str, &str)]) -> Notifier {
        let mut command = Command::new(self.program());
        command.envs(environment.iter().copied());
        command.uid(self.user).gid(self.user);
        self.start(command)
    }

    /// Starts `command`, which is to become the notifier, with the options for this configuration and this socket.
    pub(super) fn start(&self, mut command: Command) -> Notifier {
        command
            .args(["--verbose", "--config"])
            .arg(self.config())
            .env(SOCKET, self.socket());
        let stderr = self.directory.join("stderr");
        let process = Daemon::launch(command, &stderr);
        let mut notifier = Notifier {
            process,
            config: self.config(),
            socket: self.socket(),
            log: Lines::of(&stderr),
        };
        notifier.says("Notifier ready");
        notifier
    }
}

impl Notifier {
    /// Root's, by `memory-monitor notify`.
    pub(super) fn start(config: &str) -> Self {
        Place::new(0, config).start(program(&["notify"]))
    }

    /// Waits for a line of its log with `mark` in it, and returns it.
    pub(super) fn says(&mut self, mark: &str) -> String {
        self.log.wait_for(mark)
    }

    /// Hands it an event, as the daemon does.
    pub(super) fn tell(&self, event: &Value) {
        let socket = UnixDatagram::unbound().expect("a socket");
        let event = event.to_string();
        let sent = socket.send_to(event.as_bytes(), &self.socket);
        sent.expect("it listens");
    }

    /// Lets it read this configuration.
    pub(super) fn reload(&self, config: &str) {
        fs::write(&self.config, config).expect("a file of ours");
        self.process.signal(libc::SIGHUP);
    }

    /// Takes its configuration away, and lets it read that.
    pub(super) fn remove_configuration(&self) {
        fs::remove_file(&self.config).expect("a file of ours");
        self.process.signal(libc::SIGHUP);
    }

    /// Stops it; the rest of its log.
    pub(super) fn stop(mut self) -> String {
        self.process.stop();
        self.log.rest()
    }

    /// Waits until it exits by itself, with status 0; the rest of its log.
    pub(super) fn exits(mut self) -> String {
        let status = self.process.wait();
        assert!(status.success(), "{status}: {}", self.process.stderr());
        self.log.rest()
    }

    /// Whether `memory-monitor selftest --notify` passes, and its steps.
    pub(super) fn selftest(&self) -> (bool, Vec<Value>) {
        let said = selftest(&self.socket, &["--json"]);
        let steps = said.json()["steps"].as_array().cloned();
        (said.status == Some(0), steps.expect("a list"))
    }
}

/// `memory-monitor selftest --notify` with the notifier at this socket.
pub(super) fn selftest(socket: &Path, words: &[&str]) -> Said {
    let mut command = program(&["selftest", "--notify"]);
    command
        .args(words)
        .env(SOCKET, socket)
        .env_remove("SUDO_UID");
    said(command)
}

/// The event of a process of this name that was killed and has ended.
pub(super) fn ended(name: &str) -> Value {
    json!({
        "time": "2026-11-21T08:00:00.000+00:00", "level": "warning", "event": "ended", "pid": 4242,
        "start_time": 99, "uid": NOBODY, "name": name, "message": format!("Process ended: PID=4242, Name={name}"),
        "rss_bytes": 3_758_096_384_u64, "threshold_bytes": 2_147_483_648_u64, "host": "here",
    })
}

/// The event of a test, which is sent at once.
pub(super) fn test_event(uid: u32) -> Value {
    json!({"event": "test", "uid": uid, "token": "t", "message": "m"})
}

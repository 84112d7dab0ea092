//! The notifier as a process: how it starts, listens, tests itself, reloads and ends.

use super::mail::{letters, mail_server};
use super::{Ends, NOBODY, bus, directory, start, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use tempfile::TempDir;

/// A notifier, its configuration and its socket, below a directory of root's alone, so that programs in it
/// are trusted.
pub(super) struct Notifier {
    pub(super) directory: TempDir,
    process: Ends,
    log: BufReader<ChildStderr>,
}

pub(super) fn trusted_directory() -> TempDir {
    let directory = tempfile::tempdir_in("/var/lib").expect("these tests need root");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

pub(super) fn command(directory: &Path, notify: &str) -> Command {
    let config = directory.join("notify.toml");
    fs::write(&config, notify).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_memory-monitor"));
    command
        .args(["notify", "--verbose", "--config"])
        .arg(&config)
        .env(
            "MEMORY_MONITOR_NOTIFY_SOCKET",
            directory.join("notify.sock"),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

impl Notifier {
    pub(super) fn start(notify: &str) -> Self {
        let directory = trusted_directory();
        let command = command(directory.path(), notify);
        Self::run(directory, command)
    }

    pub(super) fn run(directory: TempDir, mut command: Command) -> Self {
        let mut process = Ends(command.spawn().unwrap());
        let log = BufReader::new(process.0.stderr.take().unwrap());
        let mut notifier = Self {
            directory,
            process,
            log,
        };
        notifier.says("Notifier ready");
        notifier
    }

    pub(super) fn says(&mut self, mark: &str) -> String {
        wait_for(&mut self.log, mark)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("notify.sock")
    }

    pub(super) fn tell(&self, event: &Value) {
        let socket = UnixDatagram::unbound().unwrap();
        socket
            .send_to(event.to_string().as_bytes(), self.socket())
            .unwrap();
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.process.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Its log from here to its end.
    pub(super) fn stop(mut self) -> String {
        self.signal("TERM");
        self.rest()
    }

    pub(super) fn rest(&mut self) -> String {
        let rest: Vec<String> = (&mut self.log).lines().map(Result::unwrap).collect();
        assert!(self.process.0.wait().unwrap().success(), "{rest:?}");
        rest.join("\n")
    }

    /// Stops it and leaves its directory.
    fn leave(mut self) -> TempDir {
        self.signal("TERM");
        self.rest();
        self.directory
    }

    pub(super) fn selftest(&self) -> (bool, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_memory-monitor"))
            .args(["selftest", "--notify", "--json"])
            .env("MEMORY_MONITOR_NOTIFY_SOCKET", self.socket())
            .env_remove("SUDO_UID")
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.success(), report["steps"].clone())
    }
}

pub(super) fn ended(name: &str) -> Value {
    json!({
        "time": "2026-11-21T08:00:00.000+00:00", "level": "warning", "event": "ended", "pid": 4242,
        "start_time": 99, "uid": NOBODY, "name": name, "message": format!("Ended: PID=4242, Name={name}"),
        "rss_bytes": 3_758_096_384_u64, "threshold_bytes": 2_147_483_648_u64, "host": "here",
    })
}

#[test]
fn a_test_goes_every_way_and_says_how_it_went() {
    let mails = trusted_directory();
    let (_server, port) = mail_server(mails.path());
    let bus_directory = directory();
    let (_bus, address) = bus(
        bus_directory.path(),
        Path::new("/usr/share/dbus-1/system.conf"),
    );
    let mut monitor = Command::new("dbus-monitor");
    monitor
        .args(["--address", &address])
        .arg("interface='net.nuetzlich.SystemNotifications'");
    let (_monitor, mut signals) = start(&mut monitor, "member=NameLost");
    let directory = trusted_directory();
    let mut command = command(
        directory.path(),
        &format!(
            "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"localhost:{port}\"\n\
             command = [\"/bin/true\", \"/bin/false\"]\ntty = true\ndesktop = true\n"
        ),
    );
    command.env("DBUS_SYSTEM_BUS_ADDRESS", &address);
    let notifier = Notifier::run(directory, command);
    let (passed, steps) = notifier.selftest();
    let steps = steps.as_array().unwrap();
    let outcome = |name: &str| {
        let is_it = |step: &&Value| step["name"].as_str().unwrap().contains(name);
        steps
            .iter()
            .find(is_it)
            .map(|step| step["outcome"].as_str().unwrap())
    };
    assert!(!passed, "/bin/false does");
    assert_eq!(outcome("hand a test"), Some("ok"));
    assert_eq!(
        outcome("mail to a@example.com by localhost:"),
        Some("ok"),
        "{steps:?}"
    );
    assert_eq!(outcome("command /bin/true"), Some("ok"));
    assert_eq!(outcome("command /bin/false"), Some("failed"));
    assert_eq!(outcome("desktops"), Some("ok"));
    // Who runs the tests may or may not be logged in on a terminal.
    assert!(outcome("terminals").is_some());
    assert_eq!(steps.len(), 6);
    wait_for(&mut signals, "This is a test of memory-monitor");
    assert_eq!(letters(mails.path()).len(), 1, "at once, not in a minute");
    notifier.stop();
}

#[test]
fn a_test_without_a_notifier_or_without_ways_says_so() {
    let notifier = Notifier::start("");
    let (passed, steps) = notifier.selftest();
    assert!(passed);
    assert_eq!(steps[1]["outcome"], "missing");
    assert!(steps[1]["detail"].as_str().unwrap().contains("[notify]"));
    let socket = notifier.socket();
    let directory = Notifier::leave(notifier);
    assert!(!socket.exists(), "it takes its socket with it");
    let output = Command::new(env!("CARGO_BIN_EXE_memory-monitor"))
        .args(["selftest", "--notify"])
        .env("MEMORY_MONITOR_NOTIFY_SOCKET", &socket)
        .output()
        .unwrap();
    drop(directory);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("systemctl start memory-monitor-notify.socket"),
        "{said}"
    );
}

#[test]
fn a_reload_changes_the_ways_and_a_bad_one_changes_nothing() {
    let mut notifier = Notifier::start("[notify]\ncommand = [\"/bin/true\"]\n");
    let config = notifier.directory.path().join("notify.toml");
    fs::write(&config, "[notify]\ncommand = [\"true\"]\n").unwrap();
    notifier.signal("HUP");
    let refused = notifier.says("Reload refused");
    assert!(refused.contains("notify.toml:2"), "{refused}");
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    fs::write(&config, "[notify]\ncommand = [\"/bin/false\"]\n").unwrap();
    notifier.signal("HUP");
    notifier.says("Notifier ready");
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/false, Result=exit status: 1");
    notifier.stop();
}

#[test]
fn a_configuration_that_is_refused_elsewhere_is_told_of() {
    let directory = trusted_directory();
    let command = command(
        directory.path(),
        "[thresholds]\nram_percent_threshold = \"much\"\n[notify]\ncommand = [\"/bin/true\"]\n",
    );
    let mut notifier = Notifier::run(directory, command);
    notifier.tell(&json!({"event": "reload_rejected", "message": "Reload rejected"}));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    notifier.stop();
}

#[test]
fn takes_the_socket_that_a_service_manager_passes_and_ends_when_it_is_idle() {
    let directory = trusted_directory();
    let socket = directory.path().join("notify.sock");
    let config = directory.path().join("notify.toml");
    fs::write(&config, "[notify]\ncommand = [\"/bin/true\"]\n").unwrap();
    let program = env!("CARGO_BIN_EXE_memory-monitor");
    // As a service manager does it: the socket is the fourth descriptor. The clock runs faster, so that
    // ten minutes take seconds.
    let manager = "import os, socket, sys\n\
         taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         taken.bind(sys.argv[1])\n\
         os.dup2(taken.fileno(), 3, inheritable=True)\n\
         os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\n\
         os.execv(sys.argv[2], sys.argv[2:])\n";
    let mut command = Command::new("faketime");
    command
        .args(["-f", "+0 x300", "python3", "-c", manager])
        .arg(&socket)
        .args([program, "notify", "--verbose", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut notifier = Notifier::run(directory, command);
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    let rest = notifier.rest();
    assert!(
        rest.contains("Notifier stopping: Reason=nothing to tell"),
        "{rest}"
    );
    assert!(socket.exists(), "it is the service manager's");
}

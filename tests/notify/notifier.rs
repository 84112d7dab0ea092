//! The notifier as a process: how it starts, listens, tests itself, reloads and stops.

use super::desktop::{SYSTEM_BUS, bus, monitor};
use super::mail::{letters, mail_server};
use super::{Ends, NOBODY, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_memory-monitor");
const NOTIFIER: &str = env!("CARGO_BIN_EXE_memory-monitor-notify");

/// A notifier, its configuration and its socket, below a directory that root alone can write to, so that programs in it
/// are trusted.
pub(super) struct Notifier {
    pub(super) directory: TempDir,
    socket: PathBuf,
    process: Ends,
    log: BufReader<ChildStderr>,
}

pub(super) fn trusted_directory() -> TempDir {
    let directory = tempfile::tempdir_in("/var/lib").expect("these tests need root");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// The same with the notifier in it, and a directory `run` for the socket of this user.
pub(super) fn directory_for(user: u32) -> TempDir {
    let directory = trusted_directory();
    // By another process: what this one has open for writing, a child of another test would have as well, and the
    // kernel would not run it.
    let copied = Command::new("cp")
        .args([NOTIFIER.as_ref(), directory.path()])
        .status();
    assert!(copied.unwrap().success());
    let run = directory.path().join("run");
    fs::create_dir(&run).unwrap();
    chown(&run, Some(user), None).unwrap();
    directory
}

/// `memory-monitor notify` with this configuration.
pub(super) fn command(directory: &Path, notify: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("notify");
    with_options(command, directory, "notify.sock", notify)
}

fn with_options(mut command: Command, directory: &Path, socket: &str, notify: &str) -> Command {
    let config = directory.join("notify.toml");
    fs::write(&config, notify).unwrap();
    command
        .args(["--verbose", "--config"])
        .arg(&config)
        .env("MEMORY_MONITOR_NOTIFY_SOCKET", directory.join(socket))
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

    /// The notifier's own program, as this user.
    pub(super) fn start_as(user: u32, notify: &str, environment: &[(&str, &str)]) -> Self {
        let directory = directory_for(user);
        let program = directory.path().join("memory-monitor-notify");
        let socket = "run/notify.sock";
        let mut command = with_options(Command::new(program), directory.path(), socket, notify);
        command
            .envs(environment.iter().copied())
            .uid(user)
            .gid(user);
        Self::run_at(directory, socket, command)
    }

    pub(super) fn run(directory: TempDir, command: Command) -> Self {
        Self::run_at(directory, "notify.sock", command)
    }

    fn run_at(directory: TempDir, socket: &str, mut command: Command) -> Self {
        let socket = directory.path().join(socket);
        let mut process = Ends(command.spawn().unwrap());
        let log = BufReader::new(process.0.stderr.take().unwrap());
        let mut notifier = Self {
            directory,
            socket,
            process,
            log,
        };
        notifier.says("Notifier ready");
        notifier
    }

    pub(super) fn says(&mut self, mark: &str) -> String {
        wait_for(&mut self.log, mark)
    }

    pub(super) fn tell(&self, event: &Value) {
        let socket = UnixDatagram::unbound().unwrap();
        socket
            .send_to(event.to_string().as_bytes(), &self.socket)
            .unwrap();
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.process.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Stops it; the rest of its log.
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
        let output = Command::new(PROGRAM)
            .args(["selftest", "--notify", "--json"])
            .env("MEMORY_MONITOR_NOTIFY_SOCKET", &self.socket)
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
        "start_time": 99, "uid": NOBODY, "name": name, "message": format!("Process ended: PID=4242, Name={name}"),
        "rss_bytes": 3_758_096_384_u64, "threshold_bytes": 2_147_483_648_u64, "host": "here",
    })
}

#[test]
fn a_test_uses_every_channel_and_reports_each() {
    let mails = trusted_directory();
    let (_server, port) = mail_server(mails.path());
    let bus_directory = directory_for(NOBODY);
    let (_bus, address) = bus(bus_directory.path(), Path::new(SYSTEM_BUS));
    let (_monitor, mut signals) = monitor(&address);
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
    // The user who runs the tests may or may not be logged in on a terminal.
    assert!(outcome("terminals").is_some());
    assert_eq!(steps.len(), 6);
    wait_for(&mut signals, "This is a test of memory-monitor");
    assert_eq!(letters(mails.path()).len(), 1, "at once, not in a minute");
    notifier.stop();
}

#[test]
fn a_test_without_a_notifier_or_without_channels_says_so() {
    let notifier = Notifier::start("");
    let (passed, steps) = notifier.selftest();
    assert!(passed);
    assert_eq!(steps[1]["outcome"], "missing");
    assert!(steps[1]["detail"].as_str().unwrap().contains("[notify]"));
    let socket = notifier.socket.clone();
    let directory = Notifier::leave(notifier);
    assert!(!socket.exists(), "it removes its socket");
    let output = Command::new(PROGRAM)
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
fn a_reload_changes_the_channels_and_a_rejected_one_changes_nothing() {
    let mut notifier = Notifier::start("[notify]\ncommand = [\"/bin/true\"]\n");
    let config = notifier.directory.path().join("notify.toml");
    fs::write(&config, "[notify]\ncommand = [\"true\"]\n").unwrap();
    notifier.signal("HUP");
    let rejected = notifier.says("Configuration rejected, the previous one stays in force");
    assert!(rejected.contains("notify.toml:2"), "{rejected}");
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
fn a_configuration_that_is_rejected_elsewhere_is_reported() {
    let directory = trusted_directory();
    let command = command(
        directory.path(),
        "[thresholds]\nram_percent_threshold = \"much\"\n[notify]\ncommand = [\"/bin/true\"]\n",
    );
    let mut notifier = Notifier::run(directory, command);
    notifier.tell(&json!({"event": "reload_rejected", "message": "Configuration rejected"}));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    notifier.stop();
}

#[test]
fn takes_the_socket_of_a_socket_unit_and_exits_when_it_is_idle() {
    let directory = trusted_directory();
    let socket = directory.path().join("notify.sock");
    let config = directory.path().join("notify.toml");
    fs::write(&config, "[notify]\ncommand = [\"/bin/true\"]\n").unwrap();
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
        .args([NOTIFIER, "--verbose", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut notifier = Notifier::run(directory, command);
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    let rest = notifier.rest();
    assert!(rest.contains("Notifier stopping: Reason=idle"), "{rest}");
    assert!(socket.exists(), "it is the service manager's");
}

#[test]
fn both_programs_take_the_same_options() {
    for (arguments, status) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["--configuration", "/x"], 64),
        (&["--json"], 64),
        (&["operand"], 64),
    ] {
        let run = |program: &str, words: &[&str]| {
            let output = Command::new(program).args(words).args(arguments).output();
            let output = output.unwrap();
            (output.status.code(), output.stdout, output.stderr)
        };
        let direct = run(NOTIFIER, &[]);
        assert_eq!(direct.0, Some(status), "{direct:?}");
        assert_eq!(direct, run(PROGRAM, &["notify"]), "{arguments:?}");
    }
}

//! The notifier as a process, with a real mail server and real programs.

use super::{Ends, NOBODY, bus, folder, start, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A notifier, its configuration and its socket, below a folder of root's alone, so that programs in it
/// are trusted.
struct Notifier {
    folder: TempDir,
    process: Ends,
    log: BufReader<ChildStderr>,
}

fn trusted_folder() -> TempDir {
    let folder = tempfile::tempdir_in("/var/lib").expect("these tests need root");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn program(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    // By another process: what this one has open for writing, a child of another test would have as well.
    let script = "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"";
    let written = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(&path)
        .arg(text)
        .status();
    assert!(written.unwrap().success());
    path
}

fn command(folder: &Path, notify: &str) -> Command {
    let config = folder.join("notify.toml");
    fs::write(&config, notify).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_memory-monitor"));
    command
        .args(["notify", "--verbose", "--config"])
        .arg(&config)
        .env("MEMORY_MONITOR_NOTIFY_SOCKET", folder.join("notify.sock"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

impl Notifier {
    fn start(notify: &str) -> Self {
        let folder = trusted_folder();
        let command = command(folder.path(), notify);
        Self::run(folder, command)
    }

    fn run(folder: TempDir, mut command: Command) -> Self {
        let mut process = Ends(command.spawn().unwrap());
        let log = BufReader::new(process.0.stderr.take().unwrap());
        let mut notifier = Self {
            folder,
            process,
            log,
        };
        notifier.says("Notifier ready");
        notifier
    }

    fn says(&mut self, mark: &str) -> String {
        wait_for(&mut self.log, mark)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("notify.sock")
    }

    fn tell(&self, event: &Value) {
        let socket = UnixDatagram::unbound().unwrap();
        socket
            .send_to(event.to_string().as_bytes(), self.socket())
            .unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.process.0.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Its log from here to its end.
    fn stop(mut self) -> String {
        self.signal("TERM");
        self.rest()
    }

    fn rest(&mut self) -> String {
        let rest: Vec<String> = (&mut self.log).lines().map(Result::unwrap).collect();
        assert!(self.process.0.wait().unwrap().success(), "{rest:?}");
        rest.join("\n")
    }

    fn selftest(&self) -> (bool, Value) {
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

fn ended(name: &str) -> Value {
    json!({
        "time": "2026-11-21T08:00:00.000+00:00", "level": "warning", "event": "ended", "pid": 4242,
        "start_time": 99, "uid": NOBODY, "name": name, "message": format!("Ended: PID=4242, Name={name}"),
        "rss_bytes": 3_758_096_384_u64, "threshold_bytes": 2_147_483_648_u64, "host": "here",
    })
}

/// A mail server that delivers into the maildir, and its port.
fn mail_server(folder: &Path) -> (Ends, u16) {
    let port = free_port();
    let mut command = Command::new("aiosmtpd");
    command
        .args(["--nosetuid", "--class", "aiosmtpd.handlers.Mailbox"])
        .arg(folder.join("mail"))
        .args(["--listen", &format!("localhost:{port}")])
        .stderr(Stdio::null());
    let server = Ends(command.spawn().expect("aiosmtpd, of python3-aiosmtpd"));
    let begun = Instant::now();
    while std::net::TcpStream::connect(("localhost", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no mail server");
        std::thread::sleep(Duration::from_millis(20));
    }
    (server, port)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn letters(folder: &Path) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notify/letters");
    let output = Command::new(script)
        .arg(folder.join("mail"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn mail_arrives_as_one_and_no_name_gets_into_its_head() {
    let mails = trusted_folder();
    let (_server, port) = mail_server(mails.path());
    let mut notifier = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\", \"b@example.com\"]\n\
         email_from = \"mm@example.com\"\nsmtp = \"localhost:{port}\"\n"
    ));
    let evil = "x\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT\r\n\u{1b}]0;=?utf-8?q?=0A?=";
    notifier.tell(&ended(evil));
    let log = notifier.stop();
    assert!(log.contains("Mail sent: Events=1"), "{log}");

    notifier = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"localhost:{port}\"\n"
    ));
    notifier.tell(&json!({"event": "killing", "message": "Killing: größe"}));
    notifier.tell(&ended("größe"));
    notifier.tell(&ended("other"));
    let log = notifier.stop();
    assert!(log.contains("Mail sent: Events=3"), "{log}");

    let letters = letters(mails.path());
    assert_eq!(letters.len(), 2, "{letters:?}");
    let find = |from: &str| {
        let mut letters = letters.iter();
        letters.find(|letter| letter["from"].as_str().unwrap().contains(from))
    };
    let one = find("mm@example.com").unwrap();
    assert_eq!(one["recipients"], "a@example.com, b@example.com");
    assert_eq!(one["to"], "a@example.com, b@example.com");
    let expected = [
        "auto-submitted",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "message-id",
        "subject",
        "to",
        "x-mailfrom",
        "x-peer",
        "x-rcptto",
    ];
    assert_eq!(one["headers"], json!(expected));
    assert_eq!(one["defects"], json!([]));
    let subject = one["subject"].as_str().unwrap();
    assert!(
        subject.contains("\"x\\x0d\\x0aBcc: evil@example.com"),
        "{subject}"
    );
    let body = one["body"].as_str().unwrap();
    assert!(
        body.contains("WARNING Ended: PID=4242, Name=x\\x0d\\x0aBcc: evil"),
        "{body}"
    );
    assert!(!body.contains('\u{1b}'));
    let all = find("memory-monitor@").unwrap();
    assert!(
        all["subject"]
            .as_str()
            .unwrap()
            .ends_with(": 2 processes were ended")
    );
    let body = all["body"].as_str().unwrap();
    assert!(
        body.contains("Killing: größe\n") && body.contains("Name=other\n"),
        "{body}"
    );
}

#[test]
fn a_server_that_says_nothing_holds_up_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut notifier = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"127.0.0.1:{port}\"\ncommand = [\"/usr/bin/env\"]\n"
    ));
    notifier.tell(&json!({"event": "test", "uid": 0, "token": "t", "message": "m"}));
    // The mail is on its way now and hangs there.
    let connection = silent.accept().unwrap();
    notifier.tell(&ended("a"));
    notifier.says("Line=MEMORY_MONITOR_EVENT=ended");
    let log = notifier.stop();
    assert!(
        log.contains("Mail given up, the notifier ends: Events=1"),
        "{log}"
    );
    drop(connection);
}

#[test]
fn a_second_signal_does_not_wait_for_a_silent_server() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut notifier = Notifier::start(&format!(
        "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"127.0.0.1:{port}\"\n"
    ));
    notifier.tell(&json!({"event": "test", "uid": 0, "token": "t", "message": "m"}));
    let connection = silent.accept().unwrap();
    notifier.signal("TERM");
    notifier.says("Notifier stopping");
    notifier.signal("INT");
    let rest = notifier.rest();
    assert!(
        rest.contains("Notifier stops at once") && rest.contains("Reason=SIGINT"),
        "{rest}"
    );
    drop(connection);
}

#[test]
fn a_program_has_the_event_and_nothing_of_the_notifier() {
    let folder = trusted_folder();
    let tell = "#!/bin/sh\necho open $(ls /proc/self/fd)\necho group $(ps -o pid=,pgid= -p $$)\n\
                grep SigBlk /proc/self/status\npwd\necho to stderr >&2\nreadlink /proc/$$/fd/0\nexit 3\n";
    let path = program(folder.path(), "hook", tell);
    let config = format!("[notify]\ncommand = [{path:?}]\n");
    let mut command = command(folder.path(), &config);
    command.env("SECRET", "of the notifier");
    let mut notifier = Notifier::run(folder, command);
    notifier.tell(&ended("größe $(reboot)"));
    let mut said = Vec::new();
    loop {
        let line = notifier.says("Command");
        if line.contains("Result=") {
            assert!(
                line.contains("WARNING") && line.contains("Result=exit status: 3"),
                "{line}"
            );
            break;
        }
        said.push(line.split("Line=").nth(1).unwrap().trim().to_owned());
    }
    // Its own three streams, and the one that ls reads the list from.
    assert!(said.contains(&"open 0 1 2 3".to_owned()), "{said:?}");
    assert!(
        said.contains(&"SigBlk:\\x090000000000000000".to_owned()),
        "{said:?}"
    );
    assert!(said.contains(&"/".to_owned()) && said.contains(&"to stderr".to_owned()));
    assert!(said.contains(&"/dev/null".to_owned()), "{said:?}");
    let group = said
        .iter()
        .find_map(|line| line.strip_prefix("group "))
        .unwrap();
    let (pid, group) = group.split_once(' ').unwrap();
    assert_eq!(pid, group, "it leads a group of its own");
    notifier.stop();
}

#[test]
fn a_program_that_takes_too_long_is_ended_with_all_it_started() {
    let folder = trusted_folder();
    let hang = "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! $$\nwait\nwait\nsleep 1000\n";
    let path = program(folder.path(), "hook", hang);
    let mut notifier = Notifier::start(&format!("[notify]\ncommand = [{path:?}]\n"));
    let begun = Instant::now();
    notifier.tell(&ended("a"));
    let said = notifier.says("Line=");
    let pids = said.split("Line=").nth(1).unwrap();
    let result = notifier.says("Result=");
    assert!(result.contains("Result=ended after 20 s"), "{result}");
    assert!(begun.elapsed() >= Duration::from_secs(20));
    for pid in pids.split_whitespace() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        // Whoever adopts orphans may not have waited for it yet.
        assert!(
            status.is_empty() || status.contains("State:\tZ"),
            "{status}"
        );
    }
    notifier.stop();
}

#[test]
fn a_few_programs_run_at_once_and_the_others_wait() {
    let folder = trusted_folder();
    let text = format!(
        "#!/bin/sh\necho x >> {0}/begun\nwhile [ -d {0} ] && [ ! -e {0}/go ]; do sleep 0.05; done\n",
        folder.path().display()
    );
    let path = program(folder.path(), "hook", &text);
    let mut notifier = Notifier::start(&format!("[notify]\ncommand = [{path:?}]\n"));
    for _ in 0..6 {
        notifier.tell(&ended("a"));
    }
    let begun = || fs::read_to_string(folder.path().join("begun")).map_or(0, |text| text.len() / 2);
    while begun() < 4 {
        std::thread::sleep(Duration::from_millis(10));
    }
    // A fifth would have had the time.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(begun(), 4);
    fs::write(folder.path().join("go"), "").unwrap();
    for _ in 0..6 {
        assert!(notifier.says("Result=").contains("exit status: 0"));
    }
    assert_eq!(begun(), 6);
    notifier.stop();
}

#[test]
fn what_others_could_have_written_is_not_run() {
    let folder = trusted_folder();
    let hook = |name: &str| program(folder.path(), name, "#!/bin/sh\necho it ran\n");
    let (owned, writable, plain) = (hook("owned"), hook("writable"), hook("plain"));
    chown(&owned, Some(NOBODY), None).unwrap();
    fs::set_permissions(&writable, fs::Permissions::from_mode(0o775)).unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&owned, &link).unwrap();
    let missing = folder.path().join("missing");
    let notifier = Notifier::start(&format!(
        "[notify]\ncommand = [{owned:?}, {writable:?}, {plain:?}, {link:?}, {missing:?}]\n"
    ));
    let (passed, steps) = notifier.selftest();
    assert!(!passed);
    let details: Vec<&str> = steps
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|step| step["detail"].as_str().unwrap())
        .collect();
    assert_eq!(details.len(), 5, "{details:?}");
    for expected in [
        "belongs to uid 65534 and must be root's: chown root",
        "can be written by others than root (mode 0775): chmod go-w",
        "is no file that can be run: chmod 755",
        "No such file",
    ] {
        assert!(
            details.iter().any(|detail| detail.contains(expected)),
            "{details:?}"
        );
    }
    let log = notifier.stop();
    assert!(!log.contains("it ran"), "{log}");
}

#[test]
fn a_test_goes_every_way_and_says_how_it_went() {
    let mails = trusted_folder();
    let (_server, port) = mail_server(mails.path());
    let bus_folder = folder();
    let (_bus, address) = bus(
        bus_folder.path(),
        Path::new("/usr/share/dbus-1/system.conf"),
    );
    let mut monitor = Command::new("dbus-monitor");
    monitor
        .args(["--address", &address])
        .arg("interface='net.nuetzlich.SystemNotifications'");
    let (_monitor, mut signals) = start(&mut monitor, "member=NameLost");
    let folder = trusted_folder();
    let mut command = command(
        folder.path(),
        &format!(
            "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"localhost:{port}\"\n\
             command = [\"/bin/true\", \"/bin/false\"]\ntty = true\ndesktop = true\n"
        ),
    );
    command.env("DBUS_SYSTEM_BUS_ADDRESS", &address);
    let notifier = Notifier::run(folder, command);
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
    let folder = Notifier::leave(notifier);
    assert!(!socket.exists(), "it takes its socket with it");
    let output = Command::new(env!("CARGO_BIN_EXE_memory-monitor"))
        .args(["selftest", "--notify"])
        .env("MEMORY_MONITOR_NOTIFY_SOCKET", &socket)
        .output()
        .unwrap();
    drop(folder);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("systemctl start memory-monitor-notify.socket"),
        "{said}"
    );
}

impl Notifier {
    /// Stops it and leaves its folder.
    fn leave(mut self) -> TempDir {
        self.signal("TERM");
        self.rest();
        self.folder
    }
}

#[test]
fn a_reload_changes_the_ways_and_a_bad_one_changes_nothing() {
    let mut notifier = Notifier::start("[notify]\ncommand = [\"/bin/true\"]\n");
    let config = notifier.folder.path().join("notify.toml");
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
    let folder = trusted_folder();
    let command = command(
        folder.path(),
        "[thresholds]\nram_percent_threshold = \"much\"\n[notify]\ncommand = [\"/bin/true\"]\n",
    );
    let mut notifier = Notifier::run(folder, command);
    notifier.tell(&json!({"event": "reload_refused", "message": "Reload refused"}));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    notifier.stop();
}

#[test]
fn takes_the_socket_that_a_service_manager_passes_and_ends_when_it_is_idle() {
    let folder = trusted_folder();
    let socket = folder.path().join("notify.sock");
    let config = folder.path().join("notify.toml");
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
    let mut notifier = Notifier::run(folder, command);
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    let rest = notifier.rest();
    assert!(
        rest.contains("Notifier stopping: Reason=nothing to tell"),
        "{rest}"
    );
    assert!(socket.exists(), "it is the service manager's");
}

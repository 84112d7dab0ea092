//! Records for programs: the JSON log, and what the notifier is handed.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Daemon, Machine, program, until};
use crate::harness::os;
use serde_json::Value;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::{fs, thread};

pub(crate) const CASES: &[Case] = cases![
    json_log,
    no_arguments_where_all_can_read_them,
    no_arguments_in_what_is_no_file,
    notifier_is_handed_events,
    notifier_tells,
    notifier_that_does_not_read,
    no_notifier_is_no_trouble,
];

fn objects(machine: &Machine) -> Vec<Value> {
    let text = String::from_utf8(machine.log().bytes()).expect("UTF-8");
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn find(machine: &Machine, event: &str, pid: u32) -> Value {
    let mut found = None;
    until("there is such a record", || {
        let is_it = |object: &Value| object["event"] == event && object["pid"] == pid;
        found = objects(machine).into_iter().find(is_it);
        found.is_some()
    });
    found.expect("until returns when there is one")
}

fn json_log() {
    let machine = Machine::new().with("settings.log_format", "\"json\"");
    let mut hog = Hog::new().comm(b"a\xff\n\"b").argv0(b"a\x1b\xfe").start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let killing = find(&machine, "killing", hog.pid());
    assert_eq!(killing["name"], "a\\xff\n\"b");
    assert_eq!(killing["level"], "warning");
    assert_eq!(killing["signal"], "SIGTERM");
    assert_eq!(killing["threshold_key"], "ram_gb_threshold");
    assert_eq!(killing["threshold_bytes"], 21_474_836);
    assert!(
        killing["cmdline"]
            .as_str()
            .expect("text")
            .starts_with("a\u{1b}\\xfe ")
    );
    let this = std::env::current_exe().expect("this");
    assert_eq!(killing["exe"], this.to_str().expect("UTF-8"));
    assert!(killing["rss_bytes"].as_u64() > Some(48 << 20));
    let ended = find(&machine, "ended", hog.pid());
    assert_eq!(ended["start_time"], killing["start_time"]);
    assert!(ended["duration_seconds"].is_number() && ended["freed_bytes"].is_number());
    daemon.stop();
    let events: Vec<Value> = objects(&machine);
    assert_eq!(events.last().expect("some")["event"], "stopping");
    // Standard error is no terminal here, and has the same.
    let lines = daemon.stderr();
    assert!(
        lines
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{lines}"
    );
}

/// Arguments may hold a password.
fn no_arguments_where_all_can_read_them() {
    for (mode, is_shown) in [(0o644, false), (0o640, true)] {
        let machine = Machine::new().with("settings.log_format", "\"json\"");
        fs::write(machine.log_path(), "").expect("a directory of ours");
        fs::set_permissions(machine.log_path(), fs::Permissions::from_mode(mode)).expect("ours");
        let mut hog = Hog::new().argv0("--password=secret").start();
        let mut daemon = machine.launch(machine.command());
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
        let ended = find(&machine, "ended", hog.pid());
        assert_eq!(ended["cmdline"].is_string(), is_shown, "{ended}");
        daemon.stop();
        let log = fs::read_to_string(machine.log_path()).expect("ours");
        assert_eq!(log.contains("secret"), is_shown, "{log}");
        assert!(!daemon.stderr().contains("secret"));
    }
}

/// Who reads at the other end, and keeps it where, is not known.
fn no_arguments_in_what_is_no_file() {
    let machine = Machine::new().with("settings.log_format", "\"json\"");
    os::make_pipe(&machine.log_path());
    let mut end = fs::File::options();
    let end = end.read(true).write(true).custom_flags(libc::O_NONBLOCK);
    let mut end = end.open(machine.log_path()).expect("a pipe of ours");
    let mut hog = Hog::new().argv0("--password=secret").start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let mut read = Vec::new();
    until("its exit is in the pipe", || {
        // All that is there, up to "nothing now".
        let _ = end.read_to_end(&mut read);
        String::from_utf8_lossy(&read).contains("\"event\":\"ended\"")
    });
    daemon.stop();
    let log = String::from_utf8_lossy(&read);
    assert!(log.contains("\"event\":\"killing\""), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

/// A machine with notifications, and where its notifier would listen.
fn told() -> (Machine, std::path::PathBuf) {
    let machine = Machine::new().with("notify.tty", "true");
    let socket = machine.path("notify.sock");
    (machine, socket)
}

fn notifier_is_handed_events() {
    let (machine, path) = told();
    let socket = UnixDatagram::bind(&path).expect("a directory of ours");
    let mut hog = Hog::new().start();
    let mut command = machine.command();
    command.env("MEMORY_MONITOR_NOTIFY_SOCKET", &path);
    let mut daemon = machine.launch(command);
    let mut events = Vec::new();
    while events.last().is_none_or(|event| event != "ended") {
        let mut buffer = [0; 8192];
        let length = socket.recv(&mut buffer).expect("a datagram");
        let object: Value = serde_json::from_slice(&buffer[..length]).expect("JSON");
        assert_eq!(object["pid"], hog.pid());
        events.push(object["event"].as_str().expect("text").to_owned());
    }
    assert_eq!(events, ["killing", "ended"]);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

/// The whole way: the daemon kills a process, and the notifier runs a program for it.
fn notifier_tells() {
    let machine = Machine::new().with("notify.command", "[\"/usr/bin/env\"]");
    let socket = machine.path("notify.sock");
    let mut command = machine.given(program(&["notify"]));
    command.env("MEMORY_MONITOR_NOTIFY_SOCKET", &socket);
    let mut notifier = Daemon::launch(command, &machine.path("notifier"));
    until("the notifier listens", || socket.exists());
    let mut hog = Hog::new().comm(b"a\xff\n$(b)").start();
    let mut command = machine.command();
    command.env("MEMORY_MONITOR_NOTIFY_SOCKET", &socket);
    let mut daemon = machine.launch(command);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let pid = format!("Line=MEMORY_MONITOR_PID={}", hog.pid());
    for line in [
        "Line=MEMORY_MONITOR_EVENT=ended",
        "Line=MEMORY_MONITOR_SIGNAL=SIGTERM",
        "Line=MEMORY_MONITOR_THRESHOLD_KEY=ram_gb_threshold",
        // The newline of the name begins a line of the program's output, not of the log.
        "Line=MEMORY_MONITOR_NAME=a\\xff",
        "Line=$(b)",
        &pid,
    ] {
        until(line, || notifier.stderr().contains(line));
    }
    daemon.stop();
    notifier.stop();
    assert!(!socket.exists());
}

fn notifier_that_does_not_read() {
    // Its queues take 10 datagrams: so few that their bytes do not count.
    os::own_network();
    let (machine, path) = told();
    let socket = UnixDatagram::bind(&path).expect("a directory of ours");
    let mut command = machine.command();
    command.env("MEMORY_MONITOR_NOTIFY_SOCKET", &path);
    let mut daemon = machine.launch(command);
    // The queue takes net.unix.max_dgram_qlen datagrams, two a hog, or fewer where the sender's buffer is full before.
    let limit = fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").expect("Linux has it");
    let limit: usize = limit.trim().parse().expect("a number");
    for _ in 0..limit / 2 + 2 {
        assert_eq!(Hog::new().start().ended_by(), Some(libc::SIGTERM));
    }
    machine
        .log()
        .wait_for_words(&["The notifier does not take events"]);
    let (count, counted) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(length) = socket.recv(&mut buffer) {
            count.send(()).expect("the test counts");
            if String::from_utf8_lossy(&buffer[..length]).contains("\"name\":\"last\"") {
                break;
            }
        }
    });
    counted.recv().expect("the queue takes another one now");
    let mut last = Hog::new().comm("last").start();
    assert_eq!(last.ended_by(), Some(libc::SIGTERM));
    let again = machine
        .log()
        .wait_for_words(&["The notifier takes events again: Dropped="]);
    reader.join().expect("it ends");
    let dropped = again.message.rsplit('=').next().expect("a number");
    let dropped: usize = dropped.parse().expect("a number");
    // Each event was taken or counted as dropped; the reader stops at the first of the last hog.
    let records = machine.log().records();
    let sent = records.iter().filter(|record| {
        [
            "Killing process: ",
            "Process ended: ",
            "Near its threshold: ",
        ]
        .iter()
        .any(|start| record.message.starts_with(start))
            && !record.message.contains("Name=last,")
    });
    assert_eq!(counted.iter().count() + dropped, sent.count());
    daemon.stop();
}

fn no_notifier_is_no_trouble() {
    let (machine, path) = told();
    let mut hog = Hog::new().start();
    let mut command = machine.command();
    command.env("MEMORY_MONITOR_NOTIFY_SOCKET", &path);
    let mut daemon = machine.launch(command);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    machine
        .log()
        .wait_for_words(&["The notifier does not take events", "No such file"]);
    daemon.stop();
}

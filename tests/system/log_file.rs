//! The log file that is moved, deleted, full, missing or no file at all: the daemon goes on, says so
//! elsewhere, and writes again by itself.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::log_lines::Log;
use crate::harness::machine::{Daemon, Machine, program, quoted, until};
use crate::harness::os;
use crate::harness::syslog::{Syslog, own_dev};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub(crate) const CASES: &[Case] = cases![
    is_private,
    opened_again_on_sigusr1,
    moved,
    deleted,
    missing_directory,
    is_a_directory,
    full_disk,
    always_full,
    is_a_pipe,
    is_standard_error,
    none,
    syslog_comes_and_goes,
    syslog_gets_the_lines_of_a_scan_that_found_nothing_once_an_interval,
];

fn is_private() {
    let machine = Machine::new();
    let mut daemon = machine.start();
    let mode = fs::metadata(machine.log_path())
        .expect("the log")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    daemon.stop();
}

fn opened_again_on_sigusr1() {
    // One scan a day: only the signal can be what opens the file again.
    let machine = Machine::new().with("thresholds.check_interval", "86400");
    let mut daemon = machine.start();
    let moved = machine.path("moved");
    fs::rename(machine.log_path(), &moved).expect("a directory of ours");
    daemon.signal(libc::SIGUSR1);
    until("the log file exists again", || machine.log_path().exists());
    daemon.stop();
    let before = Log::at(&moved).records();
    let after = machine.log().records();
    assert!(
        before
            .iter()
            .any(|record| record.message.starts_with("Scan complete"))
    );
    assert!(
        !after
            .iter()
            .any(|record| record.message.starts_with("Scan complete"))
    );
    assert!(!after.is_empty(), "that it stops is said in the new file");
}

fn moved() {
    let machine = Machine::new();
    let mut daemon = machine.start();
    let old = machine.path("moved");
    fs::rename(machine.log_path(), &old).expect("a directory of ours");
    machine.log().wait_for_scans(3);
    let length = fs::metadata(&old).expect("moved").len();
    machine.log().wait_for_scans(3);
    assert_eq!(
        fs::metadata(&old).expect("moved").len(),
        length,
        "written to after the move"
    );
    daemon.stop();
}

fn deleted() {
    let machine = Machine::new();
    let mut daemon = machine.start();
    for _ in 0..3 {
        fs::remove_file(machine.log_path()).expect("a directory of ours");
        machine.log().wait_for_scans(2);
    }
    daemon.stop();
}

/// Starts the daemon with a log file that can't be written, and checks that it works nevertheless
/// and says on stderr which file it is about.
fn works_without(machine: &Machine, log_file: &Path) -> Daemon {
    let mut hog = Hog::new().start();
    let daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let mut late = Hog::new().start();
    assert_eq!(late.ended_by(), Some(libc::SIGTERM));
    let name = log_file.to_str().expect("UTF-8").to_owned();
    until("stderr names the log file", || {
        daemon.stderr().contains(&name)
    });
    daemon
}

fn with_log_file(path: &Path) -> Machine {
    Machine::new().with("settings.log_file", &quoted(path))
}

fn missing_directory() {
    let directory = directory().join("missing");
    let path = directory.join("log");
    let machine = with_log_file(&path);
    let mut daemon = works_without(&machine, &path);
    fs::create_dir(&directory).expect("a directory of ours");
    Log::at(&path).wait_for_scans(3);
    // And the same while it runs.
    fs::remove_dir_all(&directory).expect("a directory of ours");
    let mut hog = Hog::new().start();
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    fs::create_dir(&directory).expect("a directory of ours");
    Log::at(&path).wait_for_scans(3);
    daemon.stop();
}

fn is_a_directory() {
    let path = directory().join("log");
    fs::create_dir(&path).expect("a directory of ours");
    let machine = with_log_file(&path);
    let mut daemon = works_without(&machine, &path);
    fs::remove_dir(&path).expect("a directory of ours");
    Log::at(&path).wait_for_scans(3);
    daemon.stop();
}

fn full_disk() {
    let disk = directory();
    os::mount(Path::new("tmpfs"), &disk, "tmpfs", 0, "size=64k,mode=755");
    let path = disk.join("log");
    let machine = with_log_file(&path);
    let mut daemon = machine.launch(machine.command());
    let log = Log::at(&path);
    let name = path.to_str().expect("UTF-8");
    let said = |daemon: &Daemon| daemon.stderr().matches(name).count();
    for _ in 0..3 {
        log.wait_for_scans(2);
        let filler = disk.join("filler");
        let before = said(&daemon);
        // Fails when the disk is full, which is its purpose; the log's last page is not yet full.
        let _ = fs::write(&filler, vec![0; 1 << 20]);
        until("stderr names the log file", || said(&daemon) > before);
        let mut hog = Hog::new().start();
        assert_eq!(
            hog.ended_by(),
            Some(libc::SIGTERM),
            "a full disk is no reason to stop"
        );
        fs::remove_file(&filler).expect("a directory of ours");
        // Reading the records fails where a line that was written in part was not completed.
        log.wait_for_scans(2);
    }
    daemon.stop();
}

fn always_full() {
    let path = Path::new("/dev/full");
    let machine = with_log_file(path);
    works_without(&machine, path).stop();
}

/// Each record once, whatever standard error is, and none is lost where one of the two would leave it out.
fn is_standard_error() {
    let once = |text: &str| {
        for line in ["INFO - memory-monitor ", "INFO - Scan complete. "] {
            assert_eq!(text.matches(line).count(), 1, "{line}: {text}");
        }
    };
    for path in ["/dev/stderr", "/proc/self/fd/2"] {
        let machine = with_log_file(Path::new(path));
        for quiet in [&[][..], &["--quiet"]] {
            let words = [&["--once"][..], quiet].concat();
            // A pipe, which takes each record once, and a file, which the log is written to.
            once(&machine.run(&words).err);
            let mut daemon = machine.launch(machine.given(program(&words)));
            assert!(daemon.wait().success());
            once(&daemon.stderr());
        }
    }
    // A log file that standard error was led to by the shell, which is rotated while the daemon runs.
    let machine = Machine::new();
    let path = machine.path("stderr");
    let machine = machine.with("settings.log_file", &quoted(&path));
    let mut daemon = machine.launch(machine.command());
    let log = Log::at(&path);
    log.wait_for_scans(2);
    let records = log.records();
    let starts = records
        .iter()
        .filter(|record| record.message.contains(" started: "));
    assert_eq!(starts.count(), 1);
    fs::rename(&path, machine.path("stderr.1")).expect("a directory of ours");
    log.wait_for_scans(2);
    daemon.stop();
}

fn is_a_pipe() {
    let path = directory().join("log");
    os::make_pipe(&path);
    let machine = with_log_file(&path);
    works_without(&machine, &path).stop();
}

fn none() {
    let machine = Machine::new().with("settings.log_file", "\"\"");
    let mut hog = Hog::new().start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
    let files = fs::read_dir(machine.path("")).expect("a directory of ours");
    let names: Vec<_> = files
        .map(|file| file.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 2, "config.toml and stderr: {names:?}");
}

fn syslog_comes_and_goes() {
    own_dev();
    // Few records, so that none finds the socket's short queue full on a busy machine.
    let machine = Machine::new()
        .with("thresholds.check_interval", "0.4")
        .with("settings.enable_syslog", "true");
    let log = machine.log();
    let mut daemon = machine.launch(machine.command());
    log.wait_for_scans(3);
    for _ in 0..2 {
        let syslog = Syslog::listen();
        let mut hog = Hog::new().start();
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
        log.wait_for_words(&["Process ended: ", &format!("PID={},", hog.pid())]);
        log.wait_for_scans(2);
        let messages = syslog.close();
        let killing = format!("Killing process: PID={},", hog.pid());
        // LOG_DAEMON is 24; a warning 4, information 6.
        let of = |start: &str| {
            messages
                .iter()
                .find(|(_, text)| text.starts_with(start))
                .cloned()
        };
        assert_eq!(of(&killing).expect("the kill").0, "<28>");
        assert_eq!(of("Scan complete").expect("a scan").0, "<30>");
        log.wait_for_scans(3);
    }
    daemon.stop();
}

/// What the log file has of every scan, syslog has of the first one, of one that reports something else, and of one in
/// each interval.
fn syslog_gets_the_lines_of_a_scan_that_found_nothing_once_an_interval() {
    own_dev();
    let mut machine = Machine::new()
        .with("thresholds.check_interval", "0.4")
        .with("settings.enable_syslog", "true");
    let log = machine.log();
    let counts = |messages: &[(String, String)]| {
        ["System Memory: ", "Scan complete. "].map(|start| {
            let is_it = |(_, text): &&(String, String)| text.starts_with(start);
            messages.iter().filter(is_it).count()
        })
    };
    let syslog = Syslog::listen();
    let mut daemon = machine.start();
    log.wait_for_scans(4);
    assert_eq!(counts(&syslog.close()), [1, 1]);

    // With the line before it, in their order.
    let syslog = Syslog::listen();
    log.wait_for_scans(2);
    let mut hog = Hog::new().start();
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    log.wait_for_words(&["Process ended: "]);
    log.wait_for_scans(2);
    let messages = syslog.close();
    assert_eq!(counts(&messages), [1, 1], "{messages:?}");
    let starts: Vec<_> = messages
        .iter()
        .filter_map(|(_, text)| text.split([':', '.']).next())
        .collect();
    let expected = [
        "System Memory",
        "Killing process",
        "Reason",
        "Scan complete",
        "Process ended",
    ];
    assert_eq!(starts, expected);

    machine.set("settings.report_interval", "0");
    machine.write_config();
    daemon.signal(libc::SIGHUP);
    log.wait_for_words(&["Configuration changed: report_interval: 3600 -> 0"]);
    let syslog = Syslog::listen();
    let before = log.scans();
    log.wait_for_scans(4);
    let sent = counts(&syslog.close());
    assert!(sent[1] >= 3 && log.scans() - before >= sent[1], "{sent:?}");
    daemon.stop();
}

/// A directory that is as short-lived as the test.
fn directory() -> PathBuf {
    tempfile::tempdir().expect("a directory below /tmp").keep()
}

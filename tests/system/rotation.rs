//! logrotate, the real program, under constant writing: no line is lost and none doubled.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::Hog;
use crate::harness::log_lines::{Log, Record};
use crate::harness::machine::{Daemon, Machine, quoted, said, until};
use std::fs;
use std::path::Path;
use std::process::Command;

const LOGROTATE: &str = "/usr/sbin/logrotate";
const NEEDS: Needs = Needs::File(LOGROTATE);

pub(crate) const CASES: &[Case] = cases![
    with_a_signal: [NEEDS],
    without_a_signal: [NEEDS],
    without_a_new_file: [NEEDS],
    compressed_later: [NEEDS],
    a_large_log_is_rotated_before_its_day_is_over: [NEEDS],
];

fn with_a_signal() {
    rotates("create 0640\nSIGNAL");
}

fn without_a_signal() {
    rotates("create 0640");
}

fn without_a_new_file() {
    rotates("nocreate");
}

fn compressed_later() {
    rotates("create\ncompress\ndelaycompress\nSIGNAL");
}

/// As it is shipped, but for the service of the machine.
fn a_large_log_is_rotated_before_its_day_is_over() {
    const SHIPPED: &str = include_str!("../../etc/logrotate.d/memory-monitor");
    let machine = Machine::new();
    let (log, rotated) = (
        machine.path("memory_monitor.log"),
        machine.path("memory_monitor.log.1"),
    );
    let text = SHIPPED.replace("/var/log/memory_monitor.log", &quoted(&log));
    let text = text.replace("[ ! -d /run/systemd/system ]", "true");
    let path = machine.path("logrotate.conf");
    fs::write(&path, text).expect("a directory of ours");
    let rotate = |size| {
        let file = fs::File::create(&log).expect("a directory of ours");
        file.set_len(size).expect("a sparse file");
        let mut command = Command::new(LOGROTATE);
        command.arg("--state").arg(machine.path("state")).arg(&path);
        let output = said(command);
        assert!(
            output.status == Some(0) && output.err.is_empty(),
            "{output:?}"
        );
        rotated.exists()
    };
    assert!(!rotate(99 << 20));
    assert!(rotate(101 << 20));
}

const ROTATIONS: usize = 20;

/// Rotates the log again and again with these directives, and compares all the files with what
/// went to stderr meanwhile, which rotation has nothing to do with and which here loses nothing.
fn rotates(directives: &str) {
    let machine = Machine::new();
    let directory = machine.path("logs");
    fs::create_dir(&directory).expect("a directory of ours");
    let path = directory.join("log");
    let machine = machine
        .with("settings.log_file", &quoted(&path))
        .with("settings.log_level", "\"debug\"")
        .with("settings.dry_run", "true");
    let _hogs: Vec<_> = (0..5).map(|_| Hog::new().start()).collect();
    let mut daemon = machine.launch(machine.command());
    let log = Log::at(&path);
    log.wait_for_scans(1);
    for _ in 0..ROTATIONS {
        rotate(&machine, directives, &path, &daemon);
        let first = directory.join("log.1");
        assert!(first.exists(), "nothing was rotated");
        until("a scan is in the new file", || log.scans() >= 1);
    }
    daemon.stop();
    let mut in_files = Vec::new();
    for number in (1..=ROTATIONS).rev() {
        in_files.extend(read(&directory.join(format!("log.{number}"))));
    }
    in_files.extend(read(&path));
    assert!(in_files.len() > 2 * ROTATIONS);
    let on_stderr: Vec<Record> = daemon.stderr().lines().map(Record::parse).collect();
    let pairs = in_files.iter().zip(&on_stderr);
    let agreed = pairs.take_while(|(one, other)| one == other).count();
    assert!(
        in_files == on_stderr,
        "{} in files and {} on stderr, which differ from number {agreed} on: {:#?}, {:#?}",
        in_files.len(),
        on_stderr.len(),
        in_files.get(agreed),
        on_stderr.get(agreed)
    );
}

fn read(path: &Path) -> Vec<Record> {
    let packed = path.with_extension(format!(
        "{}.gz",
        path.extension()
            .and_then(|number| number.to_str())
            .unwrap_or_default()
    ));
    if !packed.exists() {
        return Log::at(path).records();
    }
    let mut command = Command::new("gzip");
    command.arg("-d").arg(packed);
    assert!(said(command).status == Some(0));
    Log::at(path).records()
}

fn rotate(machine: &Machine, directives: &str, log: &Path, daemon: &Daemon) {
    let signal = format!("postrotate\nkill -USR1 {}\nendscript", daemon.pid());
    let directives = directives.replace("SIGNAL", &signal);
    let text = format!("{} {{\nrotate 1000\n{directives}\n}}\n", quoted(log));
    let path = machine.path("logrotate.conf");
    fs::write(&path, text).expect("a directory of ours");
    let mut command = Command::new(LOGROTATE);
    command
        .arg("--force")
        .arg("--state")
        .arg(machine.path("state"))
        .arg(path);
    let output = said(command);
    assert!(
        output.status == Some(0) && output.err.is_empty(),
        "{output:?}"
    );
}

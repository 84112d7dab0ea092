//! Wrong command lines and wrong configuration files.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, Said, program, run};
use crate::harness::os;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

pub(crate) const CASES: &[Case] = cases![
    unknown_option,
    unknown_command,
    help_and_version,
    configuration_errors,
    named_configuration_is_missing,
    unreadable_configuration,
    built_in_configuration,
    shipped_configuration,
    scan_kills_nothing,
    closed_pipe,
];

/// What the command wrote to stderr, each line of which names the program.
fn errors(output: &Said) -> String {
    let text = output.err.clone();
    let named = |line: &str| line.starts_with("memory-monitor: error: ");
    assert!(!text.is_empty() && text.lines().all(named), "{text}");
    text
}

fn unknown_option() {
    for arguments in [
        &["--no-such-option"][..],
        &["-x"],
        &["--config"],
        &["--once=yes"],
        &["scan", "--no-such-option"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status, Some(64), "{arguments:?}: {output:?}");
        errors(&output);
    }
}

fn unknown_command() {
    let output = run(&["scann"]);
    assert_eq!(output.status, Some(64));
    assert!(errors(&output).contains("scann"));
}

fn help_and_version() {
    for option in ["-h", "--help"] {
        let output = run(&[option]);
        assert!(output.status == Some(0));
        let text = output.out;
        assert!(text.contains("--config") && text.contains("scan"), "{text}");
    }
    for option in ["-V", "--version"] {
        let output = run(&[option]);
        let version = concat!("memory-monitor ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(output.out, version);
    }
}

/// Each wrong line, and what the message must contain beside file, line and column.
const WRONG: &[(&str, &[&str])] = &[
    (
        "[thresholds]\nram_gb_treshold = 2.0",
        &[":2:1", "ram_gb_treshold", "ram_gb_threshold"],
    ),
    (
        "[threshold]\nram_gb_threshold = 2.0",
        &[":1:", "threshold", "thresholds"],
    ),
    (
        "[thresholds]\nram_gb_threshold = \"2\"",
        &[":2:20", "ram_gb_threshold"],
    ),
    (
        "[thresholds]\nram_gb_threshold = -1",
        &[":2:20", "ram_gb_threshold"],
    ),
    (
        "[thresholds]\nram_gb_threshold = nan",
        &[":2:20", "ram_gb_threshold"],
    ),
    (
        "[thresholds]\nram_percent_threshold = 101",
        &[":2:25", "ram_percent_threshold", "100"],
    ),
    (
        "[thresholds]\ncheck_interval = 0",
        &[":2:18", "check_interval", "0.1"],
    ),
    (
        "[thresholds]\ncheck_interval = 86401",
        &[":2:18", "check_interval", "86400"],
    ),
    (
        "[settings]\nterm_timeout = 301",
        &[":2:16", "term_timeout", "300"],
    ),
    (
        "[settings]\nlog_level = \"loud\"",
        &[":2:13", "log_level", "debug"],
    ),
    ("[settings]\ndry_run = 1", &[":2:11", "dry_run"]),
    ("[settings]\ndry_run = ", &[":2:"]),
    ("[whitelist]\npids = [0]", &[":2:", "pids"]),
    ("[whitelist]\nnames = [\"a[\"]", &[":2:", "a["]),
];

fn configuration_errors() {
    let machine = Machine::new();
    let path = machine.path("wrong.toml");
    for (text, words) in WRONG {
        fs::write(&path, text).expect("a directory of ours");
        for command in [&[][..], &["scan"], &["--once"]] {
            let path = path.to_str().expect("UTF-8");
            let output = run(&[command, &["--config", path]].concat());
            assert_eq!(output.status, Some(78), "{text}: {output:?}");
            let errors = errors(&output);
            for word in *words {
                assert!(errors.contains(word), "no {word} in {errors}");
            }
            assert!(errors.contains(path), "{errors}");
        }
    }
    let both_off = "[thresholds]\nram_gb_threshold = inf\nram_percent_threshold = 100";
    fs::write(&path, both_off).expect("a directory of ours");
    let output = run(&["--once", "--config", path.to_str().expect("UTF-8")]);
    assert_eq!(output.status, Some(78), "{output:?}");
    errors(&output);
}

fn named_configuration_is_missing() {
    for command in [&[][..], &["scan"]] {
        let output = run(&[command, &["--config", "/no/such/file.toml"]].concat());
        assert_eq!(output.status, Some(78), "{output:?}");
        assert!(errors(&output).contains("/no/such/file.toml"));
    }
}

fn unreadable_configuration() {
    let machine = Machine::new();
    let path = machine.path("config.toml");
    for contents in [&b"\xff\xfe"[..], b"[thresholds]\nram_gb_threshold = 2\xff"] {
        fs::write(&path, contents).expect("a directory of ours");
        let output = run(&["--once", "--config", path.to_str().expect("UTF-8")]);
        assert_eq!(output.status, Some(78), "{output:?}");
        errors(&output);
    }
    let directory = machine.path("");
    let output = run(&["--once", "--config", directory.to_str().expect("UTF-8")]);
    assert_eq!(output.status, Some(78), "{output:?}");
    errors(&output);
}

/// Without --config and without the file: the defaults, and a record that says so. Everything this
/// could write or read below /etc and /var is a directory of the test's own.
fn built_in_configuration() {
    let machine = Machine::new();
    let own = |name: &str, target: &str| {
        let directory = machine.path(name);
        fs::create_dir(&directory).expect("a directory of ours");
        os::mount(&directory, Path::new(target), "", libc::MS_BIND, "");
    };
    own("etc", "/etc");
    own("var-log", "/var/log");
    // It has less than 10 % of the memory and than 2 GB: that it is not killed proves no more than that.
    let hog = Hog::new().start();
    let output = run(&["--once"]);
    assert!(output.status == Some(0), "{output:?}");
    let log = fs::read_to_string("/var/log/memory_monitor.log").expect("the default log file");
    assert!(log.contains("/etc/memory-monitor/config.toml"), "{log}");
    assert!(log.contains("default"), "{log}");
    assert!(log.contains("Scan complete. Scanned: "), "{log}");
    assert!(hog.is_alive());
    let output = run(&["scan"]);
    assert!(output.status == Some(0), "{output:?}");
    let text = output.all();
    assert!(text.contains("default"), "{text}");
}

/// The file that packages install is a good one.
fn shipped_configuration() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/etc/memory-monitor/config.toml"
    );
    let output = run(&["scan", "--config", path]);
    assert!(output.status == Some(0), "{output:?}");
}

fn scan_kills_nothing() {
    let machine = Machine::new();
    let hog = Hog::new().start();
    let protected = Hog::new().comm("precious").argv0("precious").start();
    let machine = machine.with("whitelist.names", r#"["precious"]"#);
    let output = machine.run(&["scan"]);
    assert!(output.status == Some(0), "{output:?}");
    let text = output.out;
    assert!(
        !text.contains('\x1b'),
        "no colour but on a terminal: {text}"
    );
    for (pid, word) in [(hog.pid(), "hog"), (protected.pid(), "precious")] {
        let pid = pid.to_string();
        let is_it = |line: &&str| line.split_ascii_whitespace().any(|part| part == pid);
        let line = text.lines().find(is_it);
        assert!(
            line.is_some_and(|line| line.contains(word)),
            "{pid} in {text}"
        );
    }
    assert!(hog.is_alive() && protected.is_alive());
    assert!(!machine.log_path().exists(), "scan writes no log");
}

/// `memory-monitor scan | head -1` is no error and no panic.
fn closed_pipe() {
    let machine = Machine::new();
    let hogs: Vec<_> = (0..3).map(|_| Hog::new().mib(1).start()).collect();
    let (reader, writer) = UnixStream::pair().expect("a pair of sockets");
    drop(reader);
    let mut command = machine.given(program(&["scan"]));
    command.stdout(OwnedFd::from(writer));
    let output = command.stdin(Stdio::null()).output();
    let text = String::from_utf8(output.expect("the program starts").stderr).expect("UTF-8");
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(hogs.len(), 3);
}

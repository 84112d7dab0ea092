//! Configurations that do not say what was meant: what has no effect is reported, by `check` and by the daemon alike.

use crate::harness::confine::{Case, cases};
use crate::harness::files::{own, remove};
use crate::harness::hog::Hog;
use crate::harness::log_lines::Log;
use crate::harness::machine::{Machine, Said, program, quoted, run, said, until};
use crate::harness::os;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub(crate) const CASES: &[Case] = cases![
    what_has_no_effect_is_reported_at_start_reload_and_by_check,
    a_log_file_that_is_a_directory_is_told_on_stderr,
    an_empty_file_is_the_defaults_with_a_warning,
    nothing_waits_for_a_fifo_as_configuration,
    nothing_waits_for_a_fifo_as_state,
    check_reads_standard_input,
    hints_lead_to_a_valid_file,
];

/// Entries of a whitelist that no process can have, and what is said of them.
const NAMES: [(&str, &str); 7] = [
    ("\"sshd\"", "quotes of its own, write \"sshd\""),
    ("bash ", "at an end, write \"bash\""),
    ("sshd, cron", "it is one name, write \"sshd\", \"cron\""),
    ("^(a|b)$", "it is one name, write \"a\", \"b\""),
    (
        "foo.*",
        "regular expression, but patterns are those of the shell: write \"foo*\"",
    ),
    ("/usr/sbin/sshd", "it is a path, write \"sshd\""),
    (
        "nginx.service",
        "it is a unit, write a [[rule]] with unit = \"nginx.service\"",
    ),
];

fn suspect(machine: &Machine) -> String {
    let names: Vec<_> = NAMES.iter().map(|(name, _)| format!("'{name}'")).collect();
    format!(
        "[whitelist]\nnames = [{}]\nusers = []\n\
         [[rule]]\nname = \"chrome\"\naction = \"protect\"\nram_gb_threshold = 6.0\n\
         [[schedule]]\nfrom = \"09:00\"\nto = \"17:00\"\n\
         [settings]\nlog_file = {}\nmetrics_file = \"/no/such/mm.prom\"\nenable_syslog = false\n\
         [notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"mail.example.com:465\"\n",
        names.join(", "),
        quoted(&machine.log_path())
    )
}

fn what_has_no_effect_is_reported_at_start_reload_and_by_check() {
    let machine = Machine::new();
    let text = suspect(&machine);
    let config = machine.path("config.toml");
    fs::write(&config, text).expect("a directory of ours");
    machine.drop_in("50-site.conf", "[thresholds]\n");
    machine.drop_in("60-site.toml.bak", "[thresholds]\n");
    let directory = fs::Permissions::from_mode(0o755);
    fs::set_permissions(machine.path(""), directory).expect("ours");

    let file = config.display().to_string();
    let checked = run(&["check", "--json", &file]);
    assert_eq!(checked.status, Some(0), "{checked:?}");
    let json = checked.json();
    let notes: Vec<&str> = json["notes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|n| n.as_str())
        .collect();
    let mut expected: Vec<&str> = NAMES.iter().map(|(_, told)| *told).collect();
    expected.extend([
        "\"ram_gb_threshold\" has no effect beside action = \"protect\"",
        "schedule 1 changes nothing: ",
        "whose directory does not exist: nothing is written until mkdir -p \"/no/such\"",
        "50-site.conf\" is not read: the name of a drop-in must end in .toml",
        "port 465 speaks TLS from the start",
    ]);
    for told in &expected {
        assert!(
            notes.iter().any(|note| note.contains(told)),
            "{told}: {notes:?}"
        );
    }
    assert!(
        !notes.iter().any(|note| note.contains("60-site")),
        "{notes:?}"
    );

    let mut command = program(&["--config", &file]);
    command.stdin(Stdio::null());
    let mut daemon = machine.launch(command);
    let log = machine.log();
    let told = |part: &str| {
        let records = log.records();
        records
            .iter()
            .filter(|r| r.level == "WARNING" && r.message.contains(part))
            .count()
    };
    for times in 1..=2 {
        for part in &expected {
            until(part, || told(part) == times);
        }
        // The daemon says what check says, word for word.
        let warnings = notes
            .iter()
            .filter(|note| told(&format!("Configuration: {note}")) == times);
        assert!(warnings.count() >= expected.len());
        daemon.signal(libc::SIGHUP);
    }
    daemon.stop();
}

fn a_log_file_that_is_a_directory_is_told_on_stderr() {
    let mut machine = Machine::new();
    let directory = machine.path("logs");
    fs::create_dir(&directory).expect("a directory of ours");
    machine.set("settings.log_file", &quoted(&directory));
    let said = run(&["check", machine.write_config().to_str().expect("UTF-8")]);
    let told = format!(
        "log_file is {}, which is a directory: nothing is written there",
        quoted(&directory)
    );
    assert!(said.out.contains(&told), "{said:?}");
    let mut daemon = machine.launch(machine.command());
    let line = format!("WARNING - Configuration: {}:", machine.config_file());
    until("it is told", || {
        let stderr = daemon.stderr();
        stderr
            .lines()
            .any(|l| l.contains(&line) && l.contains(&told))
    });
    daemon.stop();
}

fn an_empty_file_is_the_defaults_with_a_warning() {
    let machine = Machine::of("\n \n");
    let file = machine.config_file();
    let log = own(&machine, "var-log", "/var/log").join("memory_monitor.log");
    let told = format!(
        "{} is empty: the built-in defaults are in force",
        quoted(Path::new(&file))
    );
    let said = run(&["check", &file]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.out.contains(&told), "{said:?}");
    let said = run(&["--once", "--dry-run", "--config", &file]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let log = Log::at(&log);
    let warning = log.wait_for_words(&["Configuration: ", &told]);
    assert_eq!(warning.level, "WARNING");
    log.wait_for_words(&["started: built-in defaults, as ", "is empty"]);
}

/// A command that would wait for a FIFO would not return, and the limit of the test would end it.
fn nothing_waits_for_a_fifo_as_configuration() {
    let machine = Machine::new();
    fs::set_permissions(machine.path(""), fs::Permissions::from_mode(0o755)).expect("ours");
    let fifo = machine.path("fifo.toml");
    os::make_pipe(&fifo);
    let file = fifo.to_str().expect("UTF-8");
    let error = "it is a FIFO and must be a regular file";
    for words in [
        &["check", file][..],
        &["scan", "--config", file],
        &["explain", "1", "--config", file],
        &["--once", "--config", file],
    ] {
        let said = run(words);
        assert_eq!(said.status, Some(78), "{words:?}: {said:?}");
        assert!(said.err.contains(error), "{words:?}: {said:?}");
    }
    let mut daemon = machine.start();
    machine.drop_in("10.toml", "");
    let drop_in = machine.path("config.d/10.toml");
    remove(&drop_in);
    os::make_pipe(&drop_in);
    let said = run(&["check", &machine.config_file()]);
    assert_eq!(said.status, Some(78), "{said:?}");
    assert!(said.err.contains(error), "{said:?}");
    daemon.signal(libc::SIGHUP);
    machine
        .log()
        .wait_for_words(&["Configuration rejected", "10.toml", error]);
    machine.log().wait_for_scans(2);
    daemon.stop();
}

fn in_directory(variable: &str, name: &str) -> PathBuf {
    let directory = std::env::var_os(variable).expect("each case has one of its own");
    PathBuf::from(directory).join(name)
}

fn nothing_waits_for_a_fifo_as_state() {
    let machine = Machine::new();
    let history = in_directory("STATE_DIRECTORY", "history.jsonl");
    let exemptions = in_directory("RUNTIME_DIRECTORY", "exempt.json");
    os::make_pipe(&history);
    os::make_pipe(&exemptions);
    let mut daemon = machine.start();
    let log = machine.log();
    let error = "it is a FIFO and must be a regular file";
    log.wait_for_words(&["Exemptions file rejected", error]);
    for _ in 0..2 {
        let mut hog = Hog::new().start();
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    }
    log.wait_for_words(&["Can't write history", error]);
    let said = run(&["history"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.err.contains(error), "{said:?}");
    let said = run(&["status"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let said = run(&["exempt", "--list"]);
    assert!(said.err.contains(error), "{said:?}");
    daemon.stop();
    let status = in_directory("RUNTIME_DIRECTORY", "status.json");
    os::make_pipe(&status);
    let said = run(&["status"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.err.contains(error), "{said:?}");
    for path in [history, exemptions, status] {
        remove(&path);
    }
}

fn with_stdin(words: &[&str], text: &str) -> Said {
    let mut command = program(words);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said {
        status: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn check_reads_standard_input() {
    let good = "[thresholds]\nram_gb_threshold = 3.5\n";
    for file in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let said = with_stdin(&["check", file], good);
        assert_eq!(
            (said.status, said.err.as_str()),
            (Some(0), ""),
            "{file}: {said:?}"
        );
        assert!(
            said.out
                .lines()
                .any(|line| line.contains("ram_gb_threshold ") && line.contains("= 3.5 ")),
            "{file}: {said:?}"
        );
        let said = with_stdin(&["check", file], "[thresholds]\nx = 1\n");
        assert_eq!(said.status, Some(78), "{file}: {said:?}");
        assert!(
            said.err.contains(":2:1: unknown key \"x\""),
            "{file}: {said:?}"
        );
    }
    let said = with_stdin(&["check", "-", "--names"], "[whitelist]\nnames = [\"a\"]\n");
    assert_eq!(said.out, "a\n", "{said:?}");
    // It has a name of its own.
    let said = with_stdin(&["check", "-"], "[settings]\ndry_run = true\n");
    for text in [
        "Valid: configuration from standard input\n",
        "dry run, because of standard input (",
        "  standard input:2\n",
    ] {
        assert!(said.out.contains(text), "{text}: {said:?}");
    }
    let said = with_stdin(&["check", "-"], "x = 1\n");
    assert!(said.err.contains("standard input:1:1: "), "{said:?}");
    // The daemon reads its file again at each reload, which a pipe does not allow.
    let said = with_stdin(&["--once", "--config", "/dev/stdin"], good);
    assert_eq!(said.status, Some(78), "{said:?}");
}

/// Each error's fix, put where the error is, makes the line valid.
fn hints_lead_to_a_valid_file() {
    for (table, key, typed, fix) in [
        ("thresholds", "ram_gb_threshold", "2GB", "2"),
        ("thresholds", "ram_gb_threshold", "\"512 MB\"", "0.5"),
        ("thresholds", "ram_gb_threshold", "infinity", "inf"),
        ("thresholds", "ram_percent_threshold", "10%", "10"),
        ("thresholds", "check_interval", "30s", "30"),
        ("thresholds", "check_interval", "\"5 min\"", "300"),
        ("thresholds", "early_scan", "yes", "true"),
        (
            "whitelist",
            "names",
            "\"sshd, bash\"",
            "[\"sshd\", \"bash\"]",
        ),
    ] {
        let check =
            |value: &str| with_stdin(&["check", "-"], &format!("[{table}]\n{key} = {value}\n"));
        let said = check(typed);
        assert_eq!(said.status, Some(78), "{said:?}");
        assert!(said.err.ends_with(&format!("write {fix}\n")), "{said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
        let said = check(fix);
        assert_eq!(said.status, Some(0), "{said:?}");
    }
    let mut command = program(&["check", "-"]);
    command.stdin(Stdio::null());
    assert_eq!(said(command).status, Some(0));
}

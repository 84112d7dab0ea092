//! `memory-monitor history` and `status`, with what a daemon leaves for them.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Daemon, Machine, program, quoted, run, said, until};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub(crate) const CASES: &[Case] = cases![
    history_shows_what_was_killed,
    only_root_reads_the_history: [Needs::Users],
    history_knows_no_such_user,
    status_shows_the_daemon,
    a_daemon_that_was_killed_is_not_running,
    status_compares_what_the_files_say,
    status_says_what_a_user_can_not_read: [Needs::Users],
    status_reads_the_given_file_without_a_daemon: [Needs::Users],
    times_are_rounded_for_people,
    the_daemon_works_without_its_directories,
];

const CONFIG: &str = "[thresholds]\nram_gb_threshold = 0.05\ncheck_interval = 0.2\n\
    [settings]\nlog_file = \"\"\nenable_syslog = false\n";

/// A daemon that has killed one process, "python3" of 100 MiB, and has left the record of it.
fn after_a_kill() -> (Machine, Daemon) {
    let machine = Machine::of(CONFIG);
    let mut hog = Hog::new().mib(100).comm("python3").start();
    let daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    until("it is in the history and the status", || {
        fs::read(history()).is_ok_and(|text| !text.is_empty())
            && run(&["status", "--json"]).out.contains("\"ended\": 1")
    });
    (machine, daemon)
}

fn in_directory(variable: &str, name: &str) -> PathBuf {
    let directory = std::env::var_os(variable).expect("each case has one of its own");
    PathBuf::from(directory).join(name)
}

fn history() -> PathBuf {
    in_directory("STATE_DIRECTORY", "history.jsonl")
}

fn history_shows_what_was_killed() {
    let (_machine, _daemon) = after_a_kill();
    let mut file = fs::OpenOptions::new().append(true).open(history());
    let file = file.as_mut().expect("the daemon has written it");
    file.write_all(b"{\"torn").expect("a file of ours");
    let said = run(&["history"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    for part in [
        "  python3  root  ",
        "  SIGTERM  ",
        "  ram_gb_threshold = 0.05GB\n",
        "####################     1  python3 (root), 0.1",
        "One line of the history can't be read and was skipped.\n",
    ] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
    let json = run(&["history", "--json"]).json();
    let records = json["records"].as_array().expect("a list");
    assert_eq!(records.len(), 1, "{json}");
    let record = &records[0];
    assert_eq!(record["name"], "python3");
    assert_eq!(record["signal"], "SIGTERM");
    assert!(record["freed_bytes"].as_u64() > Some(100 << 20), "{record}");
    assert!(record["rss_bytes"].as_u64() > Some(100 << 20), "{record}");
    for filter in [
        ["--user", "nobody"],
        ["--name", "x*"],
        ["--since", "2999-01-01"],
    ] {
        let said = run(&[&["history"][..], &filter].concat());
        assert!(said.out.starts_with("Nothing was killed"), "{said:?}");
    }
    let all = ["--user", "root", "--name", "python?", "--since", "1h"];
    let said = run(&[&["history"][..], &all].concat());
    assert_eq!(said.out.matches("SIGTERM").count(), 1, "{said:?}");
}

fn only_root_reads_the_history() {
    let (machine, _daemon) = after_a_kill();
    let mut command = machine.binary_for(1000);
    command.arg("history");
    let said = said(command);
    let file = quoted(&history());
    let told = format!("error: only root may read {file}: sudo memory-monitor history ...\n");
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(said.err.ends_with(&told), "{told}: {said:?}");
}

/// Writes a file as if that were two seconds later.
fn set_later(file: &str, text: &str) {
    fs::write(file, text).expect("a directory of ours");
    let later = SystemTime::now() + Duration::from_secs(2);
    let written = fs::File::options().write(true).open(file);
    let done = written.and_then(|file| file.set_modified(later));
    done.expect("a file of ours");
}

/// A long interval makes what is left of it no whole number.
fn times_are_rounded_for_people() {
    let machine = Machine::new().with("thresholds.check_interval", "30");
    let (mut daemon, line) = machine.start_until_told(|line| line.starts_with("STATUS="));
    assert!(line.ends_with(", next scan in 30 s"), "{line}");
    daemon.stop();
}

fn history_knows_no_such_user() {
    let (_machine, _daemon) = after_a_kill();
    let said = run(&["history", "--user", "nosuch"]);
    assert_eq!(said.status, Some(64), "{said:?}");
    assert_eq!(
        said.err,
        "memory-monitor: error: \"--user\" must be a user of this machine or of the history, found \"nosuch\"\n"
    );
    // One that was deleted since.
    let text = fs::read_to_string(history()).expect("the daemon has written it");
    let deleted = text.replace("\"user\":\"root\"", "\"user\":\"deleted\"");
    fs::write(history(), deleted).expect("ours");
    for (user, count) in [("deleted", 1), ("0", 1), ("root", 0), ("4294967294", 0)] {
        let said = run(&["history", "--user", user]);
        assert_eq!(said.status, Some(0), "{said:?}");
        assert_eq!(
            said.out.matches("python3  ").count(),
            count,
            "{user}: {said:?}"
        );
    }
}

fn status_shows_the_daemon() {
    let (machine, mut daemon) = after_a_kill();
    let file = machine.config_file();
    let said = run(&["status"]);
    for part in [
        " runs in the foreground: PID ",
        &format!("\nConfiguration: {file}, loaded "),
        "Killed today: 1, 0.1",
        "since its start: 1\n",
        "Next scan: ",
    ] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }

    set_later(&file, &format!("{CONFIG}nonsense = 1\n"));
    let said = run(&["status"]);
    let rejected = format!(
        "\n  a reload (SIGHUP) would reject the files on disk:\n    {file}:7:1: unknown key"
    );
    assert!(said.out.contains(&rejected), "{said:?}");
    assert_eq!(said.out.matches("on disk").count(), 1, "{said:?}");
    set_later(&file, &format!("{CONFIG}dry_run = false\n"));
    let said = run(&["status"]);
    let newer = "the files on disk have changed; a reload (SIGHUP) puts them in force:\n";
    assert!(said.out.contains(newer), "{said:?}");
    let changed = format!("    {:?} has changed\n", &file);
    assert!(said.out.contains(&changed), "{said:?}");
    assert_eq!(said.out.matches("on disk").count(), 1, "{said:?}");

    daemon.pause();
    let status = in_directory("RUNTIME_DIRECTORY", "status.json");
    let text = fs::read_to_string(&status).expect("the daemon has written it");
    let (before, rest) = text.split_once("\"next_check\":").expect("it is there");
    let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let long_ago = format!("{before}\"next_check\":1000000000{digits}");
    fs::write(&status, long_ago).expect("a file of ours");
    let said = run(&["status"]);
    assert!(said.out.contains("This is stale"), "{said:?}");

    daemon.resume();
    daemon.stop();
    let said = run(&["status"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    let error = format!("error: no daemon runs that writes {}\n", quoted(&status));
    assert!(said.err.contains(&error), "{said:?}");
}

/// Neither the time of a file nor its size tells whether it is what is in force.
fn status_compares_what_the_files_say() {
    let machine = Machine::of(CONFIG);
    machine.drop_in("10.toml", "[settings]\nwarn_percent = 70\n");
    let mut daemon = machine.launch(machine.command());
    let on_disk = |words: &[&str]| {
        let json = run(&[&["status", "--json"], words].concat()).json();
        let lines = json["configuration_on_disk"].as_array().cloned();
        let lines = lines.unwrap_or_default().into_iter();
        let lines = lines.filter_map(|line| Some(line.as_str()?.trim().to_owned()));
        lines.collect::<Vec<_>>()
    };
    let (file, drop_in) = (machine.config_file(), machine.path("config.d/10.toml"));
    let shown = quoted(&drop_in);
    until("its status is written", || {
        run(&["status"]).status == Some(0)
    });
    assert_eq!(on_disk(&[]), [""; 0]);
    set_later(&file, CONFIG);
    assert_eq!(on_disk(&[]), [""; 0], "the same text was written again");

    // As cp -p does.
    let modified = fs::metadata(&drop_in).and_then(|status| status.modified());
    fs::write(&drop_in, "[settings]\nwarn_percent = 60\n").expect("ours");
    let written = fs::File::options().write(true).open(&drop_in);
    let modified = modified.expect("Linux has it");
    let done = written.and_then(|file| file.set_modified(modified));
    done.expect("a file of ours");
    let in_force = "the files on disk have changed; a reload (SIGHUP) puts them in force:";
    assert_eq!(on_disk(&[]), [in_force, &format!("{shown} has changed")]);
    fs::remove_file(&drop_in).expect("ours");
    assert_eq!(on_disk(&[]), [in_force, &format!("{shown} was removed")]);
    machine.drop_in("10.toml", "");
    let lines = on_disk(&[]);
    assert_eq!(
        lines[0],
        "a reload (SIGHUP) would reject the files on disk:"
    );
    assert!(lines[1].contains("10.toml\" is empty now"), "{lines:?}");
    machine.drop_in("10.toml", "[settings]\nwarn_percent = 70\n");
    machine.drop_in("20.toml", "# nothing\n");
    let new = format!("{} is new", quoted(&machine.path("config.d/20.toml")));
    assert_eq!(on_disk(&[]), [in_force, &new]);

    let other = machine.path("other.toml");
    let word = other.to_str().expect("UTF-8");
    let lines = on_disk(&["--config", word]);
    assert_eq!(lines[0], format!("{} would be rejected:", quoted(&other)));
    assert!(lines[1].contains("No such file"), "{lines:?}");
    fs::write(&other, "[settings]\nwarn_percent = 70\n").expect("ours");
    let not = "is not the configuration in force, and a reload (SIGHUP) does not read it";
    let not = format!("{} {not}", quoted(&other));
    assert_eq!(on_disk(&["--config", word]), [not]);
    daemon.stop();
}

fn status_says_what_a_user_can_not_read() {
    let machine = Machine::of(CONFIG);
    let mut daemon = machine.launch(machine.command());
    until("its status is written", || {
        run(&["status"]).status == Some(0)
    });
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(machine.path("config.toml"), private).expect("ours");
    let mut command = machine.binary_for(1000);
    command.arg("status");
    let said = said(command);
    let told = "\n  this user can't tell whether the files on disk have changed:\n    can't read ";
    assert!(said.out.contains(told), "{said:?}");
    assert!(!said.out.contains("reject"), "{said:?}");
    daemon.stop();
}

fn status_reads_the_given_file_without_a_daemon() {
    let machine = Machine::of("[threshold]\n");
    let file = machine.config_file();
    let rejected = run(&["status", "--config", &file]);
    let told = format!("error: the configuration is rejected: {file}:1:1: unknown table");
    assert!(rejected.err.contains(&told), "{rejected:?}");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(machine.path("config.toml"), private).expect("ours");
    let mut command = machine.binary_for(1000);
    command.args(["status", "--config", &file]);
    let said = said(command);
    let told = "error: whether the configuration is valid is not known: can't read ";
    assert!(said.err.contains(told), "{said:?}");
}

fn a_daemon_that_was_killed_is_not_running() {
    let (_machine, mut daemon) = after_a_kill();
    daemon.signal(libc::SIGKILL);
    daemon.wait();
    let said = run(&["status", "--json"]);
    assert!(said.out.contains("\"running\": false"), "{said:?}");
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("exited without cleaning up; its status file is stale"),
        "{said:?}"
    );
}

fn the_daemon_works_without_its_directories() {
    let machine = Machine::of(CONFIG);
    let mut hog = Hog::new().mib(100).start();
    let mut command = machine.given(program(&["--verbose"]));
    command
        .env("STATE_DIRECTORY", "/proc/none")
        .env("RUNTIME_DIRECTORY", "/proc/none");
    let mut daemon = machine.launch(command);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    for words in ["Process ended", "Can't write history"] {
        until(words, || daemon.stderr().contains(words));
    }
    daemon.stop();
    let said = daemon.stderr();
    assert_eq!(
        said.matches("DEBUG - Can't write status").count(),
        1,
        "{said}"
    );
}

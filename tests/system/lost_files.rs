//! A reload of a file that has lost its content, or is no regular file any more, loses nothing of what is in force;
//! `check` rejects it as the running daemon does.

use crate::harness::confine::{Case, cases};
use crate::harness::files::{own, remove};
use crate::harness::hog::Hog;
use crate::harness::log_lines::{Log, Record};
use crate::harness::machine::{Daemon, Machine, program, run, until};
use crate::harness::os;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

pub(crate) const CASES: &[Case] = cases![
    a_reload_of_a_lost_file_changes_nothing,
    a_reload_of_a_lost_default_file_changes_nothing,
];

/// The file as it is put in place of the good one, and a part of what is said of it.
type Loss = (&'static str, fn(&Path), &'static str);

const LOSSES: [Loss; 7] = [
    ("gone", |_| {}, "No such file or directory"),
    (
        "empty",
        |path| fs::write(path, "").expect("ours"),
        "is empty now",
    ),
    (
        "blank",
        |path| fs::write(path, " \n\t\r\n").expect("ours"),
        "is empty now",
    ),
    (
        "a FIFO",
        os::make_pipe,
        "it is a FIFO and must be a regular file",
    ),
    (
        "a directory",
        |path| fs::create_dir(path).expect("ours"),
        "it is a directory",
    ),
    (
        "a device",
        |path| symlink("/dev/zero", path).expect("ours"),
        "it is a device",
    ),
    (
        "a socket",
        |path| drop(UnixListener::bind(path).expect("ours")),
        "it is a socket",
    ),
];

/// `check` rejects what the daemon that runs would.
fn rejects(config: &Path, told: &str) {
    let file = config.to_str().expect("UTF-8");
    for words in [
        &["check", "--quiet", "--config", file][..],
        &["check", "--json", file],
    ] {
        let said = run(words);
        assert_eq!(said.status, Some(78), "{words:?}: {said:?}");
        assert!(said.err.contains(told), "{told}: {said:?}");
    }
}

/// Each loss is an error that says why, and what was in force stays: what it protects lives, and what it kills is
/// killed, which the built-in defaults would leave alone.
fn survives_losses(log: &Log, daemon: &mut Daemon, config: &Path) {
    let good = fs::read(config).expect("the good one");
    let protected = Hog::new().comm("protected").start();
    for (what, put, told) in LOSSES {
        let is_told = |record: &Record| {
            let start = "Configuration rejected, the previous one stays in force: ";
            record.level == "ERROR"
                && record.message.starts_with(start)
                && record.message.contains(told)
        };
        let count = || {
            log.records()
                .iter()
                .filter(|record| is_told(record))
                .count()
        };
        let before = count();
        remove(config);
        put(config);
        // As at `systemctl reload`, where the daemon may not have read the file yet.
        rejects(config, told);
        daemon.signal(libc::SIGHUP);
        until(what, || count() > before);
        rejects(config, told);
        log.wait_for_scans(2);
        let mut hog = Hog::new().start();
        assert_eq!(
            hog.ended_by(),
            Some(libc::SIGTERM),
            "{what}: it is still killed"
        );
        assert!(protected.is_alive(), "{what}: it is still protected");
    }
    assert!(
        !log.records()
            .iter()
            .any(|record| record.message.starts_with("Configuration reloaded"))
    );
    remove(config);
    fs::write(config, good).expect("ours");
    daemon.signal(libc::SIGHUP);
    until("a good file is put into force", || {
        log.records()
            .iter()
            .any(|record| record.message.starts_with("Configuration reloaded"))
    });
    assert!(protected.is_alive());
}

fn a_reload_of_a_lost_file_changes_nothing() {
    let machine = Machine::new().with("whitelist.names", "[\"protected\"]");
    let mut daemon = machine.start();
    survives_losses(&machine.log(), &mut daemon, &machine.path("config.toml"));
    // A drop-in that protected something must not lose its content either.
    machine.drop_in("10.toml", "[whitelist]\nnames = [\"other\"]\n");
    fs::set_permissions(machine.path(""), fs::Permissions::from_mode(0o755)).expect("ours");
    daemon.signal(libc::SIGHUP);
    machine.log().wait_for_words(&["names: \"other\" added"]);
    machine.drop_in("10.toml", "");
    let config = machine.path("config.toml");
    rejects(&config, "10.toml\" is empty now");
    daemon.signal(libc::SIGHUP);
    machine
        .log()
        .wait_for_words(&["Configuration rejected", "10.toml\" is empty now"]);
    rejects(&config, "10.toml\" is empty now");
    // Another user's record of what is in force is not believed.
    let state = std::env::var("RUNTIME_DIRECTORY").expect("each case has one of its own");
    let state = Path::new(&state).join("status.json");
    daemon.pause();
    chown(&state, Some(1000), None).expect("root gives files away");
    let is_valid = || run(&["check", "-q", &machine.config_file()]).status == Some(0);
    assert!(is_valid());
    chown(&state, Some(0), None).expect("root takes files");
    daemon.resume();
    fs::remove_file(machine.path("config.d/10.toml")).expect("ours");
    assert!(is_valid());
    daemon.signal(libc::SIGHUP);
    machine.log().wait_for_words(&["names: \"other\" removed"]);
    daemon.stop();
}

fn own_etc(machine: &Machine) -> PathBuf {
    let directory = own(machine, "etc", "/etc").join("memory-monitor");
    fs::create_dir(&directory).expect("a directory of ours");
    directory.join("config.toml")
}

fn a_reload_of_a_lost_default_file_changes_nothing() {
    let machine = Machine::new().with("whitelist.names", "[\"protected\"]");
    let text = fs::read(machine.write_config()).expect("ours");
    let config = own_etc(&machine);
    fs::write(&config, text).expect("ours");
    let mut daemon = machine.launch(program(&[]));
    let log = machine.log();
    log.wait_for_scans(1);
    fs::remove_file(&config).expect("ours");
    daemon.signal(libc::SIGHUP);
    log.wait_for_words(&[
        "Configuration rejected",
        "config.toml\" does not exist any more",
    ]);
    let said = run(&["check", "--quiet"]);
    assert_eq!(said.status, Some(78), "{said:?}");
    assert!(said.err.contains("does not exist any more"), "{said:?}");
    // Another configuration is valid by itself.
    let said = run(&["check", "--quiet", &machine.config_file()]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let mut hog = Hog::new().start();
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let said = run(&["status"]);
    let told = "a reload (SIGHUP) would reject the files on disk:\n";
    assert_eq!(said.out.matches(told).count(), 1, "{said:?}");
    daemon.stop();
    // With none at the start, a reload without one is as good.
    let log = own(&machine, "var-log", "/var/log").join("memory_monitor.log");
    let mut daemon = machine.launch(program(&[]));
    let log = Log::at(&log);
    log.wait_for_words(&["started: built-in defaults"]);
    daemon.signal(libc::SIGHUP);
    log.wait_for_words(&["Configuration reloaded: built-in defaults"]);
    assert_eq!(run(&["check", "--quiet"]).status, Some(0));
    daemon.stop();
}

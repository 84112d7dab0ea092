//! The files that a daemon of root's reads its configuration from and writes to: root alone can write them, and where
//! they are.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, quoted, said, until};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

pub(crate) const CASES: &[Case] = cases![
    a_configuration_that_others_can_write_is_rejected: [Needs::Users],
    a_reload_of_what_others_can_write_changes_nothing: [Needs::Users],
    a_log_file_is_no_link_and_in_no_directory_of_a_user: [Needs::Users],
    a_metrics_file_is_in_no_directory_of_a_user: [Needs::Users],
    an_own_daemon_of_a_user_writes_its_own_files: [Needs::Users],
];

const THEY: u32 = 4711;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

/// A directory of this user's.
fn directory_of(machine: &Machine, name: &str, uid: u32) -> PathBuf {
    let directory = machine.path(name);
    fs::create_dir(&directory).expect("a directory of ours");
    mode(&directory, 0o755);
    chown(&directory, Some(uid), None).expect("root gives files away");
    directory
}

fn a_configuration_that_others_can_write_is_rejected() {
    let machine = Machine::new();
    let file = machine.write_config();
    let home = directory_of(&machine, "home", THEY);
    fs::copy(&file, home.join("theirs.toml")).expect("a copy");
    symlink(home.join("theirs.toml"), machine.path("link.toml")).expect("ours");
    fs::copy(&file, machine.path("open.toml")).expect("a copy");
    mode(&machine.path("open.toml"), 0o666);
    for (name, shown) in [
        (
            "home/theirs.toml",
            "home belongs to uid 4711 (mode 0755) and must be root's: chown root ",
        ),
        ("link.toml", "home belongs to uid 4711 (mode 0755)"),
        (
            "open.toml",
            "open.toml can be written by others than root (mode 0666): chmod go-w ",
        ),
    ] {
        let file = machine.path(name);
        let file = file.to_str().expect("UTF-8");
        for words in [&["--once", "--config", file][..], &["check", file]] {
            let said = said(crate::harness::machine::program(words));
            assert_eq!(said.status, Some(78), "{name}: {said:?}");
            assert!(said.err.contains(shown), "{name}: {said:?}");
        }
    }
}

fn a_reload_of_what_others_can_write_changes_nothing() {
    let machine = Machine::new();
    let mut daemon = machine.start();
    mode(&machine.write_config(), 0o666);
    daemon.signal(libc::SIGHUP);
    machine
        .log()
        .wait_for_words(&["Configuration rejected", "(mode 0666)"]);
    let mut hog = Hog::new().start();
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
}

fn a_log_file_is_no_link_and_in_no_directory_of_a_user() {
    let machine = Machine::new();
    let home = directory_of(&machine, "home", THEY);
    let link = machine.path("link");
    symlink(machine.path("elsewhere"), &link).expect("ours");
    let open = machine.path("open");
    fs::create_dir(&open).expect("ours");
    mode(&open, 0o1777);
    for (log, reason) in [
        (home.join("log"), "belongs to uid 4711 (mode 0755)"),
        (link, "a symbolic link is not followed"),
        (open.join("log"), "(mode 1777): use another directory"),
    ] {
        let machine = Machine::new().with("settings.log_file", &quoted(&log));
        let mut daemon = machine.launch(machine.command());
        until("stderr says why", || daemon.stderr().contains(reason));
        let mut hog = Hog::new().start();
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
        daemon.stop();
        let exists = |path: &Path| path.metadata().is_ok();
        assert!(
            !exists(&log) && !exists(&machine.path("elsewhere")),
            "{}",
            log.display()
        );
        let said = machine.run(&["check"]);
        assert_eq!(said.status, Some(0), "{said:?}");
        let note = format!("root's daemon does not write to {}: ", log.display());
        assert!(said.out.contains(&note), "{note}: {said:?}");
    }
}

fn a_metrics_file_is_in_no_directory_of_a_user() {
    let machine = Machine::new();
    let home = directory_of(&machine, "home", THEY);
    let machine = machine.with("settings.metrics_file", &quoted(&home.join("mm.prom")));
    let mut daemon = machine.start();
    let reason = "belongs to uid 4711 (mode 0755)";
    machine
        .log()
        .wait_for_words(&["Can't write to metrics file", reason]);
    daemon.stop();
    assert_eq!(fs::read_dir(&home).expect("a directory").count(), 0);
    // A system account's is as node_exporter has it.
    let theirs = directory_of(&machine, "prometheus", 110);
    let machine = machine.with("settings.metrics_file", &quoted(&theirs.join("mm.prom")));
    let mut daemon = machine.start();
    until("the metrics are there", || theirs.join("mm.prom").exists());
    daemon.stop();
}

fn an_own_daemon_of_a_user_writes_its_own_files() {
    let machine = Machine::new();
    let home = directory_of(&machine, "home", THEY);
    symlink(home.join("real"), home.join("log")).expect("ours");
    let machine = machine.with("settings.log_file", &quoted(&home.join("log")));
    let mut hog = Hog::new().user(THEY).start();
    let file = machine.write_config();
    chown(&file, Some(THEY), None).expect("root gives files away");
    let mut daemon = machine.launch(machine.given(machine.binary_for(THEY)));
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    until("its log is there", || {
        fs::read_to_string(home.join("real")).is_ok_and(|log| log.contains("Killing process"))
    });
    daemon.stop();
}

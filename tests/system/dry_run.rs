//! A dry run says what has switched it on, wherever one looks, and ends with the file that sets it.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, run, until};
use std::fs;

pub(crate) const CASES: &[Case] = cases![
    every_place_names_the_file,
    the_option_is_named_as_well,
    over_shows_what_would_be_killed,
];

const DROP_IN: &str = "00-first-install.toml";

fn every_place_names_the_file() {
    let machine = Machine::new();
    let dry_run = "[settings]\ndry_run = true\n";
    machine.drop_in(DROP_IN, dry_run);
    let mut hogs = [Hog::new().start(), Hog::new().start()];
    let mut daemon = machine.start();
    let sentence = "Nothing is killed: dry run, because of config.d/00-first-install.toml (2 processes would be killed)";
    let log = machine.log();
    log.wait_for("INFO", sentence);
    let records = log.records();
    let first = records.iter().take(3);
    assert_eq!(
        first.filter(|record| record.message == sentence).count(),
        1,
        "{records:?}"
    );
    until("the status is written", || {
        run(&["status"]).out.contains(sentence)
    });
    for command in ["scan", "check"] {
        let said = machine.run(&[command]);
        assert!(said.out.lines().any(|line| line == sentence), "{said:?}");
        let json = machine.run(&[command, "--json"]).json();
        assert_eq!(json["dry_run_cause"], "config.d/00-first-install.toml");
        assert_eq!(json["over"], 2);
    }
    log.wait_for_scans(5);
    assert_eq!(log.count("INFO", sentence), 1, "once, not with each scan");
    assert!(hogs.iter().all(crate::harness::hog::RunningHog::is_alive));

    // Emptied by mistake, it stays in force; removed, it does not.
    machine.drop_in(DROP_IN, "");
    daemon.signal(libc::SIGHUP);
    log.wait_for_words(&["Configuration rejected", "is empty now"]);
    fs::remove_file(machine.path("config.d").join(DROP_IN)).expect("it is there");
    assert!(hogs.iter().all(crate::harness::hog::RunningHog::is_alive));
    daemon.signal(libc::SIGHUP);
    for hog in &mut hogs {
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    }
    until("the status is written", || {
        !run(&["status"]).out.contains("dry run")
    });
    // A reload that begins one says so as well.
    machine.drop_in(DROP_IN, dry_run);
    daemon.signal(libc::SIGHUP);
    log.wait_for(
        "INFO",
        "Nothing is killed: dry run, because of config.d/00-first-install.toml (no process would be killed)",
    );
    daemon.stop();
}

fn the_option_is_named_as_well() {
    let machine = Machine::new().with("settings.dry_run", "true");
    let _hog = Hog::new().start();
    let said = machine.run(&["scan"]);
    let by_file =
        "Nothing is killed: dry run, because of config.toml (1 process would be killed)\n";
    assert!(said.out.contains(by_file), "{said:?}");
    let mut command = machine.command();
    command.arg("--dry-run");
    let mut daemon = machine.launch(command);
    machine.log().wait_for(
        "INFO",
        "Nothing is killed: dry run, because of --dry-run (1 process would be killed)",
    );
    daemon.stop();
}

fn over_shows_what_would_be_killed() {
    let mut machine = Machine::new();
    let said = machine.run(&["scan", "--over"]);
    assert_eq!(
        said.out, "any process over 0.02 GB, root's too, but none that is protected\n",
        "{said:?}"
    );
    let (small, large) = (Hog::new().start(), Hog::new().mib(96).start());
    let said = machine.run(&["scan", "--over"]);
    let lines: Vec<_> = said.out.lines().skip(1).collect();
    let line =
        |hog: &crate::harness::hog::RunningHog| format!("  PID {}, hog of root, ", hog.pid());
    assert!(
        lines.len() == 2
            && lines[0].starts_with(&line(&large))
            && lines[1].starts_with(&line(&small)),
        "{said:?}"
    );
    machine.set("settings.dry_run", "true");
    machine.set("thresholds.only_below_available_percent", "0.001");
    let said = machine.run(&["scan", "--over"]);
    assert_eq!(
        said.out,
        "any process over 0.02 GB while less than 0.001% of the memory is available, root's too, but none that is protected\n\
         Nothing is killed: dry run, because of config.toml (no process would be killed)\n"
    );
}

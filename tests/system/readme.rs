//! The commands of the README, as they stand there.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::sleeper;
use crate::harness::installed;
use crate::harness::machine::{Daemon, program, said, until};
use std::fs;
use std::path::Path;
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![every_command_is_run];

const README: &str = include_str!("../../README.md");

/// What can't be run here, and the file of the tests that runs it.
const ELSEWHERE: [(&str, &str, &str); 3] = [
    (
        "cargo run --release -- scan",
        "scripts/test",
        "cargo run --release -- scan",
    ),
    (
        "scripts/build-packages",
        "scripts/test",
        "scripts/build-packages",
    ),
    (
        "sudo apt install ./target/packages/memory-monitor_2.0.0-1_amd64.deb",
        "tests/packages/apt",
        "^sudo apt install ./target/packages/",
    ),
];
/// Runs this, among others.
const THE_TESTS: &str = "scripts/test";

/// In their order, on one machine: with a dry run, then without, then with each of the ready settings. Each must
/// succeed.
fn every_command_is_run() {
    installed::install();
    let sleeper = sleeper("sleeper-readme");
    let mut daemon: Option<Daemon> = None;
    let mut count = 0;
    let blocks = README.split("```sh\n").skip(1);
    for line in blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines()) {
        if let Some((_, file, words)) = ELSEWHERE.iter().find(|(own, ..)| *own == line) {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let tests = fs::read_to_string(&file).expect("the repository");
            assert!(tests.contains(words), "{} runs {line}", file.display());
            continue;
        }
        if line == THE_TESTS {
            continue;
        }
        if line.ends_with(" scan") && daemon.is_none() {
            // By now the files that have to be there before the service is started are.
            let started = Daemon::launch_as_service(program(&[]), Path::new("/run/stderr"));
            fs::write("/run/memory-monitor.pid", started.pid().to_string()).expect("ours");
            daemon = Some(started);
            until("the daemon runs", || {
                said(program(&["status"])).status == Some(0)
            });
            let status = said(program(&["status"])).out;
            assert!(status.contains("ry run"), "{status}");
        }
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        let result = said(command);
        assert_eq!(
            (result.status, result.err.as_str()),
            (Some(0), ""),
            "{line}: {result:?}"
        );
        count += 1;
        if line.starts_with("sudo cp ") {
            // A ready setting is put into force by the same reload, and taken away again.
            let reload = said(program(&["check", "--quiet"]));
            assert_eq!(
                (reload.status, reload.all().as_str()),
                (Some(0), ""),
                "{line}: {reload:?}"
            );
            let file = line.rsplit(' ').next().expect("a word");
            fs::remove_file(file).expect("it was copied there");
        }
    }
    assert!(count >= 11, "{count}");
    let mut daemon = daemon.expect("it was started");
    until("it is no dry run any more", || {
        !said(program(&["status"])).out.contains("ry run")
    });
    each_word_of_the_text_is_one_of_the_program(sleeper.pid());
    daemon.stop();
}

/// The commands within the text: with a process of the test for PID, and no hour to wait. A terminal has tests of its
/// own.
fn each_word_of_the_text_is_one_of_the_program(pid: u32) {
    let mut count = 0;
    for word in README.split('`').skip(1).step_by(2) {
        let is_command =
            word.starts_with("memory-monitor ") || word.starts_with("sudo memory-monitor ");
        if !is_command || word.contains("--watch") {
            continue;
        }
        let line = word
            .replace("PID", &pid.to_string())
            .replace("--suggest 1h", "--suggest 1s");
        let mut command = Command::new("sh");
        command.args(["-c", &line]);
        let result = said(command);
        assert_eq!(result.status, Some(0), "{line}: {result:?}");
        count += 1;
    }
    assert!(count >= 8, "{count}");
}

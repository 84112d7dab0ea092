//! The daemon: what it logs, counts and leaves, and what the commands make of that.

use super::transcript::Transcript;
use super::world::{self, ALICE, BOB, World, path, process};
use super::{CONFIG, WITH_CONFIG, with_config, write};
use crate::harness::confine::{Case, cases};
use crate::harness::log_lines::Log;
use crate::harness::machine::{Daemon, until};
use std::fs;

pub(crate) const CASES: &[Case] =
    cases![dry_run, dry_run_json, kill, kill_json, life, status, gone,];

fn dry_run() {
    let _world = super::world();
    let mut transcript = Transcript::new();
    transcript.run(&with_config(&["--once", "--dry-run"]));
    transcript.file("log/log");
    transcript.agrees();
}

fn in_json() {
    let text = fs::read_to_string(path("config.toml")).expect("a file of ours");
    let text = text.replace("[settings]", "[settings]\nlog_format = \"json\"");
    write("config.toml", &text);
}

fn dry_run_json() {
    let _world = super::world();
    in_json();
    let mut transcript = Transcript::new();
    transcript.run(&with_config(&["--once", "--dry-run", "--quiet"]));
    transcript.file("log/log");
    transcript.agrees();
}

/// One that obeys SIGTERM and one that does not, which are over one after the other: so that the order of
/// the lines is fixed.
fn victims() -> World {
    let world = World::with(&[
        process(101, "chrome", 3.5).user(ALICE),
        process(102, "stubborn", 6.25).user(BOB).ignores_sigterm(),
        process(103, "vim", 0.25).user(ALICE),
    ]);
    write("config.toml", &CONFIG.replace("\"bob\", ", ""));
    world
}

fn kill() {
    let mut world = victims();
    let mut transcript = Transcript::new();
    transcript.run(&with_config(&["--once"]));
    transcript.file("log/log");
    transcript.run(&["history"]);
    transcript.run(&["history", "--json"]);
    transcript.run(&["history", "--user", "alice", "--since", "1h"]);
    transcript.run(&["history", "--name", "x*"]);
    transcript.agrees();
    assert_eq!(world.hog(101).ended_by(), Some(libc::SIGTERM));
    assert_eq!(world.hog(102).ended_by(), Some(libc::SIGKILL));
    assert!(world.hog(103).is_alive());
}

fn kill_json() {
    let _world = victims();
    in_json();
    let mut transcript = Transcript::new();
    transcript.run(&with_config(&["--once", "--quiet"]));
    transcript.file("log/log");
    transcript.agrees();
}

/// Starts the daemon, and waits until it has written what it leaves after its first scan.
fn start() -> Daemon {
    let daemon = Daemon::launch_as_service(world::daemon(&WITH_CONFIG), &path("log/stderr"));
    let left = [path("run/status.json"), path("log/metrics.prom")];
    until("the first scan is complete", || {
        left.iter().all(|file| file.exists())
    });
    daemon
}

fn life() {
    let _world = victims();
    let mut transcript = Transcript::new();
    let mut daemon = start();
    let log = Log::at(&path("log/log"));
    log.wait_for_words(&["Process ended: ", "PID=101,"]);
    log.wait_for_words(&["Process ended: ", "PID=102,"]);
    let metrics = || fs::read_to_string(path("log/metrics.prom")).unwrap_or_default();
    until("the metrics have it", || {
        let metrics = metrics();
        metrics.contains("name=\"stubborn\"} 1") && metrics.contains("_over_threshold 0\n")
    });
    transcript.run(&["status"]);
    transcript.run(&["status", "--json"]);
    transcript.file("log/metrics.prom");
    for (text, says) in [
        (
            CONFIG
                .replace("= 2.0", "= 4.0")
                .replace("[[rule]]\nname = \"java\"", "[[rule]]\nname = \"jvm\""),
            "-> 4",
        ),
        ("[threshold]\n".to_owned(), ":1:"),
    ] {
        write("config.toml", &text);
        daemon.signal(libc::SIGHUP);
        log.wait_for_words(&[says]);
        // The scan that a reload brings is over, and the status has it.
        until("nothing is over", || {
            let status = fs::read_to_string(path("run/status.json"));
            status.is_ok_and(|status| status.contains("\"over\":0,"))
        });
    }
    transcript.remark("after one reload, and another one that was rejected");
    transcript.run(&["status"]);
    daemon.stop();
    transcript.file("log/log");
    transcript.remark("after its end");
    transcript.run(&["status"]);
    transcript.agrees();
}

/// Of a daemon that may kill nothing, with something to be told of each kind.
fn status() {
    let _world = super::world();
    write(
        "config.toml",
        &CONFIG.replace("[settings]", "[settings]\ndry_run = true"),
    );
    let mut transcript = Transcript::new();
    let mut daemon = start();
    transcript.run(&["status"]);
    transcript.run(&["status", "--json"]);
    daemon.stop();
    transcript.file("log/metrics.prom");
    transcript.agrees();
}

/// What is asked for that no daemon has left.
fn gone() {
    let _world = World::with(&[]);
    let mut transcript = Transcript::new();
    for words in [
        &["status"][..],
        &["status", "--json"],
        &["history"],
        &["history", "--json"],
        &["exempt", "--list", "--json"],
    ] {
        transcript.run(words);
    }
    write("config.toml", CONFIG);
    let mut killed = start();
    killed.signal(libc::SIGKILL);
    killed.wait();
    transcript.remark("after the daemon was killed");
    transcript.run(&["status"]);
    transcript.run(&["status", "--json"]);
    transcript.agrees();
}

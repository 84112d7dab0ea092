//! Groups of real processes: those of a user, of a tree, of a pattern, against thresholds that no single one reaches.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::hostile::{self, COPIES, STORM};
use crate::harness::machine::{Machine, until};
use crate::harness::memory::Memory;
use crate::harness::processes::count;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

pub(crate) const CASES: &[Case] = cases![
    users_are_summed_up_apart: [Needs::Users],
    forks_count_once_by_pss: [Needs::Users],
    forks_count_each_by_rss: [Needs::Users],
    forks_of_what_was_read_before_count_once: [Needs::Users],
    a_fork_storm_ends_with_all_of_its_tree: [Needs::Users],
    nothing_more_is_killed_while_a_victim_ignores_sigterm: [Needs::Users],
    one_over_a_threshold_of_its_own_is_waited_for: [Needs::Users],
    the_newest_is_killed: [Needs::Users],
    protected_members_count_and_are_said_once: [Needs::Users],
    warn_and_plenty_only_report: [Needs::Users],
    a_dry_run_says_what_would_be_killed: [Needs::Users],
    must_be_over_for_a_time_and_reload_takes_it_away: [Needs::Users],
    a_shortage_does_not_begin_the_time_anew: [Needs::Users],
    commands_show_groups: [Needs::Users],
    groups_alone_are_enough: [Needs::Users],
];

pub(crate) const ANN: u32 = 4711;
pub(crate) const BOB: u32 = 4712;
const EVE: u32 = 4713;

/// A machine on which no process has a threshold that it reaches, with these groups.
pub(crate) fn machine(groups: &str) -> Machine {
    let machine = Machine::new().with("thresholds.ram_gb_threshold", "512");
    machine.drop_in("groups.toml", groups);
    machine
}

pub(crate) fn hog(uid: u32, mib: usize) -> RunningHog {
    Hog::new().user(uid).mib(mib).start()
}

fn users_are_summed_up_apart() {
    let machine = machine(
        "[[group]]\nlabel = \"users\"\nby = \"user\"\nram_gb_threshold = 0.12\nuser = \"471?\"\n\
         [[group]]\nlabel = \"all-users\"\nby = \"user\"\nram_gb_threshold = 0.12\n",
    );
    let small = [hog(ANN, 40), hog(BOB, 40), hog(EVE, 60)];
    let also = [hog(ANN, 30), hog(BOB, 30)];
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(5);
    assert_eq!(machine.log().count_of("Killing process:"), 0);
    let mut largest = hog(ANN, 70);
    assert_eq!(largest.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_words(&["Process ended:"]);
    machine.log().wait_for_scans(5);
    daemon.stop();
    assert!(small.iter().chain(&also).all(RunningHog::is_alive));
    let over = "Group over its threshold: Group=all-users/4711, Members=";
    assert_eq!(machine.log().count_of(over), 1);
    let reason = format!(
        "Reason: PID={} is the largest of group all-users/4711 over ram_gb_threshold = 0.12GB (metric pss, group 2)",
        largest.pid()
    );
    assert_eq!(machine.log().count_of(&reason), 1);
    assert_eq!(machine.log().count_of("Killing process:"), 1);
}

/// What a parent of 96 MiB with eight copies of it has by RSS is nine times as much.
fn with_copies(metric: &str) -> (Machine, hostile::Hostile) {
    let group = format!(
        "[[group]]\nby = \"all\"\nname = \"copies\"\nram_gb_threshold = 0.4\nmetric = \"{metric}\"\n"
    );
    let parent = hostile::start(ANN, &[COPIES, "copies", "96", "8"]);
    until("they all are there", || count("copies") == 9);
    (machine(&group), parent)
}

fn forks_count_once_by_pss() {
    let (machine, _parent) = with_copies("pss");
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(10);
    daemon.stop();
    assert_eq!(machine.log().count_of("Killing process:"), 0);
    assert_eq!(machine.log().count_of("Group over its threshold"), 0);
    assert_eq!(count("copies"), 9);
}

fn forks_count_each_by_rss() {
    let (machine, _parent) = with_copies("rss");
    let mut daemon = machine.launch(machine.command());
    machine
        .log()
        .wait_for_words(&["Killing process:", "Name=copies"]);
    // One after the other, until the rest is within.
    until("four are left", || count("copies") == 4);
    machine.log().wait_for_scans(3);
    daemon.stop();
    assert_eq!(count("copies"), 4);
    assert_eq!(
        machine
            .log()
            .count_of("Group over its threshold: Group=all,"),
        1
    );
}

fn forks_of_what_was_read_before_count_once() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let signal = directory.path().join("fork");
    let path = signal.to_str().unwrap();
    // What they have by RSS is over the threshold, so that their PSS is read: 192 MiB.
    let _pair = hostile::start(ANN, &[COPIES, "pair", "96", "1"]);
    let _parent = hostile::start(ANN, &[COPIES, "parent", "96", "8", path]);
    let machine = machine("[[group]]\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.2\n");
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(3);
    fs::write(&signal, "").unwrap();
    until("they all are there", || count("parent") == 9);
    // The parent has resident what it had, and a ninth of it by PSS.
    let scans = machine.log().count_of("Scan complete");
    machine.log().wait_for_scans(scans + 5);
    daemon.stop();
    assert_eq!(machine.log().count_of("Group over its threshold"), 0);
    assert_eq!(machine.log().count_of("Killing process:"), 0);
    assert_eq!((count("pair"), count("parent")), (2, 9));
}

fn a_fork_storm_ends_with_all_of_its_tree() {
    let machine = machine(
        "[[group]]\nlabel = \"storms\"\nby = \"tree\"\nname = \"storm\"\nkill = \"all\"\nram_gb_threshold = 0.1\n",
    );
    let bystander = Hog::new().user(ANN).mib(90).start();
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(1);
    let storm = hostile::start(ANN, &[STORM, "storm", "4", "400"]);
    until("all of it has ended", || {
        !storm.is_alive() && count("storm") == 0
    });
    daemon.stop();
    assert!(bystander.is_alive());
    let over = format!(
        "Group over its threshold: Group=storms/{}, Members=",
        storm.pid()
    );
    assert_eq!(machine.log().count_of(&over), 1);
    assert!(machine.log().count_of("Killing process: ") > 20);
}

fn nothing_more_is_killed_while_a_victim_ignores_sigterm() {
    let machine = machine("[[group]]\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\n")
        .with("settings.term_timeout", "2");
    let mut stubborn = Hog::new().user(ANN).mib(80).ignores_sigterm().start();
    let mut second = hog(ANN, 70);
    let third = hog(ANN, 60);
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_words(&["Killing process:"]);
    machine.log().wait_for_scans(8);
    assert!(second.is_alive());
    assert_eq!(machine.log().count_of("Killing process:"), 1);
    assert_eq!(stubborn.ended_by(), Some(libc::SIGKILL));
    assert_eq!(second.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_scans(3);
    daemon.stop();
    assert!(third.is_alive());
    assert_eq!(machine.log().count_of("Killing process:"), 2);
}

fn one_over_a_threshold_of_its_own_is_waited_for() {
    let machine = machine("[[group]]\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.15\n")
        .with("thresholds.ram_gb_threshold", "0.12")
        .with("settings.term_timeout", "2");
    let mut stubborn = Hog::new().user(ANN).mib(140).ignores_sigterm().start();
    let other = hog(ANN, 40);
    let mut daemon = machine.launch(machine.command());
    assert_eq!(stubborn.ended_by(), Some(libc::SIGKILL));
    machine.log().wait_for_scans(3);
    daemon.stop();
    assert!(other.is_alive());
    assert_eq!(machine.log().count_of("Group over its threshold: "), 1);
    assert_eq!(machine.log().count_of("Killing process:"), 1);
}

fn the_newest_is_killed() {
    let machine = machine(
        "[[group]]\nby = \"user\"\nuser = \"4711\"\nkill = \"newest\"\nram_gb_threshold = 0.1\n",
    );
    let old = [hog(ANN, 80), hog(ANN, 10)];
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(2);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut newest = hog(ANN, 20);
    assert_eq!(newest.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
    assert!(old.iter().all(RunningHog::is_alive));
    let reason = format!(
        "Reason: PID={} is the newest of group user/4711",
        newest.pid()
    );
    assert_eq!(machine.log().count_of(&reason), 1);
}

fn protected_members_count_and_are_said_once() {
    let machine = machine("[[group]]\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\n")
        .with("whitelist.names", "[\"precious\"]");
    let precious = Hog::new().user(ANN).mib(130).comm("precious").start();
    let mut small = hog(ANN, 20);
    let mut daemon = machine.launch(machine.command());
    assert_eq!(small.ended_by(), Some(libc::SIGTERM));
    machine
        .log()
        .wait_for_words(&["Group over its threshold, and every member is protected:"]);
    machine.log().wait_for_scans(5);
    daemon.stop();
    assert!(precious.is_alive());
    let protected = "Group over its threshold, and every member is protected: Group=user/4711";
    assert_eq!(machine.log().count_of(protected), 1);
}

fn warn_and_plenty_only_report() {
    let machine = machine(
        "[[group]]\nlabel = \"told\"\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\naction = \"warn\"\n\
         [[group]]\nlabel = \"plenty\"\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\n\
         only_below_available_percent = 0\n",
    );
    let hogs = [hog(ANN, 80), hog(ANN, 70)];
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(5);
    daemon.stop();
    assert!(hogs.iter().all(RunningHog::is_alive));
    assert_eq!(
        machine
            .log()
            .count_of("Group over its threshold: Group=told/4711"),
        1
    );
    let records = machine.log().records();
    let has = |text: &str| records.iter().any(|record| record.message.ends_with(text));
    assert!(has(", only reported"));
    assert!(has("% available)"));
}

fn a_dry_run_says_what_would_be_killed() {
    let machine = machine("[[group]]\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\n")
        .with("settings.dry_run", "true");
    let hogs = [hog(ANN, 80), hog(ANN, 70)];
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(5);
    daemon.stop();
    assert!(hogs.iter().all(RunningHog::is_alive));
    let would = format!("Would kill process: PID={},", hogs[0].pid());
    assert_eq!(machine.log().count_of(&would), 1);
    assert_eq!(machine.log().count_of("Would kill process:"), 1);
}

fn must_be_over_for_a_time_and_reload_takes_it_away() {
    let machine = machine(
        "[[group]]\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\nsustained = 2\n",
    );
    let mut largest = hog(ANN, 80);
    let rest = hog(ANN, 70);
    let start = std::time::Instant::now();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(largest.ended_by(), Some(libc::SIGTERM));
    assert!(start.elapsed().as_secs_f64() >= 2.0);
    machine.log().wait_for_words(&["Process ended:"]);
    machine.drop_in(
        "groups.toml",
        "[[group]]\nby = \"user\"\nram_gb_threshold = 9\n",
    );
    daemon.signal(libc::SIGHUP);
    machine
        .log()
        .wait_for_words(&["Configuration changed: group:", "removed"]);
    machine
        .log()
        .wait_for_words(&["Configuration changed: group:", "added"]);
    daemon.stop();
    assert!(rest.is_alive());
}

fn a_shortage_does_not_begin_the_time_anew() {
    let memory = Memory::available(700);
    let machine = machine(
        "[[group]]\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\naction = \"warn\"\n\
         metric = \"rss\"\n",
    )
    .with("system.action", "\"warn\"");
    let _hog = hog(ANN, 130);
    let mut daemon = machine.launch(machine.command());
    let over = "Group over its threshold: Group=user/4711";
    machine.log().wait_for_words(&[over]);
    memory.set_available(10);
    machine.log().wait_for_words(&["Memory is short: "]);
    machine.log().wait_for_scans(5);
    memory.set_available(700);
    machine.log().wait_for_words(&["Memory is no longer short"]);
    machine.log().wait_for_scans(5);
    daemon.stop();
    assert_eq!(machine.log().count_of(over), 1);
}

fn commands_show_groups() {
    let machine = machine(
        "[[group]]\nlabel = \"users\"\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\naction = \"warn\"\n",
    );
    let hogs = [hog(ANN, 80), hog(ANN, 70)];
    let scan = machine.run(&["scan"]).out;
    assert!(scan.contains("Group users/4711: "), "{scan}");
    let json = machine.run(&["scan", "--json"]).json();
    assert_eq!(json["groups"][0]["group"], "users/4711", "{json}");
    assert_eq!(json["groups"][0]["verdict"], "over", "{json}");
    let pid = hogs[0].pid().to_string();
    let explained = machine.run(&["explain", &pid]).out;
    assert!(explained.contains("users/4711"), "{explained}");
    let checked = machine.run(&["check"]).all();
    assert!(checked.contains("label = \"users\""), "{checked}");
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_scans(2);
    let status = machine.run(&["status"]).out;
    daemon.stop();
    assert!(status.contains("Groups over their thresholds:"), "{status}");
    assert!(status.contains("users/4711"), "{status}");
}

/// Without any threshold for single processes.
fn groups_alone_are_enough() {
    let machine = Machine::new().with("thresholds.ram_gb_threshold", "inf");
    machine.drop_in(
        "groups.toml",
        "[[group]]\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.12\n",
    );
    let other = hog(BOB, 200);
    let small = hog(ANN, 40);
    let pid = other.pid().to_string();
    let explained = machine.run(&["explain", &pid]).out;
    let verdict = "Verdict: no threshold of a single process applies to it.";
    assert!(explained.contains(verdict), "{explained}");
    let checked = machine.run(&["check"]).all();
    let none = "  [thresholds] has none, both are off\n";
    assert!(checked.contains(none), "{checked}");
    let mut daemon = machine.launch(machine.command());
    let mut largest = hog(ANN, 100);
    assert_eq!(largest.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_words(&["Process ended:"]);
    machine.log().wait_for_scans(3);
    daemon.stop();
    assert!(other.is_alive() && small.is_alive());
    assert_eq!(machine.log().count_of("Killing process:"), 1);
    let log = machine.log().records();
    let started = log.iter().find(|r| r.message.contains(" started: "));
    let started = &started.expect("the first record").message;
    assert!(
        started.contains(", thresholds off, check interval "),
        "{started}"
    );
    assert!(started.ends_with(" s, 1 group"), "{started}");
}

//! The guard of the machine as a whole: which process is killed when memory is short, and which are not. What it says
//! where it kills none is in `reports`, and whose end it waits for in `waiting`.

pub(crate) mod reports;
pub(crate) mod waiting;

use crate::harness::confine::{Case, cases};
use crate::harness::files;
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::{Daemon, Machine, run, until};
use crate::harness::memory::Memory;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = cases![
    the_largest_is_killed_and_no_other,
    the_one_that_takes_it_is_killed_first,
    protected_processes_stay,
    a_rule_changes_the_order,
    a_reload_changes_what_protects,
    another_unit_protects_at_once,
    small_ones_of_a_kind_go_together,
    a_stall_is_a_shortage,
    a_name_that_may_go_on_protects,
];

const PLENTY: u64 = 700;
/// Below 4%, and not below half of that.
const SHORT: u64 = 30;
const DESPERATE: u64 = 10;

/// One in which no hog is over a threshold of its own, and with one regular scan: what is seen is the guard's work.
fn machine() -> Machine {
    Machine::new()
        .with("thresholds.ram_gb_threshold", "100")
        .with("thresholds.check_interval", "3600")
        .with("system.action", "\"kill\"")
}

fn about(what: &str, hog: &RunningHog) -> [String; 2] {
    [what.to_owned(), format!("PID={}", hog.pid())]
}

fn wait_for(machine: &Machine, what: &str, hog: &RunningHog) -> String {
    let words = about(what, hog);
    let record = machine.log().wait_for_words(&[&words[0], &words[1]]);
    record.message
}

/// Long enough for what must not happen: the guard reads ten times a second and more while memory is short.
fn wait_a_while() {
    thread::sleep(Duration::from_secs(1));
}

fn stop_calm(mut daemon: Daemon, machine: &Machine, kills: usize) {
    wait_a_while();
    daemon.stop();
    assert_eq!(machine.log().count_of("Killing process: "), kills);
}

fn the_largest_is_killed_and_no_other() {
    let memory = Memory::available(PLENTY);
    let machine = machine();
    let others = [Hog::new().mib(60).start(), Hog::new().mib(40).start()];
    let mut largest = Hog::new().mib(120).start();
    files::be_of_unit(&machine, largest.pid(), "system.slice/a.service");
    let mut daemon = machine.start();
    let freed = memory.is_freed_by(&largest, PLENTY);
    memory.set_available(SHORT);
    assert_eq!(largest.ended_by(), Some(libc::SIGTERM));
    freed.join().expect("memory is written");
    let log = machine.log();
    log.wait_for("INFO", "Unit has no process left: Unit=a.service");
    let over = log.wait_for_words(&["Memory is no longer short: 0.68GB left", "Killed: 1"]);
    assert_eq!(over.level, "INFO");
    let pid = largest.pid();
    let short = "Memory is short: 0.03GB of 1.00GB left (threshold 0.04GB)";
    let first = log.wait_for_words(&[
        short,
        &format!("first victim would be: PID={pid}, Name=hog"),
    ]);
    assert_eq!(first.level, "WARNING");
    let killing = format!("Killing process: PID={pid}, Name=hog, User=root, RAM=0.12GB (1*.##%)");
    log.wait_for("WARNING", &killing);
    let reason = format!(
        "Reason: memory is short, 0.03GB left, available_percent_threshold = 4.00%; PID={pid} frees 0.12GB"
    );
    log.wait_for_words(&[&reason]);
    log.wait_for_words(&["Process ended: ", &format!("PID={pid},")]);
    wait_a_while();
    assert_eq!(machine.log().count_of("Killing process: "), 1);
    assert_eq!(machine.log().count_of("Memory is short"), 1);
    assert!(others.iter().all(RunningHog::is_alive));
    let said = run(&["status"]).out;
    assert!(said.contains("Short of memory: "), "{said}");
    assert!(
        said.contains(" 1 killed (0.03GB left, available_percent"),
        "{said}"
    );
    let said = run(&["history"]).out;
    assert!(
        said.contains("memory short: available_percent_threshold = 4.00%"),
        "{said}"
    );
    let cause = &run(&["history", "--json"]).json()["records"][0]["cause"];
    assert_eq!(cause.as_str(), Some("shortage"));
    daemon.stop();
}

fn the_one_that_takes_it_is_killed_first() {
    let memory = Memory::available(150);
    let machine = machine();
    let largest = Hog::new().mib(200).start();
    let daemon = machine.start();
    let mut grower = Hog::new().mib(90).start();
    let freed = memory.is_freed_by(&grower, PLENTY);
    memory.set_available(SHORT);
    assert_eq!(grower.ended_by(), Some(libc::SIGTERM));
    freed.join().expect("memory is written");
    let reason = wait_for(&machine, "Reason: memory is short", &grower);
    assert!(
        reason.contains("frees 0.09GB, took 0.09GB of 0.12GB in "),
        "{reason}"
    );
    stop_calm(daemon, &machine, 1);
    assert!(largest.is_alive());
}

fn protected_processes_stay() {
    let memory = Memory::available(PLENTY);
    let machine = machine().with("whitelist.names", r#"["precious"]"#);
    machine.drop_in(
        "rules.toml",
        "[[rule]]\nname = \"excluded\"\nwhen_short = \"spare\"\n[[rule]]\nname = \"reported\"\naction = \"warn\"\n\
         [[rule]]\nname = \"database\"\naction = \"protect\"\n",
    );
    let start = |name: &str, mib| Hog::new().comm(name).mib(mib).start();
    let protected = [
        start("precious", 100),
        start("excluded", 110),
        start("reported", 120),
        start("database", 130),
        start("exempt", 140),
    ];
    let pid = protected[4].pid().to_string();
    assert_eq!(run(&["exempt", &pid, "--for", "1h"]).status, Some(0));
    let daemon = machine.start();
    memory.set_available(DESPERATE);
    let none = machine
        .log()
        .wait_for_words(&["Memory is short and every candidate is protected: 0.5"]);
    assert_eq!(none.level, "ERROR");
    let largest = format!("(largest: PID={pid}, Name=exempt, exempt for another ");
    assert!(none.message.contains(&largest), "{}", none.message);
    assert!(
        none.message
            .ends_with(", 0.00GB shared memory and tmpfs, 0.00GB kernel"),
        "{}",
        none.message
    );
    wait_a_while();
    assert_eq!(machine.log().count_of("Memory is short and"), 1);
    // One that nothing protects is found all the same.
    let mut other = Hog::new().mib(50).ignores_sigterm().start();
    assert_eq!(other.ended_by(), Some(libc::SIGKILL));
    wait_for(&machine, "Escalating to SIGKILL", &other);
    memory.set_available(PLENTY);
    stop_calm(daemon, &machine, 1);
    assert!(protected.iter().all(RunningHog::is_alive));
}

fn a_rule_changes_the_order() {
    let memory = Memory::available(PLENTY);
    let machine = machine();
    machine.drop_in(
        "rules.toml",
        "[[rule]]\ncmdline = \"*renderer*\"\nwhen_short = \"first\"\n[[rule]]\nname = \"shell\"\nwhen_short = \"last\"\n",
    );
    let last = Hog::new().comm("shell").mib(150).start();
    let normal = Hog::new().mib(80).start();
    let mut first = Hog::new().argv0("renderer").mib(50).start();
    let daemon = machine.start();
    let place = |hog: &RunningHog| {
        let said = machine.run(&["explain", &hog.pid().to_string()]).out;
        let line = said
            .lines()
            .find(|line| line.contains("first in a shortage"));
        line.expect("there is such a test").to_owned()
    };
    assert!(
        place(&first).contains("yes  place 1 of 3, frees 0.05GB, first in the order"),
        "{}",
        place(&first)
    );
    assert!(
        place(&normal).contains("no   place 2 of 3, frees 0.08GB"),
        "{}",
        place(&normal)
    );
    assert!(
        place(&last).contains("place 3 of 3, frees 0.15GB, last in the order"),
        "{}",
        place(&last)
    );
    let freed = memory.is_freed_by(&first, PLENTY);
    memory.set_available(SHORT);
    assert_eq!(first.ended_by(), Some(libc::SIGTERM));
    freed.join().expect("memory is written");
    stop_calm(daemon, &machine, 1);
    assert!(normal.is_alive() && last.is_alive());
}

/// What was read of a process for the rules of another configuration says nothing of its own: the largest was killed,
/// as if no rule matched it, and the second as if the first rule of now did.
fn a_reload_changes_what_protects() {
    let memory = Memory::available(PLENTY);
    let machine = machine();
    let rule = |name: &str, what: &str| format!("[[rule]]\nname = \"{name}\"\n{what}\n");
    machine.drop_in("rules.toml", &rule("second", "sustained = 1"));
    let start = |name: &str, mib| Hog::new().comm(name).mib(mib).start();
    let (database, spared) = (start("database", 150), start("spared", 140));
    let (mut second, mut third) = (start("second", 130), start("third", 120));
    let daemon = machine.start();
    let rules = rule("database", "action = \"protect\"")
        + &rule("spared", "when_short = \"spare\"")
        + &rule("second", "when_short = \"last\"");
    machine.drop_in("rules.toml", &rules);
    daemon.signal(libc::SIGHUP);
    until("it has scanned anew", || machine.log().scans() == 2);
    memory.set_available(SHORT);
    assert_eq!(third.ended_by(), Some(libc::SIGTERM));
    assert_eq!(second.ended_by(), Some(libc::SIGTERM));
    memory.set_available(PLENTY);
    let seconds = wait_for(&machine, "Killing process: ", &second);
    let records = machine.log().records().into_iter();
    let mut kills = records.filter(|record| record.message.starts_with("Killing process: "));
    assert_eq!(kills.next_back().expect("two were").message, seconds);
    stop_calm(daemon, &machine, 2);
    assert!(database.is_alive() && spared.is_alive());
}

/// The rule of a process is the one that matches it now, not the one that did at the last regular scan.
fn another_unit_protects_at_once() {
    let memory = Memory::available(PLENTY);
    let machine = machine();
    machine.drop_in(
        "rules.toml",
        "[[rule]]\nunit = \"a.service\"\naction = \"protect\"\n[[rule]]\nname = \"hog\"\nsustained = 1\n",
    );
    let moved = Hog::new().mib(150).start();
    let mut other = Hog::new().mib(100).start();
    let daemon = machine.start();
    until("it has scanned", || machine.log().scans() == 1);
    files::be_of_unit(&machine, moved.pid(), "system.slice/a.service");
    let freed = memory.is_freed_by(&other, PLENTY);
    memory.set_available(SHORT);
    assert_eq!(other.ended_by(), Some(libc::SIGTERM));
    freed.join().expect("memory is written");
    stop_calm(daemon, &machine, 1);
    assert!(moved.is_alive());
}

/// 48 MiB are wanted and a little more, as it falls, and each gives 20; the limit of kills counts them once, and
/// shelters none.
fn small_ones_of_a_kind_go_together() {
    let memory = Memory::available(45);
    let machine = machine().with("settings.max_kills_per_minute", "1");
    let mut hogs: Vec<_> = (0..9).map(|_| Hog::new().mib(20).start()).collect();
    let other = Hog::new().comm("other").mib(20).start();
    let daemon = machine.start();
    wait_a_while();
    let newest = hogs.last_mut().expect("there are nine");
    let freed = memory.is_freed_by(newest, PLENTY);
    memory.set_available(34);
    assert_eq!(newest.ended_by(), Some(libc::SIGTERM));
    freed.join().expect("memory is written");
    let over = machine
        .log()
        .wait_for_words(&["Memory is no longer short", "Killed: "]);
    let killed = over
        .message
        .rsplit(' ')
        .next()
        .and_then(|word| word.parse().ok());
    let killed: usize = killed.expect("a number");
    assert!((3..=8).contains(&killed), "{killed}");
    let reason = wait_for(&machine, "Reason: memory is short", &hogs[8]);
    assert!(
        reason.ends_with(&format!(", one of {killed} of its kind")),
        "{reason}"
    );
    let status = run(&["status", "--json"]).json();
    assert_eq!(status["recent_kills"].as_array().map(Vec::len), Some(1));
    stop_calm(daemon, &machine, killed);
    let (older, newer) = hogs.split_at_mut(9 - killed);
    assert!(older.iter().all(RunningHog::is_alive) && other.is_alive());
    for hog in newer.iter_mut().rev().skip(1) {
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    }
}

/// More than a quarter of the memory is available at first, and then less.
fn a_stall_is_a_shortage() {
    let memory = Memory::available(400);
    let machine = machine().with("system.stall_seconds", "0.5");
    let mut hog = Hog::new().mib(90).start();
    let daemon = machine.start();
    let start = Instant::now();
    let stall = || {
        memory.set_stalled(start.elapsed());
        thread::sleep(Duration::from_millis(20));
    };
    while start.elapsed() < Duration::from_secs(2) {
        stall();
    }
    assert!(hog.is_alive());
    memory.set_available(200);
    until("the hog is over", || {
        stall();
        !hog.is_alive()
    });
    memory.set_available(PLENTY);
    assert!(hog.ended_by().is_some());
    let reason = wait_for(
        &machine,
        "Reason: memory is short, 0.20GB left, stalled",
        &hog,
    );
    assert!(
        reason.contains(" s of 10, stall_seconds = 0.5; "),
        "{reason}"
    );
    machine.log().wait_for_words(&["Memory is no longer short"]);
    stop_calm(daemon, &machine, 1);
}

/// While memory is short no arguments are read: the first 15 bytes decide for a process that was not there before.
fn a_name_that_may_go_on_protects() {
    let memory = Memory::available(PLENTY);
    let machine = machine().with("whitelist.names", r#"["a-name-of-many-letters"]"#);
    let start = |argv0: &str, mib| {
        Hog::new()
            .comm("a-name-of-many-")
            .argv0(argv0)
            .mib(mib)
            .start()
    };
    let mut known = start("a-name-of-many-others", 60);
    let daemon = machine.start();
    let unknown = start("a-name-of-many-letters", 100);
    memory.set_available(SHORT);
    // Of this one it is known how its name goes on.
    assert_eq!(known.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_words(&[
        "every candidate is protected",
        "whitelist.names has a-name-of-many-letters",
    ]);
    memory.set_available(PLENTY);
    stop_calm(daemon, &machine, 1);
    assert!(unknown.is_alive());
}

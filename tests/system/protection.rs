//! Which processes are never sent a signal: the whitelist and the built-in protections.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::log_lines::Record;
use crate::harness::machine::Machine;
use crate::harness::os;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const CASES: &[Case] = cases![
    by_exact_name,
    by_glob,
    by_user_name: [Needs::Users],
    by_numeric_user: [Needs::Users],
    unknown_user_protects_nothing,
    user_that_comes_later: [Needs::Users],
    by_pid,
    pid_taken_over,
    pid_pinned_again_at_reload,
    oom_score_adj,
    root_only_if_wanted,
    root_if_wanted,
    pid_1_and_itself,
];

/// What "nobody" is on every machine.
const NOBODY: u32 = 65534;

/// Runs the daemon over `protected`, which stay, and `others`, which are killed.
fn kills_only(machine: &Machine, others: &mut [RunningHog], protected: &[RunningHog]) {
    let mut daemon = machine.launch(machine.command());
    for hog in others {
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    }
    machine.log().wait_for_scans(5);
    daemon.stop();
    for hog in protected {
        assert!(hog.is_alive());
        assert_eq!(
            killed(machine, hog.pid()),
            0,
            "one that ignores signals is not protected"
        );
    }
}

/// How often the log says that `pid` is killed.
fn killed(machine: &Machine, pid: u32) -> usize {
    let start = format!("Killing process: PID={pid},");
    let records = machine.log().records();
    records
        .iter()
        .filter(|record| record.message.starts_with(&start))
        .count()
}

fn by_exact_name() {
    let machine = Machine::new().with("whitelist.names", r#"["postgres"]"#);
    let protected = [Hog::new().comm("postgres").start()];
    let mut others = [
        Hog::new().comm("postgresql").start(),
        Hog::new().comm("postgre").start(),
        Hog::new().comm("Postgres").start(),
        Hog::new().comm(" postgres").start(),
    ];
    kills_only(&machine, &mut others, &protected);
}

fn by_glob() {
    let machine = Machine::new().with("whitelist.names", r#"["kube-*", "node[0-9]", "\\[*\\]"]"#);
    let protected = [
        Hog::new().comm("kube-proxy").start(),
        Hog::new().comm("kube-\n").start(),
        Hog::new().comm("node7").start(),
        Hog::new().comm("[x]").start(),
    ];
    let mut others = [
        Hog::new().comm("kube").start(),
        Hog::new().comm("my-kube-proxy").start(),
        Hog::new().comm("node77").start(),
    ];
    kills_only(&machine, &mut others, &protected);
}

fn by_user_name() {
    let machine = Machine::new().with("whitelist.users", r#"["nobody"]"#);
    let protected = [Hog::new().user(NOBODY).start()];
    let mut others = [Hog::new().start(), Hog::new().user(4711).start()];
    kills_only(&machine, &mut others, &protected);
    machine.log().wait_for_words(&["Killing", "User=4711,"]);
}

fn by_numeric_user() {
    let machine = Machine::new().with("whitelist.users", r#"["4711"]"#);
    let protected = [Hog::new().user(4711).start()];
    let mut others = [Hog::new().start(), Hog::new().user(NOBODY).start()];
    kills_only(&machine, &mut others, &protected);
    machine.log().wait_for_words(&["Killing", "User=nobody,"]);
}

fn unknown_user_protects_nothing() {
    let machine = Machine::new().with("whitelist.users", r#"["no-such-user"]"#);
    let mut others = [Hog::new().start()];
    kills_only(&machine, &mut others, &[]);
    let warning = machine.log().wait_for_words(&["no-such-user"]);
    assert_eq!(warning.level, "WARNING");
}

/// A user database may learn of a user while the daemon runs: a reload looks it up again.
fn user_that_comes_later() {
    let machine = Machine::new()
        .with("whitelist.users", r#"["latecomer"]"#)
        .with("settings.dry_run", "true");
    let database = machine.path("passwd");
    fs::copy("/etc/passwd", &database).expect("a directory of ours");
    os::mount(&database, Path::new("/etc/passwd"), "", libc::MS_BIND, "");
    let hog = Hog::new().user(4711).start();
    let mut daemon = machine.start();
    let log = machine.log();
    let about = format!("PID={}, Name=hog, User=4711,", hog.pid());
    log.wait_for_words(&["Would kill process: ", &about]);
    let mut text = fs::read_to_string(&database).expect("a file of ours");
    text.push_str("latecomer:x:4711:4242::/:/bin/false\n");
    fs::write(&database, text).expect("a file of ours");
    daemon.signal(libc::SIGHUP);
    let about = format!("PID={}, Name=hog, User=latecomer,", hog.pid());
    log.wait_for_words(&["Protected process: ", &about, "latecomer"]);
    daemon.stop();
}

fn by_pid() {
    let protected = [Hog::new().start()];
    let pids = format!("[{}]", protected[0].pid());
    let machine = Machine::new().with("whitelist.pids", &pids);
    kills_only(&machine, &mut [Hog::new().start()], &protected);
}

/// The PID protects the process that had it, not the one that has it now.
fn pid_taken_over() {
    let mut pinned = Hog::new().start();
    let pid = pinned.pid();
    let machine = Machine::new().with("whitelist.pids", &format!("[1, {pid}]"));
    let mut daemon = machine.start();
    let log = machine.log();
    log.wait_for_scans(3);
    assert!(pinned.is_alive());
    // No scan sees the PID free.
    daemon.pause();
    pinned.kill();
    let mut successor = Hog::new().start_as(pid);
    daemon.resume();
    assert_eq!(successor.ended_by(), Some(libc::SIGTERM));
    let mut second_successor = Hog::new().start_as(pid);
    assert_eq!(second_successor.ended_by(), Some(libc::SIGTERM));
    log.wait_for_scans(1);
    daemon.stop();
    let word = pid.to_string();
    let says_so = |record: &&Record| {
        let mut words = record.message.split(|c: char| !c.is_ascii_digit());
        let is_it = words.any(|found| found == word) && record.message.contains("whitelist.pids");
        is_it && record.level == "WARNING"
    };
    let records = log.records();
    let protected = format!("Protected process: PID={pid},");
    let protected = records
        .iter()
        .filter(|record| record.message.starts_with(&protected));
    assert_eq!(
        protected.count(),
        1,
        "a successor was protected: {records:?}"
    );
    let said = records.iter().filter(says_so);
    assert_eq!(said.count(), 1, "{records:?}");
}

fn pid_pinned_again_at_reload() {
    let mut pinned = Hog::new().start();
    let pid = pinned.pid();
    let machine = Machine::new()
        .with("whitelist.pids", &format!("[1, {pid}]"))
        .with("settings.dry_run", "true");
    let mut daemon = machine.start();
    let log = machine.log();
    pinned.kill();
    let successor = Hog::new().start_as(pid);
    let would = format!("Would kill process: PID={pid}, Name=hog, User=root, RAM=*.##GB (*.##%)");
    log.wait_for("WARNING", &would);
    daemon.signal(libc::SIGHUP);
    // Reports stop with the first scan after the reload, and that is at most two scans away.
    let mut last = 0;
    crate::harness::machine::until("the successor is protected", || {
        let seen = log.count("WARNING", &would);
        log.wait_for_scans(2);
        std::mem::replace(&mut last, log.count("WARNING", &would)) == seen && last == seen
    });
    assert!(successor.is_alive());
    daemon.stop();
}

fn oom_score_adj() {
    let machine = Machine::new();
    let start = |value: &str| {
        let hog = Hog::new().start();
        let path = PathBuf::from(format!("/proc/{}/oom_score_adj", hog.pid()));
        if fs::write(&path, value).is_err() {
            // In a container not even root may lower it: then a file stands for it.
            let file = machine.path(&format!("adj{value}"));
            fs::write(&file, format!("{value}\n")).expect("a directory of ours");
            os::mount(&file, &path, "", libc::MS_BIND, "");
        }
        hog
    };
    let protected = [start("-1000")];
    kills_only(&machine, &mut [start("-999"), start("1000")], &protected);
}

fn root_only_if_wanted() {
    for users in [r#"["root"]"#, r#"["0"]"#] {
        let machine = Machine::new().with("whitelist.users", users);
        kills_only(&machine, &mut [Hog::new().start()], &[]);
        let warning = machine.log().wait_for_words(&["protect_root"]);
        assert_eq!(warning.level, "WARNING");
    }
}

fn root_if_wanted() {
    let machine = Machine::new()
        .with("whitelist.users", r#"["root"]"#)
        .with("whitelist.protect_root", "true");
    kills_only(&machine, &mut [], &[Hog::new().start()]);
    let records = machine.log().records();
    assert!(
        !records.iter().any(|record| record.level == "WARNING"),
        "{records:?}"
    );
}

/// A threshold that everything is over.
fn pid_1_and_itself() {
    let machine = Machine::new()
        .with("thresholds.ram_gb_threshold", "0.0005")
        .with("whitelist.pids", "[]");
    let mut daemon = machine.launch(machine.command());
    let mut others = [Hog::new().start(), Hog::new().mib(1).start()];
    for hog in &mut others {
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    }
    machine.log().wait_for_scans(5);
    assert_eq!(killed(&machine, std::process::id()), 0);
    assert_eq!(killed(&machine, daemon.pid()), 0);
    daemon.stop();
}

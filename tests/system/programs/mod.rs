//! What a kill does to real programs: Node of the npm registry, Debian's PostgreSQL, MariaDB and Redis, and a pool of
//! Python's processes. tests/programs/install unpacks them into the cache; the servers are seen at their own places,
//! below /usr, by these cases alone.

pub(crate) mod mariadb;
pub(crate) mod node;
pub(crate) mod pool;
pub(crate) mod postgresql;
pub(crate) mod redis;

use crate::harness::confine::cached;
use crate::harness::hog::GROUP;
use crate::harness::log_lines::Log;
use crate::harness::machine::{Machine, quoted, run, until};
use crate::harness::os;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory of the cache with Debian's packages.
const SERVERS: &str = "programs";

/// A user of a server's.
#[derive(Clone, Copy)]
struct Account {
    name: &'static str,
    uid: u32,
}

const POSTGRES: Account = Account {
    name: "postgres",
    uid: 4301,
};
const MYSQL: Account = Account {
    name: "mysql",
    uid: 4302,
};
const REDIS: Account = Account {
    name: "redis",
    uid: 4303,
};

/// Puts the servers in their places, and their users into the user database.
fn install_servers() {
    let options = format!("lowerdir={}:/usr", cached(SERVERS).join("usr").display());
    os::mount(
        Path::new("overlay"),
        Path::new("/usr"),
        "overlay",
        libc::MS_RDONLY,
        &options,
    );
    let mut passwd = String::new();
    for Account { name, uid } in [POSTGRES, MYSQL, REDIS] {
        writeln!(passwd, "{name}:x:{uid}:{GROUP}::/:/bin/sh").expect("a String takes all");
    }
    // Before the machine's own ones of these names.
    passwd += &fs::read_to_string("/etc/passwd").expect("every machine has it");
    let file = std::env::temp_dir().join("passwd");
    fs::write(&file, passwd).expect("a directory of ours");
    os::mount(&file, Path::new("/etc/passwd"), "", libc::MS_BIND, "");
}

impl Account {
    /// A program that this user runs.
    fn runs(self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.uid(self.uid).gid(GROUP).current_dir("/");
        command
    }

    /// A directory of this user's, empty.
    fn directory(self, machine: &Machine, name: &str) -> PathBuf {
        let directory = machine.path(name);
        fs::create_dir(&directory).expect("a directory of ours");
        chown(&directory, Some(self.uid), Some(GROUP)).expect("root gives files away");
        directory
    }

    /// A rule for this user's processes of this name, before those that are shipped, with these further lines.
    fn rule(self, name: &str, lines: &str) -> String {
        let user = self.name;
        format!("[[rule]]\nname = \"{name}\"\nuser = \"{user}\"\n{lines}\n")
    }
}

/// The configuration that is shipped with a drop-in: this threshold, no grace period but that of a rule, ten scans a
/// second, a log of the test's, no look at the machine as a whole, and `rules`.
fn shipped(threshold_gb: &str, rules: &str) -> Machine {
    let machine = Machine::of(include_str!("../../../etc/memory-monitor/config.toml"));
    let log = quoted(&machine.log_path());
    machine.drop_in(
        "50-test.toml",
        &format!(
            "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = {threshold_gb}\ncheck_interval = 0.1\n\
             [system]\naction = \"off\"\n\
             [settings]\nterm_timeout = 0\nlog_file = {log}\nenable_syslog = false\n{rules}"
        ),
    );
    machine
}

/// Waits until this process is reported as one over its threshold that a rule does not kill.
fn is_only_reported(log: &Log, pid: u32) {
    log.wait_for_words(&["Over its threshold, only reported", &format!("PID={pid},")]);
}

/// How many processes were killed, as the log has it.
fn killed(log: &Log) -> usize {
    log.count_of("Killing process")
}

/// Whether this process has no memory any more.
fn is_gone(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.map_or(true, |status| status.contains("\nState:\tZ"))
}

/// The children of a process that has one thread.
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let pids = text.split_whitespace().map(str::parse);
    pids.map(|pid| pid.expect("a PID")).collect()
}

/// What history says that came back of each process, and its PID.
fn freed() -> Vec<(u64, Option<u64>)> {
    let json = run(&["history", "--json"]).json();
    let entries = json["records"].as_array().expect("a list").clone();
    let freed = entries.iter().map(|entry| {
        let pid = entry["pid"].as_u64().expect("a PID");
        (pid, entry["freed_bytes"].as_u64())
    });
    freed.collect()
}

/// Waits for a file that a program writes when it has its memory.
fn wait_for_file(path: &Path) {
    until("the program is ready", || path.exists());
}

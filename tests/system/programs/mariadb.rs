//! MariaDB, whose dirty pages are written when it is stopped.

use super::{MYSQL, SERVERS, install_servers, is_only_reported, killed, shipped};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::files;
use crate::harness::machine::{Daemon, Machine, program, run, said, until};
use crate::harness::trusted;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    is_only_reported_as_shipped: [Needs::Users, Needs::Cached(SERVERS)],
    stops_cleanly_and_its_unit_is_empty: [Needs::Users, Needs::Cached(SERVERS)],
];

/// It has 0.11 GB before there is a page in its buffer pool.
const THRESHOLD_GB: &str = "0.15";

fn is_only_reported_as_shipped() {
    install_servers();
    let machine = shipped(THRESHOLD_GB, "");
    let mut mariadb = MariaDb::start(&machine);
    mariadb.fill();
    let mut daemon = machine.start();
    let log = machine.log();
    is_only_reported(&log, mariadb.process.pid());
    log.wait_for_scans(3);
    assert_eq!(killed(&log), 0);
    assert!(mariadb.process.is_running());
    assert_eq!(mariadb.ask("select count(*) from d.t"), "90");
    daemon.stop();
}

fn stops_cleanly_and_its_unit_is_empty() {
    install_servers();
    let rule = MYSQL.rule("mariadbd", "action = \"kill\"\nterm_timeout = 300");
    let machine = shipped(THRESHOLD_GB, &rule);
    let mut mariadb = MariaDb::start(&machine);
    mariadb.fill();
    let pid = mariadb.process.pid();
    files::be_of_unit(&machine, pid, "system.slice/mariadb.service");
    let mut explain = machine.given(program(&["explain", &pid.to_string()]));
    explain.env("PATH", systemctl());
    let explain = said(explain).out;
    let grace = "5 min after SIGTERM; mariadb.service allows 15min (TimeoutStopUSec)";
    assert!(explain.contains(grace), "{explain}");
    let mut daemon = machine.start();
    let status = mariadb.process.wait();
    assert_eq!(status.code(), Some(0), "{}", mariadb.process.stderr());
    let log = machine.log();
    log.wait_for_words(&["Process ended: ", "Name=mariadbd", "Signal=SIGTERM"]);
    log.wait_for_words(&["Unit has no process left: Unit=mariadb.service"]);
    daemon.stop();
    assert_eq!(log.count_of("Escalating to SIGKILL"), 0);
    let says = mariadb.process.stderr();
    assert!(says.contains("Shutdown complete"), "{says}");
    let history = run(&["history"]).out;
    let line = "mariadb.service has no process left";
    assert!(history.contains(line), "{history}");
}

/// A directory with a `systemctl` that has what Debian's mariadb.service says.
fn systemctl() -> PathBuf {
    let directory = trusted::directory();
    let path = directory.join("systemctl");
    fs::write(
        &path,
        "#!/bin/sh\necho LoadState=loaded; echo TimeoutStopUSec=15min\n",
    )
    .expect("a directory of ours");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("a file of ours");
    directory
}

struct MariaDb {
    process: Daemon,
    socket: PathBuf,
}

impl MariaDb {
    /// Without the tables of its users, which take seconds to make. Returns when it answers.
    fn start(machine: &Machine) -> Self {
        let directory = MYSQL.directory(machine, "mariadb");
        let socket = directory.join("socket");
        let mut command = MYSQL.runs("/usr/sbin/mariadbd");
        command.args(["--no-defaults", "--skip-grant-tables", "--skip-networking"]);
        command.args(["--performance-schema=off", "--innodb-buffer-pool-size=128M"]);
        command.arg(format!("--datadir={}", directory.display()));
        command.arg(format!("--tmpdir={}", directory.display()));
        command.arg(format!("--socket={}", socket.display()));
        let process = Daemon::launch(command, &machine.path("mariadb.err"));
        let mut mariadb = Self { process, socket };
        until("MariaDB answers", || {
            assert!(mariadb.process.is_running(), "MariaDB has ended");
            said(mariadb.client("select 1")).status == Some(0)
        });
        mariadb
    }

    /// Lets it have 90 MB of dirty pages.
    fn fill(&self) {
        self.ask(
            "create database d; create table d.t (b longblob) engine = innodb; \
             use d; insert into t select repeat('x', 1000000) from seq_1_to_90",
        );
    }

    fn ask(&self, sql: &str) -> String {
        let said = said(self.client(sql));
        assert_eq!((said.status, &*said.err), (Some(0), ""), "{said:?}");
        said.out.trim_end().to_owned()
    }

    fn client(&self, sql: &str) -> Command {
        let mut command = Command::new("/usr/bin/mariadb");
        command.args(["--no-defaults", "--batch", "--skip-column-names", "-e", sql]);
        command.arg("--socket").arg(&self.socket);
        command
    }
}

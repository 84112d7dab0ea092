//! PostgreSQL, whose processes share their buffers: each that has read them all has them in its RSS.

use super::{
    POSTGRES, SERVERS, children, freed, install_servers, is_gone, is_only_reported, killed, shipped,
};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::machine::{Daemon, Machine, run, said, until};
use crate::harness::os;
use crate::harness::processes::figure;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) const CASES: &[Case] = cases![
    is_only_reported_as_shipped: [Needs::Users, Needs::Cached(SERVERS)],
    is_within_its_threshold_by_pss: [Needs::Users, Needs::Cached(SERVERS)],
    gives_back_little_when_backends_are_killed: [Needs::Users, Needs::Cached(SERVERS)],
    recovers_from_a_crash: [Needs::Users, Needs::Cached(SERVERS)],
];

/// Of a table of 104 MB each backend has the pages, and a part by PSS.
const THRESHOLD_GB: &str = "0.08";
const THRESHOLD: u64 = 86 << 20;
const BACKENDS: usize = 4;
const TABLE: &str = "create table t as \
    select repeat('x', 1900) as filler from generate_series(1, 52000)";
const READ: &str = "select sum(length(filler)) from t";

fn is_only_reported_as_shipped() {
    let machine = shipped(THRESHOLD_GB, "");
    let mut cluster = Cluster::new(&machine);
    let mut backends = cluster.backends();
    // It writes what the first reader has marked as visible to all.
    backends[0].ask("checkpoint; select 1");
    let mut daemon = machine.start();
    let log = machine.log();
    for backend in &backends {
        is_only_reported(&log, backend.pid);
    }
    is_only_reported(&log, cluster.child("checkpointer"));
    log.wait_for_scans(3);
    assert_eq!(killed(&log), 0);
    for backend in &mut backends {
        assert_eq!(backend.ask(READ), "98800000");
    }
    assert!(cluster.postmaster.is_running());
    daemon.stop();
}

fn is_within_its_threshold_by_pss() {
    let lines = format!("ram_gb_threshold = {THRESHOLD_GB}\nmetric = \"pss\"");
    let machine = shipped(THRESHOLD_GB, &POSTGRES.rule("postgres", &lines));
    let mut cluster = Cluster::new(&machine);
    let mut backends = cluster.backends();
    let mut daemon = machine.start();
    let log = machine.log();
    log.wait_for_scans(3);
    assert_eq!(killed(&log), 0);
    assert_eq!(backends[BACKENDS - 1].ask(READ), "98800000");
    daemon.stop();
    drop(daemon);

    // What the metric decides is told by rss.
    let kill = POSTGRES.rule("postgres", "action = \"kill\"");
    machine.drop_in("60-rss.toml", &kill);
    let own = "are its own";
    let pid = backends[0].pid.to_string();
    let explain = machine.run(&["explain", &pid]).all();
    assert!(explain.contains(own), "{explain}");
    let scan = machine.run(&["scan"]).all();
    assert!(scan.contains(own), "{scan}");
    let suggest = machine.run(&["scan", "--suggest", "1s"]).all();
    assert!(suggest.contains("metric = \"pss\""), "{suggest}");
    let check = run(&["check", &machine.config_file()]).all();
    let line = "over a threshold by rss, and not by pss: postgres (4 processes)";
    assert!(check.contains(line), "{check}");
    assert!(cluster.postmaster.is_running());
}

fn gives_back_little_when_backends_are_killed() {
    let lines = "action = \"kill\"\nterm_timeout = 300";
    let machine = shipped(THRESHOLD_GB, &POSTGRES.rule("postgres", lines));
    let mut cluster = Cluster::new(&machine);
    let backends = cluster.backends();
    // Nothing else holds it.
    let own: Vec<_> = backends
        .iter()
        .map(|backend| {
            let own = figure(backend.pid, "status", "RssAnon").expect("it runs");
            (u64::from(backend.pid), own)
        })
        .collect();
    let mut daemon = machine.start();
    let log = machine.log();
    until("all backends have ended", || {
        log.count_of("Process ended: ") == BACKENDS
    });
    daemon.stop();
    assert_eq!(killed(&log), BACKENDS);
    assert_eq!(log.count_of("Escalating to SIGKILL"), 0);
    let entries = freed();
    assert_eq!(entries.len(), BACKENDS, "{entries:?}");
    for (pid, freed) in entries {
        let (_, own) = own.iter().find(|(of, _)| *of == pid).expect("a backend");
        // Unknown where less than half is its own.
        let freed = freed.unwrap_or(0);
        // It may have got a little more since.
        assert!(freed <= own + (1 << 20), "{pid}: {freed}, {own}");
    }
    // No crash: the others go on.
    assert!(cluster.postmaster.is_running());
    assert_eq!(cluster.session().ask(READ), "98800000");
    let says = cluster.postmaster.stderr();
    assert!(!says.contains("terminating any other active"), "{says}");
}

/// The process of the recovery has all buffers for itself: they are its own by PSS as well.
fn recovers_from_a_crash() {
    let machine = shipped(THRESHOLD_GB, "");
    let mut cluster = Cluster::new(&machine);
    cluster.session().ask(&format!("{TABLE}; select 1"));
    let processes = children(cluster.postmaster.pid());
    cluster.postmaster.signal(libc::SIGKILL);
    cluster.postmaster.wait();
    for process in processes {
        until("all processes of the cluster have ended", || {
            is_gone(process)
        });
    }
    // A standby reads all that was written since the last checkpoint, and then waits for more.
    fs::write(cluster.data.join("standby.signal"), "").expect("a directory of ours");
    cluster.launch(&machine);
    let mut recovery = 0;
    until("the recovery has the buffers", || {
        recovery = cluster.child_now("startup").unwrap_or(0);
        figure(recovery, "smaps_rollup", "Pss").is_some_and(|pss| pss > THRESHOLD)
    });
    let mut daemon = machine.start();
    let log = machine.log();
    is_only_reported(&log, recovery);
    log.wait_for_scans(3);
    assert_eq!(killed(&log), 0);
    assert!(!is_gone(recovery));
    daemon.stop();
    drop(daemon);
    // As the page says: pss is not right for it.
    let lines = format!("ram_gb_threshold = {THRESHOLD_GB}\nmetric = \"pss\"");
    machine.drop_in("60-pss.toml", &POSTGRES.rule("postgres", &lines));
    let explain = machine.run(&["explain", &recovery.to_string()]).out;
    assert!(explain.contains("a scan would kill it"), "{explain}");
}

struct Cluster {
    postmaster: Daemon,
    bin: PathBuf,
    directory: PathBuf,
    data: PathBuf,
}

impl Cluster {
    /// An empty database that answers. Its shared memory ends with this test.
    fn new(machine: &Machine) -> Self {
        install_servers();
        os::own_ipc();
        let releases = fs::read_dir("/usr/lib/postgresql").expect("it is installed");
        let mut bins = releases.map(|release| release.expect("an entry").path().join("bin"));
        let bin = bins.find(|bin| bin.join("initdb").exists()).expect("one");
        let directory = POSTGRES.directory(machine, "postgresql");
        let data = directory.join("data");
        let mut initdb = POSTGRES.runs(bin.join("initdb"));
        initdb.args([
            "--no-sync",
            "--auth=trust",
            "--no-locale",
            "--encoding=UTF8",
        ]);
        // No files in /dev/shm.
        let options = "shared_buffers = 160MB\nfsync = off\nautovacuum = off\nhuge_pages = off\n\
             dynamic_shared_memory_type = mmap\nmax_parallel_workers_per_gather = 0\n\
             bgwriter_lru_maxpages = 0\nlisten_addresses = ''\nhot_standby = off\n";
        initdb.arg("--pgdata").arg(&data);
        let made = said(initdb);
        assert_eq!(made.status, Some(0), "{made:?}");
        fs::write(data.join("postgresql.auto.conf"), options).expect("a directory of ours");
        let postmaster = postmaster(&bin, &data, &directory, machine);
        let cluster = Self {
            postmaster,
            bin,
            directory,
            data,
        };
        until("PostgreSQL answers", || {
            said(cluster.psql(&["-c", "select 1"])).status == Some(0)
        });
        cluster
    }

    fn launch(&mut self, machine: &Machine) {
        self.postmaster = postmaster(&self.bin, &self.data, &self.directory, machine);
    }

    /// Backends that have read a table from the buffers.
    fn backends(&mut self) -> Vec<Session> {
        let mut backends: Vec<_> = (0..BACKENDS).map(|_| self.session()).collect();
        // A larger table, or a first read without this, would go through a few buffers.
        self.session().ask(&format!(
            "{TABLE}; create extension pg_prewarm; select pg_prewarm('t')"
        ));
        for backend in &mut backends {
            assert_eq!(backend.ask(READ), "98800000");
            let rss = figure(backend.pid, "status", "VmRSS");
            assert!(rss > Some(THRESHOLD), "{rss:?}");
        }
        backends
    }

    fn psql(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        command.args(["-X", "-Atq", "-v", "ON_ERROR_STOP=1", "-U", "postgres"]);
        command.args(["-d", "postgres", "-h"]).arg(&self.directory);
        command.args(words);
        command
    }

    fn session(&self) -> Session {
        Session::new(self.psql(&[]))
    }

    /// Its process that bears such a title.
    fn child(&self, title: &str) -> u32 {
        self.child_now(title).expect("it runs")
    }

    fn child_now(&self, title: &str) -> Option<u32> {
        let mut children = children(self.postmaster.pid()).into_iter();
        let title = format!("postgres: {title}");
        children.find(|child| {
            let line = fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            line.starts_with(title.as_bytes())
        })
    }
}

fn postmaster(bin: &Path, data: &Path, directory: &Path, machine: &Machine) -> Daemon {
    let mut command = POSTGRES.runs(bin.join("postgres"));
    command.arg("-D").arg(data).arg("-k").arg(directory);
    Daemon::launch(command, &machine.path("postgresql.err"))
}

/// A session of psql's, and the PID of its backend.
struct Session {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pid: u32,
}

impl Session {
    fn new(mut psql: Command) -> Self {
        psql.arg0("psql")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = psql.spawn().expect("psql starts");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut session = Self {
            child,
            input,
            output,
            pid: 0,
        };
        let pid = session.ask("select pg_backend_pid()");
        session.pid = pid.parse().expect("a PID");
        session
    }

    /// The one line that these commands print.
    fn ask(&mut self, sql: &str) -> String {
        writeln!(self.input, "{sql};").expect("psql reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("psql answers");
        line.trim_end().to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

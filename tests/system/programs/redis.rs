//! Redis, which writes its last snapshot when it is sent SIGTERM.

use super::{REDIS, SERVERS, install_servers, is_only_reported, killed, shipped};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::machine::{Daemon, Machine, until};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

pub(crate) const CASES: &[Case] = cases![
    is_only_reported_as_shipped: [Needs::Users, Needs::Cached(SERVERS)],
    loses_no_acknowledged_write: [Needs::Users, Needs::Cached(SERVERS)],
];

/// It has 10 MB when it is empty.
const THRESHOLD_GB: &str = "0.06";
const VALUES: usize = 90;

fn is_only_reported_as_shipped() {
    install_servers();
    let machine = shipped(THRESHOLD_GB, "");
    let mut redis = Redis::start(&machine);
    redis.fill();
    let mut daemon = machine.start();
    let log = machine.log();
    is_only_reported(&log, redis.process.pid());
    log.wait_for_scans(3);
    assert_eq!(killed(&log), 0);
    assert!(redis.process.is_running());
    assert_eq!(redis.ask(&["PING"]), "+PONG");
    daemon.stop();
}

/// As long as its rule gives it the time; the control has the grace period of [settings], none.
fn loses_no_acknowledged_write() {
    install_servers();
    for (timeout, is_kept) in [("", false), ("term_timeout = 60", true)] {
        let rule = REDIS.rule("redis-server", &format!("action = \"kill\"\n{timeout}"));
        let machine = shipped(THRESHOLD_GB, &rule);
        let mut redis = Redis::start(&machine);
        redis.fill();
        assert_eq!(redis.ask(&["SET", "answer", "42"]), "+OK");
        let mut daemon = machine.start();
        let status = redis.process.wait();
        let log = machine.log();
        log.wait_for_words(&["Process ended: ", "Name=redis-server"]);
        daemon.stop();
        let escalated = log.count_of("Escalating to SIGKILL");
        if is_kept {
            assert_eq!((status.code(), escalated), (Some(0), 0));
        } else {
            assert_eq!(status.signal(), Some(libc::SIGKILL));
            assert_eq!(escalated, 1);
        }
        drop(redis);
        let redis = Redis::start(&machine);
        let answer = redis.ask(&["GET", "answer"]);
        assert_eq!(answer, if is_kept { "$2 42" } else { "$-1" });
    }
}

struct Redis {
    process: Daemon,
    socket: PathBuf,
}

impl Redis {
    /// Returns when it has read its snapshot.
    fn start(machine: &Machine) -> Self {
        let directory = machine.path("redis");
        if !directory.exists() {
            REDIS.directory(machine, "redis");
        }
        let socket = directory.join("socket");
        let _ = fs::remove_file(&socket);
        let mut command = REDIS.runs("/usr/bin/redis-server");
        command.args(["--port", "0", "--save", "3600 1", "--loglevel", "warning"]);
        // In microseconds: a snapshot takes about a second.
        command.args(["--rdb-key-save-delay", "10000"]);
        command.arg("--unixsocket").arg(&socket);
        command.arg("--dir").arg(&directory);
        command.arg("--logfile").arg(directory.join("log"));
        let process = Daemon::launch(command, &machine.path("redis.err"));
        let redis = Self { process, socket };
        until("Redis answers", || {
            UnixStream::connect(&redis.socket).is_ok() && redis.ask(&["PING"]) == "+PONG"
        });
        redis
    }

    /// Lets it have 1 MB a value.
    fn fill(&self) {
        let value = "v".repeat(1 << 20);
        for index in 0..VALUES {
            let answer = self.ask(&["SET", &format!("key-{index}"), &value]);
            assert_eq!(answer, "+OK");
        }
    }

    /// One command; returns its answer, of a value with its length before it.
    fn ask(&self, words: &[&str]) -> String {
        let mut stream = UnixStream::connect(&self.socket).expect("it listens");
        write!(stream, "*{}\r\n", words.len()).expect("it reads");
        for word in words {
            write!(stream, "${}\r\n{word}\r\n", word.len()).expect("it reads");
        }
        let mut stream = BufReader::new(stream);
        let mut answer = String::new();
        stream.read_line(&mut answer).expect("it answers");
        let answer = answer.trim_end().to_owned();
        let Some(Ok(length)) = answer.strip_prefix('$').map(str::parse::<usize>) else {
            return answer;
        };
        let mut value = vec![0; length];
        stream.read_exact(&mut value).expect("it answers");
        format!("{answer} {}", String::from_utf8_lossy(&value))
    }
}

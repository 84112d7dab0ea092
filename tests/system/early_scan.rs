//! Early scans: what crosses its threshold is killed long before the next regular scan, whatever others do meanwhile.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, until};
use crate::harness::os;
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};

pub(crate) const CASES: &[Case] = cases![
    a_storm_of_forks_blinds_nobody,
    an_old_process_that_grows_is_found,
    what_shares_the_memory_of_a_known_one_hides_nothing,
];

/// So many processes stand around that a scan of all is expensive.
const CROWD: usize = 1_500;

/// No regular scan comes after the first one.
fn machine() -> Machine {
    Machine::new().with("thresholds.check_interval", "3600")
}

/// Idle processes, which end with this.
struct Crowd(Child);

impl Crowd {
    fn start() -> Self {
        // A subshell is a fork, and no more.
        let script =
            format!("exec 3<&0; for i in $(seq {CROWD}); do read x <&3 & done; echo ready; wait");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().expect("a shell starts");
        let mut ready = [0; 6];
        let mut stdout = shell.stdout.take().expect("a pipe");
        std::io::Read::read_exact(&mut stdout, &mut ready).expect("a line");
        Self(shell)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Processes that come and go, each with more than half of the threshold, and all of them with many times as much.
fn storm(rounds: usize) {
    let script = format!(
        "for i in $(seq {rounds}); do for j in 1 2 3 4 5 6 7 8; do \
         head -c 12000000 /dev/zero | tail -c 12000000 >/dev/null & done; wait; done"
    );
    let status = Command::new("sh").args(["-c", &script]).status();
    assert!(status.expect("a shell starts").success());
}

/// How many processes were read by the last scan that killed.
fn read_by_the_kill(machine: &Machine) -> usize {
    let records = machine.log().records();
    let mut scans = records.iter().rev();
    let scan = scans.find_map(|record| {
        let words = record.message.strip_prefix("Scan complete. Scanned: ")?;
        words.strip_suffix(", Killed: 1")
    });
    scan.expect("a scan that killed").parse().expect("a number")
}

fn a_storm_of_forks_blinds_nobody() {
    let crowd = Crowd::start();
    let machine = machine();
    let mut daemon = machine.start();
    let read: Vec<usize> = (1..=5)
        .map(|kills| {
            storm(40);
            let mut hog = Hog::new().start();
            assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
            until("the scan is reported", || {
                machine.log().scans() == 1 + kills
            });
            read_by_the_kill(&machine)
        })
        .collect();
    // It is looked for where growth can be, among the young ones. On loaded processors one may cross its threshold
    // right after that, in the scan of all that follows in vain.
    let few = read.iter().filter(|read| **read < CROWD / 3).count();
    assert!(few >= 4, "of {CROWD} processes were read: {read:?}");
    daemon.stop();
    drop(crowd);
}

/// A process that keeps what is written into it.
fn keeper() -> (Child, ChildStdin) {
    let mut tail = Command::new("tail");
    tail.args(["-c", "100000000"]);
    tail.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut tail = tail.spawn().expect("tail starts");
    let input = tail.stdin.take().expect("a pipe");
    (tail, input)
}

fn grow((mut keeper, mut input): (Child, ChildStdin)) {
    // It fails when the process is killed.
    let _ = input.write_all(&vec![b'x'; 60_000_000]);
    until("the process is over", || os::is_over(keeper.id()));
    drop(input);
    let status = keeper.wait().expect("a child of ours");
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(libc::SIGTERM));
}

fn an_old_process_that_grows_is_found() {
    let crowd = Crowd::start();
    let keeper = keeper();
    let machine = machine();
    let mut daemon = machine.start();
    storm(10);
    grow(keeper);
    machine.log().wait_for_words(&["Process ended: "]);
    daemon.stop();
    drop(crowd);
}

fn what_shares_the_memory_of_a_known_one_hides_nothing() {
    let keeper = keeper();
    let machine = machine();
    let mut daemon = machine.start();
    // Its forks show its memory as theirs: many times what the keeper takes.
    let many = "x=$(head -c 4000000 /dev/zero | tr '\\\\0' x); echo ready; \
                for i in 1 2 3 4 5 6 7 8 9; do read y <&3 & done; wait";
    let mut sharers = Command::new("sh");
    sharers.args(["-c", &format!("exec 3<&0; {many}")]);
    sharers.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut sharers = sharers.spawn().expect("a shell starts");
    let mut ready = [0; 6];
    let mut stdout = sharers.stdout.take().expect("a pipe");
    std::io::Read::read_exact(&mut stdout, &mut ready).expect("a line");
    grow(keeper);
    daemon.stop();
    drop(sharers.stdin.take());
    sharers.wait().expect("a child of ours");
}

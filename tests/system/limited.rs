//! The daemon with no more memory and processor than its unit gives it, beside as many processes as a user can make.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::group::Group;
use crate::harness::hostile::{self, COPIES, SHARES};
use crate::harness::machine::{Daemon, Machine};
use crate::harness::processes::{self, figure, highest_memory};
use std::fs;
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = cases![
    beside_all_processes_that_share_a_memory: [Needs::Users, Needs::Group],
    ten_thousand_over_their_thresholds: [Needs::Users],
    thousands_that_are_over_for_a_time: [Needs::Users],
];

const THEY: u32 = 4711;
/// The kernel may have 32,768 PIDs, and does not say so in a PID namespace; this leaves enough of them for others.
const MOST: usize = 28_000;
/// What the kernel needs for a process, and as much again.
const EACH: u64 = 64 << 10;
/// Of what is permitted, for others.
const OTHERS: usize = 4096;

fn beside_all_processes_that_share_a_memory() {
    let _alone = processes::be_alone_with_thousands();
    let count = count(MOST, EACH);
    let machine = Machine::new().with("whitelist.users", "[\"root\"]");
    let group = Group::new().expect("the case runs where it can be made");
    let mut command = machine.command();
    group.hold(&mut command);
    let mut daemon = machine.launch(command);
    let log = machine.log();
    log.wait_for_scans(1);
    // Stopped meanwhile, so that it finds all of them at once.
    daemon.pause();
    let first = hostile::start(THEY, &[SHARES, "shares", "48", &count.to_string()]);
    let (start, before) = (Instant::now(), processor_time(daemon.pid()));
    daemon.resume();
    // However long a scan takes: each of them ends more.
    while processes::count("shares") > 0 {
        log.wait_for_scans(1);
    }
    let (took, used) = (
        start.elapsed(),
        processor_time(daemon.pid()).saturating_sub(before),
    );
    let highest = Highest::of(&daemon);
    daemon.stop();
    let records = log.records();
    let scans: Vec<_> = records
        .split_inclusive(|record| record.message.starts_with("Scan complete"))
        .collect();
    let longest = scans.iter().max_by_key(|scan| scan.len()).expect("scans");
    println!(
        "{count} processes that share a memory, 10% of a core: all have ended after {took:.1?}, {used:.1?} of processor \
         time; {} KiB, with helpers {:?} KiB; {} lines in {} scans, at most {} in one",
        highest.all,
        group.highest_memory(),
        records.len(),
        scans.len(),
        longest.len()
    );
    highest.is_bounded();
    let more = records.iter().filter_map(|record| {
        let (number, what) = record.message.strip_prefix("And ")?.split_once(' ')?;
        let is_killed = what.starts_with("more processes: share their memory");
        is_killed.then(|| number.parse::<usize>().expect("a number"))
    });
    let kills = log.count_of("Killing process:");
    assert_eq!(more.sum::<usize>() + kills, count + 1, "{records:#?}");
    // It comes back with the last of them.
    assert!(
        !records
            .iter()
            .any(|record| record.message.contains("Freed=")),
        "{records:#?}"
    );
    assert!(longest.len() <= 12, "{longest:#?}");
    for scan in &scans {
        let kills = scan
            .iter()
            .filter(|record| record.message.starts_with("Killing process:"));
        assert!(kills.count() <= 1, "{scan:#?}");
    }
    drop(first);
}

/// As many as the machine has space for, if `each` needs so much of it.
fn count(most: usize, each: u64) -> usize {
    let read = |path| fs::read_to_string(path).expect("the kernel has it");
    let available = read("/proc/meminfo");
    let available = available
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|line| line.trim().strip_suffix(" kB"));
    let available: u64 = available.expect("proc(5)").parse().expect("a number");
    let threads_max: usize = read("/proc/sys/kernel/threads-max")
        .trim()
        .parse()
        .expect("a number");
    let limits = read("/proc/self/limits");
    let own = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max processes"));
    let own = own
        .and_then(|line| line.split_whitespace().next())
        .expect("proc(5)");
    // It may be unlimited.
    let own = own.parse().unwrap_or(usize::MAX);
    let space = usize::try_from((available << 10) / each).unwrap_or(usize::MAX);
    let permitted = own.min(threads_max).saturating_sub(OTHERS);
    most.min(space).min(permitted)
}

/// How long this process has run on a processor, without its children.
fn processor_time(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("a child of ours");
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

/// What the daemon of this test has had, in KiB.
struct Highest {
    all: u64,
    /// Of its files: an optimized program has 2 MiB of them.
    files: u64,
}

impl Highest {
    fn of(daemon: &Daemon) -> Self {
        let files = figure(daemon.pid(), "status", "RssFile").expect("a child of ours");
        Self {
            all: highest_memory(daemon.pid()),
            files: files >> 10,
        }
    }

    /// 8 MiB, with the 2 of an optimized program.
    fn is_bounded(&self) {
        let Self { all, files } = self;
        assert!(all - files < 6 << 10, "{all} KiB, {files} of files");
    }
}

fn ten_thousand_over_their_thresholds() {
    let _alone = processes::be_alone_with_thousands();
    let count = count(10_000, 256 << 10);
    let machine = Machine::new().with("whitelist.users", "[\"root\"]");
    let mut daemon = machine.start();
    daemon.pause();
    let count = count.to_string();
    let _first = hostile::start(THEY, &[COPIES, "copies", "24", &count]);
    let (start, before) = (Instant::now(), processor_time(daemon.pid()));
    daemon.resume();
    let log = machine.log();
    while processes::count("copies") > 0 {
        log.wait_for_scans(1);
    }
    let used = processor_time(daemon.pid()).saturating_sub(before);
    let highest = Highest::of(&daemon);
    daemon.stop();
    println!(
        "{count} processes over their thresholds: all have ended after {:.1?}, {used:.1?} of processor time; {} KiB, {} \
         scans",
        start.elapsed(),
        highest.all,
        log.scans()
    );
    highest.is_bounded();
}

fn thousands_that_are_over_for_a_time() {
    let _alone = processes::be_alone_with_thousands();
    let count = count(5000, 256 << 10).to_string();
    let machine = Machine::new()
        .with("whitelist.users", "[\"root\"]")
        .with("thresholds.early_scan", "false")
        .with("thresholds.check_interval", "4")
        .with("thresholds.sustained", "300");
    let mut daemon = machine.start();
    let _first = hostile::start(THEY, &[COPIES, "copies", "24", &count]);
    // Between two scans all of them are read several times.
    machine.log().wait_for_scans(3);
    let highest = Highest::of(&daemon);
    daemon.stop();
    highest.is_bounded();
}

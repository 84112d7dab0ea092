//! What rules cost where they can't match: no allocation, which is exact, and no time, which
//! `cargo test --release --test rules_cost -- --ignored --nocapture` prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use memory_monitor::config::{Config, Origin};
use memory_monitor::policy::{Policy, Survey};
use memory_monitor::sample::{ProcRoot, Sampler, Snapshot};
use memory_monitor::units::Pid;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[allow(unsafe_code)]
// SAFETY: hands everything on to the system's allocator; the counter has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// So many rules of all kinds, with thresholds that nothing here is near to.
fn policy(rules: usize) -> Policy {
    let mut text =
        "[thresholds]\nram_gb_threshold = 1000\nram_percent_threshold = 100\n".to_owned();
    for number in 0..rules {
        let pattern = match number % 4 {
            0 => format!("name = \"name{number}*\""),
            1 => format!("exe = \"/opt/{number}/*\""),
            2 => format!("cmdline = \"*--number={number}*\""),
            _ => format!("unit = \"unit{number}.service\""),
        };
        let _ = writeln!(
            text,
            "[[rule]]\n{pattern}\nram_gb_threshold = {}",
            900 + number
        );
    }
    let origin = Origin::File("test.toml".into());
    let loaded = Config::parse(text.as_bytes(), origin, &|_| Ok(None)).unwrap();
    Policy {
        config: loaded.config,
        pinned: Vec::new(),
        own: Pid::new(std::process::id()).unwrap(),
    }
}

fn scanner(policy: &Policy) -> Sampler {
    let mut sampler = Sampler::new(ProcRoot::system().unwrap());
    sampler.inquire(Box::new(Survey::new(&policy.config)));
    sampler
}

#[test]
fn a_steady_scan_with_a_hundred_rules_allocates_nothing() {
    // This process itself is over everything, so that it is looked at in every detail.
    let mut near = policy(100);
    near.config.thresholds = policy_for_everybody();
    for policy in [policy(0), policy(100), near] {
        let mut sampler = scanner(&policy);
        let mut snapshot = Snapshot::default();
        let mut scan = || {
            let before = ALLOCATIONS.with(Cell::get);
            sampler
                .scan(|memory| policy.sieve(memory), &mut snapshot)
                .unwrap();
            for process in &snapshot.near {
                let _ = policy.judge(process, &snapshot.memory);
            }
            ALLOCATIONS.with(Cell::get) - before
        };
        scan();
        // Other processes come and go: what they need is kept after one scan with as many.
        assert!((0..50).any(|_| scan() == 0));
    }
}

fn policy_for_everybody() -> memory_monitor::config::Thresholds {
    let text = b"[thresholds]\nram_gb_threshold = 0.000001\n";
    let origin = Origin::File("test.toml".into());
    Config::parse(text, origin, &|_| Ok(None))
        .unwrap()
        .config
        .thresholds
}

#[test]
#[ignore = "a measurement: starts 2,000 processes and prints times"]
fn the_time_of_a_scan_with_and_without_rules() {
    let idle: Vec<Child> = (0..2000)
        .map(|_| Command::new("sleep").arg("600").spawn().unwrap())
        .collect();
    let policies = [0, 100].map(|rules| (rules, policy(rules)));
    let mut samplers = policies.each_ref().map(|(_, policy)| scanner(policy));
    let mut best = [Duration::MAX; 2];
    let mut snapshot = Snapshot::default();
    // In turns, so that what else the machine does falls on both alike.
    for _ in 0..200 {
        for ((best, sampler), (_, policy)) in best.iter_mut().zip(&mut samplers).zip(&policies) {
            let start = Instant::now();
            sampler
                .scan(|memory| policy.sieve(memory), &mut snapshot)
                .unwrap();
            *best = start.elapsed().min(*best);
        }
    }
    for ((rules, _), best) in policies.iter().zip(best) {
        println!(
            "{rules:3} rules, {} processes: {best:?} a scan",
            snapshot.scanned
        );
    }
    for mut child in idle {
        let _ = child.kill();
        let _ = child.wait();
    }
}

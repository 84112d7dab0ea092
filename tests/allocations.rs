//! A steady scan of all processes, one of them over its threshold, and the decision about it allocate
//! nothing on the heap.

#![allow(clippy::unwrap_used, reason = "a test fails by them")]

#[allow(unsafe_code, reason = "an allocator is")]
#[path = "../src/sys/counting.rs"]
mod counting;

use counting::ALLOCATIONS;
use memory_monitor::config::{Config, Origin};
use memory_monitor::policy::{Decision, Ledger, Policy};
use memory_monitor::proc::{ProcRoot, Sampler, Snapshot};
use memory_monitor::quantities::Pid;
use memory_monitor::sys;

#[test]
fn a_steady_scan_and_its_decisions_allocate_nothing() {
    let text = b"[thresholds]\nram_gb_threshold = 0.1\n[whitelist]\nnames = []\nusers = []\n";
    let loaded = Config::parse(text, Origin::File("test".into()), &|_| Ok(None)).unwrap();
    let policy = Policy::new(loaded.config, Pid::INIT);
    let ledger = Ledger::default();
    // This process is the one over its threshold; nothing is carried out.
    let own = Pid::new(std::process::id()).unwrap();
    let memory = vec![1_u8; 128 << 20];
    let mut sampler = Sampler::new(ProcRoot::system().unwrap());
    let mut snapshot = Snapshot::default();
    // With all of the machine's processes in detail once, no later scan finds more of them.
    sampler.scan_all(&policy, &mut snapshot).unwrap();
    let before = ALLOCATIONS.get();
    assert!(before > 0, "the counter counts");
    for _ in 0..100 {
        let now = sys::now();
        sampler.scan(&policy, &mut snapshot).unwrap();
        let found = snapshot.near.iter().find(|process| process.pid == own);
        let decision = policy.decide(found.unwrap(), &snapshot.memory, &ledger, &now);
        assert!(matches!(decision, Decision::Terminate(_)));
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    std::hint::black_box(&memory);
}

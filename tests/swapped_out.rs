//! Metric "anon" sees a process that is small by RSS because most of it was swapped out, and reads no process's swap
//! where none is in use.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

use memory_monitor::config::{Config, Origin};
use memory_monitor::policy::{Policy, Verdict};
use memory_monitor::proc::{ProcRoot, Sampler, Snapshot};
use memory_monitor::quantities::Pid;
use memory_monitor::sys;
use std::fs;
use std::path::Path;

/// Writes a process with so many MiB resident, of which so many are anonymous, and so many in swap.
fn process(proc: &Path, pid: u32, resident: u64, anonymous: u64, swapped: u64) {
    let directory = proc.join(pid.to_string());
    fs::create_dir(&directory).unwrap();
    let write = |name: &str, text: String| fs::write(directory.join(name), text).unwrap();
    let stat = "S 1 1 1 0 -1 4194560 1 0 3 0 40 12 0 0 20 0 1 0 100 25165824 3072 0";
    write("stat", format!("{pid} (p{pid}) {stat}\n"));
    write(
        "statm",
        format!("{} {} 1 1 0 1 0\n", 4096 * 256, resident * 256),
    );
    write(
        "status",
        format!(
            "Name:\tp{pid}\nUid:\t1000\t1000\t1000\t1000\nRssAnon:\t{} kB\nVmSwap:\t{} kB\n",
            anonymous << 10,
            swapped << 10
        ),
    );
    write("oom_score_adj", "0\n".to_owned());
}

/// The processes that are over 1 GB, where so much swap is in use.
fn over(proc: &Path, config: &str, swap_used: u64) -> Vec<u32> {
    let meminfo = format!(
        "MemTotal: {} kB\nMemAvailable: 9000000 kB\nSwapTotal: 8388608 kB\nSwapFree: {} kB\n",
        16 << 20,
        8_388_608 - (swap_used << 10)
    );
    fs::write(proc.join("meminfo"), meminfo).unwrap();
    let text = format!("[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = 1\n{config}");
    let origin = Origin::File("test.toml".into());
    let policy = Policy::new(
        Config::parse(text.as_bytes(), origin, &|_| Ok(None))
            .unwrap()
            .config,
        Pid::new(999).unwrap(),
    );
    let mut sampler = Sampler::new(ProcRoot::open(proc, 4096).unwrap());
    let mut snapshot = Snapshot::default();
    sampler.scan(&policy, &mut snapshot).unwrap();
    let now = sys::now();
    let is_over = |verdict| matches!(verdict, Verdict::Breach(_));
    let near = snapshot.near.iter();
    let mut pids: Vec<u32> = near
        .filter(|process| is_over(policy.judge(process, &snapshot.memory, &now)))
        .map(|process| process.pid.get())
        .collect();
    pids.sort_unstable();
    pids
}

#[test]
fn what_was_swapped_out_counts() {
    let directory = tempfile::tempdir().unwrap();
    let proc = directory.path();
    process(proc, 10, 100, 90, 1500);
    process(proc, 11, 1200, 200, 0);
    process(proc, 12, 1300, 1300, 0);
    process(proc, 13, 700, 700, 400);
    process(proc, 14, 50, 50, 20);
    assert_eq!(over(proc, "", 1920), [11, 12]);
    assert_eq!(over(proc, "metric = \"anon\"\n", 1920), [10, 12, 13]);
    let rule = "[[rule]]\nname = \"p1[03]\"\nmetric = \"anon\"\n";
    assert_eq!(over(proc, rule, 1920), [10, 11, 12, 13]);
    // The early warning does not change who is over.
    let silent = "metric = \"anon\"\n[settings]\nwarn_percent = 0\n";
    assert_eq!(over(proc, silent, 1920), [10, 12, 13]);
    // A machine that says it has nothing in swap is believed: no status is read.
    assert_eq!(over(proc, "metric = \"anon\"\n", 0), [12]);
}

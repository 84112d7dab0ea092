//! 10,000 processes: one scan, one tick, and the memory of the daemon with that of its descriptors.

use std::fs;
use std::time::Duration;

use memory_monitor::proc::{Ceiling, NoQuestions, ProcRoot, Sampler, Snapshot, Watch};
use memory_monitor::quantities::{Bytes, Pid};

use crate::crowd::Crowd;
use crate::program::Daemon;
use crate::table::{Figure, Quantity, Report, median};
use crate::{Result, Run, kernel};

const PROCESSES: usize = 10_000;
const TICKS: u32 = 1_000;
/// An open statm has a buffer of a page in the kernel.
const DESCRIPTOR: u64 = 4096;

/// Adds the figures to the report.
pub(crate) fn measure(run: &Run, report: &mut Report) -> Result<()> {
    let mut sampler = Sampler::new(ProcRoot::system()?);
    let mut watch = Watch::new(sampler.root())?;
    let _crowd = Crowd::start(PROCESSES)?;
    let mut snapshot = Snapshot::default();
    let sieve = Bytes::from_gb(2.0).ok_or("2 GB are an amount")?;
    let mut scans = Vec::new();
    for _ in 0..if run.quick { 5 } else { 50 } {
        let start = kernel::own_cpu_time()?;
        sampler.scan(&NoQuestions(sieve), &mut snapshot)?;
        scans.push(kernel::own_cpu_time()?.saturating_sub(start));
    }
    let own = Pid::new(std::process::id()).ok_or("a process has a number")?;
    let ceiling = Ceiling {
        rss: sieve,
        is_certain: true,
    };
    while watch
        .add(sampler.root(), own, Bytes::ZERO, ceiling)
        .is_none()
    {}
    let watched = watch.len();
    let start = kernel::own_cpu_time()?;
    for _ in 0..TICKS {
        watch.tick(|_| ());
        watch.levels();
    }
    let tick = kernel::own_cpu_time()?.saturating_sub(start) / TICKS;
    for (name, time) in [
        (
            format!("a scan of {} processes", snapshot.scanned),
            median(&scans),
        ),
        (
            format!("a tick with {watched} watched processes"),
            Some(tick),
        ),
    ] {
        report.add(Figure {
            name,
            measured: time.map(Quantity::CpuTime),
            limit: None,
            beside: Vec::new(),
        });
    }

    let mut daemon = Daemon::start(run, "multitude", "check_interval = 0.5", "dry_run = true")?;
    daemon.wait_for_scans(4)?;
    std::thread::sleep(Duration::from_millis(300));
    let pid = daemon.program.child().id();
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let Quantity::Size(resident) = daemon.program.resident()? else {
        return Err("memory is a size".into());
    };
    let kernel_memory = DESCRIPTOR * u64::try_from(descriptors)?;
    report.add(Figure {
        name: format!("memory of the daemon beside {PROCESSES} processes"),
        measured: Some(Quantity::Size(resident + kernel_memory)),
        limit: Some(Quantity::Size(6 << 20)),
        beside: vec![format!(
            "VmRSS {}, {descriptors} descriptors",
            Quantity::Size(resident)
        )],
    });
    Ok(())
}

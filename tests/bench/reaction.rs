//! How soon early scan ends what allocates fast: on a machine with 500 other processes and one core
//! busy, with a regular check every 30 s.

use crate::program::Daemon;
use crate::sprinter::{run_sprinter, start_spinner};
use crate::table::{Figure, Quantity, Report};
use crate::{Result, Run};
use std::time::Duration;

const THRESHOLD: usize = 256 << 20;

/// Adds the figures to the report.
pub(crate) fn measure(run: &Run, report: &mut Report) -> Result<()> {
    if !run.own_namespace {
        report.unmeasured("reaction: only in a pid namespace of its own");
        return Ok(());
    }
    let rounds = if run.quick { 20 } else { 100 };
    let thresholds = "ram_percent_threshold = 100.0\nram_gb_threshold = 0.25\ncheck_interval = 30";
    let settings = "max_kills_per_minute = 0";
    let mut daemon = Daemon::start(run, "reaction", thresholds, settings)?;
    daemon.wait_for_scans(1)?;
    let _busy = start_spinner()?;
    // One at a time: growth can't be seen while what another one gives back hides it.
    let pause = Duration::from_millis(200);
    let mut late = (0..rounds)
        .map(|_| {
            std::thread::sleep(pause);
            run_sprinter(THRESHOLD)
        })
        .collect::<Result<Vec<Duration>>>()?;
    late.sort_unstable();
    let percentile = |percent: usize| late.get((late.len() * percent).div_ceil(100) - 1).copied();
    for (name, percent, limit) in [("median", 50, 60), ("99th percentile", 99, 150)] {
        report.add(Figure {
            name: format!("threshold crossed to SIGTERM, {name} of {rounds}"),
            measured: percentile(percent).map(Quantity::CpuTime),
            limit: Some(Quantity::CpuTime(Duration::from_millis(limit))),
            beside: vec![format!(
                "longest {:.0?}",
                late.last().unwrap_or(&Duration::ZERO)
            )],
        });
    }
    Ok(())
}

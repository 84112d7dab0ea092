//! How soon early scan signals what allocates fast, with a regular scan every 30 s: on machines with few and many
//! processes and one core busy, and beside a storm of forks; and what it costs when nothing happens.

use crate::crowd::Crowd;
use crate::program::{Daemon, Program};
use crate::sprinter::{Sprint, Sprinter, bare_end, start_spinner, start_storm};
use crate::table::{Figure, Quantity, Report};
use crate::{Result, Run, kernel};
use std::process::{Command, Stdio};
use std::time::Duration;

const THRESHOLD: usize = 512 << 20;
const SETTINGS: &str = "max_kills_per_minute = 0";
const THRESHOLDS: &str =
    "ram_percent_threshold = 100.0\nram_gb_threshold = 0.5\ncheck_interval = 30";

/// One at a time: growth can't be seen while what another one gives back hides it.
const PAUSE: Duration = Duration::from_millis(200);

/// A machine with so many processes: the time to SIGTERM that half of the crossings may take and that nearly all may,
/// in milliseconds, and the percent of a core when idle.
const SIZES: [(usize, u64, u64, f64); 3] = [
    (500, 10, 40, 0.05),
    (5_000, 15, 60, 0.1),
    (30_000, 40, 150, 0.6),
];

/// Adds the figures of a small machine, and those beside storms, to the report.
pub(crate) fn measure(run: &Run, report: &mut Report) -> Result<()> {
    measure_size(run, report, &SIZES[0])?;
    storms(run, report)
}

/// Adds the figures of machines with many processes.
pub(crate) fn measure_many(run: &Run, report: &mut Report) -> Result<()> {
    measure_size(run, report, &SIZES[1])
}

/// The same with very many.
pub(crate) fn measure_very_many(run: &Run, report: &mut Report) -> Result<()> {
    measure_size(run, report, &SIZES[2])
}

fn measure_size(
    run: &Run,
    report: &mut Report,
    &(processes, median, nearly_all, idle): &(usize, u64, u64, f64),
) -> Result<()> {
    if !run.own_namespace {
        report.unmeasured("reaction: only in a pid namespace of its own");
        return Ok(());
    }
    let _crowd = Crowd::start(processes)?;
    let what = format!("{processes} processes");
    let mut daemon = start(run)?;
    let sprints = crossings(if run.quick { 20 } else { 40 })?;
    let bare = bare_end(THRESHOLD / 10 * 9)?;
    add(report, &what, &sprints, bare, Some([median, nearly_all]));
    let time = Duration::from_secs(if run.quick { 10 } else { 60 });
    add_idle(report, &what, idle, time, &mut daemon)
}

fn start(run: &Run) -> Result<Daemon> {
    let mut daemon = Daemon::start(run, "reaction", THRESHOLDS, SETTINGS)?;
    daemon.wait_for_scans(1)?;
    Ok(daemon)
}

/// Sprinters one after another beside a busy core.
fn crossings(rounds: usize) -> Result<Vec<Sprint>> {
    let _busy = start_spinner()?;
    let mut sprints = Vec::new();
    for _ in 0..rounds {
        std::thread::sleep(PAUSE);
        let sprint = Sprinter::start(THRESHOLD)?.finish()?;
        sprints.push(sprint.ok_or("a sprinter was not ended")?);
    }
    Ok(sprints)
}

/// Their times, beside that of a process that is sent SIGTERM by hand; `limits` are milliseconds.
fn add(
    report: &mut Report,
    what: &str,
    sprints: &[Sprint],
    bare: Duration,
    limits: Option<[u64; 2]>,
) {
    let sorted = |of: fn(&Sprint) -> Duration| {
        let mut times: Vec<_> = sprints.iter().map(of).collect();
        times.sort_unstable();
        move |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).max(1) - 1;
            times.get(index).copied().unwrap_or_default()
        }
    };
    let (to_signal, to_end) = (
        sorted(|sprint| sprint.to_signal),
        sorted(|sprint| sprint.to_end),
    );
    for (index, (name, percent)) in [("median", 50), ("99th percentile", 99)].iter().enumerate() {
        let mut beside = vec![format!("to its end {:.1?}", to_end(*percent))];
        if index == 0 {
            beside.push(format!("a bare SIGTERM {bare:.1?}"));
        }
        let limit = limits.map(|limits| Duration::from_millis(limits[index]));
        report.add(Figure {
            name: format!(
                "threshold crossed to SIGTERM, {what}, {name} of {}",
                sprints.len()
            ),
            measured: Some(Quantity::CpuTime(to_signal(*percent))),
            limit: limit.map(Quantity::CpuTime),
            beside,
        });
    }
}

fn add_idle(
    report: &mut Report,
    what: &str,
    limit: f64,
    time: Duration,
    daemon: &mut Daemon,
) -> Result<()> {
    let pid = daemon.program.child().id();
    let before = kernel::cpu_time_of(pid)?;
    std::thread::sleep(time);
    let used = kernel::cpu_time_of(pid)?.saturating_sub(before);
    report.add(Figure {
        name: format!("percent of a core, idle, {what}"),
        measured: Some(Quantity::Ratio(
            used.as_secs_f64() / time.as_secs_f64() * 100.0,
        )),
        limit: Some(Quantity::Ratio(limit)),
        beside: Vec::new(),
    });
    Ok(())
}

/// Four sprinters at once and `tail /dev/zero`, right after a storm of forks and during one.
fn storms(run: &Run, report: &mut Report) -> Result<()> {
    let rounds = if run.quick { 2 } else { 20 };
    let _crowd = Crowd::start(SIZES[0].0)?;
    let _daemon = start(run)?;
    for (when, goes_on) in [("right after", false), ("during", true)] {
        let (mut sprints, mut tails, mut bare) = (Vec::new(), 0, Duration::ZERO);
        for _ in 0..rounds {
            let storm = start_storm()?;
            std::thread::sleep(Duration::from_secs(2));
            let storm = goes_on.then_some(storm);
            let runners = (0..4).map(|_| Sprinter::start(THRESHOLD));
            for runner in runners.collect::<Result<Vec<_>>>()? {
                sprints.extend(runner.finish()?);
            }
            tails += usize::from(is_tail_ended()?);
            bare = bare_end(THRESHOLD / 10 * 9)?;
            drop(storm);
        }
        let all = rounds * 4;
        let what = format!("{when} a storm of forks");
        report.add(Figure {
            name: format!("not ended of {} hogs, {what}", all + rounds),
            #[allow(clippy::cast_precision_loss, reason = "counts of crossings")]
            measured: Some(Quantity::Ratio(
                (all - sprints.len() + rounds - tails) as f64,
            )),
            limit: Some(Quantity::Ratio(0.0)),
            beside: Vec::new(),
        });
        add(report, &what, &sprints, bare, None);
    }
    Ok(())
}

/// Whether `tail /dev/zero`, which keeps all that it reads, is ended before it has four times the threshold.
fn is_tail_ended() -> Result<bool> {
    let mut tail = Program::start(
        Command::new("tail")
            .arg("/dev/zero")
            .stdin(Stdio::null())
            .stdout(Stdio::null()),
    )?;
    loop {
        if tail.has_ended()? {
            return Ok(true);
        }
        if let Ok(Quantity::Size(size)) = tail.resident() {
            if size > 4 * THRESHOLD as u64 {
                return Ok(false);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

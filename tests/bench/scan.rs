//! The CPU time of one look at all processes: memory-monitor's, the bare loop's and the peers', taken
//! in turns so that whatever else the machine does hits all of them alike.

use std::time::Duration;

use memory_monitor::proc::{NoQuestions, ProcRoot, Sampler, Snapshot};
use memory_monitor::quantities::Bytes;

use crate::bare_loop::BareLoop;
use crate::peers::{Earlyoom, Psutil};
use crate::table::{Figure, Quantity, Report, median};
use crate::{Result, Run, kernel};

/// What one scan took.
pub(crate) struct Scan {
    pub(crate) cpu_time: Duration,
    /// How many processes it looked at; None where the program does not say.
    pub(crate) processes: Option<usize>,
}

/// Whoever can look at all processes.
pub(crate) trait Contender {
    /// Its name and version as printed.
    fn name(&self) -> String;

    /// The CPU time of one scan, or the mean of a few.
    fn scan(&mut self) -> Result<Scan>;
}

/// How often in a round the two that run in this process take turns: they are over much sooner than
/// the others, and a ratio near 1 shows the least difference in what the turn before left in caches.
const TURNS: u32 = 8;

/// One scan in this process.
fn time_here(mut scan: impl FnMut() -> Result<usize>) -> Result<Scan> {
    let start = kernel::own_cpu_time()?;
    let processes = scan()?;
    Ok(Scan {
        cpu_time: kernel::own_cpu_time()?.saturating_sub(start),
        processes: Some(processes),
    })
}

struct Ours {
    sampler: Sampler,
    snapshot: Snapshot,
    sieve: Bytes,
}

impl Ours {
    fn new() -> Result<Self> {
        Ok(Self {
            sampler: Sampler::new(ProcRoot::system()?),
            snapshot: Snapshot::default(),
            sieve: Bytes::from_gb(2.0).ok_or("2 GB are an amount")?,
        })
    }
}

impl Contender for Ours {
    fn name(&self) -> String {
        "memory-monitor".to_owned()
    }

    fn scan(&mut self) -> Result<Scan> {
        let Self {
            sampler,
            snapshot,
            sieve,
        } = self;
        time_here(|| {
            sampler.scan(&NoQuestions(*sieve), snapshot)?;
            Ok(snapshot.scanned)
        })
    }
}

impl Contender for BareLoop {
    fn name(&self) -> String {
        "bare loop".to_owned()
    }

    fn scan(&mut self) -> Result<Scan> {
        time_here(|| Ok(self.run()?))
    }
}

/// A contender and what each round found of it.
struct Lane {
    contender: Box<dyn Contender>,
    times: Vec<Duration>,
}

impl Lane {
    fn new(contender: impl Contender + 'static) -> Self {
        Self {
            contender: Box::new(contender),
            times: Vec::new(),
        }
    }

    fn median(&self) -> Duration {
        median(&self.times).unwrap_or_default()
    }

    /// How many times `other`'s: the median of the ratios within each round, least and greatest.
    fn times_of(&self, other: &Self) -> Option<[f64; 3]> {
        let ratios = self.times.iter().zip(&other.times);
        let ratios: Vec<f64> = ratios
            .map(|(a, b)| a.as_secs_f64() / b.as_secs_f64())
            .collect();
        let least = ratios.iter().copied().reduce(f64::min)?;
        let greatest = ratios.iter().copied().reduce(f64::max)?;
        Some([median(&ratios)?, least, greatest])
    }
}

/// Adds the figures of the scan to the report.
pub(crate) fn measure(run: &Run, report: &mut Report) -> Result<()> {
    let mut lanes = vec![Lane::new(Ours::new()?), Lane::new(BareLoop::new()?)];
    let psutil = Psutil::start(run).map(|psutil| lanes.push(Lane::new(psutil)));
    let psutil_lane = psutil.is_ok().then_some(lanes.len() - 1);
    if let Err(error) = psutil {
        report.unmeasured(format!("a scan by psutil: {error}"));
    }
    match Earlyoom::new(run) {
        Ok(earlyoom) => lanes.push(Lane::new(earlyoom)),
        Err(error) => report.unmeasured(format!("a victim selection by earlyoom: {error}")),
    }

    let processes = hold_rounds(run, &mut lanes)?;

    let [ours, bare, ..] = &lanes[..] else {
        return Ok(());
    };
    let others = lanes[1..].iter();
    report.add(Figure {
        name: format!("CPU time of a scan of {processes} processes"),
        measured: Some(Quantity::CpuTime(ours.median())),
        limit: None,
        beside: others
            .map(|lane| {
                format!(
                    "{} {}",
                    lane.contender.name(),
                    Quantity::CpuTime(lane.median())
                )
            })
            .collect(),
    });
    let limits = [(Some(bare), "the bare loop's", 1.2)];
    let psutil = psutil_lane.map(|lane| (Some(&lanes[lane]), "psutil's", 0.1));
    for (other, whose, limit) in limits.into_iter().chain(psutil) {
        let Some([ratio, least, greatest]) = other.and_then(|other| ours.times_of(other)) else {
            continue;
        };
        report.add(Figure {
            name: format!("... times {whose}"),
            measured: Some(Quantity::Ratio(ratio)),
            limit: Some(Quantity::Ratio(limit)),
            beside: vec![format!(
                "{least:.3} to {greatest:.3} in {} rounds",
                ours.times.len()
            )],
        });
    }
    Ok(())
}

/// Lets everyone scan in each round; the first one only fills buffers. The first two lanes run in
/// this process and take turns, scan by scan, after one each that is not counted. Returns how many
/// processes all of them saw.
fn hold_rounds(run: &Run, lanes: &mut [Lane]) -> Result<usize> {
    let mut processes = None;
    for round in 0..=if run.quick { 4 } else { 24 } {
        let pairs = (0..=TURNS).flat_map(|turn| {
            if (round + turn) % 2 == 0 {
                [0, 1]
            } else {
                [1, 0]
            }
        });
        let mut used = vec![Duration::ZERO; lanes.len()];
        for (turn, lane) in pairs.chain(2..lanes.len()).enumerate() {
            let scan = lanes[lane].contender.scan()?;
            if turn >= 2 {
                used[lane] += scan.cpu_time / if lane < 2 { TURNS } else { 1 };
            }
            let before = processes.or(scan.processes);
            processes = scan.processes.or(processes);
            // On a machine with other processes they come and go meanwhile.
            if run.own_namespace && processes != before {
                let name = lanes[lane].contender.name();
                return Err(
                    format!("{name} saw {processes:?} processes, others {before:?}").into(),
                );
            }
        }
        if round > 0 {
            for (lane, used) in lanes.iter_mut().zip(used) {
                lane.times.push(used);
            }
        }
    }
    Ok(processes.unwrap_or_default())
}

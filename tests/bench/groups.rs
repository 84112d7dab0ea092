//! What a group by user costs beside the processes of ten users, in CPU time of a regular scan and in memory of the
//! daemon: far from its threshold, near to it, where only the PSS of members tells, and over it.

use std::fs;
use std::time::Duration;

use crate::kernel::{Member, SharedMemory};
use crate::program::Daemon;
use crate::table::{Figure, Quantity, Report};
use crate::{Result, Run};

const USERS: usize = 10;
/// The first of them: a person, not an account of the system.
const FIRST_UID: u32 = 4711;
/// What all of them share, as programs share their libraries.
const SHARED: usize = 512 << 10;

/// So many processes, how long daemons wait between two scans of them, in seconds, which gives them time to read, and
/// after how many scans they know what they keep from scan to scan.
const SIZES: [(usize, u32, usize); 2] = [(2_000, 1, 18), (28_000, 6, 10)];

/// Adds the figures of 2,000 processes.
pub(crate) fn measure(run: &Run, report: &mut Report) -> Result<()> {
    measure_size(run, report, SIZES[0])
}

/// The same with as many as PIDs up to 32,768 allow.
pub(crate) fn measure_many(run: &Run, report: &mut Report) -> Result<()> {
    measure_size(run, report, SIZES[1])
}

fn measure_size(
    run: &Run,
    report: &mut Report,
    (processes, interval, warm): (usize, u32, usize),
) -> Result<()> {
    if !run.own_namespace {
        report.unmeasured("groups: only in a pid namespace of its own");
        return Ok(());
    }
    let crowd = Crowd::start(processes)?;
    let (rss, pss) = crowd.memory_of_first()?;
    let gb = |percent: u64| Quantity::gb(percent * pss / 100);
    let ways = [
        ("none", String::new()),
        ("far", Quantity::gb(rss / 10 * 11)),
        ("near", gb(110)),
        ("over", gb(90)),
    ];
    let mut daemons = Vec::new();
    for (name, threshold) in &ways {
        let group = if threshold.is_empty() {
            String::new()
        } else {
            format!("[[group]]\nby = 'user'\naction = 'warn'\nram_gb_threshold = {threshold}\n")
        };
        let settings = format!("dry_run = true\n[system]\naction = 'off'\n{group}");
        let thresholds = format!(
            "ram_percent_threshold = 100.0\nearly_scan = false\ncheck_interval = {interval}"
        );
        let name = format!("groups-{processes}-{name}");
        daemons.push(Daemon::start(run, &name, &thresholds, &settings)?);
        // Apart from each other: who scans right after another one finds what it needs in the caches.
        std::thread::sleep(Duration::from_secs(interval.into()) / 4);
    }
    let mut before = Vec::new();
    for daemon in &mut daemons {
        daemon.wait_for_scans(warm)?;
        before.push((daemon.scans(), daemon.program.cpu_time()?));
    }
    let scans = if run.quick { warm / 3 } else { 30 };
    let mut costs = Vec::new();
    for (daemon, (scanned, used)) in daemons.iter_mut().zip(before) {
        daemon.wait_for_scans(scanned + scans)?;
        let time = daemon.program.cpu_time()?.saturating_sub(used);
        costs.push(time / u32::try_from(daemon.scans() - scanned)?);
    }
    let without = costs[0];
    let told = daemons.iter().map(Daemon::has_told_of_group);
    if told.ne([false, false, false, true]) {
        return Err("not of each group it was told whether it is over its threshold".into());
    }
    for (((name, _), cost), daemon) in ways.iter().zip(&costs).zip(&daemons).skip(1) {
        report.add(Figure {
            name: format!(
                "scan of {processes} processes, group by user, {name}: times that without"
            ),
            measured: Some(Quantity::Ratio(cost.as_secs_f64() / without.as_secs_f64())),
            limit: Some(Quantity::Ratio(2.0)),
            beside: vec![format!(
                "{} and {}",
                Quantity::CpuTime(*cost),
                Quantity::CpuTime(without)
            )],
        });
        report.add(Figure {
            name: "... VmRSS of the daemon".to_owned(),
            measured: Some(daemon.program.resident()?),
            limit: Some(Quantity::Size(6 << 20)),
            beside: vec![format!("without groups {}", daemons[0].program.resident()?)],
        });
    }
    Ok(())
}

/// Idle processes of ten users, of very different sizes. They end when this is dropped.
struct Crowd(Vec<Member>);

impl Crowd {
    fn start(processes: usize) -> Result<Self> {
        let shared = SharedMemory::create(SHARED)?;
        let mut crowd = Self(Vec::with_capacity(processes));
        for index in 0..processes {
            let uid = FIRST_UID + u32::try_from(index % USERS)?;
            let private = match index / USERS {
                nth if nth % 50 == 0 => 1536,
                nth if nth % 10 == 0 => 256,
                _ => 32,
            };
            crowd.0.push(Member::fork(uid, private << 10, &shared)?);
        }
        while shared.users() < processes {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(crowd)
    }

    /// The sums of RSS and of PSS of the first user's processes, in bytes.
    fn memory_of_first(&self) -> Result<(u64, u64)> {
        let (mut rss, mut pss) = (0, 0);
        for member in self.0.iter().step_by(USERS) {
            let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", member.pid()))?;
            let of = |key: &str| {
                let mut lines = rollup.lines();
                let line = lines.find_map(|line| line.strip_prefix(key));
                let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
                kib.ok_or("no such memory")
            };
            rss += of("Rss:")?.parse::<u64>()? << 10;
            pss += of("Pss:")?.parse::<u64>()? << 10;
        }
        Ok((rss, pss))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // All are told before the first is waited for.
        self.0.iter().for_each(Member::kill);
    }
}

impl Quantity {
    /// So many bytes as a threshold in GB.
    #[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
    fn gb(bytes: u64) -> String {
        format!("{:.6}", bytes as f64 / f64::from(1 << 30))
    }
}

//! What early scan costs: on a quiet machine, and beside a compiler and a protected process that is far
//! over its threshold; next to looking at everything ten times a second, and to the peers.

use std::fmt::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::peers::{EARLYOOM, Psutil, installed};
use crate::program::{Daemon, Program};
use crate::scan::Contender;
use crate::table::{Figure, Quantity, Report};
use crate::{Result, Run, kernel};

const EARLY: &str = "check_interval = 30";
const POLLING: &str = "check_interval = 0.1\nearly_scan = false";

/// Adds the figures to the report.
pub(crate) fn measure(run: &Run, report: &mut Report) -> Result<()> {
    let time = Duration::from_secs(if run.quick { 10 } else { 60 });
    let quiet = costs(
        run,
        "ram_percent_threshold = 10.0\nram_gb_threshold = 2.0",
        "",
        time,
    )?;
    let peers = peers(run, report, time)?;
    report.add(figure("quiet", quiet, 0.1, time, &peers));

    let mut protected = Program::start(
        Command::new(std::env::current_exe()?)
            .arg(crate::grace::HOG)
            .stdin(Stdio::null())
            .stdout(Stdio::null()),
    )?;
    let _compiler = start_compiler(run)?;
    // 20 MiB; the hog has 64.
    let thresholds = "ram_percent_threshold = 100.0\nram_gb_threshold = 0.02\n";
    // A dry run, since the compiler is over it as well, again and again.
    let whitelist = format!("pids = [{}]", protected.child().id());
    let busy = costs(run, thresholds, &whitelist, time)?;
    report.add(figure("busy", busy, 0.5, time, &[]));
    let thresholds = "ram_percent_threshold = 10.0\nram_gb_threshold = 2.0\n";
    let busy = costs(run, thresholds, &whitelist, time)?;
    report.add(figure(
        "compiling, default thresholds",
        busy,
        0.5,
        time,
        &[],
    ));
    Ok(())
}

fn figure(what: &str, costs: [f64; 2], limit: f64, time: Duration, beside: &[String]) -> Figure {
    let [early, polling] = costs;
    let polling = format!("every 0.1 s without early scan {polling:.2}%");
    Figure {
        name: format!("percent of a core, {what}, over {time:.0?}"),
        measured: Some(Quantity::Ratio(early)),
        limit: Some(Quantity::Ratio(limit)),
        beside: std::iter::once(polling)
            .chain(beside.iter().cloned())
            .collect(),
    }
}

/// Both ways at the same time, each in percent of a core.
fn costs(run: &Run, thresholds: &str, whitelist: &str, time: Duration) -> Result<[f64; 2]> {
    let mut daemons = Vec::new();
    for (name, way) in [("early", EARLY), ("polling", POLLING)] {
        let thresholds = format!("{thresholds}\n{way}");
        let settings = "dry_run = true\nlog_level = 'error'";
        daemons.push(Daemon::start_with(
            run,
            name,
            &thresholds,
            whitelist,
            settings,
        )?);
    }
    std::thread::sleep(Duration::from_secs(1));
    let mut before = Vec::new();
    for daemon in &mut daemons {
        before.push(kernel::cpu_time_of(daemon.program.child().id())?);
    }
    std::thread::sleep(time);
    let mut costs = [0.0; 2];
    for ((cost, daemon), before) in costs.iter_mut().zip(&mut daemons).zip(before) {
        let used = kernel::cpu_time_of(daemon.program.child().id())?.saturating_sub(before);
        *cost = used.as_secs_f64() / time.as_secs_f64() * 100.0;
    }
    Ok(costs)
}

fn peers(run: &Run, report: &mut Report, time: Duration) -> Result<Vec<String>> {
    let mut beside = Vec::new();
    match installed(run, EARLYOOM) {
        Ok(file) => {
            let mut earlyoom = Program::start(
                Command::new(file)
                    .arg("--dryrun")
                    .stdout(Stdio::null())
                    .stderr(Stdio::null()),
            )?;
            std::thread::sleep(time);
            let used = kernel::cpu_time_of(earlyoom.child().id())?.as_secs_f64();
            let percent = used / time.as_secs_f64() * 100.0;
            beside.push(format!("earlyoom, which watches the whole {percent:.3}%"));
        }
        Err(error) => report.unmeasured(format!("cost of earlyoom: {error}")),
    }
    match Psutil::start(run) {
        Ok(mut psutil) => {
            psutil.scan()?;
            let percent = psutil.scan()?.cpu_time.as_secs_f64() * 10.0 * 100.0;
            beside.push(format!("psutil every 0.1 s {percent:.0}%"));
        }
        Err(error) => report.unmeasured(format!("cost of psutil: {error}")),
    }
    Ok(beside)
}

/// A compiler that is started again whenever it is done.
fn start_compiler(run: &Run) -> Result<Program> {
    let source = run.scratch.path().join("compiled.rs");
    let mut text = String::new();
    for number in 0..2_000 {
        let _ = writeln!(
            text,
            "pub fn f{number}(v: &[u64]) -> Vec<String> {{ v.iter().filter(|x| **x > {number})\
             .map(|x| format!(\"{{x}} {number}\")).collect() }}"
        );
    }
    std::fs::write(&source, text)?;
    Program::start(
        Command::new("sh")
            .args([
                "-c",
                "while :; do rustc -O --crate-type lib -o /dev/null --emit obj \"$0\"; done",
            ])
            .arg(source)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )
}

//! What the idle daemon occupies: resident memory, and the size of its program file.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::peers::{BUSTD, EARLYOOM, installed};
use crate::program::{Daemon, Program, stripped_size, wait_until};
use crate::table::{Figure, Quantity, Report};
use crate::{Result, Run};

/// By then the daemon's buffers have grown as far as they will.
const SCANS: usize = 10;
/// By then a peer has polled a few times.
const SETTLED: Duration = Duration::from_secs(2);

/// Adds the figures of memory and size to the report.
pub(crate) fn measure(run: &Run, report: &mut Report) -> Result<()> {
    let idle = |name: &str, settings: &str| -> Result<(Quantity, Quantity)> {
        let mut daemon = Daemon::start(run, name, "check_interval = 0.2", settings)?;
        daemon.wait_for_scans(SCANS)?;
        Ok((
            daemon.program.resident()?,
            daemon.program.share_with_children()?,
        ))
    };
    let (resident, share) = idle("idle", "dry_run = true")?;
    let metrics = run.scratch.path().join("metrics.prom");
    let metrics = format!("dry_run = true\nmetrics_file = '{}'", metrics.display());
    let (with_metrics, _) = idle("metrics", &metrics)?;

    let (mut residents, mut sizes) = (Vec::new(), Vec::new());
    for (name, file, arguments) in [
        ("earlyoom", EARLYOOM, &["--dryrun"][..]),
        ("bustd", BUSTD, &["--no-daemon"][..]),
    ] {
        // bustd has no dry run.
        let harmless = run.own_namespace || arguments.contains(&"--dryrun");
        let measured = installed(run, file).and_then(|file| {
            if let Some(size) = stripped_size(run, &file)? {
                sizes.push(format!("{name} {size}"));
            }
            if !harmless {
                return Err("it could end a process of this machine".into());
            }
            residents.push(format!("{name} {}", memory_of_peer(&file, arguments)?));
            Ok(())
        });
        if let Err(error) = measured {
            report.unmeasured(format!("memory of {name}: {error}"));
        }
    }

    report.add(Figure {
        name: format!("VmRSS of the idle daemon after {SCANS} scans"),
        measured: Some(resident),
        limit: Some(Quantity::Size(3 << 20)),
        beside: residents,
    });
    report.add(Figure {
        name: "PSS of it with its helpers".to_owned(),
        measured: Some(share),
        limit: Some(Quantity::Size(7 << 19)),
        beside: Vec::new(),
    });
    report.add(Figure {
        name: "VmRSS with metrics_file".to_owned(),
        measured: Some(with_metrics),
        limit: Some(Quantity::Size(3 << 20)),
        beside: Vec::new(),
    });
    match stripped_size(run, Path::new(Daemon::FILE))? {
        Some(size) => report.add(Figure {
            name: "program file, stripped".to_owned(),
            measured: Some(size),
            limit: Some(Quantity::Size(2 << 20)),
            beside: sizes,
        }),
        None => report.unmeasured("the size of the program file: no strip(1), it is in binutils"),
    }
    Ok(())
}

fn memory_of_peer(file: &Path, arguments: &[&str]) -> Result<Quantity> {
    let mut peer = Program::start(
        Command::new(file)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    wait_until(SETTLED, || peer.has_ended())?;
    peer.resident()
}

//! The figures that the project promises, measured on this machine in one run and printed next to
//! their limits and their peers. `scripts/bench` starts it and installs the peers.
//!
//! It starts every process that it measures or ends, inside a pid namespace of its own where that is
//! permitted; there nothing else can be seen, let alone signalled, and all of it ends with the run.

mod bare_loop;
mod cost;
mod crowd;
mod footprint;
mod grace;
mod groups;
mod kernel;
mod multitude;
mod peers;
mod program;
mod race;
mod reaction;
mod scan;
mod shortage;
mod sprinter;
mod table;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crowd::Crowd;
use table::Report;

/// Measures and adds figures to the report.
type Part = fn(&Run, &mut Report) -> Result<()>;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many idle processes stand around while everything is measured.
const IDLE_PROCESSES: usize = 2_000;

/// What one run of the benchmark measures with.
pub(crate) struct Run {
    /// Fewer rounds and a shorter grace time: for trying the benchmark, not for quoting it.
    pub(crate) quick: bool,
    /// Whether nothing but this run's own processes can be seen and signalled.
    pub(crate) own_namespace: bool,
    /// Where `scripts/bench` installs the peers.
    pub(crate) peers: PathBuf,
    /// A directory for this run's configurations and logs.
    pub(crate) scratch: tempfile::TempDir,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let result = match arguments.first().and_then(|first| first.to_str()) {
        Some(grace::HOG) => grace::be_a_hog(),
        Some(sprinter::SPRINTER) => sprinter::sprint(size_of_sprint(&arguments)),
        Some(sprinter::SPINNER) => sprinter::spin(),
        Some(sprinter::STORM) => sprinter::storm(),
        Some(race::TAKER) => race::take_all(),
        Some(race::PROBER) => race::probe(),
        Some(shortage::SHORTAGE) => shortage::measure(&arguments),
        Some(shortage::ARENA) => shortage::be_an_arena(&arguments),
        Some(shortage::LOAD) => shortage::be_a_load(&arguments),
        Some(INSIDE) => measure(&arguments, true),
        _ => enter_namespace(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("bench: error: {error}");
        ExitCode::FAILURE
    })
}

fn size_of_sprint(arguments: &[OsString]) -> usize {
    let size = arguments.get(1).and_then(|size| size.to_str());
    size.and_then(|size| size.parse().ok()).unwrap_or(0)
}

/// The first argument of the copy that runs as pid 1 of its own namespace.
const INSIDE: &str = "--inside";

/// Runs this program again as pid 1 of a pid namespace with a /proc of its own: as root, or else as
/// root of a user namespace. Where neither is permitted it goes on without.
fn enter_namespace(arguments: &[OsString]) -> Result<ExitCode> {
    let namespace = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let as_user = ["--user", "--map-root-user"];
    for options in [&[][..], &as_user[..]] {
        let unshare = || {
            let mut command = Command::new("unshare");
            command.args(options).args(namespace).arg("--");
            command
        };
        if unshare()
            .arg("true")
            .output()
            .is_ok_and(|tried| tried.status.success())
        {
            let status = unshare()
                .arg(std::env::current_exe()?)
                .arg(INSIDE)
                .args(arguments)
                .status()?;
            return Ok(if status.success() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
    }
    measure(arguments, false)
}

fn measure(arguments: &[OsString], own_namespace: bool) -> Result<ExitCode> {
    kernel::exit_on_interrupt();
    let run = Run {
        quick: arguments.iter().any(|argument| argument == "--quick"),
        own_namespace,
        peers: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench/peers"),
        scratch: tempfile::tempdir()?,
    };
    let mut report = Report::default();
    if !own_namespace {
        report.unmeasured(
            "a machine of exactly known processes: no pid namespace is permitted here, so this \
             machine's other processes are scanned too",
        );
    }
    let with_crowds: [(usize, &[(&str, Part)]); 3] = [
        (
            IDLE_PROCESSES,
            &[
                ("scan", scan::measure),
                ("footprint", footprint::measure),
                ("grace", grace::measure),
            ],
        ),
        (500, &[("cost", cost::measure)]),
        (
            0,
            &[
                ("reaction", reaction::measure),
                ("reaction-5000", reaction::measure_many),
                ("reaction-30000", reaction::measure_very_many),
                ("multitude", multitude::measure),
                ("groups", groups::measure),
                ("groups-28000", groups::measure_many),
            ],
        ),
    ];
    let names: Vec<_> = arguments.iter().filter_map(|name| name.to_str()).collect();
    let names: Vec<_> = names.iter().filter(|name| !name.starts_with('-')).collect();
    let is_slow =
        |name: &str| run.quick && (name.starts_with("reaction-") || name == "groups-28000");
    let is_wanted = |name: &str| {
        let is_named = names.iter().any(|wanted| **wanted == name);
        is_named || (names.is_empty() && !is_slow(name))
    };
    for (processes, parts) in with_crowds {
        let mut parts = parts.iter().filter(|(name, _)| is_wanted(name)).peekable();
        if parts.peek().is_none() {
            continue;
        }
        let _crowd = Crowd::start(processes)?;
        for (_, part) in parts {
            // The figures found so far are worth printing.
            if let Err(error) = part(&run, &mut report) {
                report.failed(&error);
            }
        }
    }

    println!("{}", heading(&run)?);
    print!("{report}");
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn heading(run: &Run) -> Result<String> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "memory-monitor {}, Linux {}, {} CPUs, {IDLE_PROCESSES} idle processes{}\n",
        env!("CARGO_PKG_VERSION"),
        kernel.trim(),
        std::thread::available_parallelism()?,
        if run.quick {
            ", quick: too few rounds to quote"
        } else {
            ""
        },
    ))
}

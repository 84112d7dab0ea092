//! How soon many processes that refuse SIGTERM are gone together.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

use crate::program::{Daemon, Program, wait_until};
use crate::table::{Figure, Quantity, Report};
use crate::{Result, Run, kernel};

/// The argument that makes this program a hog.
pub(crate) const HOG: &str = "--hog";

const HOGS: u32 = 20;
const HOG_SIZE: usize = 64 << 20;
/// 51 MiB: less than a hog, more than anything else in the namespace.
const THRESHOLD: &str = "ram_percent_threshold = 100.0\nram_gb_threshold = 0.05";

/// Holds memory and refuses SIGTERM: says that it is ready, and at what time it was asked to end.
pub(crate) fn be_a_hog() -> Result<ExitCode> {
    kernel::refuse_sigterm()?;
    let memory = vec![1_u8; HOG_SIZE];
    let mut output = std::io::stdout();
    writeln!(output, "ready")?;
    loop {
        kernel::next_sigterm();
        writeln!(output, "{}", kernel::monotonic_time()?.as_nanos())?;
        std::hint::black_box(&memory);
    }
}

struct Hog {
    program: Program,
    said: BufReader<ChildStdout>,
}

impl Hog {
    /// Starts one and waits until it has all its memory.
    fn start() -> Result<Self> {
        let mut program = Program::start(
            Command::new(std::env::current_exe()?)
                .arg(HOG)
                .stdin(Stdio::null())
                .stdout(Stdio::piped()),
        )?;
        let output = program.child().stdout.take().ok_or("no pipe")?;
        let mut hog = Self {
            program,
            said: BufReader::new(output),
        };
        match hog.next_line()?.as_str() {
            "ready" => Ok(hog),
            _ => Err("a hog ended before it was ready".into()),
        }
    }

    fn next_line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

/// Adds the figure to the report.
pub(crate) fn measure(run: &Run, report: &mut Report) -> Result<()> {
    let what = format!("{HOGS} processes that refuse SIGTERM");
    if !run.own_namespace {
        let why = "only done in a pid namespace of its own, so that nothing else can be ended";
        report.unmeasured(format!("{what}: {why}"));
        return Ok(());
    }
    let term_timeout: u32 = if run.quick { 1 } else { 5 };
    let (gone, spread) = end_hogs(run, term_timeout)?;
    report.add(Figure {
        name: format!("{what} gone, term_timeout = {term_timeout}"),
        measured: gone.map(Quantity::Elapsed),
        limit: Some(Quantity::Elapsed(
            Duration::from_millis(500) + Duration::from_secs(term_timeout.into()),
        )),
        beside: vec![
            format!("all asked within {spread:.1?}"),
            format!("one after another {} s", term_timeout * HOGS),
        ],
    });
    Ok(())
}

/// The time from the first SIGTERM to the end of the last hog, None if one is still there half a
/// minute after its time; and the time from the first SIGTERM to the last.
fn end_hogs(run: &Run, term_timeout: u32) -> Result<(Option<Duration>, Duration)> {
    let mut hogs = (0..HOGS)
        .map(|_| Hog::start())
        .collect::<Result<Vec<_>>>()?;
    // Their end must not wait for the next regular check.
    let thresholds = format!("{THRESHOLD}\ncheck_interval = 30");
    let settings = format!("term_timeout = {term_timeout}");
    let _daemon = Daemon::start(run, "grace", &thresholds, &settings)?;

    let limit = Duration::from_secs(u64::from(term_timeout) + 30);
    let gone = wait_until(limit, || {
        let mut ended = true;
        for hog in &mut hogs {
            ended &= hog.program.has_ended()?;
        }
        Ok(ended)
    })?;
    let end = kernel::monotonic_time()?;
    if !gone {
        return Ok((None, Duration::ZERO));
    }
    let mut asked = Vec::new();
    for hog in &mut hogs {
        let time = hog.next_line()?;
        let time = time
            .parse()
            .map_err(|_| "a hog was ended without a SIGTERM before")?;
        asked.push(Duration::from_nanos(time));
    }
    asked.sort_unstable();
    let (Some(first), Some(last)) = (asked.first(), asked.last()) else {
        return Ok((None, Duration::ZERO));
    };
    Ok((
        Some(end.saturating_sub(*first)),
        last.saturating_sub(*first),
    ))
}

//! Programs that are measured from outside: memory-monitor itself as it is shipped, and its peers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::table::Quantity;
use crate::{Result, Run, kernel};

/// A started program, which is killed when this is dropped.
pub(crate) struct Program(Child);

impl Program {
    /// Starts it silenced, unless the command says otherwise.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = kernel::die_with_parent(command)
            .spawn()
            .map_err(|error| format!("'{}': {error}", command.get_program().to_string_lossy()))?;
        Ok(Self(child))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Whether it has ended, by itself or by a signal.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// How much of its memory is resident: VmRSS.
    pub(crate) fn resident(&self) -> Result<Quantity> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|value| value.trim().strip_suffix(" kB"))
            .ok_or("no VmRSS: it has ended")?;
        Ok(Quantity::Size(kib.parse::<u64>()? * 1024))
    }

    /// The CPU time that it and its children have used, as far as they live.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        let mut time = Duration::ZERO;
        for pid in self.with_children()? {
            time += kernel::cpu_time_of(pid)?;
        }
        Ok(time)
    }

    fn with_children(&self) -> Result<Vec<u32>> {
        let own = self.0.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
        let children = children.split_whitespace().map(str::parse);
        let all: std::result::Result<Vec<u32>, _> =
            std::iter::once(Ok(own)).chain(children).collect();
        Ok(all?)
    }

    /// The memory of it and its children, what they share divided among all that share it: PSS.
    pub(crate) fn share_with_children(&self) -> Result<Quantity> {
        let mut sum = 0;
        for pid in self.with_children()? {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
            let kib = rollup
                .lines()
                .find_map(|line| line.strip_prefix("Pss:"))
                .and_then(|value| value.trim().strip_suffix(" kB"))
                .ok_or("no PSS")?;
            sum += kib.parse::<u64>()? * 1024;
        }
        Ok(Quantity::Size(sum))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails only where it has been waited for already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The daemon as it is built for release, running with a configuration of the benchmark's.
pub(crate) struct Daemon {
    pub(crate) program: Program,
    log: PathBuf,
}

impl Daemon {
    /// The program file; `MEMORY_MONITOR` may name another one, to compare with.
    pub(crate) const FILE: &str = env!("CARGO_BIN_EXE_memory-monitor");

    /// Starts it with these lines in the tables [thresholds] and [settings], and an empty whitelist.
    pub(crate) fn start(run: &Run, name: &str, thresholds: &str, settings: &str) -> Result<Self> {
        Self::start_with(run, name, thresholds, "", settings)
    }

    /// The same with lines in [whitelist].
    pub(crate) fn start_with(
        run: &Run,
        name: &str,
        thresholds: &str,
        whitelist: &str,
        settings: &str,
    ) -> Result<Self> {
        let in_scratch = |suffix: &str| run.scratch.path().join(format!("{name}.{suffix}"));
        let (configuration, log) = (in_scratch("toml"), in_scratch("log"));
        let text = format!(
            "[thresholds]\n{thresholds}\n[whitelist]\nnames = []\nusers = []\n{whitelist}\n[settings]\n\
             enable_syslog = false\nlog_file = '{}'\n{settings}\n",
            log.display()
        );
        fs::write(&configuration, text)?;
        // Of its own: a second daemon with the same one does not start.
        let state = in_scratch("state");
        fs::create_dir_all(&state)?;
        let terminal = fs::File::create(in_scratch("terminal"))?;
        let file = std::env::var_os("MEMORY_MONITOR").unwrap_or(Self::FILE.into());
        let program = Program::start(
            kernel::with_priority(&mut Command::new(file))
                .arg("--config")
                .arg(configuration)
                .env("STATE_DIRECTORY", &state)
                .env("RUNTIME_DIRECTORY", &state)
                .stdin(Stdio::null())
                .stdout(terminal.try_clone()?)
                .stderr(terminal),
        )?;
        Ok(Self { program, log })
    }

    /// How many scans it has logged.
    pub(crate) fn scans(&self) -> usize {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.matches("Scan complete").count()
    }

    /// Whether it has logged that a group is over its threshold.
    pub(crate) fn has_told_of_group(&self) -> bool {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.contains("Group over its threshold")
    }

    /// Waits until it has logged so many scans.
    pub(crate) fn wait_for_scans(&mut self, scans: usize) -> Result<()> {
        let limit = Duration::from_secs(60);
        let scanned = wait_until(limit, || {
            Ok(self.scans() >= scans || self.program.has_ended()?)
        })?;
        if !scanned || self.program.has_ended()? {
            let said = fs::read_to_string(self.log.with_extension("terminal"))?;
            return Err(format!("memory-monitor did not scan: {said}").into());
        }
        Ok(())
    }
}

/// Looks every few milliseconds until it is so; false if it is not within `limit`.
pub(crate) fn wait_until(limit: Duration, mut so: impl FnMut() -> Result<bool>) -> Result<bool> {
    let start = Instant::now();
    while !so()? {
        if start.elapsed() > limit {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(true)
}

/// The size of a program file without its symbols; None without a `strip` that can do it.
pub(crate) fn stripped_size(run: &Run, program: &Path) -> Result<Option<Quantity>> {
    let stripped = run.scratch.path().join("stripped");
    let strip = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(program)
        .output();
    if !strip.is_ok_and(|strip| strip.status.success()) {
        return Ok(None);
    }
    Ok(Some(Quantity::Size(fs::metadata(stripped)?.len())))
}

//! Processes that allocate as fast as they can, one that keeps a core busy, and a storm of forks.
#![allow(unsafe_code, reason = "libc calls of the benchmark")]

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::program::{Program, wait_until};
use crate::{Result, kernel};

/// Arguments that make this program one of them.
pub(crate) const SPRINTER: &str = "--sprint";
pub(crate) const SPINNER: &str = "--spin";
pub(crate) const STORM: &str = "--storm";

/// A storm has so many processes at once, each with so much memory.
const STORM_PROCESSES: usize = 200;
const STORM_SIZE: usize = 10 << 20;

const PAGE: usize = 4096;

/// When the threshold was crossed, in nanoseconds since boot; 0 before.
static CROSSED: AtomicU64 = AtomicU64::new(0);

fn now() -> u64 {
    kernel::monotonic_time().map_or(0, |time| time.as_nanos().try_into().unwrap_or(0))
}

/// Says when the threshold was crossed and when SIGTERM came, and ends. In a signal handler: write and _exit only.
extern "C" fn end(_: libc::c_int) {
    let times = [CROSSED.load(Ordering::Relaxed), now()];
    // SAFETY: both are async-signal-safe; the times are live for the call.
    unsafe {
        libc::write(1, times.as_ptr().cast(), size_of_val(&times));
        libc::_exit(0);
    }
}

/// Touches page after page, up to four times `threshold`, and waits for its SIGTERM.
pub(crate) fn sprint(threshold: usize) -> Result<ExitCode> {
    let size = threshold * 4;
    // By the name of an earlier one it would be taken for what that has forked, and inherit its grace period.
    let name = format!("sprint-{}", std::process::id());
    std::fs::write("/proc/self/comm", name)?;
    // SAFETY: the handler makes async-signal-safe calls only; a new private mapping has no other user.
    let start = unsafe {
        libc::signal(
            libc::SIGTERM,
            end as extern "C" fn(libc::c_int) as libc::sighandler_t,
        );
        map(size)
    };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error().into());
    }
    for at in (0..size).step_by(PAGE) {
        // SAFETY: inside the mapping.
        unsafe { start.cast::<u8>().add(at).write_volatile(1) };
        if at >= threshold && CROSSED.load(Ordering::Relaxed) == 0 {
            CROSSED.store(now(), Ordering::Relaxed);
        }
    }
    std::thread::sleep(Duration::from_secs(20));
    Err("no SIGTERM within 20 s".into())
}

/// What became of a sprinter.
pub(crate) struct Sprint {
    /// From the crossing to SIGTERM.
    pub(crate) to_signal: Duration,
    /// From the crossing to its end, with all of its memory free.
    pub(crate) to_end: Duration,
}

/// A sprinter on its way.
pub(crate) struct Sprinter {
    program: Program,
    pidfd: OwnedFd,
    output: ChildStdout,
}

impl Sprinter {
    pub(crate) fn start(threshold: usize) -> Result<Self> {
        let mut program = Program::start(
            Command::new(std::env::current_exe()?)
                .arg(SPRINTER)
                .arg(threshold.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::piped()),
        )?;
        let pidfd = kernel::pidfd_of(program.child().id())?;
        let output = program.child().stdout.take().ok_or("no pipe")?;
        Ok(Self {
            program,
            pidfd,
            output,
        })
    }

    /// Waits for its end; None where it was not by its handler.
    pub(crate) fn finish(mut self) -> Result<Option<Sprint>> {
        kernel::wait_for_end(&self.pidfd)?;
        let end = now();
        let mut times = [0; 16];
        let is_complete = self.output.read_exact(&mut times).is_ok();
        let [crossed, signalled] = [&times[..8], &times[8..]].map(|time| {
            let time: [u8; 8] = time.try_into().unwrap_or_default();
            u64::from_ne_bytes(time)
        });
        self.program.child().wait()?;
        let since = |time: u64| match crossed {
            // SIGTERM came before.
            0 => Duration::ZERO,
            crossed => Duration::from_nanos(time.saturating_sub(crossed)),
        };
        Ok(is_complete.then(|| Sprint {
            to_signal: since(signalled),
            to_end: since(end),
        }))
    }
}

/// How long a process with so much memory takes from a bare SIGTERM to its end.
pub(crate) fn bare_end(size: usize) -> Result<Duration> {
    let mut sprinter = Sprinter::start(size.div_ceil(4))?;
    let pid = sprinter.program.child().id();
    let has_all = || {
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
        let resident = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
        Ok(resident.is_some_and(|pages: usize| pages * PAGE >= size))
    };
    wait_until(Duration::from_secs(20), has_all)?;
    let before = now();
    kernel::terminate(&sprinter.pidfd)?;
    kernel::wait_for_end(&sprinter.pidfd)?;
    let took = Duration::from_nanos(now() - before);
    sprinter.program.child().wait()?;
    Ok(took)
}

/// Starts a storm: processes that take a little memory and end, as many as can be.
pub(crate) fn start_storm() -> Result<Program> {
    Program::start(Command::new(std::env::current_exe()?).arg(STORM))
}

/// Forks for ever.
pub(crate) fn storm() -> Result<ExitCode> {
    let mut alive = 0;
    loop {
        // SAFETY: this process has one thread, and the child makes system calls and writes to its own mapping only.
        unsafe {
            match libc::fork() {
                -1 => {}
                0 => {
                    let start = map(STORM_SIZE);
                    if start != libc::MAP_FAILED {
                        for at in (0..STORM_SIZE).step_by(PAGE) {
                            start.cast::<u8>().add(at).write_volatile(1);
                        }
                    }
                    libc::usleep(100_000);
                    libc::_exit(0);
                }
                _ => alive += 1,
            }
            while alive > 0 {
                let flags = if alive >= STORM_PROCESSES {
                    0
                } else {
                    libc::WNOHANG
                };
                if libc::waitpid(-1, std::ptr::null_mut(), flags) <= 0 {
                    break;
                }
                alive -= 1;
            }
        }
    }
}

/// A new private mapping, which no other has.
unsafe fn map(size: usize) -> *mut libc::c_void {
    // SAFETY: a new mapping at an address that the kernel chooses.
    unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    }
}

/// Starts a process that computes for ever.
pub(crate) fn start_spinner() -> Result<Program> {
    Program::start(Command::new(std::env::current_exe()?).arg(SPINNER))
}

/// Computes for ever.
pub(crate) fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

//! Processes that allocate as fast as they can, and one that keeps a core busy.
#![allow(unsafe_code)]

use std::io::{self, BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::program::Program;
use crate::{Result, kernel};

/// Arguments that make this program one of them.
pub(crate) const SPRINTER: &str = "--sprint";
pub(crate) const SPINNER: &str = "--spin";

const PAGE: usize = 4096;

/// When the threshold was crossed, in nanoseconds since boot; 0 before.
static CROSSED: AtomicU64 = AtomicU64::new(0);

fn now() -> u64 {
    kernel::monotonic_time().map_or(0, |time| time.as_nanos().try_into().unwrap_or(0))
}

/// Says how long ago the threshold was crossed, and ends. In a signal handler: write and _exit only.
extern "C" fn end(_: libc::c_int) {
    let crossed = CROSSED.load(Ordering::Relaxed);
    let late = if crossed == 0 { 0 } else { now() - crossed };
    let bytes = late.to_ne_bytes();
    // SAFETY: both are async-signal-safe; the bytes are live for the call.
    unsafe {
        libc::write(1, bytes.as_ptr().cast(), bytes.len());
        libc::_exit(0);
    }
}

/// Touches page after page, up to four times `threshold`, and waits for its SIGTERM.
pub(crate) fn sprint(threshold: usize) -> Result<ExitCode> {
    let size = threshold * 4;
    // SAFETY: the handler makes async-signal-safe calls only; a new private mapping has no other user.
    let start = unsafe {
        libc::signal(
            libc::SIGTERM,
            end as extern "C" fn(libc::c_int) as libc::sighandler_t,
        );
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
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

/// Starts a sprinter and waits for its end: from crossing the threshold to its SIGTERM.
pub(crate) fn run_sprinter(threshold: usize) -> Result<Duration> {
    let mut program = Program::start(
        Command::new(std::env::current_exe()?)
            .arg(SPRINTER)
            .arg(threshold.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped()),
    )?;
    let output = program.child().stdout.take().ok_or("no pipe")?;
    let said = BufReader::new(output).fill_buf()?.to_vec();
    let late = said.try_into().map_err(|_| "a sprinter was not ended")?;
    Ok(Duration::from_nanos(u64::from_ne_bytes(late)))
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

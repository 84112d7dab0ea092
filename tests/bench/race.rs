//! The two processes that race on a machine short of memory (`scripts/bench-race`): one takes all there is,
//! the other shows whether the machine still answers.
#![allow(unsafe_code, reason = "libc calls of the benchmark")]

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use crate::{Result, kernel};

/// Arguments that make this program one of them.
pub(crate) const TAKER: &str = "--take-all";
pub(crate) const PROBER: &str = "--probe";

const PIECE: usize = 4 << 20;
const PAGE: usize = 4096;
const NAP: Duration = Duration::from_millis(10);

/// Takes memory as fast as it can until it is killed.
pub(crate) fn take_all() -> Result<ExitCode> {
    loop {
        // SAFETY: a new private mapping has no other user, and each write is inside it.
        unsafe {
            let piece = libc::mmap(
                std::ptr::null_mut(),
                PIECE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if piece == libc::MAP_FAILED {
                return Err(io::Error::last_os_error().into());
            }
            for at in (0..PIECE).step_by(PAGE) {
                piece.cast::<u8>().add(at).write_volatile(1);
            }
        }
    }
}

/// Sleeps 10 ms at a time, and says each time that was longer than all before: by how many milliseconds.
pub(crate) fn probe() -> Result<ExitCode> {
    let mut output = io::stdout();
    let mut latest = Duration::ZERO;
    loop {
        let before = kernel::monotonic_time()?;
        std::thread::sleep(NAP);
        let late = kernel::monotonic_time()?.saturating_sub(before + NAP);
        if late > latest {
            latest = late;
            writeln!(output, "{}", latest.as_millis())?;
        }
    }
}

//! What takes the memory: kinds of loads, and the processes that they are made of.
#![allow(unsafe_code, reason = "libc calls of the benchmark")]

use std::ffi::OsString;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use crate::{Result, kernel};

/// A kind of load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One process that takes memory as fast as it can.
    Hog,
    /// Four of them at once.
    FourHogs,
    /// The program tail, with a line that never ends.
    Tail,
    /// Twelve processes of 9.5% each, one after another: none is over 10%.
    Tabs,
    /// One process that takes 20 MB/s.
    Leak,
    /// 200 processes of 10 MiB, forked as fast as it can be done.
    Storm,
}

/// A process of a load: when it starts, and its arguments after `--load`.
pub(super) struct Start {
    pub(super) after: Duration,
    pub(super) arguments: Vec<String>,
}

/// The name that a process of a load has.
pub(super) const NAME: &str = "taker";

const MIB: u64 = 1 << 20;
/// In bytes a second.
const LEAK: u64 = 20_000_000;
const PAGE: usize = 4096;

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Hog,
        Self::FourHogs,
        Self::Tail,
        Self::Tabs,
        Self::Leak,
        Self::Storm,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hog => "hog",
            Self::FourHogs => "four-hogs",
            Self::Tail => "tail",
            Self::Tabs => "tabs",
            Self::Leak => "leak",
            Self::Storm => "storm",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Its processes on a machine with `total` bytes.
    pub(super) fn starts(self, total: u64) -> Vec<Start> {
        let start = |after: u64, arguments: &[String]| Start {
            after: Duration::from_millis(after),
            arguments: arguments.to_vec(),
        };
        let grow = |size: u64, rate: u64| ["grow".to_owned(), size.to_string(), rate.to_string()];
        match self {
            Self::Hog => vec![start(0, &grow(u64::MAX, 0))],
            Self::FourHogs => (0..4).map(|_| start(0, &grow(u64::MAX, 0))).collect(),
            Self::Tail => vec![start(0, &["tail".to_owned()])],
            Self::Tabs => (0..12)
                .map(|tab| start(tab * 250, &grow(total / 1000 * 95, 0)))
                .collect(),
            Self::Leak => vec![start(0, &grow(u64::MAX, LEAK))],
            Self::Storm => vec![start(
                0,
                &["storm".to_owned(), "200".to_owned(), (10 * MIB).to_string()],
            )],
        }
    }

    /// How long a round takes at most: where no daemon acts, a machine may stand at its limit for ever.
    pub(super) const fn longest(self, total: u64) -> Duration {
        match self {
            Self::Leak => Duration::from_secs(total / LEAK + 15),
            _ => Duration::from_secs(15),
        }
    }

    /// Whether one order is enough to end it. Of the tabs, which come one after another, the last ones each make memory
    /// short anew.
    pub(super) const fn is_one_victim(self) -> bool {
        matches!(self, Self::Hog | Self::Tail | Self::Leak)
    }
}

/// Is a process of a load: `--load grow SIZE RATE`, `tail`, `storm COUNT SIZE`, `hold SIZE` or `read`. Rates are in
/// bytes a second, 0 for as fast as it can.
pub(crate) fn be_a_load(arguments: &[OsString]) -> Result<ExitCode> {
    let arguments: Vec<&str> = arguments
        .iter()
        .filter_map(|it| it.to_str())
        .skip(1)
        .collect();
    match *arguments.as_slice() {
        ["grow", size, rate] => grow(size.parse()?, rate.parse()?),
        ["tail"] => {
            use std::os::unix::process::CommandExt;
            Err(std::process::Command::new("tail")
                .arg("/dev/zero")
                .exec()
                .into())
        }
        ["storm", count, size] => storm(count.parse()?, size.parse()?),
        ["hold", size] => {
            take(size.parse()?)?;
            sleep()
        }
        ["read"] => read(),
        _ => Err("an unknown load".into()),
    }
}

/// Writes to the pipe on its standard output when SIGTERM came, and ends. In a signal handler: write and _exit only.
extern "C" fn end(_: libc::c_int) {
    let now =
        kernel::monotonic_time().map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(0));
    let bytes = now.to_ne_bytes();
    // SAFETY: both are async-signal-safe; the bytes are live for the call, and so few are written at once.
    unsafe {
        libc::write(1, bytes.as_ptr().cast(), bytes.len());
        libc::_exit(143);
    }
}

fn sleep() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Takes `size` bytes of memory and touches every page.
fn take(size: usize) -> Result<()> {
    // SAFETY: a new private mapping has no other user, and each write is inside it.
    unsafe {
        let start = libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error().into());
        }
        for at in (0..size).step_by(PAGE) {
            start.cast::<u8>().add(at).write_volatile(1);
        }
    }
    Ok(())
}

fn handle_sigterm() {
    // SAFETY: the handler makes async-signal-safe calls only.
    unsafe {
        libc::signal(
            libc::SIGTERM,
            end as extern "C" fn(libc::c_int) as libc::sighandler_t,
        )
    };
}

fn grow(size: u64, rate: u64) -> Result<ExitCode> {
    handle_sigterm();
    let piece = MIB;
    let mut taken = 0;
    while taken < size {
        take(usize::try_from(piece)?)?;
        taken += piece;
        if let Some(pause) = (piece * 1_000_000).checked_div(rate) {
            std::thread::sleep(Duration::from_micros(pause));
        }
    }
    sleep()
}

fn storm(count: u32, size: usize) -> Result<ExitCode> {
    handle_sigterm();
    for _ in 0..count {
        // SAFETY: this program has one thread.
        match unsafe { libc::fork() } {
            -1 => break,
            0 => {
                take(size)?;
                sleep()
            }
            _ => {}
        }
    }
    sleep()
}

/// Reads its standard input, a file, again and again, through the page cache.
fn read() -> Result<ExitCode> {
    let mut file = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut buffer = vec![0; 1 << 20];
    loop {
        file.rewind()?;
        while file.read(&mut buffer)? > 0 {}
    }
}

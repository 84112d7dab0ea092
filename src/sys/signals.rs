//! The signals the daemon answers to, read from a descriptor that its poll(2) waits on.

use super::check_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What a signal asks of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// SIGTERM or SIGINT, by its name.
    Stop(&'static str),
    /// SIGHUP: reload the configuration.
    Reload,
    /// SIGUSR1: reopen the log file.
    ReopenLog,
}

/// Makes Ctrl-Z and Ctrl-\ do nothing, where they would leave a terminal in disorder.
pub fn ignore_keys() {
    for signal in [libc::SIGTSTP, libc::SIGQUIT] {
        // SAFETY: no handler is installed, only SIG_IGN.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Makes this process ignore SIGTERM.
pub fn ignore_terminate() {
    // SAFETY: no handler is installed, only SIG_IGN.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_IGN) };
}

/// A signalfd(2) for the four signals, which no longer interrupt anything.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks the signals for this thread and opens the descriptor that reports them.
    ///
    /// # Errors
    /// Where there is no descriptor left.
    pub fn block() -> io::Result<Self> {
        // SAFETY: an all-zero sigset_t is valid memory for sigemptyset to fill.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set lives for these calls; the numbers are valid signals.
        let fd = unsafe {
            check_int(libc::sigemptyset(&raw mut set))?;
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1] {
                check_int(libc::sigaddset(&raw mut set, signal))?;
            }
            // A log file at the limit of LimitFSIZE= is to be an error that is reported, not the end.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            check_int(libc::sigprocmask(
                libc::SIG_BLOCK,
                &raw const set,
                std::ptr::null_mut(),
            ))?;
            check_int(libc::signalfd(
                -1,
                &raw const set,
                libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
            ))?
        };
        // SAFETY: signalfd just returned this descriptor, nothing else owns it.
        Ok(Self {
            fd: unsafe { OwnedFd::from_raw_fd(fd) },
        })
    }

    /// The next pending request; None when there is none.
    pub fn next(&self) -> Option<Request> {
        loop {
            // SAFETY: signalfd_siginfo is a C struct of integers, for which all zeros are valid.
            let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
            // SAFETY: the struct is writable for its size.
            let length = unsafe {
                libc::read(
                    self.fd.as_raw_fd(),
                    (&raw mut info).cast(),
                    size_of_val(&info),
                )
            };
            if usize::try_from(length) != Ok(size_of_val(&info)) {
                return None;
            }
            match libc::c_int::try_from(info.ssi_signo).unwrap_or_default() {
                libc::SIGTERM => return Some(Request::Stop("SIGTERM")),
                libc::SIGINT => return Some(Request::Stop("SIGINT")),
                libc::SIGHUP => return Some(Request::Reload),
                libc::SIGUSR1 => return Some(Request::ReopenLog),
                _ => {}
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

//! Pseudoterminals.

use super::check;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

/// Both ends of a new terminal with so many columns and lines: what sees its screen, and what programs use.
/// Ctrl-C takes away nothing of what was written: the kernel sends the signal first, and would take away what
/// the program has answered since.
pub(crate) fn open_terminal((columns, lines): (u16, u16)) -> (OwnedFd, OwnedFd) {
    let size = libc::winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let (mut ours, mut theirs) = (-1, -1);
    // SAFETY: writes two descriptors, takes no name and no settings, and reads the size.
    let result = unsafe {
        libc::openpty(
            &raw mut ours,
            &raw mut theirs,
            ptr::null_mut(),
            ptr::null(),
            &raw const size,
        )
    };
    check(result.into()).unwrap_or_else(|error| panic!("openpty: {error}"));
    for fd in [ours, theirs] {
        // SAFETY: sets a flag of a descriptor that is open: nothing but stdio is handed on to children.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    let mut wanted = settings(theirs);
    wanted.c_lflag |= libc::NOFLSH;
    // SAFETY: reads one termios that lives for the length of the call.
    let result = unsafe { libc::tcsetattr(theirs, libc::TCSANOW, &raw const wanted) };
    check(result.into()).unwrap_or_else(|error| panic!("tcsetattr: {error}"));
    // SAFETY: openpty just returned both, and nothing else owns them.
    unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

/// Lets `command` have the terminal that is its standard input as its own, for Ctrl-C and for job control.
pub(crate) fn with_terminal(command: &mut Command) {
    // SAFETY: between fork and exec only two system calls are made, on integers.
    unsafe {
        command.pre_exec(|| {
            check(libc::setsid().into())?;
            check(libc::ioctl(0, libc::TIOCSCTTY, 0).into()).map(drop)
        });
    }
}

/// Whether the terminal shows what is typed and hands it on line by line, as a shell leaves it.
pub(crate) fn echoes_lines(terminal: &File) -> bool {
    let wanted = libc::ICANON | libc::ECHO;
    settings(terminal.as_raw_fd()).c_lflag & wanted == wanted
}

/// Stops the output of a terminal at its device end, as Ctrl-S does, or lets it go on.
pub(crate) fn hold_output(device: &OwnedFd, is_held: bool) {
    let action = if is_held { libc::TCOOFF } else { libc::TCOON };
    // SAFETY: takes two integers.
    let result = unsafe { libc::tcflow(device.as_raw_fd(), action) };
    check(result.into()).unwrap_or_else(|error| panic!("tcflow: {error}"));
}

/// Whether there is something to read.
pub(crate) fn is_readable(screen: &File) -> bool {
    let mut waiting = libc::pollfd {
        fd: screen.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd that lives for the length of the call.
    let result = unsafe { libc::poll(&raw mut waiting, 1, 0) };
    check(result.into()).unwrap_or_else(|error| panic!("poll: {error}"));
    waiting.revents & libc::POLLIN != 0
}

fn settings(terminal: RawFd) -> libc::termios {
    // SAFETY: a C struct for which all zeros are valid.
    let mut settings: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: writes one termios that lives for the length of the call.
    let result = unsafe { libc::tcgetattr(terminal, &raw mut settings) };
    check(result.into()).unwrap_or_else(|error| panic!("tcgetattr: {error}"));
    settings
}

//! The terminal that a command is typed at.

use super::check_int;
use std::io::{self, Stdin};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Keys of the terminal at the standard input, one by one and not shown, until this is dropped: then the
/// terminal is as it was, and what was typed meanwhile is gone.
#[derive(Debug)]
pub(crate) struct Keys {
    stdin: Stdin,
    before: libc::termios,
}

impl Keys {
    /// None where the standard input is no terminal.
    pub(crate) fn read() -> Option<Self> {
        let stdin = io::stdin();
        let mut before = MaybeUninit::uninit();
        // SAFETY: the struct is what tcgetattr fills, and lives for the call.
        check_int(unsafe { libc::tcgetattr(stdin.as_raw_fd(), before.as_mut_ptr()) }).ok()?;
        // SAFETY: tcgetattr has filled it, as it did not fail.
        let before: libc::termios = unsafe { before.assume_init() };
        let mut single = before;
        single.c_lflag &= !(libc::ICANON | libc::ECHO);
        // A read does not wait: there may be no key.
        for index in [libc::VMIN, libc::VTIME] {
            if let Some(value) = single.c_cc.get_mut(index) {
                *value = 0;
            }
        }
        let keys = Self { stdin, before };
        keys.set(libc::TCSANOW, &single);
        Some(keys)
    }

    /// The next key that was typed, its first byte.
    pub(crate) fn next(&self) -> Option<u8> {
        let mut key = 0_u8;
        // SAFETY: one byte is asked for, and the buffer has one.
        let read = unsafe { libc::read(self.stdin.as_raw_fd(), (&raw mut key).cast(), 1) };
        (read == 1).then_some(key)
    }

    fn set(&self, when: libc::c_int, to: &libc::termios) {
        // A terminal that has gone meanwhile needs nothing.
        // SAFETY: the struct lives for the call.
        unsafe { libc::tcsetattr(self.stdin.as_raw_fd(), when, to) };
    }
}

impl AsFd for Keys {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stdin.as_fd()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.set(libc::TCSAFLUSH, &self.before);
    }
}

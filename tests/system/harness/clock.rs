//! Wall clocks of the test's choice, by Debian's package `faketime`; the monotonic clock stays the machine's.

use std::process::Command;

/// The library that a program with such a clock needs.
pub(crate) const FAKETIME: &str = if cfg!(target_arch = "aarch64") {
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"
} else {
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"
};

/// Lets the clock of `command` begin at so many seconds since 1970, and go on from there.
pub(crate) fn begin_at(command: &mut Command, seconds: u64) {
    command
        .env("LD_PRELOAD", FAKETIME)
        .env("FAKETIME", format!("@{seconds}"))
        .env("FAKETIME_FMT", "%s")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}

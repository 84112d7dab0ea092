//! This program as a child process of the test.

use std::env;
use std::io;
use std::process::Command;

/// What a child process of the test is to be; not set for the test itself.
pub(super) const ROLE: &str = "MEMORY_MONITOR_SELFTEST";

/// The configuration of the second memory-monitor.
pub(super) const CONFIG: &str = "MEMORY_MONITOR_SELFTEST_CONFIG";

/// This program in a role, without the service manager's sockets.
///
/// # Errors
/// When the path of this program can't be read.
pub(super) fn in_role(role: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command
        .arg("selftest")
        .env(ROLE, role)
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC");
    Ok(command)
}

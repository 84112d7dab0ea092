//! The program that may kill anything contains no code for mail, D-Bus or people's terminals: none of the names that
//! such code leaves in an executable (symbols, paths in messages, constants), all of which the notifier contains.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

use std::fs;

/// What stands in the executable of a program that has the code.
const NAMES: &[&str] = &[
    // Mail.
    "lettre",
    "EHLO",
    "Auto-Submitted",
    // D-Bus.
    "busctl",
    "SystemNotifications",
    "org.freedesktop.DBus",
    // Terminals.
    "/run/utmp",
    "/run/systemd/sessions",
    // The notifier's own modules.
    "src/notify/",
    "memory_monitor_notify",
];

/// The bytes of an executable, with a mark for what is not text.
fn text_of(program: &str) -> String {
    String::from_utf8_lossy(&fs::read(program).unwrap()).into_owned()
}

#[test]
fn only_the_notifier_contains_code_for_mail_dbus_and_terminals() {
    let daemon = text_of(env!("CARGO_BIN_EXE_memory-monitor"));
    let notifier = text_of(env!("CARGO_BIN_EXE_memory-monitor-notify"));
    // It has symbols.
    assert!(daemon.contains("memory_monitor"));
    for name in NAMES {
        assert!(notifier.contains(name), "{name} does not mark the notifier");
        assert!(!daemon.contains(name), "memory-monitor contains {name}");
    }
}

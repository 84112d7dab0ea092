//! The program that may kill anything contains no code for mail, D-Bus or people's terminals: none of the names that such
//! code leaves in an executable (symbols, paths in messages, constants), all of which the notifier contains.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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

fn contains(program: &[u8], name: &str) -> bool {
    program
        .windows(name.len())
        .any(|window| window == name.as_bytes())
}

#[test]
fn only_the_notifier_contains_code_for_mail_dbus_and_terminals() {
    let daemon = fs::read(env!("CARGO_BIN_EXE_memory-monitor")).unwrap();
    let notifier = fs::read(env!("CARGO_BIN_EXE_memory-monitor-notify")).unwrap();
    // The daemon was built with the symbols that are looked for.
    assert!(contains(&daemon, "memory_monitor"));
    for name in NAMES {
        assert!(
            contains(&notifier, name),
            "{name} does not mark the notifier"
        );
        assert!(!contains(&daemon, name), "memory-monitor contains {name}");
    }
}

//! The signal for desktops, on a real bus.

use super::notifier::{Notifier, directory_for, ended};
use super::{Ends, NOBODY, start, wait_for};
use std::fs;
use std::io::{BufReader, Read};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

/// A number without a name.
const NAMELESS: u32 = 61_234;
pub(super) const SYSTEM_BUS: &str = "/usr/share/dbus-1/system.conf";

/// A bus with this configuration, and its address.
pub(super) fn bus(directory: &Path, configuration: &Path) -> (Ends, String) {
    let address = format!("unix:path={}/bus", directory.display());
    let mut command = Command::new("dbus-daemon");
    command
        .arg(format!("--config-file={}", configuration.display()))
        .arg(format!("--address={address}"))
        .args(["--nofork", "--nopidfile", "--print-address=1"]);
    let (bus, _) = start(&mut command, "unix:path=");
    (bus, address)
}

/// What receives the signals on this bus.
pub(super) fn monitor(address: &str) -> (Ends, BufReader<impl Read + use<>>) {
    let mut monitor = Command::new("dbus-monitor");
    monitor
        .args(["--address", address])
        .arg("interface='net.nuetzlich.SystemNotifications'");
    // It has become a monitor when it has lost its name.
    start(&mut monitor, "member=NameLost")
}

/// A notifier of this user for this bus.
fn notifier(user: u32, address: &str) -> Notifier {
    Notifier::start_as(
        user,
        "[notify]\ndesktop = true\n",
        &[("DBUS_SYSTEM_BUS_ADDRESS", address)],
    )
}

/// Why its test of the desktops fails, which it logs once.
fn failure(user: u32, address: &str) -> String {
    let notifier = notifier(user, address);
    let (passed, steps) = notifier.selftest();
    assert!(!passed);
    assert_eq!(steps[1]["name"], "desktops");
    let (_, again) = notifier.selftest();
    assert_eq!(again[1]["detail"], steps[1]["detail"]);
    let log = notifier.stop();
    let warnings = log.matches("WARNING - Desktop signal failed").count();
    assert_eq!(warnings, 1, "{log}");
    steps[1]["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_user_without_privileges_reaches_desktops() {
    let directory = directory_for(NOBODY);
    let (_bus, address) = bus(directory.path(), Path::new(SYSTEM_BUS));
    let (_monitor, mut lines) = monitor(&address);
    let notifier = notifier(NOBODY, &address);
    notifier.tell(&ended("größe\n"));
    let signal = wait_for(&mut lines, "SystemNotifications");
    assert!(
        signal.contains("path=/; interface=net.nuetzlich.SystemNotifications; member=Notify"),
        "{signal}"
    );
    wait_for(&mut lines, "string \"memory-monitor\"");
    let shown = wait_for(&mut lines, "string ");
    let text = "\"größe\\x0a\" was killed: 3.50 GB, threshold 2.00 GB";
    assert_eq!(shown.trim(), format!("string \"{text}\""));
    notifier.stop();
}

#[test]
fn a_bus_that_rejects_the_user_is_reported() {
    let directory = directory_for(NOBODY);
    let configuration = directory.path().join("bus.conf");
    // Without a policy only the user who runs the bus may connect.
    let text = "<busconfig><type>system</type><listen>unix:tmpdir=/tmp</listen></busconfig>";
    fs::write(&configuration, text).unwrap();
    let (_bus, address) = bus(directory.path(), &configuration);
    let error = failure(NOBODY, &address);
    assert!(error.contains("busctl failed (exit status: 1)"), "{error}");
}

#[test]
fn a_user_without_a_name_is_reported_with_the_fix() {
    let directory = directory_for(NOBODY);
    let (_bus, address) = bus(directory.path(), Path::new(SYSTEM_BUS));
    // As a dynamic user where nss-systemd is missing.
    let error = failure(NAMELESS, &address);
    assert!(error.contains("the bus closes the connection"), "{error}");
    assert!(error.contains("install libnss-systemd"), "{error}");
}

#[test]
fn a_missing_bus_is_reported() {
    let error = failure(NOBODY, "unix:path=/nowhere");
    assert!(error.contains("No such file"), "{error}");
}

#[test]
fn a_bus_that_does_not_answer_is_given_up() {
    let directory = directory_for(NOBODY);
    let path = directory.path().join("run/bus");
    let _silent = UnixListener::bind(&path).unwrap();
    std::os::unix::fs::chown(&path, Some(NOBODY), None).unwrap();
    let error = failure(NOBODY, &format!("unix:path={}", path.display()));
    assert!(error.contains("busctl was killed after 5 s"), "{error}");
}

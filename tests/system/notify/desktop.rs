//! The signal for desktops, on a real bus.

use super::notifier::{Notifier, Place, ended};
use super::{NOBODY, start};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::lines::Lines;
use crate::harness::machine::Daemon;
use crate::harness::trusted;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

const DBUS_DAEMON: &str = "/usr/bin/dbus-daemon";
const DBUS_MONITOR: &str = "/usr/bin/dbus-monitor";
/// What a bus and its listeners need.
pub(super) const BUS: Needs = Needs::File(DBUS_DAEMON);
pub(super) const MONITOR: Needs = Needs::File(DBUS_MONITOR);
pub(super) const BUSCTL: Needs = Needs::File("/usr/bin/busctl");

pub(crate) const CASES: &[Case] = cases![
    a_user_without_privileges_reaches_desktops: [Needs::Users, BUS, MONITOR, BUSCTL],
    a_bus_that_rejects_the_user_is_reported: [Needs::Users, BUS, BUSCTL],
    a_user_without_a_name_is_reported_with_the_fix: [Needs::Users, BUS, BUSCTL],
    a_missing_bus_is_reported: [Needs::Users, BUSCTL],
    a_bus_that_does_not_answer_is_given_up: [Needs::Users, BUSCTL],
];

/// A UID without a name.
const NAMELESS: u32 = 61_234;
const SYSTEM_BUS: &str = "/usr/share/dbus-1/system.conf";

/// A bus while it runs.
pub(super) struct Bus {
    pub(super) address: String,
    _process: Daemon,
}

/// As the system's.
pub(super) fn system_bus() -> Bus {
    bus(Path::new(SYSTEM_BUS))
}

fn bus(configuration: &Path) -> Bus {
    let directory = trusted::directory();
    let address = format!("unix:path={}/bus", directory.display());
    let mut command = Command::new(DBUS_DAEMON);
    command
        .arg(format!("--config-file={}", configuration.display()))
        .arg(format!("--address={address}"))
        .args(["--nofork", "--nopidfile", "--print-address=1"]);
    let (process, _) = start(command, &directory.join("output"), "unix:path=");
    Bus {
        address,
        _process: process,
    }
}

impl Bus {
    /// What receives the signals for desktops.
    pub(super) fn monitor(&self) -> (Daemon, Lines) {
        let mut monitor = Command::new(DBUS_MONITOR);
        monitor
            .args(["--address", &self.address])
            .arg("interface='net.nuetzlich.SystemNotifications'");
        let output = trusted::directory().join("output");
        // It has become a monitor when it has lost its name.
        start(monitor, &output, "member=NameLost")
    }
}

/// What names the bus for a notifier.
pub(super) const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS";

/// A notifier of this user for this bus.
fn notifier(user: u32, address: &str) -> Notifier {
    let place = Place::new(user, "[notify]\ndesktop = true\n");
    place.start_as_user(&[(ADDRESS, address)])
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

fn a_user_without_privileges_reaches_desktops() {
    let bus = system_bus();
    let (_monitor, mut lines) = bus.monitor();
    let notifier = notifier(NOBODY, &bus.address);
    notifier.tell(&ended("größe\n"));
    let signal = lines.wait_for("SystemNotifications");
    assert!(
        signal.contains("path=/; interface=net.nuetzlich.SystemNotifications; member=Notify"),
        "{signal}"
    );
    lines.wait_for("string \"memory-monitor\"");
    let shown = lines.wait_for("string ");
    let text = "\"größe\\x0a\" was killed: 3.50 GB, threshold 2.00 GB";
    assert_eq!(shown.trim(), format!("string \"{text}\""));
    notifier.stop();
}

fn a_bus_that_rejects_the_user_is_reported() {
    let configuration = trusted::directory().join("bus.conf");
    // Without a policy only the user who runs the bus may connect.
    let text = "<busconfig><type>system</type><listen>unix:tmpdir=/tmp</listen></busconfig>";
    fs::write(&configuration, text).unwrap();
    let error = failure(NOBODY, &bus(&configuration).address);
    assert!(error.contains("busctl failed (exit status: 1)"), "{error}");
}

fn a_user_without_a_name_is_reported_with_the_fix() {
    // As a dynamic user where nss-systemd is missing.
    let error = failure(NAMELESS, &system_bus().address);
    assert!(error.contains("the bus closes the connection"), "{error}");
    assert!(error.contains("install libnss-systemd"), "{error}");
}

fn a_missing_bus_is_reported() {
    let error = failure(NOBODY, "unix:path=/nowhere");
    assert!(error.contains("No such file"), "{error}");
}

fn a_bus_that_does_not_answer_is_given_up() {
    let path = trusted::directory().join("bus");
    let _silent = UnixListener::bind(&path).unwrap();
    chown(&path, Some(NOBODY), None).unwrap();
    let error = failure(NOBODY, &format!("unix:path={}", path.display()));
    assert!(error.contains("busctl was killed after 5 s"), "{error}");
}

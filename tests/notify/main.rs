//! The notifier's ways to people, with a real bus and real terminals.
//!
//! What sends is this executable again, as somebody without privileges, as one of the tests that are
//! ignored otherwise. Needs root, dbus-daemon and dbus-monitor, aiosmtpd, python3 and
//! util-linux.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod mail;
mod notifier;

use memory_monitor::notify::{desktop, tty};
use memory_monitor::quantities::Uid;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// Who may do nothing.
const NOBODY: u32 = 65534;
/// A number without a name.
const NAMELESS: u32 = 61_234;

/// Sends what the environment says.
#[test]
#[ignore = "a part of the other tests"]
fn role_desktop() {
    match desktop::send(&env::var("TEXT").unwrap()) {
        Ok(()) => println!("handed over"),
        Err(error) => println!("error: {error}"),
    }
}

/// Tells the user that the environment names.
#[test]
#[ignore = "a part of the other tests"]
fn role_tty() {
    let owner = env::var("OWNER").unwrap().parse().unwrap();
    let told = tty::tell(Uid::new(owner), &env::var("TEXT").unwrap()).unwrap();
    let (shown, unwanted, failed) = (told.shown, told.unwanted, told.failed);
    println!("shown={shown} unwanted={unwanted} failed={failed}");
}

/// A directory that everybody may enter, with this executable in it.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // By another process: what this one has open for writing, a child of another test would have as well,
    // and the kernel would not run it.
    let copied = Command::new("cp")
        .args([env::current_exe().unwrap(), directory.path().join("role")])
        .status();
    assert!(copied.unwrap().success());
    directory
}

/// A process of the test that ends with it.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program and waits for a line with `mark` in it; the lines after it are in the reader.
fn start(command: &mut Command, mark: &str) -> (Ends, BufReader<impl Read + use<>>) {
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = Ends(child.unwrap_or_else(|error| panic!("{command:?}: {error}")));
    let mut lines = BufReader::new(child.0.stdout.take().unwrap());
    wait_for(&mut lines, mark);
    (child, lines)
}

fn wait_for(lines: &mut impl BufRead, mark: &str) -> String {
    let mut line = String::new();
    while !line.contains(mark) {
        line.clear();
        let length = lines.read_line(&mut line).unwrap();
        assert!(length > 0, "it ended before it said {mark:?}");
    }
    line
}

/// A bus with this configuration.
fn bus(directory: &Path, configuration: &Path) -> (Ends, String) {
    let address = format!("unix:path={}/bus", directory.display());
    let mut command = Command::new("dbus-daemon");
    command
        .arg(format!("--config-file={}", configuration.display()))
        .arg(format!("--address={address}"))
        .args(["--nofork", "--nopidfile", "--print-address=1"]);
    let (bus, _) = start(&mut command, "unix:path=");
    (bus, address)
}

fn send(directory: &Path, address: &str, text: &str) -> String {
    send_as(NOBODY, directory, address, text)
}

fn send_as(user: u32, directory: &Path, address: &str, text: &str) -> String {
    let sender = Command::new(directory.join("role"))
        .args(["--ignored", "--exact", "role_desktop", "--nocapture"])
        .env("DBUS_SYSTEM_BUS_ADDRESS", address)
        .env("TEXT", text)
        .current_dir("/")
        .uid(user)
        .gid(NOBODY)
        .output()
        .unwrap();
    said(&sender)
}

fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{output:?}");
    said
}

#[test]
fn a_sender_without_privileges_reaches_the_desktops() {
    let directory = directory();
    let configuration = Path::new("/usr/share/dbus-1/system.conf");
    let (_bus, address) = bus(directory.path(), configuration);
    let mut monitor = Command::new("dbus-monitor");
    monitor
        .args(["--address", &address])
        .arg("interface='net.nuetzlich.SystemNotifications'");
    // It has become a monitor when it has lost its name.
    let (_monitor, mut lines) = start(&mut monitor, "member=NameLost");
    let text = "\"größe\\x0a\" was ended: 3.50 GB, allowed 2.00 GB (and 3 more)";
    let answer = send(directory.path(), &address, text);
    assert!(answer.contains("handed over"), "{answer}");
    let signal = wait_for(&mut lines, "SystemNotifications");
    assert!(
        signal.contains("path=/; interface=net.nuetzlich.SystemNotifications; member=Notify"),
        "{signal}"
    );
    wait_for(&mut lines, "string \"memory-monitor\"");
    let shown = wait_for(&mut lines, "string ");
    assert_eq!(shown.trim(), format!("string \"{text}\""));
}

#[test]
fn a_bus_that_lets_nobody_in_is_told_of() {
    let directory = directory();
    let configuration = directory.path().join("bus.conf");
    // Without a policy only who runs the bus may connect.
    let text = "<busconfig><type>system</type><listen>unix:tmpdir=/tmp</listen></busconfig>";
    fs::write(&configuration, text).unwrap();
    let (_bus, address) = bus(directory.path(), &configuration);
    let answer = send(directory.path(), &address, "text");
    assert!(answer.contains("error: "), "{answer}");
}

#[test]
fn a_bus_that_hangs_up_is_told_of_with_the_mend() {
    let directory = directory();
    let (_bus, address) = bus(directory.path(), Path::new("/usr/share/dbus-1/system.conf"));
    // Nobody has that number, as a dynamic user where nss-systemd is missing.
    let answer = send_as(NAMELESS, directory.path(), &address, "text");
    assert!(answer.contains("error: the bus hangs up"), "{answer}");
    assert!(answer.contains("libnss-systemd"), "{answer}");
}

#[test]
fn a_missing_bus_is_told_of() {
    let directory = directory();
    let answer = send(directory.path(), "unix:path=/nowhere", "text");
    assert!(answer.contains("error: /nowhere: No such file"), "{answer}");
}

#[test]
fn only_the_owner_is_told_on_terminals_that_take_messages() {
    let directory = directory();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notify/terminals");
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "python3"])
        .args([&script, &directory.path().join("role")])
        .output()
        .unwrap();
    assert!(said(&output).ends_with("all well\n"), "{output:?}");
}

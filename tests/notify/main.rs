//! The notifier with a real bus, real terminals, real programs and a real mail server. Needs root, busctl, dbus-daemon and
//! dbus-monitor, aiosmtpd, python3, faketime and util-linux.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod desktop;
mod mail;
mod notifier;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The user nobody.
const NOBODY: u32 = 65534;

/// A process that is killed with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have exited.
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
        assert!(length > 0, "no line has {mark:?}");
    }
    line
}

#[test]
fn messages_go_to_terminals_of_the_owner_that_take_messages() {
    let directory = notifier::directory_for(NOBODY);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notify/terminals");
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "python3"])
        .args([&script, directory.path()])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"passed\n", "{output:?}");
}

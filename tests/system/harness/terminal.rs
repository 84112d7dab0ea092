//! A terminal of the test's own, for what the program shows there.

use crate::harness::machine::program;
use crate::harness::os;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// A key that is pressed when so many frames were drawn.
#[derive(Clone, Copy)]
pub(crate) struct Press {
    pub(crate) frames: usize,
    pub(crate) key: u8,
}

/// What begins each frame's last escape sequence: "erase the rest of the screen".
const FRAME: &str = "\x1b[J";

/// Runs the program on a terminal of this size, with colours; returns what it showed.
pub(crate) fn on_terminal(size: (u16, u16), press: Option<Press>, words: &[&str]) -> String {
    let mut command = program(words);
    command.env_remove("NO_COLOR").env("TERM", "xterm");
    shown_by(command, size, press)
}

/// Runs `command` on a terminal of this size; returns what it showed when it has ended well and left the
/// terminal as it was.
pub(crate) fn shown_by(mut command: Command, size: (u16, u16), press: Option<Press>) -> String {
    let (ours, theirs) = os::open_terminal(size);
    for stream in [Command::stdin, Command::stdout, Command::stderr] {
        stream(
            &mut command,
            Stdio::from(theirs.try_clone().expect("a copy")),
        );
    }
    os::with_terminal(&mut command);
    let mut child = command.spawn().expect("the program starts");
    // The program's end is the terminal's: no other process may have it open.
    drop((command, theirs));
    let (mut screen, mut shown, mut press) = (File::from(ours), Vec::new(), press);
    let mut buffer = [0; 4096];
    // At the end the kernel answers EIO.
    while let Ok(length @ 1..) = screen.read(&mut buffer) {
        shown.extend(&buffer[..length]);
        let frames = String::from_utf8_lossy(&shown).matches(FRAME).count();
        if let Some(Press { key, .. }) = press.take_if(|press| frames >= press.frames) {
            screen.write_all(&[key]).expect("a terminal of ours");
        }
    }
    let shown = String::from_utf8(shown).expect("UTF-8");
    let status = child.wait().expect("a child of ours");
    assert!(status.success(), "{status}: {shown:?}");
    assert!(os::echoes_lines(&screen), "the terminal is left as it was");
    shown
}

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

/// Runs the program on a terminal of this size, without colours and with characters beyond ASCII; types each of `keys`
/// when one more frame was drawn. Returns the frames.
pub(crate) fn frames_of(size: (u16, u16), keys: &[&str], words: &[&str]) -> Vec<String> {
    let mut command = program(words);
    command
        .env("NO_COLOR", "1")
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8");
    let keys = keys.iter().enumerate();
    let presses = keys.map(|(index, key)| (index + 2, key.as_bytes().to_vec()));
    let shown = typed_at(command, size, presses.collect());
    let text = |frame: &str| {
        let frame = frame.split(FRAME).next().unwrap_or_default();
        frame.replace("\x1b[K", "").replace('\r', "")
    };
    shown.split("\x1b[H").skip(1).map(text).collect()
}

/// Runs `command` on a terminal of this size; returns what it showed when it has ended well and left the
/// terminal as it was.
pub(crate) fn shown_by(command: Command, size: (u16, u16), press: Option<Press>) -> String {
    let presses = press.iter().map(|press| (press.frames, vec![press.key]));
    typed_at(command, size, presses.collect())
}

/// The same with several keys, each when so many frames were drawn.
fn typed_at(mut command: Command, size: (u16, u16), presses: Vec<(usize, Vec<u8>)>) -> String {
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
    let (mut screen, mut shown) = (File::from(ours), Vec::new());
    let mut presses = presses.into_iter().peekable();
    let mut buffer = [0; 4096];
    // At the end the kernel answers EIO.
    while let Ok(length @ 1..) = screen.read(&mut buffer) {
        shown.extend(&buffer[..length]);
        let frames = String::from_utf8_lossy(&shown).matches(FRAME).count();
        if let Some((_, key)) = presses.next_if(|(after, _)| frames >= *after) {
            screen.write_all(&key).expect("a terminal of ours");
        }
    }
    let shown = String::from_utf8(shown).expect("UTF-8");
    let status = child.wait().expect("a child of ours");
    assert!(status.success(), "{status}: {shown:?}");
    assert!(os::echoes_lines(&screen), "the terminal is left as it was");
    shown
}

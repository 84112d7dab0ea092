//! `memory-monitor scan`.

use super::{ConfigFile, PROGRAM, Sleeper, run};
use std::process::Command;

#[test]
fn shows_what_it_is_asked_for() {
    let (one, other) = (Sleeper::named("sleeper-d1"), Sleeper::named("sleeper-d2"));
    let said = run(&["scan", "--name", "sleeper-d?"]);
    let rows: Vec<_> = said
        .out
        .lines()
        .filter(|line| line.contains("sleeper-d"))
        .collect();
    assert_eq!(rows.len(), 2, "{said:?}");
    for sleeper in [&one, &other] {
        assert!(rows.iter().any(|row| row.contains(&sleeper.pid())));
    }
    let said = run(&["scan", "--name", "sleeper-d?", "--top", "1", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["processes"].as_array().unwrap().len(), 1);
    let said = run(&["scan", "--name", "sleeper-d?", "--user", "4294967294"]);
    assert!(!said.out.contains("sleeper-d"), "{said:?}");
    let said = run(&["scan", "--user", "no-such-user"]);
    assert_eq!(said.status, Some(64));
    assert_eq!(
        said.err,
        "memory-monitor: error: \"--user\" must be a user of this machine, found \"no-such-user\"\n"
    );
}

#[test]
fn the_nearest_to_its_threshold_comes_first() {
    let _sleepers = [Sleeper::named("sleeper-e1"), Sleeper::named("sleeper-e2")];
    let said = run(&["scan", "--all", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let processes = json["processes"].as_array().unwrap();
    let shares: Vec<_> = processes
        .iter()
        .map(|row| row["threshold_percent"].as_f64().unwrap())
        .collect();
    assert!(
        shares.len() > 1 && shares.is_sorted_by(|a, b| a >= b),
        "{shares:?}"
    );
    // Over a threshold of nearly nothing everything is at least full.
    let config = ConfigFile::new("[thresholds]\nram_gb_threshold = 0.0001\n");
    let said = run(&["scan", "--name", "sleeper-e1", "-c", &config.shown()]);
    assert!(said.out.contains("##########"), "{said:?}");
    assert!(
        said.out
            .contains("over       sleeper-e1  (over ram_gb_threshold"),
        "{said:?}"
    );
}

/// Runs the program on a terminal of this size, and presses a key after it has drawn so many frames;
/// 0 for never.
fn on_terminal(columns: u16, lines: u16, (frames, key): (u16, u8), arguments: &[&str]) -> String {
    let script = "
import fcntl, os, pty, struct, sys, termios
columns, lines, frames, key = map(int, sys.argv[1:5])
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
    os.execv(sys.argv[5], sys.argv[5:])
out = b''
while True:
    try: piece = os.read(fd, 65536)
    except OSError: break
    if not piece: break
    out += piece
    if frames and out.count(b'\\x1b[J') >= frames:
        os.write(fd, bytes([key])); frames = 0
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
assert status == 0, (status, out)
wanted = termios.ICANON | termios.ECHO
assert termios.tcgetattr(fd)[3] & wanted == wanted
sys.stdout.buffer.write(out)
";
    let numbers = [columns, lines, frames, key.into()].map(|number| number.to_string());
    let output = Command::new("python3")
        .args(["-c", script])
        .args(numbers)
        .arg(PROGRAM)
        .args(arguments)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const NEVER: (u16, u8) = (0, 0);

#[test]
fn suggests_thresholds_from_what_it_observed() {
    let _sleeper = Sleeper::named("sleeper-h");
    let out = on_terminal(100, 50, NEVER, &["scan", "--suggest", "1s"]);
    assert!(out.contains("0 s of 1 s"), "{out}");
    assert!(out.contains("Observed for 1 s: "), "{out}");
    assert!(out.contains("WOULD HAVE KILLED"), "{out}");
    let config = ConfigFile::new("[whitelist]\nnames = [\"*\"]\n");
    let said = run(&["scan", "--suggest", "1s", "-c", &config.shown()]);
    assert!(
        said.out
            .contains("No process was seen that could be killed."),
        "{said:?}"
    );
    assert!(!said.err.contains("0 s of 1 s"), "{said:?}");
}

#[test]
fn fits_the_terminal() {
    let _sleeper = Sleeper::named("sleeper-f");
    for columns in [20, 40, 70, 200] {
        let out = on_terminal(columns, 50, NEVER, &["scan", "--all"]);
        for line in out.lines() {
            let width = line.trim_end().chars().count();
            assert!(width <= columns.into(), "{columns}: {width} {line}");
        }
        assert_eq!(out.contains("THRESHOLD"), columns >= 80);
        assert_eq!(out.contains("  RAM"), columns >= 60, "{out}");
    }
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let _sleeper = Sleeper::named("sleeper-g");
    let config = ConfigFile::new("[thresholds]\nram_gb_threshold = 0.0001\n");
    let arguments = ["scan", "-c", &config.shown()];
    assert!(on_terminal(100, 50, NEVER, &arguments).contains("\x1b[31mover"));
    assert!(!run(&arguments).out.contains('\x1b'));
}

#[test]
fn watch_redraws_and_leaves_the_terminal_as_it_was() {
    const CTRL_C: u8 = 3;
    for key in [CTRL_C, b'q'] {
        let out = on_terminal(90, 20, (2, key), &["scan", "--watch"]);
        assert!(out.starts_with("\x1b[?1049h\x1b[?25l"), "{out:?}");
        assert!(out.ends_with("\x1b[?25h\x1b[?1049l"), "{out:?}");
        assert!(out.matches("\x1b[H").count() >= 2);
        let frame = out.split("\x1b[H").nth(1).unwrap();
        assert!(frame.matches('\n').count() < 20, "{frame:?}");
    }
    let said = run(&["scan", "--watch"]);
    assert_eq!(said.status, Some(64));
}

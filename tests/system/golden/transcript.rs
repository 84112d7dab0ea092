//! What a person sees of some commands, with what differs from run to run made the same, and its comparison
//! with the golden file. `GOLDEN=write cargo test --test system golden::` writes all of them anew, for a
//! person to read before they are committed.

use super::world::{command, path};
use crate::harness::confine;
use crate::harness::machine::said;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What differs from run to run, and what stands for it: `#` is a digit, `*` one or more of them. No digit
/// stands before or after a match. Memory, PIDs and users are fixed by the world instead.
const VOLATILE: &[(&str, &str)] = &[
    // Times: ISO 8601, the log's, seconds since 1970 (2023 to 2033), the kernel's ticks.
    ("####-##-##T##:##:##.###+##:##", "<time>"),
    ("####-##-## ##:##:##", "YYYY-MM-DD hh:mm:ss"),
    ("17########.*", "<seconds>"),
    ("18########.*", "<seconds>"),
    ("19########.*", "<seconds>"),
    ("17########", "<seconds>"),
    ("18########", "<seconds>"),
    ("19########", "<seconds>"),
    ("\"start_time\":*", "\"start_time\":<ticks>"),
    ("\"start_time\": *", "\"start_time\": <ticks>"),
    // How long something took, and how long ago or ahead it is.
    ("*.##s", "#.##s"),
    ("59 min ## s", "59 min # s"),
    ("\"duration_seconds\":*.*", "\"duration_seconds\":<time>"),
    ("\"duration_seconds\": *.*", "\"duration_seconds\": <time>"),
    ("kind=\"early\"} *", "kind=\"early\"} <early>"),
    ("scan_seconds_count *", "scan_seconds_count <scans>"),
    ("scan_seconds_sum *.*", "scan_seconds_sum <time>"),
    ("last_scan_seconds *.*", "last_scan_seconds <time>"),
    ("\"seconds\": *.*", "\"seconds\": <time>"),
    ("\"left_seconds\": *", "\"left_seconds\": <time>"),
    ("1 h 59 min  ", "2 h         "),
    ("another 1 h 59 min", "another 2 h"),
    ("2 d 23 h", "3 d"),
    ("(* s ago)", "(# s ago)"),
    (", * s left", ", <time> left"),
    (", 1 min left", ", <time> left"),
    // The program's own memory, which is its build's.
    ("    900  root      *.##GB", "    900  root      #.##GB"),
];

/// Words of this build and this machine.
fn words() -> [(String, &'static str); 3] {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux has it");
    let own = std::env::current_exe().expect("Linux knows it");
    [
        (
            format!("\"host\":\"{}\"", host.trim()),
            "\"host\":\"<host>\"",
        ),
        (env!("CARGO_PKG_VERSION").to_owned(), "<version>"),
        (own.display().to_string(), "<test program>"),
    ]
}

/// `text` with what differs from run to run made the same.
fn normalised(text: &str) -> String {
    let mut text = text.to_owned();
    for (word, replacement) in words() {
        text = text.replace(&word, replacement);
    }
    for (pattern, replacement) in VOLATILE {
        text = replaced(&text, pattern, replacement);
    }
    text
}

fn replaced(text: &str, pattern: &str, replacement: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let follows_digit = result.ends_with(|last: char| last.is_ascii_digit());
        match length(rest, pattern) {
            Some(length) if !(follows_digit && first.is_ascii_digit()) => {
                result.push_str(replacement);
                rest = &rest[length..];
            }
            _ => {
                result.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    result
}

/// How much of `text` is the pattern; None where it does not begin with it.
fn length(text: &str, pattern: &str) -> Option<usize> {
    let mut rest = text;
    for wanted in pattern.chars() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let taken = match wanted {
            '*' => digits,
            '#' => digits.min(1),
            _ if rest.starts_with(wanted) => wanted.len_utf8(),
            _ => 0,
        };
        if taken == 0 {
            return None;
        }
        rest = &rest[taken..];
    }
    let is_whole =
        !pattern.ends_with(['#', '*']) || !rest.starts_with(|c: char| c.is_ascii_digit());
    is_whole.then_some(text.len() - rest.len())
}

/// Commands and what they printed, in the order in which they ran.
pub(super) struct Transcript {
    text: String,
}

impl Transcript {
    pub(super) fn new() -> Self {
        let text = String::new();
        Self { text }
    }

    /// Runs the program with these arguments.
    pub(super) fn run(&mut self, words: &[&str]) {
        self.run_as(words, |_| {});
    }

    /// The same, started in another way.
    pub(super) fn run_as(&mut self, words: &[&str], how: impl FnOnce(&mut Command)) {
        let mut command = command(words);
        how(&mut command);
        let output = said(command);
        let shown: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        self.heading(&format!("memory-monitor {}", shown.join(" ")));
        self.text.push_str(&output.out);
        if !output.err.is_empty() {
            self.heading("standard error");
            self.text.push_str(&output.err);
        }
        match output.status {
            Some(0) => {}
            Some(code) => self.heading(&format!("exit status {code}")),
            None => self.heading("ended by a signal"),
        }
    }

    /// Runs the program, which prints steps in JSON; takes in no figures and no details of them.
    pub(super) fn steps(&mut self, words: &[&str]) {
        let printed = said(command(words)).json();
        self.heading(&format!("memory-monitor {}", words.join(" ")));
        let steps = printed["steps"].as_array().expect("a list");
        let keys: Vec<_> = steps[0].as_object().expect("an object").keys().collect();
        writeln!(self.text, "{keys:?}").expect("a String takes all");
        for step in steps {
            let line = format!("{} {}", step["outcome"], step["name"]);
            writeln!(self.text, "{line}").expect("a String takes all");
        }
    }

    /// Takes in a file that the program wrote.
    pub(super) fn file(&mut self, name: &str) {
        let path = path(name);
        self.heading(&path.display().to_string());
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.text.push_str(&utf8(&text));
    }

    /// Takes in what was done in between.
    pub(super) fn remark(&mut self, text: &str) {
        self.heading(&format!("({text})"));
    }

    fn heading(&mut self, text: &str) {
        writeln!(self.text, "=== {}", text.trim_end()).expect("a String takes all");
    }

    /// Compares it with the golden file of this case.
    pub(super) fn agrees(self) {
        let case = confine::current();
        let name = case.trim_start_matches("golden::").replace("::", "-");
        let directory = PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/commands"
        ));
        let path = directory.join(name);
        let printed = normalised(&self.text);
        if std::env::var_os("GOLDEN").is_some_and(|word| word == "write") {
            fs::write(&path, &printed)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert!(golden == printed, "{}", difference(&golden, &printed));
    }
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program prints UTF-8")
}

fn quoted(word: &str) -> String {
    if word.contains(['*', ' ', '?']) || word.is_empty() {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

/// The lines of each that the other has not at the same index or later, in their order.
fn difference(golden: &str, printed: &str) -> String {
    let mut text = String::from("'-' is the golden file's, '+' what was printed:\n");
    let mut add = |sign: char, line: &str| {
        writeln!(text, "{sign}{line}").expect("a String takes all");
    };
    let printed: Vec<_> = printed.lines().collect();
    let mut rest = &printed[..];
    for line in golden.lines() {
        if let Some(skipped) = rest.iter().position(|&other| other == line) {
            for other in &rest[..skipped] {
                add('+', other);
            }
            rest = &rest[skipped + 1..];
        } else {
            add('-', line);
        }
    }
    for other in rest {
        add('+', other);
    }
    text
}

//! Standard error: a pipe, a terminal, the journal's stream; broken and stuck ones.

use super::{Bench, count, texts, without_time};
use crate::harness::confine::{Case, cases};
use crate::harness::machine::said;
use crate::harness::os;
use crate::harness::terminal::shown_by;
use log::LevelFilter;
use memory_monitor::cli::Verbosity;
use memory_monitor::config::{LogFormat, LogSettings};
use memory_monitor::events::sinks::{LogSinks, Style};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

pub(crate) const CASES: &[Case] = cases![
    quiet_and_verbose_choose_the_level,
    colours_only_on_a_terminal_and_without_no_color,
    the_journal_gets_the_priority_and_no_time,
    a_closed_standard_error_stops_nothing,
    a_broken_pipe_is_said_once,
    a_stuck_reader_of_a_pipe_does_not_block_and_gets_whole_lines_later,
    a_stuck_fifo_as_log_file_keeps_lines_apart,
];

/// The first argument of this executable when it is to install the sinks on its own standard error and to log.
pub(crate) const WORD: &str = "--log";

/// What such a process does: `LEVEL`, of what goes to standard error.
pub(crate) fn run(mut arguments: impl Iterator<Item = OsString>) {
    let settings = LogSettings {
        file: None,
        syslog: false,
        level: LevelFilter::Info,
        format: LogFormat::Text,
    };
    let level = arguments.next().and_then(|level| level.into_string().ok());
    let level = level.and_then(|level| level.parse().ok()).expect("a level");
    let sinks = LogSinks::install(&settings, level).unwrap();
    log::debug!("fine");
    log::info!("usual");
    log::error!("bad");
    sinks.reopen();
    assert!(LogSinks::install(&settings, level).is_err(), "only once");
}

/// A process that logs.
fn logger(verbosity: Verbosity) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .args([WORD, verbosity.level(LevelFilter::Info).as_str()])
        .env_remove("JOURNAL_STREAM")
        .env_remove("NO_COLOR");
    command
}

fn stderr_of(verbosity: Verbosity) -> Vec<String> {
    let said = said(logger(verbosity));
    assert_eq!(said.status, Some(0), "{said:?}");
    said.err.lines().map(str::to_owned).collect()
}

fn quiet_and_verbose_choose_the_level() {
    assert_eq!(
        texts(&stderr_of(Verbosity::Normal)),
        ["INFO - usual", "ERROR - bad"]
    );
    assert_eq!(texts(&stderr_of(Verbosity::Quiet)), ["ERROR - bad"]);
    let verbose = stderr_of(Verbosity::Verbose);
    assert_eq!(
        texts(&verbose),
        ["DEBUG - fine", "INFO - usual", "ERROR - bad"]
    );
}

fn colours_only_on_a_terminal_and_without_no_color() {
    let on_a_terminal = |name: &str, value: &str| {
        let mut command = logger(Verbosity::Normal);
        command.env("TERM", "xterm").env(name, value);
        shown_by(command, (80, 24), None)
    };
    let coloured = on_a_terminal("NO_COLOR", "");
    assert!(
        coloured.contains(" - \x1b[32mINFO\x1b[0m - usual\r\n"),
        "{coloured:?}"
    );
    assert!(
        coloured.contains(" - \x1b[31mERROR\x1b[0m - bad\r\n"),
        "{coloured:?}"
    );
    let plain = on_a_terminal("NO_COLOR", "1");
    assert!(
        plain.contains(" - INFO - usual\r\n") && plain.contains(" - ERROR - bad\r\n"),
        "{plain:?}"
    );
    let dumb = on_a_terminal("TERM", "dumb");
    assert!(dumb.contains(" - INFO - usual\r\n"), "{dumb:?}");
}

fn the_journal_gets_the_priority_and_no_time() {
    let run = |inode_off_by: u64| {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let writer = File::from(OwnedFd::from(writer));
        let id = writer.metadata().unwrap();
        let mut command = logger(Verbosity::Verbose);
        command.env(
            "JOURNAL_STREAM",
            format!("{}:{}", id.dev(), id.ino() + inode_off_by),
        );
        command.stdout(Stdio::null()).stderr(writer);
        assert!(command.status().unwrap().success());
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(run(0), "<7>fine\n<6>usual\n<3>bad\n");
    // Inherited from a service, but standard error leads elsewhere.
    assert!(run(1).contains(" - INFO - usual\n"));
}

fn a_closed_standard_error_stops_nothing() {
    let mut command = logger(Verbosity::Normal);
    os::without_stderr(&mut command);
    assert!(command.status().unwrap().success());
}

fn a_broken_pipe_is_said_once() {
    let mut bench = Bench::new();
    bench.stderr = None;
    for number in 0..3 {
        bench.info(&format!("record {number}"));
    }
    let lines = bench.log_file();
    assert_eq!(count(&lines, "record"), 3);
    let said =
        "ERROR - Can't write to standard error: Path=/dev/stderr, Error=Broken pipe (os error 32)";
    assert_eq!(count(&lines, said), 1, "{lines:?}");
    assert_eq!(lines.len(), 4);
}

fn a_stuck_reader_of_a_pipe_does_not_block_and_gets_whole_lines_later() {
    let mut bench = Bench::new();
    let long = "x".repeat(9000);
    for number in 0..40 {
        bench.info(&format!("record {number} {long}"));
    }
    let lines = bench.log_file();
    assert_eq!(count(&lines, "record"), 40);
    assert_eq!(count(&lines, "Error=Resource temporarily unavailable"), 1);
    // A pipe holds 64 KiB; take that out, and the next line begins on one of its own.
    let mut reader = bench.stderr.take().unwrap();
    let mut piece = vec![0; 1 << 20];
    let length = reader.read(&mut piece).unwrap();
    let mut text = String::from_utf8(piece[..length].to_vec()).unwrap();
    bench.info("space again");
    bench.stderr = Some(reader);
    let rest = bench.finish();
    text.push_str(&rest.join("\n"));
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let written = count(&lines, &long);
    assert!((5..14).contains(&written), "{written}");
    let again = lines
        .iter()
        .position(|line| line.ends_with("INFO - space again"))
        .unwrap();
    assert_eq!(without_time(&lines[again]), "INFO - space again");
    let lost: usize = lines[again + 1]
        .rsplit_once("Lost=")
        .unwrap()
        .1
        .parse()
        .unwrap();
    assert_eq!(lost, 40 - written);
}

fn a_stuck_fifo_as_log_file_keeps_lines_apart() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("log");
    os::make_pipe(&fifo);
    let mut both_ends = File::options().read(true).write(true).open(&fifo).unwrap();
    let bench = Bench::at(directory, &fifo, Verbosity::Quiet, Style::Plain);
    let long = "x".repeat(9000);
    for number in 0..40 {
        bench.info(&format!("record {number} {long}"));
    }
    let mut piece = vec![0; 1 << 16];
    both_ends.read_exact(&mut piece[..1 << 15]).unwrap();
    let mut text = String::from_utf8_lossy(&piece[..1 << 15]).into_owned();
    bench.info("space again");
    both_ends.write_all(b"end\n").unwrap();
    while !text.ends_with("\nend\n") {
        let length = both_ends.read(&mut piece).unwrap();
        text.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    let again = text
        .lines()
        .find(|line| line.ends_with("INFO - space again"));
    assert_eq!(without_time(again.unwrap()), "INFO - space again");
    assert!(text.contains("Writing to log file again"), "{text}");
    assert_eq!(count(&bench.finish(), "Can't write to log file"), 1);
}

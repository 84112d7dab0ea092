//! The log file: its lines, and what happens to it from outside.

use super::{Bench, count, lines_of, texts, without_time};
use crate::harness::confine::{Case, cases};
use crate::harness::os;
use log::{Level, LevelFilter};
use memory_monitor::cli::Verbosity;
use memory_monitor::events::sinks::Style;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub(crate) const CASES: &[Case] = cases![
    writes_lines_of_the_interface,
    a_message_is_one_line_whatever_is_in_it,
    appends_to_what_is_there,
    finds_a_moved_deleted_or_replaced_file_by_itself,
    loses_and_doubles_no_line_while_it_is_rotated,
    a_missing_directory_is_said_once_and_heals,
    a_directory_in_the_place_of_the_file_is_said_with_each_new_reason,
    a_fifo_without_a_reader_does_not_block,
    a_reload_changes_file_and_level,
];

fn writes_lines_of_the_interface() {
    let mut bench = Bench::new();
    bench.settings.level = LevelFilter::Debug;
    bench.apply();
    for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
        bench.log(level, "Scan complete. Scanned: 245, Killed: 1");
    }
    bench.log(Level::Trace, "finer than debug is never asked for");
    let lines = bench.log_file();
    let message = "Scan complete. Scanned: 245, Killed: 1";
    let expected =
        ["DEBUG", "INFO", "WARNING", "ERROR"].map(|level| format!("{level} - {message}"));
    assert_eq!(texts(&lines), expected);
    let mode = fs::metadata(bench.path("log"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777 & !0o022, 0o640 & !0o022);
    assert_eq!(bench.finish(), lines, "standard error has the same lines");
}

fn a_message_is_one_line_whatever_is_in_it() {
    let bench = Bench::new();
    bench.info("a\n2025-10-03 10:15:31 - ERROR - forged\r\x1b[2J\u{2028}\u{202e}b \"\\x0a\"");
    let escaped = "INFO - a\\x0a2025-10-03 10:15:31 - ERROR - forged\\x0d\\x1b[2J\
                   \\xe2\\x80\\xa8\\xe2\\x80\\xaeb \"\\x0a\"";
    assert_eq!(texts(&bench.log_file()), [escaped]);
}

fn appends_to_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let log_file = directory.path().join("log");
    fs::write(&log_file, "2025-10-03 10:15:30 - INFO - before\n").unwrap();
    let bench = Bench::at(directory, &log_file, Verbosity::Normal, Style::Plain);
    bench.info("after");
    assert_eq!(texts(&bench.log_file()), ["INFO - before", "INFO - after"]);
}

fn finds_a_moved_deleted_or_replaced_file_by_itself() {
    let bench = Bench::new();
    bench.info("one");
    fs::rename(bench.path("log"), bench.path("log.1")).unwrap();
    bench.info("two");
    assert_eq!(texts(&lines_of(&bench.path("log.1"))), ["INFO - one"]);
    assert_eq!(texts(&bench.log_file()), ["INFO - two"]);
    fs::remove_file(bench.path("log")).unwrap();
    bench.info("three");
    assert_eq!(texts(&bench.log_file()), ["INFO - three"]);
    fs::write(bench.path("other"), "").unwrap();
    fs::rename(bench.path("other"), bench.path("log")).unwrap();
    bench.info("four");
    assert_eq!(texts(&bench.log_file()), ["INFO - four"]);
    // logrotate's copytruncate.
    File::options()
        .write(true)
        .truncate(true)
        .open(bench.path("log"))
        .unwrap();
    bench.info("five");
    assert_eq!(texts(&bench.log_file()), ["INFO - five"]);
    let stderr = bench.finish();
    assert_eq!(stderr.len(), 5, "no trouble to say: {stderr:?}");
}

fn loses_and_doubles_no_line_while_it_is_rotated() {
    const ROTATIONS: usize = 200;
    let bench = Bench::with(Verbosity::Quiet, Style::Plain);
    let rotated = AtomicUsize::new(0);
    let mut written = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            while rotated.load(Ordering::Relaxed) < ROTATIONS {
                let name = format!("log.{}", rotated.load(Ordering::Relaxed));
                if fs::metadata(bench.path("log")).is_ok_and(|file| file.len() > 0) {
                    fs::rename(bench.path("log"), bench.path(&name)).unwrap();
                    rotated.fetch_add(1, Ordering::Relaxed);
                    // Every other rotation is announced, as logrotate's postrotate does.
                    if rotated.load(Ordering::Relaxed) % 2 == 0 {
                        bench.sinks.reopen();
                    }
                }
                thread::yield_now();
            }
        });
        while rotated.load(Ordering::Relaxed) < ROTATIONS {
            bench.info(&format!("record {written}"));
            written += 1;
        }
    });
    bench.info(&format!("record {written}"));
    let mut files: Vec<_> = (0..ROTATIONS)
        .map(|number| format!("log.{number}"))
        .collect();
    files.push("log".to_owned());
    let mut numbers: Vec<usize> = files
        .iter()
        .flat_map(|name| lines_of(&bench.path(name)))
        .map(|line| {
            without_time(&line)
                .strip_prefix("INFO - record ")
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..=written), "{written} written");
    assert_eq!(bench.finish(), Vec::<String>::new());
}

fn a_missing_directory_is_said_once_and_heals() {
    let directory = tempfile::tempdir().unwrap();
    let log_file = directory.path().join("missing/log");
    let bench = Bench::at(directory, &log_file, Verbosity::Normal, Style::Plain);
    bench.info("lost one");
    bench.info("lost two");
    fs::create_dir(bench.path("missing")).unwrap();
    bench.info("written");
    let lines = lines_of(&log_file);
    assert_eq!(texts(&lines)[0], "INFO - written");
    assert!(
        lines[1].contains("WARNING - Writing to log file again: Path=")
            && lines[1].ends_with("Lost=2")
    );
    fs::remove_dir_all(bench.path("missing")).unwrap();
    bench.info("lost three");
    let stderr = bench.finish();
    assert_eq!(
        count(&stderr, "ERROR - Can't write to log file: Path="),
        2,
        "{stderr:?}"
    );
    assert_eq!(count(&stderr, "Error=No such file or directory"), 2);
    assert_eq!(count(&stderr, "Writing to log file again"), 1);
    assert_eq!(count(&stderr, "lost"), 3);
}

fn a_directory_in_the_place_of_the_file_is_said_with_each_new_reason() {
    let bench = Bench::new();
    bench.info("one");
    fs::remove_file(bench.path("log")).unwrap();
    fs::create_dir(bench.path("log")).unwrap();
    bench.info("two");
    bench.info("three");
    fs::remove_dir(bench.path("log")).unwrap();
    symlink("log", bench.path("log")).unwrap();
    bench.info("four");
    fs::remove_file(bench.path("log")).unwrap();
    bench.info("five");
    assert!(bench.log_file()[1].ends_with("Lost=3"));
    let stderr = bench.finish();
    assert_eq!(count(&stderr, "Is a directory"), 1, "{stderr:?}");
    assert_eq!(
        count(&stderr, "Too many levels of symbolic links"),
        1,
        "{stderr:?}"
    );
    assert_eq!(count(&stderr, "Can't write"), 2, "{stderr:?}");
}

fn a_fifo_without_a_reader_does_not_block() {
    let bench = Bench::new();
    fs::remove_file(bench.path("log")).unwrap();
    os::make_pipe(&bench.path("log"));
    bench.info("one");
    bench.info("two");
    assert_eq!(count(&bench.finish(), "Error=No such device or address"), 1);
}

fn a_reload_changes_file_and_level() {
    let mut bench = Bench::new();
    bench.info("one");
    bench.settings.file = Some(bench.path("second"));
    bench.settings.level = LevelFilter::Warn;
    bench.apply();
    bench.info("two");
    bench.log(Level::Warn, "three");
    bench.settings.file = None;
    bench.apply();
    bench.log(Level::Warn, "four");
    assert_eq!(texts(&bench.log_file()), ["INFO - one"]);
    assert_eq!(texts(&lines_of(&bench.path("second"))), ["WARNING - three"]);
    assert_eq!(
        texts(&bench.finish()),
        ["INFO - one", "WARNING - three", "WARNING - four"]
    );
}

//! A disk that gets full: a tmpfs of 64 KiB.

use super::{Bench, count, lines_of, received, without_time};
use crate::harness::confine::{Case, cases};
use crate::harness::os;
use memory_monitor::cli::Verbosity;
use memory_monitor::events::sinks::Style;
use std::fs;
use std::path::Path;

pub(crate) const CASES: &[Case] = cases![a_full_disk_costs_whole_lines_and_heals,];

fn a_full_disk_costs_whole_lines_and_heals() {
    let disk = tempfile::tempdir().unwrap();
    let disk = disk.path();
    os::mount(Path::new("none"), disk, "tmpfs", 0, "size=64k,mode=755");
    let directory = tempfile::tempdir().unwrap();
    let log_file = disk.join("log");
    let mut bench = Bench::at(directory, &log_file, Verbosity::Quiet, Style::Plain);
    let server = bench.listen();
    bench.switch_syslog_on();
    let long = "x".repeat(1000);
    let mut said = Vec::new();
    for number in 0..100 {
        bench.info(&format!("record {number} {long}"));
        said.extend(received(&server));
    }
    assert_eq!(count(&said, "record"), 100);
    assert_eq!(count(&said, "Can't write to log file"), 1, "said once");
    assert_eq!(count(&said, "Error=No space left on device"), 1);
    let full = lines_of(&log_file);
    let whole = full.len();
    assert!((50..65).contains(&whole), "{whole}");
    for (number, line) in full.iter().enumerate() {
        assert_eq!(without_time(line), format!("INFO - record {number} {long}"));
    }

    // Space again, though the file is the same.
    let kept = format!("{}\n", full[0]);
    fs::write(&log_file, &kept).unwrap();
    bench.info("space again");
    let lines = lines_of(&log_file);
    let lost = 100 - whole;
    assert_eq!(without_time(&lines[1]), "INFO - space again");
    assert!(lines[2].ends_with(&format!("Lost={lost}")), "{}", lines[2]);
    assert_eq!(lines.len(), 3);

    assert_eq!(count(&received(&server), "Writing to log file again"), 1);
    assert_eq!(count(&bench.finish(), "Can't write to log file"), 1);
}

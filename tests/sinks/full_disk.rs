//! A disk that gets full: a tmpfs of 64 KiB, mounted where only the test's own child sees it.

use super::*;

const CHILD: &str = "MEMORY_MONITOR_TEST_FULL_DISK";

#[test]
fn a_full_disk_costs_whole_lines_and_heals() {
    if let Some(disk) = std::env::var_os(CHILD) {
        return on_a_small_disk(Path::new(&disk));
    }
    let able = output_of(Command::new("unshare").args(["--mount", "true"]));
    if !able.status.success() {
        println!("skipped: needs root for a mount namespace");
        return;
    }
    let disk = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-ec"])
        .arg("mount -t tmpfs -o size=64k tmpfs \"$0\"; exec \"$@\"")
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "full_disk::a_full_disk_costs_whole_lines_and_heals",
        ])
        .env(CHILD, disk.path());
    let output = output_of(&mut command);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{output:?}"
    );
}

fn on_a_small_disk(disk: &Path) {
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
    assert_eq!(count(&said, "Cannot write to log file"), 1, "said once");
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
    assert_eq!(count(&bench.finish(), "Cannot write to log file"), 1);
}

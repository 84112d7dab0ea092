//! A record that goes to all sinks allocates nothing on the heap once the buffers have grown.

#![allow(clippy::unwrap_used, reason = "a test fails by them")]

#[allow(unsafe_code, reason = "an allocator is")]
#[path = "../src/sys/counting.rs"]
mod counting;

use counting::ALLOCATIONS;
use log::{Level, LevelFilter, Log, Record};
use memory_monitor::config::{LogFormat, LogSettings};
use memory_monitor::events::sinks::{LogSinks, Stderr, Style, SyslogSockets};
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;

#[test]
fn a_steady_record_allocates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let sockets = SyslogSockets {
        syslog: directory.path().join("dev-log"),
        journald: directory.path().join("journald"),
    };
    let server = UnixDatagram::bind(&sockets.syslog).unwrap();
    let stderr = File::create(directory.path().join("stderr")).unwrap();
    let settings = LogSettings {
        file: Some(directory.path().join("log")),
        syslog: true,
        level: LevelFilter::Info,
        format: LogFormat::Text,
    };
    let stderr = Stderr::new(stderr, Style::Coloured);
    let (_sinks, logger) = LogSinks::over(&settings, settings.level, Some(stderr), &sockets);
    let record = |number: u32| {
        let message = format_args!("Killing process: PID={number}, Name=\"\\x0a\", User=john\n");
        logger.log(&Record::builder().level(Level::Warn).args(message).build());
        server.recv(&mut [0; 1024]).unwrap();
    };
    record(u32::MAX);
    let before = ALLOCATIONS.get();
    assert!(before > 0, "the counter counts");
    (0..100).for_each(record);
    assert_eq!(ALLOCATIONS.get() - before, 0);
    let text = fs::read_to_string(directory.path().join("log")).unwrap();
    assert_eq!(text.lines().count(), 101);
}

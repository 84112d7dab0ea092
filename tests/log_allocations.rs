//! A record that goes to all sinks allocates nothing on the heap once the buffers have grown.

#![allow(clippy::unwrap_used, unsafe_code)]

use log::{Level, LevelFilter, Log, Record};
use memory_monitor::config::{LogFormat, LogSettings};
use memory_monitor::report::log::LogSinks;
use memory_monitor::report::{Console, ConsoleMode, Style, SyslogSockets};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: hands every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_steady_record_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sockets = SyslogSockets {
        syslog: folder.path().join("dev-log"),
        journald: folder.path().join("journald"),
    };
    let server = UnixDatagram::bind(&sockets.syslog).unwrap();
    let stderr = File::create(folder.path().join("stderr")).unwrap();
    let settings = LogSettings {
        file: Some(folder.path().join("log")),
        syslog: true,
        level: LevelFilter::Info,
        format: LogFormat::Text,
    };
    let console = Console::new(stderr, ConsoleMode::Normal, Style::Coloured);
    let (_sinks, logger) = LogSinks::over(&settings, Some(console), &sockets);
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
    let text = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(text.lines().count(), 101);
}

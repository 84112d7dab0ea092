//! /proc/PID/stat, whose comm is any 15 bytes that a process likes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memory_monitor::proc::parsers::stat;

fuzz_target!(|text: &[u8]| {
    if let Some(stat) = stat(text) {
        // What follows the name is read back whatever the name is.
        let rest = " 1 2 3 4 -1 2097152 0 0 0 0 0 0 0 0 20 0 7 0 99 1 2\n";
        let mut again = b"1 (".to_vec();
        again.extend(stat.comm);
        again.extend(b") ");
        again.push(stat.state);
        again.extend(rest.bytes());
        let read = memory_monitor::proc::parsers::stat(&again);
        if !stat.state.is_ascii_whitespace() && stat.state != b')' {
            let read = read.expect("a line as Linux writes it");
            assert_eq!((read.comm, read.state, read.threads), (stat.comm, stat.state, 7));
            assert!(read.is_kernel_thread && read.start_time.0 == 99);
        }
    }
});

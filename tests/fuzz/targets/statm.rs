//! /proc/PID/statm.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memory_monitor::proc::parsers::statm;

fuzz_target!(|text: &[u8]| {
    if let Some((size, resident)) = statm(text) {
        let again = format!("{size} {resident} 0 0 0 0 0\n");
        assert_eq!(statm(again.as_bytes()), Some((size, resident)));
    }
});

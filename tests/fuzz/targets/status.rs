//! /proc/PID/status.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memory_monitor::proc::parsers::status;

fuzz_target!(|text: &[u8]| {
    if let Some(uid) = status(text).uid {
        let again = format!("Name:\tx\nUid:\t{}\t0\t0\t0\n", uid.get());
        assert_eq!(status(again.as_bytes()).uid, Some(uid));
    }
});

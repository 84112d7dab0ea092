//! /proc/PID/status.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memory_monitor::proc::parsers::real_uid;

fuzz_target!(|text: &[u8]| {
    if let Some(uid) = real_uid(text) {
        let again = format!("Name:\tx\nUid:\t{}\t0\t0\t0\n", uid.get());
        assert_eq!(real_uid(again.as_bytes()), Some(uid));
    }
});

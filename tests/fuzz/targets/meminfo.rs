//! /proc/meminfo.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memory_monitor::proc::parsers::{levels, meminfo};

fuzz_target!(|text: &[u8]| {
    if let Some(memory) = meminfo(text) {
        assert!(memory.total.get() > 0);
    }
    let _ = levels(text);
});

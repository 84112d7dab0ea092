//! /proc/meminfo.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memory_monitor::sample::parsers::{meminfo, occupied};

fuzz_target!(|text: &[u8]| {
    if let Some(memory) = meminfo(text) {
        assert!(memory.total.get() > 0);
    }
    let _ = occupied(text);
});

//! The configuration: any bytes are a configuration or an error that can be shown on a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memory_monitor::config::{Config, Origin};
use memory_monitor::quantities::Bytes;

fuzz_target!(|text: &[u8]| {
    let origin = Origin::File("c.toml".into());
    match Config::parse(text, origin, &|_| Ok(None)) {
        Ok(loaded) => {
            let config = loaded.config;
            // Nobody is over a threshold with nothing.
            assert!(config.thresholds.lowest(Bytes::new(1 << 34)) > Bytes::ZERO);
            let interval = config.check_interval.as_secs_f64();
            assert!((0.1..=86_400.0).contains(&interval));
        }
        Err(refused) => {
            let text = refused.to_string();
            assert!(!text.is_empty());
            let is_shown = |line: &str| !line.is_empty() && !line.chars().any(char::is_control);
            assert!(text.lines().all(is_shown), "{text:?}");
        }
    }
});

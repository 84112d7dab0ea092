//! Records for programs: the JSON log.

use crate::confine::{Case, case};
use crate::hog::Hog;
use crate::machine::{Machine, until};
use serde_json::Value;

pub(crate) const CASES: &[Case] = &[case("records::json_log", json_log)];

fn objects(machine: &Machine) -> Vec<Value> {
    let text = String::from_utf8(machine.log().bytes()).expect("UTF-8");
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn find(machine: &Machine, event: &str, pid: u32) -> Value {
    let mut found = None;
    until("there is such a record", || {
        let is_it = |object: &Value| object["event"] == event && object["pid"] == pid;
        found = objects(machine).into_iter().find(is_it);
        found.is_some()
    });
    found.expect("until returns when there is one")
}

fn json_log() {
    let machine = Machine::new().with("settings.log_format", "\"json\"");
    let mut hog = Hog::new().comm(b"a\xff\n\"b").argv0(b"a\x1b\xfe").start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let killing = find(&machine, "killing", hog.pid());
    assert_eq!(killing["name"], "a\\xff\n\"b");
    assert_eq!(killing["level"], "warning");
    assert_eq!(killing["signal"], "SIGTERM");
    assert_eq!(killing["threshold_key"], "ram_gb_threshold");
    assert_eq!(killing["threshold_bytes"], 21_474_836);
    assert!(
        killing["cmdline"]
            .as_str()
            .expect("text")
            .starts_with("a\u{1b}\\xfe ")
    );
    let this = std::env::current_exe().expect("this");
    assert_eq!(killing["exe"], this.to_str().expect("UTF-8"));
    assert!(killing["rss_bytes"].as_u64() > Some(48 << 20));
    let ended = find(&machine, "ended", hog.pid());
    assert_eq!(ended["start_time"], killing["start_time"]);
    assert!(ended["duration_seconds"].is_number() && ended["freed_bytes"].is_number());
    daemon.stop();
    let events: Vec<Value> = objects(&machine);
    assert_eq!(events.last().expect("some")["event"], "stopping");
    // Standard error is no terminal here, and has the same.
    let lines = daemon.stderr();
    assert!(
        lines
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{lines}"
    );
}

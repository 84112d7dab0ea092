//! Every event, with all that can be known of it and with names that are no text.

use super::event::Event;
use super::fields::Fields;
use super::kind::Kind;
use crate::config::{Config, Origin};
use crate::policy::{
    Breach, Delay, Exemption, Exemptions, Policy, Protection, RestartLoop, Stage, Threshold, Victim,
};
use crate::proc::{Details, Facts, Name, Process, State, SystemMemory, Unreadable};
use crate::quantities::{Bytes, Metric, Percent, Pid, ProcessKey, StartTime, Uid};
use crate::sys::process::Signal;
use crate::users::UserNames;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CATALOG: &str = include_str!("../../etc/systemd/memory-monitor.catalog");
const SCHEMA: &str = include_str!("../../etc/examples/log.schema.json");

const HOSTILE: &[u8] = b"a\xff\n\"\\\x1b[2J\xe2\x80\xae{";

fn process(facts: &Result<Facts, Unreadable>) -> Process {
    let name = Some(Name::new(HOSTILE));
    Process {
        pid: Pid::new(123).unwrap(),
        rss: Bytes::new(u64::MAX),
        facts: *facts,
        details: Details {
            exe: name,
            cmdline: name,
            unit: name,
            anon: Some(Bytes::new(1)),
            swap: Some(Bytes::ZERO),
            memory: Some((Metric::Pss, Ok(Bytes::new(7)))),
            ..Details::default()
        },
    }
}

fn facts() -> Facts {
    Facts {
        start_time: StartTime(99),
        name: Name::new(HOSTILE),
        uid: Uid::new(0),
        state: State(b'S'),
        is_kernel_thread: false,
        oom_score_adj: 0,
    }
}

/// Hands each kind of event to `take`.
#[allow(clippy::too_many_lines)] // an arm an event
fn each(take: &mut dyn FnMut(&Event<'_>)) {
    let unreadable = Unreadable {
        file: "stat",
        errno: None,
    };
    let (process, unknown) = (process(&Ok(facts())), process(&Err(unreadable)));
    let key = process.key().unwrap();
    let breach = |limit, rule| Breach {
        rss: process.rss,
        metric: Metric::Pss,
        memory: Bytes::new(7),
        share: Percent::new(12.345).unwrap(),
        threshold: limit,
        threshold_bytes: Bytes::new(5),
        rule,
        sustained: Duration::from_secs(1),
    };
    let percent = breach(Threshold::Percent(Percent::new(1.0).unwrap()), None);
    let amount = breach(Threshold::Amount(Bytes::new(5)), Some(3));
    let now = Instant::now();
    let victim = |stage| Victim {
        key,
        process,
        breach: amount,
        last_rss: Bytes::new(1),
        terminated: now,
        stage,
    };
    let found = RestartLoop {
        unit: Name::new(HOSTILE),
        kills: 3,
        until: now,
    };
    let exemption = Exemption {
        process: ProcessKey { ..key },
        name: HOSTILE.to_vec(),
        until: Duration::from_secs(60),
        reason: "x\ny".to_owned(),
    };
    let text = "[whitelist]\nusers = [\"root\"]\n";
    let parse = |text: &str| {
        let origin = Origin::File("a.toml".into());
        Config::parse(text.as_bytes(), origin, &|_| Ok(None)).unwrap()
    };
    let (config, other) = (parse(text), parse("[settings]\ndry_run = true\n"));
    let changes = config.config.changes(&other.config);
    let policy = Policy {
        config: config.config.clone(),
        pinned: Vec::new(),
        own: Pid::INIT,
        exemptions: Exemptions::default(),
    };
    let unread = Protection::Unreadable(unreadable);
    let error = io::Error::from_raw_os_error(libc::EPERM);
    let memory = SystemMemory {
        total: Bytes::new(9),
        available: None,
        swap_total: Bytes::ZERO,
        swap_free: Bytes::ZERO,
    };
    let failed = crate::Error::System("poll", io::Error::from_raw_os_error(libc::ENOMEM));
    let second = Duration::from_secs(1);
    let share = Percent::new(1.0).unwrap();
    for event in [
        Event::Started(&config.config),
        Event::ConfigWarning(&config.warnings[0]),
        Event::Reloaded(&config.config),
        Event::ReloadRejected("a.toml:1:1: x"),
        Event::Changed(&changes[0]),
        Event::Schedule(&config.config, None, None),
        Event::PidUnused(process.pid),
        Event::PidEnded(process.pid),
        Event::OnlyOwnProcesses,
        Event::Hidepid,
        Event::FeatureUnavailable("it", &error),
        Event::Memory(&memory),
        Event::ScanComplete {
            scanned: 1,
            killed: 0,
        },
        Event::ScanFailed(&failed),
        Event::Unreadable {
            count: 1,
            errno: None,
        },
        Event::Killing(&process, &percent),
        Event::WouldKill(&process, &amount),
        Event::Reason(&process, &amount),
        Event::Protected(&process, share, policy.shown(&Protection::Root)),
        Event::Protected(&unknown, share, policy.shown(&unread)),
        Event::Exempted(&exemption, second),
        Event::ExemptionOver(&exemption, "expired"),
        Event::ExemptionsRejected(Path::new("/run/x"), &error),
        Event::Near(&process, &amount),
        Event::KillDelayed(&process, &amount, &Delay::Sustained(second), second),
        Event::RestartLoop(&found, second),
        Event::KillLimitReached(&process, &percent, 30),
        Event::NotPermitted(&process, &percent),
        Event::SignalFailed(&process, Signal::Terminate, &error),
        Event::Escalating(&victim(Stage::Terminating)),
        Event::KillCancelled(&victim(Stage::Terminating)),
        Event::Survives(&victim(Stage::Surviving), second),
        Event::Ended(&victim(Stage::Killed(now)), second),
        Event::Stopping("SIGTERM"),
    ] {
        take(&event);
    }
}

/// The records of all events as lines of JSON; also in the file that MEMORY_MONITOR_TEST_EVENTS names, for
/// tests/log_schema.
#[test]
fn every_event_is_one_line_of_json_that_the_schema_knows() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let known = schema["properties"]["event"]["enum"].as_array().unwrap();
    let (mut lines, mut kinds, mut fields) = (String::new(), BTreeSet::new(), BTreeSet::new());
    let mut users = UserNames::default();
    each(&mut |event| {
        let mut message = String::new();
        event.write(&mut message, &mut users).unwrap();
        let kind = Kind::of(event);
        let time = UNIX_EPOCH + Duration::from_millis(1_763_700_000_001);
        let line = Fields::of(event, &mut users).object(kind, event.level(), &message, time);
        assert!(!line.contains(['\n', '\x1b']), "{line}");
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(known.iter().any(|known| known == kind.name), "{line}");
        for name in object.as_object().unwrap().keys() {
            assert!(schema["properties"].get(name).is_some(), "{name}");
            fields.insert(name.clone());
        }
        lines.push_str(&line);
        lines.push('\n');
        let entry = format!("-- {:032x}\n", kind.message_id);
        assert_eq!(CATALOG.matches(&entry).count(), 1, "{}", kind.name);
        kinds.insert(kind.name);
    });
    // The schema promises nothing that never comes; "log" comes of what is no event.
    assert_eq!(kinds.len() + 1, known.len());
    assert_eq!(CATALOG.matches("\n-- ").count(), known.len());
    assert_eq!(
        fields.len(),
        schema["properties"].as_object().unwrap().len()
    );
    if let Some(path) = std::env::var_os("MEMORY_MONITOR_TEST_EVENTS") {
        let log =
            Fields::default().object(super::kind::LOG, log::Level::Warn, "x", SystemTime::now());
        let mut file = std::fs::File::create(path).unwrap();
        file.write_all(format!("{lines}{log}\n").as_bytes())
            .unwrap();
    }
}

/// journalctl writes a value to the terminal as it is: a name could bring an escape sequence, or lines.
#[test]
fn the_catalog_shows_no_value_that_a_process_chooses() {
    let harmless = ["PID", "SIGNAL"].map(|name| format!("MEMORY_MONITOR_{name}"));
    let values: BTreeSet<_> = CATALOG.split('@').skip(1).step_by(2).collect();
    assert!(!values.is_empty());
    for value in values {
        assert!(harmless.iter().any(|name| name == value), "{value}");
    }
}

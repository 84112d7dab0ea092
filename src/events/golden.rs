//! Every event in all its forms, compared with tests/golden/events.txt. `GOLDEN=write cargo test --lib golden` rewrites
//! that file, for a person to read before it is committed; tests/log_schema validates the JSON in it.

mod group;
mod process;
mod system;

use super::description::{Description, LOG};
use super::event::Event;
use super::record::{Emitted, Record, Spelling};
use super::sinks::each_field;
use crate::config::{Config, DryRun, Origin};
use crate::policy::{
    Breach, Delay, Exemption, Policy, Protection, RestartLoop, Stage, Threshold, Victim, Workers,
};
use crate::proc::{self, Name, SystemMemory, Unreadable};
use crate::quantities::{Bytes, Metric, Percent, Pid, ProcessKey, Uid};
use crate::sys::clock::LocalTime;
use crate::sys::process::Signal;
use crate::users::UserNames;
use process::{HOSTILE, facts, process};
use serde_json::Value;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

const GOLDEN: &str = "tests/golden/events.txt";
pub(super) const CATALOG: &str = include_str!("../../etc/systemd/memory-monitor.catalog");
const SCHEMA: &str = include_str!("../../etc/examples/log.schema.json");

/// Hands each event to `take`.
#[allow(clippy::too_many_lines, reason = "every event")]
pub(super) fn each(take: &mut dyn FnMut(&Event<'_>)) {
    let unreadable = Unreadable {
        file: "stat",
        errno: None,
    };
    let (process, unknown) = (process(&Ok(facts())), process(&Err(unreadable)));
    let key = process.key().unwrap();
    let breach = |threshold, rule| Breach {
        rss: process.rss,
        rss_share: Percent::new(34.5).unwrap(),
        metric: Metric::Pss,
        memory: Bytes::new(7),
        share: Percent::new(12.345).unwrap(),
        threshold,
        threshold_bytes: Bytes::new(5),
        rule,
        group: None,
        sustained: Duration::from_secs(1),
        term_timeout: Duration::from_secs(5),
    };
    let percent = breach(Threshold::Percent(Percent::new(1.0).unwrap()), None);
    let amount = breach(Threshold::Amount(Bytes::new(5)), Some(3));
    let now = Instant::now();
    let victim = |stage| Victim {
        key,
        process,
        breach: amount,
        terminated: now,
        not_before: now,
        is_sharer: false,
        has_sharers: false,
        stage,
    };
    let found = RestartLoop {
        unit: Name::new(HOSTILE),
        name: Name::new(HOSTILE),
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
    let error = io::Error::from_raw_os_error(libc::EPERM);
    let memory = SystemMemory {
        total: Bytes::new(9),
        available: None,
        swap_total: Bytes::ZERO,
        swap_free: Bytes::ZERO,
        huge_used: Bytes::ZERO,
    };
    let failed = proc::Error::Read {
        path: "/proc".to_owned(),
        source: io::Error::from_raw_os_error(libc::ENOMEM),
    };
    let second = Duration::from_secs(1);
    let share = Percent::new(1.0).unwrap();
    let until = LocalTime {
        year: 2025,
        month: 10,
        day: 3,
        hour: 17,
        minute: 0,
        second: 0,
        weekday: 4,
        offset: 0,
    };
    let text = "[[rule]]\nname = \"a\"\naction = \"warn\"\n";
    let ruled = parse(text).config;
    let policy = Policy::new(ruled, Pid::INIT);
    let (unread, only_reported) = (Protection::Unreadable(unreadable), Protection::WarnOnly(1));
    let restarting = Delay::Restart(found);
    let used = SystemMemory {
        total: Bytes::new(16 << 30),
        available: Some(Bytes::new(8 << 30)),
        ..memory
    };
    for event in [
        Event::Started(&config.config),
        Event::ConfigWarning(&config.warnings[0]),
        Event::Reloaded(&config.config),
        Event::ReloadRejected("a.toml:1:1: x", true),
        Event::ReloadRejected("a.toml:2:1: y", false),
        Event::Changed(&changes[0]),
        Event::Schedule(&config.config, None, None),
        Event::Schedule(&config.config, Some(0), Some(until)),
        Event::PidUnused(process.pid),
        Event::PidEnded(process.pid),
        Event::OnlyOwnProcesses,
        Event::Hidepid("run as root"),
        Event::FeatureUnavailable("PSI notifications", &error),
        Event::Memory(&memory),
        Event::Memory(&used),
        Event::ScanComplete {
            scanned: 1,
            killed: 0,
        },
        Event::DryRun(DryRun {
            cause: "config.d/00-first-install.toml",
            over: 2,
        }),
        Event::ScanFailed(&failed),
        Event::Unreadable {
            count: 1,
            errno: None,
        },
        Event::Unreadable {
            count: 3,
            errno: Some(libc::EACCES),
        },
        Event::Killing(&process, &percent),
        Event::WouldKill(&process, &amount),
        Event::Reason(&process, &amount),
        Event::Protected(&process, share, policy.shown(&Protection::Root)),
        Event::Protected(&unknown, share, policy.shown(&unread)),
        Event::Protected(&process, share, policy.shown(&only_reported)),
        Event::Exempted(&exemption, Duration::from_millis(5960)),
        Event::ExemptionOver(&exemption, "expired"),
        Event::ExemptionsRejected(Path::new("/run/x"), &error),
        Event::Near(&process, &amount),
        Event::KillDelayed(&process, &amount, &Delay::Sustained(second), second),
        Event::KillDelayed(&process, &amount, &restarting, second),
        Event::RestartLoop(&found, second),
        Event::KillLimitReached(&process, &percent, 30),
        Event::NotPermitted(&process, &percent),
        Event::SignalFailed(&process, Signal::Terminate, &error),
        Event::Escalating(&victim(Stage::Terminating)),
        Event::KillCancelled(&victim(Stage::Terminating), "whitelist.users has bob"),
        Event::Survives(&victim(Stage::Surviving), second),
        Event::Ended(&victim(Stage::Killed(now)), second, true),
        Event::WorkersReturn(&Workers {
            parent: Pid::new(7).unwrap(),
            name: Name::new(HOSTILE),
            kills: 2,
        }),
        Event::UnitEmpty(&Name::new(HOSTILE), None),
        Event::UnitEmpty(&Name::new(HOSTILE), Some(Uid::ROOT)),
        Event::More {
            count: 7,
            what: "near",
        },
        Event::Stopping("SIGTERM"),
        Event::LeftBehind(&victim(Stage::Terminating)),
    ] {
        take(&event);
    }
    group::each(&process, &percent, take);
    system::each(&process, &percent, policy.shown(&only_reported), take);
}

fn emitted<'e>(
    description: &'e Description<'e>,
    text: fmt::Arguments<'e>,
    users: &'e RefCell<UserNames>,
) -> Emitted<'e> {
    Emitted {
        description,
        text,
        time: UNIX_EPOCH,
        users,
        fields: OnceCell::new(),
    }
}

/// An event in all its forms, without what differs from machine to machine.
fn forms(
    description: &Description<'_>,
    text: fmt::Arguments<'_>,
    users: &RefCell<UserNames>,
) -> String {
    let event = emitted(description, text, users);
    let mut out = heading(description.name, description.level, description.message_id);
    if description.is_notified {
        out.push_str(", notified");
    }
    if description.is_kept {
        out.push_str(", kept");
    }
    if let Some(counter) = description.counter {
        write!(out, ", counts {counter:?}").unwrap();
    }
    write!(out, "\n{text}\n{}\n", json(event.record(Spelling::Plain))).unwrap();
    let mut log = log::Record::builder();
    log.level(description.level);
    let log = log.args(text).key_values(&event).build();
    // What the log file has is read from the key-values.
    assert_eq!(
        Record::of_log(&log).to_json(),
        event.record(Spelling::Plain).to_json()
    );
    journal(&mut out, &log);
    out
}

fn heading(name: &str, level: log::Level, message_id: u128) -> String {
    format!("## {name}: {level}, {message_id:032x}")
}

fn json(record: Record) -> String {
    let line = record.to_json();
    assert!(!line.contains(['\n', '\x1b']), "{line}");
    // The notifier reads the same type back; the words for the history are for this program only.
    let read: Record = serde_json::from_str(&line).unwrap();
    let sent = Record {
        threshold: None,
        rss_percent: None,
        ..record
    };
    assert_eq!(read, sent);
    Record {
        time: "2025-11-21T04:40:00.001+00:00".to_owned(),
        host: "host".to_owned(),
        ..sent
    }
    .to_json()
}

fn journal(out: &mut String, log: &log::Record<'_>) {
    each_field(log, &mut |name, value| {
        writeln!(out, "{name}={}", value.escape_debug()).unwrap();
    });
}

/// What is no event, but goes to the same sinks.
fn of_log() -> String {
    let text = "Can't write to log file: Path=/x, Error=No space left on device (os error 28)";
    let mut out = heading(LOG.0, log::Level::Error, LOG.1);
    let print = |text: fmt::Arguments<'_>, out: &mut String| {
        let mut log = log::Record::builder();
        let log = log.level(log::Level::Error).args(text).build();
        write!(out, "\n{text}\n{}\n", json(Record::of_log(&log))).unwrap();
        journal(out, &log);
    };
    print(format_args!("{text}"), &mut out);
    out
}

#[test]
fn every_event_is_as_it_was() {
    let mut seen = String::new();
    let users = RefCell::default();
    each(&mut |event| {
        event.describe(&users, &mut |description, text| {
            writeln!(seen, "{}", forms(description, text, &users)).unwrap();
        });
    });
    seen.push_str(&of_log());
    let seen = seen.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    if std::env::var_os("GOLDEN").is_some_and(|word| word == "write") {
        fs::create_dir_all("tests/golden").unwrap();
        fs::write(GOLDEN, &seen).unwrap();
    }
    let golden = fs::read_to_string(GOLDEN).unwrap();
    for (seen, golden) in seen.lines().zip(golden.lines()) {
        assert_eq!(seen, golden);
    }
    assert_eq!(seen.lines().count(), golden.lines().count());
}

/// The schema promises nothing that never comes, and the catalog explains each event.
#[test]
fn schema_and_catalog_have_every_event_and_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let (mut names, mut fields) = (BTreeSet::from([LOG]), BTreeSet::new());
    let users = RefCell::default();
    each(&mut |event| {
        event.describe(&users, &mut |description, text| {
            names.insert((description.name, description.message_id));
            let event = emitted(description, text, &users);
            let Value::Object(record) =
                serde_json::to_value(event.record(Spelling::Plain)).unwrap()
            else {
                panic!("a record is an object");
            };
            fields.extend(record.into_iter().map(|(name, _)| name));
        });
    });
    let promised = schema["properties"].as_object().unwrap().keys().cloned();
    assert_eq!(fields, promised.collect());
    let known = schema["properties"]["event"]["enum"].as_array().unwrap();
    let known: BTreeSet<_> = known.iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(
        names.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(),
        known
    );
    let explained = CATALOG.lines().filter_map(|line| line.strip_prefix("-- "));
    let ids: BTreeSet<_> = names.iter().map(|(_, id)| format!("{id:032x}")).collect();
    assert_eq!(explained.map(str::to_owned).collect::<BTreeSet<_>>(), ids);
    assert_eq!(CATALOG.matches("\n-- ").count(), ids.len());
}

/// A newer daemon may send more, and an older one less.
#[test]
fn a_record_is_read_whatever_is_added_or_missing() {
    let text =
        r#"{"event":"ended","pid":7,"start_time":9,"rss_bytes":18446744073709551615,"later":[1]}"#;
    let record: Record = serde_json::from_str(text).unwrap();
    assert_eq!(
        (record.event.as_str(), record.process.pid),
        ("ended", Some(7))
    );
    assert_eq!(record.process.rss_bytes, Some(u64::MAX));
    assert_eq!(record.signal, None);
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

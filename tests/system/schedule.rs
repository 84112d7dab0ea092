//! Schedules by a clock that goes on: the daemon itself waits for the minute, whatever the day, daylight
//! saving and the time zone make of it.

use crate::harness::clock::{FAKETIME, begin_at};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::Hog;
use crate::harness::log_lines::Record;
use crate::harness::machine::{Daemon, Machine};
use crate::harness::os;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    begins_and_ends_at_its_minute: [Needs::File(FAKETIME)],
    puts_its_thresholds_in_force: [Needs::File(FAKETIME)],
    follows_a_replaced_time_zone: [Needs::File(FAKETIME)],
];

const CENTRAL_EUROPE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// One that has only this schedule, and whose next scan would be in an hour.
fn machine(schedule: &str) -> Machine {
    let machine = Machine::new()
        .with("thresholds.ram_gb_threshold", "1000")
        .with("thresholds.check_interval", "3600")
        .with("thresholds.early_scan", "false");
    let directory = machine.path("config.d");
    fs::create_dir(&directory).expect("a directory of ours");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))
        .expect("a directory of ours");
    let text = format!("[[schedule]]\n{schedule}\nram_gb_threshold = 0.02\n");
    fs::write(directory.join("schedule.toml"), text).expect("a directory of ours");
    machine
}

/// The daemon with a clock that was at so many seconds since 1970 when it began to go.
fn launch(machine: &Machine, zone: Option<&str>, seconds: u64) -> Daemon {
    let mut command = machine.command();
    command.env_remove("TZ").envs(zone.map(|zone| ("TZ", zone)));
    // Several run at once.
    command.env("RUNTIME_DIRECTORY", machine.path("run"));
    begin_at(&mut command, seconds);
    machine.launch(command)
}

fn first(machine: &Machine, start: &str) -> Record {
    let is_it = |record: &Record| record.message.starts_with(start);
    machine.log().wait_for_any(start, is_it)
}

const NONE: &str = "No schedule in force: ";
const FIRST: &str = "Schedule 1 in force: ";

fn begins_and_ends_at_its_minute() {
    let night = "from = \"22:00\"\nto = \"06:00\"\ndays = [\"sat\"]";
    let cases = [
        // Friday, 2025-10-03.
        (
            "UTC0",
            1_759_481_998,
            "from = \"09:00\"\nto = \"10:00\"",
            [NONE, FIRST],
            "2025-10-03 09:00:00",
        ),
        // Into a Saturday, and out of the night that began on one.
        (
            "UTC0",
            1_759_535_998,
            "from = \"00:00\"\nto = \"24:00\"\ndays = [\"sat\"]",
            [NONE, FIRST],
            "2025-10-04 00:00:00",
        ),
        (
            "UTC0",
            1_759_643_998,
            night,
            [FIRST, NONE],
            "2025-10-05 06:00:00",
        ),
        // The clock goes from 02:00 to 03:00, over the beginning of a schedule.
        (
            CENTRAL_EUROPE,
            1_743_296_398,
            "from = \"02:30\"\nto = \"04:00\"",
            [NONE, FIRST],
            "2025-03-30 03:00:00",
        ),
        // It goes from 03:00 back to 02:00, when a schedule that has been holds once more.
        (
            CENTRAL_EUROPE,
            1_761_440_398,
            "from = \"02:00\"\nto = \"02:30\"",
            [NONE, FIRST],
            "2025-10-26 02:00:00",
        ),
    ];
    let running = cases.map(|(zone, seconds, schedule, _, _)| {
        let machine = machine(schedule);
        // Time enough to start on a loaded machine.
        let daemon = launch(&machine, Some(zone), seconds - 8);
        (machine, daemon)
    });
    for ((machine, mut daemon), (_, _, schedule, [before, after], time)) in
        running.into_iter().zip(cases)
    {
        let said = first(&machine, before);
        assert!(
            said.message.ends_with(&format!(", until {time}")),
            "{schedule}: {said:?}"
        );
        // The minute begins then, and a loaded machine is late by a moment.
        let switched = first(&machine, after).time;
        let minute = &time[..time.len() - 2];
        assert!(switched.starts_with(minute), "{schedule}: {switched}");
        daemon.stop();
    }
}

fn puts_its_thresholds_in_force() {
    let machine = machine("from = \"09:00\"\nto = \"10:00\"");
    let mut hog = Hog::new().start();
    let mut daemon = launch(&machine, Some("UTC0"), 1_759_481_990);
    machine.log().wait_for_scans(1);
    assert!(hog.is_alive());
    // The next regular scan would be an hour away.
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let killed = first(&machine, "Killing process: ");
    assert!(killed.time.as_str() >= "2025-10-03 09:00:00", "{killed:?}");
    daemon.stop();
}

/// A file as /etc/localtime is one, of a zone so many hours ahead of UTC.
fn zone_file(hours: i32) -> Vec<u8> {
    let mut file = b"TZif".to_vec();
    file.extend([0; 16]);
    // No indicators, no leap seconds, no transitions; one type, four bytes of its name.
    for count in [0_u32, 0, 0, 0, 1, 4] {
        file.extend(count.to_be_bytes());
    }
    file.extend((hours * 3600).to_be_bytes());
    file.extend([0, 0]);
    file.extend(b"XXX\0");
    file
}

fn follows_a_replaced_time_zone() {
    let mut machine = machine("from = \"09:00\"\nto = \"10:00\"");
    machine.set("thresholds.check_interval", "0.1");
    // Ours alone in this mount namespace, but for the file that is replaced.
    let etc = machine.path("etc");
    let copied = Command::new("cp").args(["-a", "/etc"]).arg(&etc).status();
    assert!(copied.expect("cp is there").success());
    os::mount(&etc, Path::new("/etc"), "", libc::MS_BIND, "");
    let put = |hours: i32| {
        let zone = machine.path(&format!("zone{hours}"));
        fs::write(&zone, zone_file(hours)).expect("a directory of ours");
        symlink(zone, "/etc/localtime.new").expect("a directory of ours");
        fs::rename("/etc/localtime.new", "/etc/localtime").expect("a directory of ours");
    };
    put(0);
    let mut hog = Hog::new().start();
    // 2025-10-03, half past midnight.
    let mut daemon = launch(&machine, None, 1_759_451_400);
    machine.log().wait_for_scans(3);
    assert!(first(&machine, NONE).time.starts_with("2025-10-03 00:30:"));
    assert!(hog.is_alive());
    put(9);
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    let said = first(&machine, FIRST);
    assert!(
        said.time.starts_with("2025-10-03 09:3")
            && said.message.ends_with("until 2025-10-03 10:00:00"),
        "{said:?}"
    );
    daemon.stop();
}

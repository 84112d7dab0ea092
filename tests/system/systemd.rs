//! What the commands ask systemd, with programs in its place that answer as systemd 252 does. A systemd that runs is
//! asked in the booted machines, tests/packages/machine-insight and machine-service.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::installed;
use crate::harness::log_lines::Log;
use crate::harness::machine::{Daemon, Machine, Said, binary, program, said, until};
use crate::harness::os;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    check_asks_which_files_the_service_may_write,
    status_tells_why_the_service_does_not_run,
    the_sandbox_is_what_the_service_differs_in_from_a_unit_without_settings,
    a_reload_with_a_rejected_configuration_fails,
];

/// What `systemctl show` prints of the shipped unit.
const SHOWN: &str = "LoadState=loaded
Restart=on-failure
ReadWritePaths=/var/log
ProtectHome=read-only
ProtectSystem=strict
RuntimeDirectory=memory-monitor
StateDirectory=memory-monitor
CacheDirectory=
LogsDirectory=";

/// Runs the program with these scripts alone in its PATH.
fn run_with(scripts: &[(&str, String)], arguments: &[&str]) -> Said {
    let directory = tempfile::tempdir().expect("a directory below /tmp");
    for (name, script) in scripts {
        let path = directory.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    }
    let mut command = program(arguments);
    command.env("PATH", directory.path());
    said(command)
}

fn prints(text: &str) -> String {
    format!("/bin/cat <<'END'\n{text}\nEND")
}

fn check_asks_which_files_the_service_may_write() {
    let config = Machine::of(
        "[settings]\nlog_file = \"/var/log/mm.log\"\nmetrics_file = \"/srv/mm.prom\"\n",
    );
    let arguments = ["check", &config.config_file()];
    let said = run_with(&[("systemctl", prints(SHOWN))], &arguments);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(
        said.out
            .contains("the service may not write to /srv/mm.prom: systemctl edit"),
        "{said:?}"
    );
    assert!(!said.out.contains("/var/log/mm.log:"), "{said:?}");

    let absent = prints("LoadState=not-found\nProtectSystem=no");
    for (scripts, reason) in [
        (
            &[][..],
            "systemd is not running here; unit settings are unknown\n",
        ),
        (
            &[("systemctl", absent)],
            "systemd has not loaded memory-monitor.service\n",
        ),
    ] {
        let said = run_with(scripts, &arguments);
        assert_eq!(said.status, Some(0), "{said:?}");
        let note = format!("whether the service may write to /srv/mm.prom: {reason}");
        assert!(said.out.contains(&note), "{note}: {said:?}");
    }
}

fn status_tells_why_the_service_does_not_run() {
    let machine = Machine::new();
    let etc = machine.path("etc");
    fs::create_dir_all(etc.join("memory-monitor")).expect("a directory of ours");
    os::mount(&etc, Path::new("/etc"), "", libc::MS_BIND, "");
    let config = Path::new("/etc/memory-monitor/config.toml");
    fs::write(config, "[thresholds]\nram_gb_threshold = 2GB\n").expect("ours");
    let failed = format!("{SHOWN}\nActiveState=failed\nResult=exit-code\nExecMainStatus=78");
    let scripts = [("systemctl", prints(&failed))];
    let said = run_with(&scripts, &["status"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 3, "{said:?}");
    assert!(lines[0].contains("no daemon runs"), "{said:?}");
    for (line, told) in [
        (
            lines[1],
            "memory-monitor.service has failed: it exited with status 78, as its configuration was rejected",
        ),
        (
            lines[2],
            "the configuration is rejected: /etc/memory-monitor/config.toml:2:20: not valid TOML: \"2GB\" is no value, write 2",
        ),
    ] {
        assert_eq!(line, format!("memory-monitor: error: {told}"));
    }
    let json = run_with(&scripts, &["status", "--json"]).json();
    assert_eq!(json["running"], false);
    assert!(
        json["service"]
            .as_str()
            .expect("text")
            .ends_with("was rejected"),
        "{json}"
    );
    assert_eq!(
        json["rejected"].as_array().expect("a list").len(),
        1,
        "{json}"
    );

    fs::remove_file(config).expect("ours");
    let stopped = format!("{SHOWN}\nActiveState=inactive\nResult=success\nExecMainStatus=0");
    let said = run_with(&[("systemctl", prints(&stopped))], &["status"]);
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 2, "{said:?}");
    assert_eq!(
        lines[1],
        "memory-monitor: error: memory-monitor.service is inactive"
    );
    // Without systemd, nothing is said of it.
    assert_eq!(run_with(&[], &["status"]).err.lines().count(), 1);
}

fn the_sandbox_is_what_the_service_differs_in_from_a_unit_without_settings() {
    let own = "CapabilityBoundingSet=cap_kill\nProtectSystem=strict\nUser=\nSystemCallFilter=read write\n\
        DeviceAllow=/dev/zero r\nDeviceAllow=/dev/null rw\nRestrictAddressFamilies=~";
    let defaults = "CapabilityBoundingSet=cap_chown cap_kill\nProtectSystem=no\nUser=\nSystemCallFilter=~\n\
        RestrictAddressFamilies=~";
    let systemctl = format!(
        "case $* in *no-such-unit*) {} ;; *) {} ;; esac",
        format_args!("{}\n", prints(&format!("{own}\n\n{defaults}"))),
        format_args!("{}\n", prints(SHOWN)),
    );
    let systemd_run = "for word; do echo \"$word\"; done".to_owned();
    let scripts = [("systemctl", systemctl), ("systemd-run", systemd_run)];
    let said = run_with(&scripts, &["selftest", "--sandbox", "--json"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let expected = format!(
        "--wait\n--pipe\n--quiet\n--collect\n--property=CapabilityBoundingSet=cap_kill\n\
         --property=ProtectSystem=strict\n--property=SystemCallFilter=read write\n\
         --property=DeviceAllow=/dev/zero r\n--property=DeviceAllow=/dev/null rw\n{}\nselftest\n--json\n",
        binary().display()
    );
    assert_eq!(said.out, expected, "{said:?}");

    let said = run_with(&[], &["selftest", "--sandbox"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert_eq!(
        said.err,
        "memory-monitor: error: systemd is not running here; unit settings are unknown\n"
    );
}

/// The commands of ExecReload= in the unit, as systemd runs them: the error is printed, the daemon reports it with its
/// own record, and the configuration before stays in force.
fn a_reload_with_a_rejected_configuration_fails() {
    installed::install();
    let config = Path::new("/etc/memory-monitor/config.toml");
    let policy = |gb: &str| {
        format!(
            "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = {gb}\ncheck_interval = 0.1\n\
             [whitelist]\nnames = []\nusers = []\n[settings]\nlog_file = \"/var/log/mm.log\"\nenable_syslog = false\n"
        )
    };
    let reload = || {
        let mut command = Command::new("systemctl");
        command.args(["reload", "memory-monitor"]);
        said(command)
    };
    fs::write(config, policy("1000")).expect("ours");
    let mut daemon = Daemon::launch_as_service(program(&[]), Path::new("/run/stderr"));
    fs::write("/run/memory-monitor.pid", daemon.pid().to_string()).expect("ours");
    let log = Log::at(Path::new("/var/log/mm.log"));
    log.wait_for_scans(2);
    let mut hog = Hog::new().start();
    fs::write(config, policy("0.02 # GB\nnonsense = 1")).expect("ours");
    let failed = reload();
    assert_eq!(
        (failed.status, failed.out.as_str()),
        (Some(1), ""),
        "{failed:?}"
    );
    let error =
        "memory-monitor: error: /etc/memory-monitor/config.toml:4:1: unknown key \"nonsense\"";
    assert!(failed.err.starts_with(error), "{failed:?}");
    assert_eq!(failed.err.lines().count(), 1, "{failed:?}");
    let has = |text: &str| {
        let records = log.records();
        records.iter().any(|record| record.message.contains(text))
    };
    until("the rejection is logged", || {
        has(
            "Configuration rejected, the previous one stays in force: /etc/memory-monitor/config.toml:4:1: ",
        )
    });
    log.wait_for_scans(3);
    assert!(hog.is_alive());
    fs::write(config, policy("0.02")).expect("ours");
    let done = reload();
    assert_eq!(
        (done.status, done.all().as_str()),
        (Some(0), ""),
        "{done:?}"
    );
    assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    until("the reload is logged", || has("Configuration reloaded"));
    daemon.stop();
}

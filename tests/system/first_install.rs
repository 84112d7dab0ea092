//! The script of the packages for a first installation, with a systemctl that answers what the test wants. Real
//! installations are in tests/packages/machine-first.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::machine::{program, said};
use crate::harness::{installed, os};
use crate::peers;
use std::fs;
use std::path::Path;
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    where_nothing_is_over_it_kills,
    where_something_is_over_it_is_a_dry_run,
    a_group_makes_it_a_dry_run_too,
    thresholds_that_are_off_are_not_raised,
    the_message_has_ten_lines_at_most,
    another_program_for_a_shortage_is_named,
    a_service_that_does_not_run_would_kill,
    a_file_of_the_administrator_decides,
    a_rejected_configuration_is_shown,
    beside_the_original_it_is_a_dry_run,
    without_systemd_nothing_is_looked_at,
];

const DROP_INS: &str = "/etc/memory-monitor/config.d";
const DROP_IN: &str = "/etc/memory-monitor/config.d/00-first-install.toml";
const LET_IT_KILL: &str = "rm /etc/memory-monitor/config.d/00-first-install.toml && systemctl reload memory-monitor  # let it kill";

/// With thresholds that only hogs reach, and systemd running.
fn install() {
    installed::install();
    fs::create_dir_all("/run/systemd/system").expect("this test's own");
    fs::create_dir_all(DROP_INS).expect("this test's own");
    let thresholds = "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = 0.02\n";
    administrator("thresholds", thresholds);
    service("active", "enabled");
}

/// The service is so, as systemctl says.
fn service(active: &str, enabled: &str) {
    let systemctl = format!(
        "#!/bin/sh\ncase $1 in is-active) echo {active} ;; is-enabled) echo {enabled} ;; *) echo \"$*\" >>/run/asked ;; esac\n"
    );
    fs::write("/usr/bin/systemctl", systemctl).expect("this test's own");
}

fn administrator(name: &str, text: &str) {
    fs::write(format!("{DROP_INS}/50-{name}.toml"), text).expect("this test's own");
}

/// Prepares the installation, and returns the lines that are printed after it.
fn first_install() -> Vec<String> {
    let mut lines = Vec::new();
    for word in ["prepare", "report"] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("debian/first-install");
        let mut command = Command::new("sh");
        command.arg(script).arg(word);
        let said = said(command);
        assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
        lines.extend(said.out.lines().map(str::to_owned));
    }
    assert!(lines.len() <= 10, "{lines:#?}");
    lines
}

fn is_dry_run() -> bool {
    Path::new(DROP_IN).exists()
}

fn line(hog: &RunningHog) -> String {
    format!("  PID {}, hog of root, 0.05 GB", hog.pid())
}

fn where_nothing_is_over_it_kills() {
    install();
    let lines = first_install();
    assert!(!is_dry_run());
    assert_eq!(
        lines,
        [
            "memory-monitor: the service runs, and kills any process over 0.02 GB, root's too, but none that is protected. No process is over that now.",
            "memory-monitor scan  # show the processes closest to a threshold",
            "echo 'thresholds = {ram_percent_threshold = 50, ram_gb_threshold = inf}' >/etc/memory-monitor/config.d/50-thresholds.toml && systemctl reload memory-monitor  # raise the thresholds to 50%",
            "systemctl disable --now memory-monitor  # stop it",
        ]
    );
}

fn where_something_is_over_it_is_a_dry_run() {
    install();
    let hog = Hog::new().start();
    let lines = first_install();
    let text = fs::read_to_string(DROP_IN).expect("the drop-in");
    for part in [
        "# Made by the first installation of memory-monitor on 20",
        "# killed 1 process at once, with the configuration of that time.\n",
        "#   rm /etc/memory-monitor/config.d/00-first-install.toml && systemctl reload memory-monitor\n",
        "[settings]\ndry_run = true\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(
        lines.get(..3).expect("lines"),
        [
            "memory-monitor: the service runs, and kills nothing: dry run, because of config.d/00-first-install.toml. Without that it would kill any process over 0.02 GB, root's too, but none that is protected. Processes over that now:",
            &line(&hog),
            LET_IT_KILL,
        ]
    );
    let scan = said(program(&["scan"])).out;
    assert!(scan.contains("\nNothing is killed: dry run, because of config.d/00-first-install.toml (1 process would be killed)\n"), "{scan}");
}

/// No process is over a threshold of its own, and the administrator's group would kill one.
fn a_group_makes_it_a_dry_run_too() {
    install();
    administrator("thresholds", "[thresholds]\nram_gb_threshold = 512\n");
    administrator(
        "groups",
        "[[group]]\nby = \"all\"\nname = \"hog\"\nram_gb_threshold = 0.06\n",
    );
    let hog = Hog::new().start();
    first_install();
    assert!(!is_dry_run());
    let _other = Hog::new().mib(30).start();
    let lines = first_install();
    assert!(is_dry_run());
    assert!(
        lines[0].contains("; 1 group has a threshold of its own. Processes over that now:"),
        "{lines:#?}"
    );
    let reason = ", the largest of group all over ram_gb_threshold = 0.06GB";
    assert_eq!(lines[1], line(&hog) + reason);
    assert_eq!(lines[2], LET_IT_KILL);
    let check = said(program(&["check"])).out;
    assert!(check.contains("(1 process would be killed)"), "{check}");
}

/// A threshold of 50% would be one more, and kill what nothing kills now.
fn thresholds_that_are_off_are_not_raised() {
    install();
    on_a_small_machine();
    administrator(
        "thresholds",
        "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = inf\n",
    );
    administrator(
        "groups",
        "[[group]]\nby = \"all\"\nname = \"hog\"\nram_gb_threshold = 0.06\n",
    );
    let lines = first_install();
    let is_offer = |line: &&String| line.starts_with("echo ");
    assert_eq!(lines.iter().find(is_offer), None, "{lines:#?}");
}

fn on_a_small_machine() {
    let small = "MemTotal: 700000 kB\nMemFree: 300000 kB\nMemAvailable: 400000 kB\n";
    fs::write("/run/meminfo", small).expect("this test's own");
    os::mount(
        Path::new("/run/meminfo"),
        Path::new("/proc/meminfo"),
        "",
        libc::MS_BIND,
        "",
    );
}

fn the_message_has_ten_lines_at_most() {
    install();
    on_a_small_machine();
    administrator("thresholds", "[thresholds]\nram_percent_threshold = 3\n");
    let _hogs: Vec<_> = (0..8).map(|_| Hog::new().start()).collect();
    let lines = first_install();
    assert_eq!(lines.len(), 10, "{lines:#?}");
    assert!(
        lines[0].contains(
            "any process over 0.02 GB (3% of 0.67 GB), root's too, but none that is protected."
        ),
        "{lines:#?}"
    );
    assert!(lines[5].ends_with(" GB, and 3 more"), "{lines:#?}");
    assert!(
        lines[8].contains("only_below_available_percent = 20"),
        "{lines:#?}"
    );
    // Each way on is a line to paste.
    for line in lines.iter().filter(|line| line.contains("  # ")) {
        if line.starts_with("memory-monitor") {
            continue;
        }
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        assert_eq!(said(command).all(), "", "{line}");
    }
    let check = said(program(&["check"])).out;
    for part in [
        "ram_percent_threshold        = 50",
        "only_below_available_percent = 20",
    ] {
        assert!(check.contains(part), "{check}");
    }
    let asked = fs::read_to_string("/run/asked").expect("systemctl was asked");
    assert!(
        asked.contains("reload memory-monitor\ndisable --now memory-monitor\n"),
        "{asked}"
    );
    assert!(!is_dry_run());
    // What is set by now is not offered again.
    let lines = first_install();
    assert!(lines[0].contains("(50% of 0.67 GB)"), "{lines:#?}");
    let is_offer = |line: &&String| line.starts_with("echo ");
    assert_eq!(lines.iter().find(is_offer), None, "{lines:#?}");
}

fn another_program_for_a_shortage_is_named() {
    install();
    on_a_small_machine();
    administrator("thresholds", "[thresholds]\nram_percent_threshold = 3\n");
    let _hogs: Vec<_> = (0..8).map(|_| Hog::new().start()).collect();
    let earlyoom = peers::program("earlyoom", peers::SERVICE);
    let lines = first_install();
    assert_eq!(lines.len(), 10, "{lines:#?}");
    assert!(lines[4].ends_with(" GB, and 4 more"), "{lines:#?}");
    let offer = format!(
        "echo 'system = {{action = \"warn\"}}' >{DROP_INS}/50-system.toml && systemctl reload memory-monitor  # leave a \
         shortage of the whole machine to earlyoom (PID {}), which kills then as well",
        earlyoom.pid()
    );
    assert_eq!(lines[8], offer, "{lines:#?}");
    let mut command = Command::new("sh");
    command.args(["-c", &offer]);
    assert_eq!(said(command).all(), "");
    let check = said(program(&["check"])).out;
    assert!(check.contains("[system] only warns, so the two"), "{check}");
    let lines = first_install();
    assert!(!lines.concat().contains("earlyoom"), "{lines:#?}");
}

fn a_service_that_does_not_run_would_kill() {
    install();
    let hog = Hog::new().start();
    for (active, enabled, start) in [
        (
            "inactive",
            "masked",
            "systemctl unmask memory-monitor && systemctl enable --now memory-monitor  # start it",
        ),
        (
            "inactive",
            "disabled",
            "systemctl enable --now memory-monitor  # start it",
        ),
        (
            "failed",
            "enabled",
            "systemctl status memory-monitor  # show why it does not run",
        ),
    ] {
        service(active, enabled);
        let lines = first_install();
        assert!(is_dry_run());
        let state = format!(
            "memory-monitor: the service does not run ({enabled}). Started, it would kill nothing: dry run, because of config.d/00-first-install.toml. Without that it would kill any process over 0.02 GB, root's too, but none that is protected. Processes over that now:"
        );
        assert_eq!(lines[0], state);
        assert_eq!(lines[1], line(&hog));
        assert_eq!(lines[2], format!("rm {DROP_IN}  # let it kill"));
        assert_eq!(lines.last().expect("a line"), start);
    }
}

fn a_file_of_the_administrator_decides() {
    install();
    let _hog = Hog::new().start();
    administrator("careful", "[settings]\ndry_run = true\n");
    let lines = first_install();
    assert!(!is_dry_run(), "there is one already");
    assert!(
        lines[0].contains("kills nothing: dry run, because of config.d/50-careful.toml. "),
        "{lines:#?}"
    );
    administrator("careful", "[settings]\ndry_run = false\n");
    let lines = first_install();
    assert!(!is_dry_run(), "it would have no effect");
    assert!(
        lines[0].contains("the service runs, and kills any process"),
        "{lines:#?}"
    );
}

fn a_rejected_configuration_is_shown() {
    install();
    administrator("wrong", "[thresholds]\nram_gb_treshold = 1\n");
    service("failed", "enabled");
    let lines = first_install();
    assert_eq!(
        lines[0],
        "memory-monitor: the service does not run, and kills nothing: its configuration is rejected."
    );
    assert!(
        lines[1].contains("50-wrong.toml:2:1: unknown key"),
        "{lines:#?}"
    );
    assert_eq!(
        lines.last().expect("a line"),
        "systemctl restart memory-monitor  # when that prints nothing"
    );
    // What it would kill is not known.
    assert!(is_dry_run());
}

fn beside_the_original_it_is_a_dry_run() {
    install();
    let original = Path::new("/opt/memory-monitor/config.toml");
    fs::create_dir_all("/opt/memory-monitor").expect("this test's own");
    fs::write(original, "[thresholds]\nram_gb_threshold = 3.0\n").expect("this test's own");
    let unit = "/etc/systemd/system/memory-monitor.service";
    fs::create_dir_all("/etc/systemd/system").expect("this test's own");
    fs::write(unit, "[Service]\nExecStart=/usr/bin/python3 x\n").expect("this test's own");
    let lines = first_install();
    assert!(is_dry_run(), "although nothing is over");
    assert!(Path::new(&format!("{unit}.original")).exists());
    let asked = fs::read_to_string("/run/asked").expect("systemctl was asked");
    assert!(
        asked.contains(
            "--quiet stop memory-monitor.service\n--quiet disable memory-monitor.service\n"
        ),
        "{asked}"
    );
    assert_eq!(
        lines[0],
        "memory-monitor: the earlier installation in /opt/memory-monitor was stopped and disabled; its files stay."
    );
    assert!(lines[1].contains("the service runs, and kills nothing: dry run, because of config.d/00-first-install.toml. "), "{lines:#?}");
    assert_eq!(
        lines[2],
        "cp /opt/memory-monitor/config.toml /etc/memory-monitor/config.toml && systemctl reload memory-monitor  # use the earlier configuration"
    );
    assert_eq!(lines[3], LET_IT_KILL);
    // It is not put into force with errors.
    fs::write(original, "[thresholds]\nram_gb_threshold = \"3\"\n").expect("this test's own");
    let lines = first_install();
    assert_eq!(
        lines[2],
        "memory-monitor check /opt/memory-monitor/config.toml  # the earlier configuration has errors"
    );
}

fn without_systemd_nothing_is_looked_at() {
    install();
    fs::remove_dir("/run/systemd/system").expect("this test's own");
    let _hog = Hog::new().start();
    let lines = first_install();
    assert!(!is_dry_run());
    assert!(
        lines[0]
            .contains("the service does not run (enabled). It would kill any process over 0.02 GB"),
        "{lines:#?}"
    );
}

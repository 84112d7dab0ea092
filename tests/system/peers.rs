//! Other programs that kill when the machine is short of memory: what `check` and `status` say where one runs.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog, sleeper};
use crate::harness::machine::{Machine, hide_processes, run, said, until};
use crate::harness::trusted;
use std::path::Path;

pub(crate) const CASES: &[Case] = cases![
    one_that_runs_is_named_with_the_choice: [Needs::Users],
    a_name_alone_is_no_program: [Needs::Users],
    nothing_is_claimed_of_what_is_hidden: [Needs::Users],
];

const USER: u32 = 65534;
/// A user of the system, whom no one logs in as.
pub(crate) const SERVICE: u32 = 998;

/// A process of this name, whose executable has it too and is root's alone.
pub(crate) fn program(name: &str, uid: u32) -> RunningHog {
    let directory = trusted::directory();
    let program = trusted::copy(Path::new("/proc/self/exe"), &directory, name);
    Hog::new().mib(1).comm(name).user(uid).by([program]).start()
}

fn machine(action: &str) -> Machine {
    Machine::of(&format!(
        "[system]\naction = \"{action}\"\n[settings]\nlog_file = \"\"\nenable_syslog = false\n"
    ))
}

fn one_that_runs_is_named_with_the_choice() {
    let earlyoom = program("earlyoom", SERVICE);
    let pid = earlyoom.pid();
    let kills = format!("earlyoom (PID {pid}) kills when the machine is short of memory");
    for (action, says) in [
        (
            "kill",
            ", as [system] does: leave that to one of the two, by action = \"warn\" in [system], or by stopping earlyoom\n",
        ),
        (
            "warn",
            ", and [system] only warns, so the two do not conflict\n",
        ),
        ("off", ", and [system] is off, so the two do not conflict\n"),
    ] {
        let machine = machine(action);
        let checked = run(&["check", &machine.config_file()]);
        let note = format!("  {kills}{says}");
        assert!(checked.out.contains(&note), "{note}: {checked:?}");
        let json = run(&["check", &machine.config_file(), "--json"]).json();
        assert_eq!(json["peers"][0]["name"], "earlyoom", "{json}");
        assert_eq!(json["peers"][0]["pid"], pid, "{json}");
        let (mut daemon, _) = machine.start_until_told(|line| line.contains("READY"));
        until("the daemon has written its status", || {
            run(&["status"]).status == Some(0)
        });
        let status = run(&["status"]);
        let note = format!("Beside it: {kills}{says}");
        assert!(status.out.contains(&note), "{note}: {status:?}");
        let json = run(&["status", "--json"]).json();
        assert_eq!(json["peers"].as_array().map(Vec::len), Some(1), "{json}");
        assert_eq!(json["system_action"], action);
        daemon.stop();
    }
    // A user who can't read the executable goes by its user.
    let machine = machine("kill");
    let mut command = machine.binary_for(USER);
    command.args(["check", &machine.config_file()]);
    let said = said(command);
    assert!(said.out.contains(&kills), "{said:?}");
}

fn a_name_alone_is_no_program() {
    let impostors = [
        sleeper("earlyoom"),
        sleeper("systemd-oomd"),
        program("nohang", USER),
    ];
    let other = program("sleeper-p", SERVICE);
    let machine = machine("kill");
    let names = |words: &[&str]| {
        let json = run(words).json();
        let peers = json["peers"].as_array().expect("a list").clone();
        peers
            .iter()
            .map(|peer| peer["pid"].as_u64())
            .collect::<Vec<_>>()
    };
    let config = machine.config_file();
    // The one whose executable has the name is one, whoever runs it.
    let nohang = Some(u64::from(impostors[2].pid()));
    assert_eq!(names(&["check", &config, "--json"]), [nohang]);
    // Who can't read that of another user believes none.
    let mut command = machine.binary_for(4711);
    command.args(["check", &config]);
    let said = said(command);
    assert!(!said.out.contains("nohang (PID"), "{said:?}");
    assert!(other.is_alive());
}

fn nothing_is_claimed_of_what_is_hidden() {
    let _earlyoom = program("earlyoom", SERVICE);
    hide_processes("2");
    let machine = machine("kill");
    let mut command = machine.binary_for(USER);
    command.args(["check", &machine.config_file()]);
    let said = said(command);
    assert!(
        !said.out.contains("earlyoom") && said.out.contains("hidepid"),
        "{said:?}"
    );
}

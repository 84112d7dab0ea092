//! `memory-monitor explain`.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, sleeper};
use crate::harness::machine::{Machine, hide_processes, run, said, until};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    names_the_test_that_decides_and_its_line,
    a_rule_and_a_schedule_decide_by_their_own_lines,
    tells_what_the_daemon_waits_for: [Needs::Users],
    json_has_the_same_answers,
    bytes_of_a_name_do_not_reach_the_terminal,
    says_what_a_number_is_that_is_no_process,
    says_what_another_user_and_hidepid_keep_back: [Needs::Users],
    a_kernel_thread_is_one,
    what_is_no_process_is_not_judged,
];

/// What "nobody" is on every machine.
const NOBODY: u32 = 65534;

/// Over by any process: a threshold of one megabyte.
const TINY: &str = "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = 0.001\n";

fn names_the_test_that_decides_and_its_line() {
    let sleeper = sleeper("sleeper-a");
    let pid = sleeper.pid().to_string();
    for (more, verdict, line) in [
        (
            "",
            "a scan would kill it: it is over ram_gb_threshold = 0.00GB.",
            "3: ram_gb_threshold = 0.001",
        ),
        (
            "[whitelist]\nnames = [\"x\",\n\"sleeper-?\"]\n",
            "it is protected, although it is over a threshold: whitelist.names has \"sleeper-?\", but its executable is /",
            "6: names has \"sleeper-?\"",
        ),
        (
            "[settings]\ndry_run = true\n",
            "it would be reported, not killed: it is over ram_gb_threshold = 0.00GB, and dry_run is true.",
            "5: dry_run = true",
        ),
    ] {
        let config = Machine::of(&format!("{TINY}{more}"));
        let said = run(&["explain", &pid, "--config", &config.config_file()]);
        assert_eq!(said.status, Some(0), "{said:?}");
        assert!(said.out.contains("(sleeper-a)"), "{said:?}");
        assert!(
            said.out.contains(&format!("Verdict: {verdict}")),
            "{said:?}"
        );
        let line = format!("Decided by {}:{line}\n", config.config_file());
        assert!(said.out.contains(&line), "{line}: {said:?}");
        assert!(!said.out.contains('\x1b'));
    }
}

fn a_rule_and_a_schedule_decide_by_their_own_lines() {
    let sleeper = sleeper("sleeper-e");
    let schedule = "[[schedule]]\nfrom = \"00:00\"\nto = \"24:00\"\nram_gb_threshold = 0.001\n";
    for (rule, line) in [
        (
            "name = \"sleeper-e\"\nram_gb_threshold = 0.0001\nmetric = \"pss\"",
            "5: [[rule]] name = \"sleeper-e\", action = \"kill\", ram_gb_threshold = 0.00GB, metric = \"pss\"",
        ),
        (
            "name = \"another\"\nram_gb_threshold = 0.0001\nsustained = 5",
            "1: [[schedule]] 00:00 to 24:00 on mon tue wed thu fri sat sun, ram_gb_threshold = 0.00GB",
        ),
    ] {
        let config = Machine::of(&format!("{schedule}[[rule]]\n{rule}\n"));
        let said = run(&[
            "explain",
            &sleeper.pid().to_string(),
            "--config",
            &config.config_file(),
        ]);
        let line = format!("Decided by {}:{line}\n", config.config_file());
        assert!(said.out.contains(&line), "{line}: {said:?}");
    }
}

fn tells_what_the_daemon_waits_for() {
    let machine = Machine::of(
        "[thresholds]\ncheck_interval = 0.1\n[settings]\nlog_file = \"\"\nenable_syslog = false\n\
         max_kills_per_minute = 1\n[[rule]]\nname = \"waits\"\nram_gb_threshold = 0.03\nsustained = 3000\n\
         [[rule]]\nname = \"hog-*\"\nram_gb_threshold = 0.03\n\
         [[group]]\nby = \"all\"\nname = \"member\"\nram_gb_threshold = 0.03\n",
    );
    let file = machine.config_file();
    let waits = Hog::new().comm("waits").start();
    let mut daemon = machine.launch(machine.command());
    let mut first = Hog::new().comm("hog-1").start();
    assert_eq!(first.ended_by(), Some(libc::SIGTERM));
    let second = Hog::new().comm("hog-2").start();
    until("the second waits", || {
        run(&["status"]).out.contains("limit of kills")
    });
    until("the other is over for a while", || {
        let status = run(&["status"]).out;
        let line = status.lines().find(|line| line.contains("waits"));
        line.is_some_and(|line| line.contains("sustained = 3000"))
    });
    let said = [&waits, &second].map(|hog| machine.run(&["explain", &hog.pid().to_string()]).out);
    let said = said.concat();
    for text in [
        " of 50 min left\n",
        "Verdict: it will be killed in ",
        "limit of kills reached   yes  1 of 1 of its user within the last minute\n",
        "as the limit of kills of a user a minute (1) is reached: it is over",
        &format!("Decided by {file}:6: max_kills_per_minute = 1\n"),
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    // The limit holds for groups as well.
    let member = Hog::new().comm("member").start();
    let said = machine.run(&["explain", &member.pid().to_string()]).out;
    for text in [
        "limit of kills reached   yes  1 of 1 of its user within the last minute\n",
        "it is not killed now, as the limit of kills of a user a minute (1) is reached: it is the largest of group all",
        &format!("Decided by {file}:6: max_kills_per_minute = 1\n"),
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    // Those of another user have not used up any of theirs.
    let other = Hog::new().user(NOBODY).comm("of-another").start();
    let said = machine.run(&["explain", &other.pid().to_string()]).out;
    let kills = "0 of 1 of its user within the last minute\n";
    assert!(said.contains(kills), "{said}");
    // What is so much larger that those can't shelter it is killed all the same, by the next scan.
    daemon.signal(libc::SIGSTOP);
    let mut large = Hog::new().mib(200).comm("hog-3").start();
    let said = machine.run(&["explain", &large.pid().to_string()]).out;
    let kills = "1 of 1 of its user within the last minute, and it is far larger than these\n";
    assert!(said.contains(kills), "{said}");
    assert!(
        said.contains("Verdict: a scan would kill it, if no larger one waits: "),
        "{said}"
    );
    daemon.signal(libc::SIGCONT);
    assert_eq!(large.ended_by(), Some(libc::SIGTERM));
    daemon.stop();
    assert!(waits.is_alive() && second.is_alive() && member.is_alive());
}

fn json_has_the_same_answers() {
    let sleeper = sleeper("sleeper-b");
    let config = Machine::of(TINY);
    let said = run(&[
        "explain",
        &sleeper.pid().to_string(),
        "--json",
        "-c",
        &config.config_file(),
    ]);
    let json = said.json();
    assert_eq!(json["verdict"], "over");
    assert_eq!(json["process"]["name"], "sleeper-b");
    let tests = json["tests"].as_array().expect("a list");
    let answer = |name: &str| {
        let test = tests.iter().find(|test| test["name"] == name);
        test.expect("a test")["answer"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    assert_eq!(answer("ram_percent_threshold"), "off");
    assert_eq!(answer("ram_gb_threshold"), "yes");
    assert_eq!(answer("whitelist.names"), "no");
    assert_eq!(answer("this user may signal it"), "yes");
    let rss = json["process"]["rss_bytes"].as_u64().expect("a number");
    let pss = json["process"]["pss_bytes"].as_u64().expect("a number");
    assert!(0 < pss && pss <= rss, "{json}");
}

fn bytes_of_a_name_do_not_reach_the_terminal() {
    let sleeper = sleeper(b"\x1b[2J\x9b1m\n");
    for arguments in [&["explain"][..], &["explain", "--json"]] {
        let pid = sleeper.pid().to_string();
        let arguments: Vec<_> = arguments.iter().copied().chain([pid.as_str()]).collect();
        let said = run(&arguments);
        assert!(said.out.contains("x1b[2J"), "{said:?}");
        let is_bad = |c: char| c.is_control() && c != '\n';
        assert!(!said.out.contains(is_bad), "{said:?}");
    }
}

fn says_what_a_number_is_that_is_no_process() {
    // Beyond the highest number that Linux gives away, 2^22.
    let said = run(&["explain", "4194305"]);
    assert_eq!(said.status, Some(1));
    assert_eq!(
        said.err,
        "memory-monitor: error: process 4194305 does not exist\n"
    );
    let said = run(&["explain", "1"]);
    assert!(said.out.contains("pid 1 is always protected"), "{said:?}");
}

fn says_what_another_user_and_hidepid_keep_back() {
    let machine = Machine::new();
    let hog = Hog::new().start();
    let explain = || {
        let mut command = machine.binary_for(NOBODY);
        command.args(["explain", &hog.pid().to_string()]);
        said(command)
    };
    let said = explain();
    assert!(
        said.out.contains("can't be read: exe: Permission denied"),
        "{said:?}"
    );
    assert!(said.out.contains("this user may signal it  no"), "{said:?}");
    hide_processes("2");
    let said = explain();
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("exists, but /proc is mounted with hidepid"),
        "{said:?}"
    );
}

fn a_kernel_thread_is_one() {
    let hog = Hog::new().start();
    hog.show_as_kernel_thread();
    let said = run(&["explain", &hog.pid().to_string()]);
    assert!(
        said.out.contains("kernel threads are always protected"),
        "{said:?}"
    );
}

/// What the test for a shortage says, and the verdict.
fn in_a_shortage(pid: &str) -> [String; 2] {
    let text = run(&["explain", pid]).out;
    let line = |start: &str| {
        let line = text.lines().find(|line| line.contains(start));
        line.unwrap_or_else(|| panic!("{start}: {text}")).to_owned()
    };
    [line("first in a shortage"), line("Verdict: ")]
}

fn what_is_no_process_is_not_judged() {
    let hog = Hog::new().with_second_thread().start();
    let thread = hog.threads()[1].to_string();
    let json = run(&["explain", &thread, "--json"]).json();
    assert_eq!(json["process"]["thread_of"], hog.pid(), "{json}");
    assert_eq!(json["verdict"], "thread", "{json}");
    let [shortage, verdict] = in_a_shortage(&thread);
    assert!(shortage.ends_with("  no   it is a thread"), "{shortage}");
    let told = format!("it is a thread: a scan judges its process, {}.", hog.pid());
    assert!(verdict.ends_with(&told), "{verdict}");

    let mut zombie = Command::new("/bin/true").spawn().expect("true starts");
    let pid = zombie.id().to_string();
    until("it has exited", || {
        in_a_shortage(&pid)[1].contains("it has exited and has no memory left")
    });
    let [shortage, _] = in_a_shortage(&pid);
    assert!(shortage.ends_with("  no   it has exited"), "{shortage}");
    zombie.wait().expect("ours");
}

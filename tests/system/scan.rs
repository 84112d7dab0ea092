//! `memory-monitor scan`.

use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, sleeper};
use crate::harness::hostile;
use crate::harness::machine::{Machine, hide_processes, run, said, until};
use crate::harness::terminal::{Press, frames_of, on_terminal};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    shows_what_it_is_asked_for,
    the_nearest_to_its_threshold_comes_first,
    suggests_thresholds_from_what_it_observed,
    suggests_nothing_for_what_a_rule_protects,
    suggests_pss_for_what_shares_its_memory,
    says_what_a_fork_has_by_pss,
    says_what_hidepid_keeps_from_a_suggestion: [Needs::Users],
    fits_the_terminal,
    colour_is_for_terminals_that_want_it,
    watch_redraws_and_leaves_the_terminal_as_it_was,
    watch_sorts_filters_and_explains,
];

fn shows_what_it_is_asked_for() {
    let (one, other) = (sleeper("sleeper-d1"), sleeper("sleeper-d2"));
    let said = run(&["scan", "--name", "sleeper-d?"]);
    let rows: Vec<_> = said
        .out
        .lines()
        .filter(|line| line.contains("sleeper-d"))
        .collect();
    assert_eq!(rows.len(), 2, "{said:?}");
    for sleeper in [&one, &other] {
        assert!(
            rows.iter()
                .any(|row| row.contains(&sleeper.pid().to_string()))
        );
    }
    let said = run(&["scan", "--name", "sleeper-d?", "--top", "1", "--json"]);
    let json = said.json();
    assert_eq!(json["processes"].as_array().expect("a list").len(), 1);
    let said = run(&["scan", "--name", "sleeper-d?", "--user", "4294967294"]);
    assert!(!said.out.contains("sleeper-d"), "{said:?}");
    let said = run(&["scan", "--user", "no-such-user"]);
    assert_eq!(said.status, Some(64));
    assert_eq!(
        said.err,
        "memory-monitor: error: \"--user\" must be a user of this machine, found \"no-such-user\"\n"
    );
}

fn the_nearest_to_its_threshold_comes_first() {
    let _sleepers = [sleeper("sleeper-e1"), sleeper("sleeper-e2")];
    let said = run(&["scan", "--all", "--json"]);
    let json = said.json();
    let processes = json["processes"].as_array().expect("a list");
    let shares: Vec<_> = processes
        .iter()
        .map(|row| row["threshold_percent"].as_f64().expect("a number"))
        .collect();
    assert!(
        shares.len() > 1 && shares.is_sorted_by(|a, b| a >= b),
        "{shares:?}"
    );
    // Over a threshold of nearly nothing everything is at least full.
    let config = Machine::of("[thresholds]\nram_gb_threshold = 0.0001\n");
    let said = run(&["scan", "--name", "sleeper-e1", "-c", &config.config_file()]);
    assert!(said.out.contains("##########"), "{said:?}");
    assert!(
        said.out
            .contains("over       sleeper-e1  (over ram_gb_threshold"),
        "{said:?}"
    );
}

fn suggests_thresholds_from_what_it_observed() {
    let _sleeper = sleeper("sleeper-h");
    let out = on_terminal((100, 50), None, &["scan", "--suggest", "1s"]);
    assert!(out.contains("0 s of 1 s"), "{out}");
    assert!(out.contains("Observed for 1 s: "), "{out}");
    assert!(out.contains("WOULD HAVE KILLED"), "{out}");
    let config = Machine::of("[whitelist]\nnames = [\"*\"]\n");
    let said = run(&["scan", "--suggest", "1s", "-c", &config.config_file()]);
    assert!(
        said.out
            .contains("No process was seen that could be killed."),
        "{said:?}"
    );
    assert!(!said.err.contains("0 s of 1 s"), "{said:?}");
}

fn suggests_nothing_for_what_a_rule_protects() {
    let _sleepers = [
        sleeper("sleeper-k1"),
        sleeper("sleeper-k2"),
        sleeper("sleeper-k3"),
    ];
    let rules = "[[rule]]\nname = \"sleeper-k1\"\naction = \"protect\"\n\
        [[rule]]\nname = \"sleeper-k2\"\naction = \"warn\"\n";
    let config = Machine::of(rules);
    let said = run(&[
        "scan",
        "--suggest",
        "1s",
        "-c",
        &config.config_file(),
        "--json",
    ]);
    // PID 1, this test and scan itself are always protected.
    assert_eq!(said.json()["processes"], 1, "{said:?}");
    assert_eq!(said.json()["largest"]["name"], "sleeper-k3", "{said:?}");
    let said = run(&["scan", "--suggest", "1s", "-c", &config.config_file()]);
    for part in [
        "1 process that nothing protects",
        "of memory and swap were left",
        "[system]\naction = \"kill\"\navailable_percent_threshold = ",
        "# [[group]]\n# by = \"user\"\n# ram_gb_threshold = 0.25\n",
    ] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
}

/// Its anonymous memory is over the threshold, and a third of it is not.
fn says_what_a_fork_has_by_pss() {
    let pool = "printf -v memory '%120000000s' ''; (sleep 100; :) & (sleep 100; :) & sleep 100; :";
    let mut pool = Command::new("bash")
        .args(["-c", pool])
        .spawn()
        .expect("bash");
    let config = Machine::of("[thresholds]\nram_gb_threshold = 0.07\n");
    let words = ["scan", "--name", "bash", "-c", &config.config_file()];
    until("all three say so", || {
        let said = run(&words).out;
        said.matches("; by pss it has ").count() == 3
    });
    pool.kill().expect("ours");
    pool.wait().expect("ours");
}

/// It maps the same memory three times: RSS counts it three times, PSS once.
fn suggests_pss_for_what_shares_its_memory() {
    let decoy = hostile::start(0, &[hostile::DECOY, "decoy [x]", "48"]);
    let plain = Hog::new().comm("plain").mib(120).start();
    let config = Machine::of("[thresholds]\nram_gb_threshold = 0.1\n");
    let file = config.config_file();
    let said = run(&["scan", "--suggest", "1s", "-c", &file]);
    for part in [
        format!(
            "by RSS, and not by PSS, which divides each shared page among the processes that share \
             it: \"decoy [x]\" (root, PID {}).\n",
            decoy.pid()
        ),
        "\n[[rule]]\nname = \"decoy \\\\[x]\"\nuser = \"root\"\nmetric = \"pss\"\n".to_owned(),
    ] {
        assert!(said.out.contains(&part), "{part}: {said:?}");
    }
    let said = run(&["check", &file]);
    let note = "over a threshold by rss, and not by pss: \"decoy [x]\"; metric = \"pss\" would decide otherwise";
    assert!(said.out.contains(note), "{said:?}");
    // By the rule that is suggested it is within.
    let rule = "[[rule]]\nname = \"decoy \\\\[x]\"\nuser = \"root\"\nmetric = \"pss\"\n";
    config.drop_in("50-suggested.toml", rule);
    let said = run(&["scan", "--all", "-c", &file, "--json"]).json();
    let rows = said["processes"].as_array().expect("a list");
    let verdict = |pid: u32| {
        let row = rows.iter().find(|row| row["pid"] == pid);
        row.expect("a row")["verdict"].clone()
    };
    assert_eq!(verdict(decoy.pid()), "within", "{said}");
    assert_eq!(verdict(plain.pid()), "over", "{said}");
}

fn says_what_hidepid_keeps_from_a_suggestion() {
    const US: u32 = 65534;
    hide_processes("2");
    let _hog = Hog::new().user(US).start();
    let machine = Machine::new();
    let mut command = machine.given(machine.binary_for(US));
    command.args(["scan", "--suggest", "1s"]);
    let said = said(command);
    let note =
        "\n/proc is mounted with hidepid: other users' processes can't be seen, run as root.\n";
    assert!(said.out.contains(note), "{said:?}");
    let said = machine.run(&["scan", "--suggest", "1s", "--json"]);
    assert_eq!(said.json()["hidepid"], false, "{said:?}");
}

fn fits_the_terminal() {
    let _sleeper = sleeper("sleeper-f");
    for columns in [20, 40, 70, 200] {
        let out = on_terminal((columns, 50), None, &["scan", "--all"]);
        for line in out.lines() {
            let width = line.trim_end().chars().count();
            assert!(width <= columns.into(), "{columns}: {width} {line}");
        }
        assert_eq!(out.contains("THRESHOLD"), columns >= 80);
        assert_eq!(out.contains("  RAM"), columns >= 60, "{out}");
    }
}

fn colour_is_for_terminals_that_want_it() {
    let _sleeper = sleeper("sleeper-g");
    let config = Machine::of("[thresholds]\nram_gb_threshold = 0.0001\n");
    let arguments = ["scan", "-c", &config.config_file()];
    assert!(on_terminal((100, 50), None, &arguments).contains("\x1b[31mover"));
    assert!(!run(&arguments).out.contains('\x1b'));
}

fn watch_redraws_and_leaves_the_terminal_as_it_was() {
    const CTRL_C: u8 = 3;
    for key in [CTRL_C, b'q'] {
        let out = on_terminal(
            (90, 20),
            Some(Press { frames: 2, key }),
            &["scan", "--watch"],
        );
        assert!(out.starts_with("\x1b[?1049h\x1b[?25l"), "{out:?}");
        assert!(out.ends_with("\x1b[?25h\x1b[?1049l"), "{out:?}");
        assert!(out.matches("\x1b[H").count() >= 2);
        let frame = out.split("\x1b[H").nth(1).expect("a frame");
        assert!(frame.matches('\n').count() < 20, "{frame:?}");
    }
    let said = run(&["scan", "--watch"]);
    assert_eq!(said.status, Some(64));
}

fn watch_sorts_filters_and_explains() {
    // So large that the few pages of code that one still comes to are no growth.
    let start = |name: &str| Hog::new().mib(80).comm(name).start();
    let (one, other) = (start("sleeper-w1"), start("sleeper-w2"));
    for size in [(80, 24), (200, 50)] {
        let keys = [
            "s",
            "s",
            "s",
            "/",
            "SLEEPER-w",
            "\r",
            "\x1b[B",
            "e",
            "x",
            "\x1b",
            "q",
        ];
        let frames = frames_of(size, &keys, &["scan", "--watch", "--all"]);
        for frame in &frames {
            assert!(frame.lines().count() <= size.1.into(), "{frame}");
            for line in frame.lines() {
                assert!(line.chars().count() <= size.0.into(), "{size:?}: {line}");
            }
            assert!(!frame.contains("\x1b[3"), "NO_COLOR: {frame:?}");
        }
        let has = |words: &str| {
            let found = frames.iter().find(|frame| frame.contains(words));
            found.unwrap_or_else(|| panic!("{words}: {frames:#?}"))
        };
        for order in ["threshold", "memory", "growth", "name"] {
            has(&format!("s sort: {order}"));
        }
        // What is cut at 80 columns is the key of the threshold.
        has("System: action \"kill\", ");
        has("filter by name or user: SLEEPER-w_");
        let filtered = has("/ filter \"SLEEPER-w\", Esc clear");
        for name in ["sleeper-w1", "sleeper-w2"] {
            let row = filtered.lines().find(|line| line.contains(name));
            let row = row.expect("a row");
            assert!(row.contains('\u{2581}'), "a flat minute: {row}");
        }
        assert_eq!(filtered.matches("sleeper-w").count(), 2, "{filtered}");
        let second = format!("> {:>7}", other.pid());
        assert!(has(&second).contains(&format!("  {:>7}", one.pid())));
        let explained = has(&format!("Process {} (sleeper-w2)", other.pid()));
        assert!(explained.starts_with("Verdict: "), "{explained}");
        assert!(
            explained.ends_with("any other key: back  q quit"),
            "{explained}"
        );
    }
}

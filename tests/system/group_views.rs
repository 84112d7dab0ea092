//! What the commands show of groups: which ones, whose, and what becomes of them.

use crate::groups::{ANN, BOB, hog, machine};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::hog::{Hog, RunningHog};
use crate::harness::log_lines::fits;
use crate::harness::machine::{Machine, until};
use crate::harness::terminal::frames_of;

pub(crate) const CASES: &[Case] = cases![
    scan_shows_whose_groups_it_is_asked_for: [Needs::Users],
    scan_counts_the_groups_that_it_does_not_show: [Needs::Users],
    a_short_screen_has_three_groups: [Needs::Users],
    a_threshold_that_is_off_has_no_share: [Needs::Users],
    a_tree_has_the_name_of_its_program: [Needs::Users],
    check_counts_groups: [Needs::Users],
    check_names_groups_without_effect,
    status_says_how_many_members: [Needs::Users],
    the_next_victim_of_a_group_is_counted_and_marked: [Needs::Users],
    a_victim_of_several_thresholds_counts_once: [Needs::Users],
    what_keeps_a_group_from_killing_is_said: [Needs::Users],
    the_limit_of_kills_keeps_a_group_from_killing: [Needs::Users],
    explain_knows_the_unit_of_a_process,
];

/// The lines about groups.
fn groups_of(machine: &Machine, words: &[&str]) -> Vec<String> {
    let said = machine.run(&[&["scan"], words].concat()).out;
    let lines = said.lines();
    let lines = lines.filter(|line| line.starts_with("Group ") || line.starts_with("and "));
    lines.map(str::to_owned).collect()
}

fn scan_shows_whose_groups_it_is_asked_for() {
    let machine = machine(
        "[[group]]\nlabel = \"users\"\nby = \"user\"\nname = \"hog*\"\nram_gb_threshold = 9\n\
         [[group]]\nlabel = \"hogs\"\nby = \"all\"\nname = \"hog-of-ann\"\nram_gb_threshold = 9\n",
    );
    let _ann = Hog::new().user(ANN).comm("hog-of-ann").start();
    let _bob = Hog::new().user(BOB).comm("hog-of-bob").start();
    let names = |words: &[&str]| {
        let lines = groups_of(&machine, words);
        let names = lines.iter().filter_map(|line| line.strip_prefix("Group "));
        let mut names: Vec<_> = names
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&[]), ["hogs", "users/4711", "users/4712"]);
    assert_eq!(names(&["--user", "4712"]), ["users/4712"]);
    assert_eq!(names(&["--user", "4711"]), ["hogs", "users/4711"]);
    assert_eq!(names(&["--name", "hog-of-b*"]), ["users/4712"]);
    assert_eq!(names(&["--user", "0"]), [""; 0]);
}

fn scan_counts_the_groups_that_it_does_not_show() {
    let machine = machine(
        "[[group]]\nlabel = \"users\"\nby = \"user\"\nname = \"hog\"\nram_gb_threshold = 9\n",
    );
    let mut hogs: Vec<_> = (4811..4817).map(|uid| hog(uid, 8)).collect();
    let lines = groups_of(&machine, &[]);
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert_eq!(lines[5], "and 1 more group, within its threshold");
    hogs.push(hog(4817, 8));
    let lines = groups_of(&machine, &[]);
    assert_eq!(lines[5], "and 2 more groups, within their thresholds");
    assert_eq!(groups_of(&machine, &["--all"]).len(), 7);
}

/// Also of those that are over their thresholds; the processes are not pushed off the screen.
fn a_short_screen_has_three_groups() {
    let machine = machine(
        "[[group]]\nlabel = \"users\"\nby = \"user\"\nname = \"hog\"\nram_gb_threshold = 0.01\n\
         action = \"warn\"\n",
    );
    let _hogs: Vec<_> = (4811..4817).map(|uid| hog(uid, 16)).collect();
    for (size, shown) in [((80, 24), 3), ((200, 50), 6)] {
        let config = machine.write_config().display().to_string();
        let frames = frames_of(size, &["s", "q"], &["scan", "--watch", "-c", &config]);
        let frame = frames.last().expect("a frame");
        let groups = frame
            .lines()
            .filter(|line| line.starts_with("Group users/"));
        assert_eq!(groups.count(), shown, "{frame}");
        let more = frame.contains("and 3 more groups, at lower shares of their thresholds");
        assert_eq!(more, shown == 3, "{frame}");
        assert!(frame.contains("  hog"), "{frame}");
    }
}

/// Where only groups have a threshold.
fn a_threshold_that_is_off_has_no_share() {
    let machine = machine(
        "[[group]]\nlabel = \"hogs\"\nby = \"all\"\nname = \"hog\"\nram_gb_threshold = 9\n",
    )
    .with("thresholds.ram_gb_threshold", "inf")
    .with("thresholds.ram_percent_threshold", "100");
    let one = hog(ANN, 16);
    let json = machine.run(&["scan", "--json"]).json();
    let rows = json["processes"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["pid"] == one.pid());
    let share = &row.expect("its row")["threshold_percent"];
    assert!(share.is_null(), "{share}");
    let scan = machine.run(&["scan"]).out;
    let line = scan.lines().find(|line| line.contains("  hog"));
    let line = line.expect("its line");
    assert!(line.contains(&format!("%{:17}-  within", "")), "{line}");
    assert!(!line.contains("..."), "{line}");
}

fn a_tree_has_the_name_of_its_program() {
    let machine =
        machine("[[group]]\nby = \"tree\"\nname = \"a \\\\[root]\"\nram_gb_threshold = 9\n");
    let root = Hog::new().user(ANN).comm("a [root]").start();
    let lines = groups_of(&machine, &[]);
    let start = format!("Group tree/{} (\"a [root]\"): 1 member, ", root.pid());
    assert!(lines[0].starts_with(&start), "{lines:?}");
    let json = machine.run(&["scan", "--json"]).json();
    assert_eq!(json["groups"][0]["program"], "a [root]", "{json}");
}

fn check_counts_groups() {
    let machine = machine(
        "[[group]]\nlabel = \"over\"\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.02\n\
         [[group]]\nlabel = \"within\"\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 9\n\
         [[group]]\nlabel = \"none\"\nby = \"user\"\nuser = \"4799\"\nram_gb_threshold = 9\n\
         [[group]]\nlabel = \"more\"\nby = \"user\"\nname = \"hog\"\nram_gb_threshold = 0.045\n",
    );
    let _hogs = [hog(ANN, 64), hog(BOB, 32)];
    let said = machine.run(&["check"]).out;
    for count in [
        "0.02GB; 1 group now, over it\n",
        "9.00GB; 1 group now, not over it\n",
        "9.00GB; no process matches now\n",
        "GB; 2 groups now, 1 of them over it\n",
    ] {
        let line = said.lines().find(|line| line.ends_with(count.trim_end()));
        let line = line.unwrap_or_else(|| panic!("{count}: {said}"));
        assert!(line.starts_with("     the threshold is "), "{line}");
    }
}

fn check_names_groups_without_effect() {
    let machine = machine(
        "[[group]]\nlabel = \"huge\"\nby = \"user\"\nram_gb_threshold = 1000000\n\
         [[group]]\nlabel = \"huge-anon\"\nby = \"user\"\nmetric = \"anon\"\nram_gb_threshold = 1000000\n\
         [[group]]\nlabel = \"huge-rss\"\nby = \"user\"\nmetric = \"rss\"\nram_gb_threshold = 1000000\n\
         [[group]]\nlabel = \"never\"\nby = \"user\"\nram_gb_threshold = 1\nonly_below_available_percent = 0\n\
         [[group]]\nlabel = \"told\"\nby = \"user\"\nram_gb_threshold = 1\nonly_below_available_percent = 0\naction = \"warn\"\n",
    );
    let said = machine.run(&["check"]).out;
    let idle: Vec<_> = said
        .lines()
        .filter(|line| line.ends_with("it is never over it, and has no effect"))
        .collect();
    // By anon and rss processes can have more together than there is.
    let [huge] = idle[..] else {
        panic!("{said}");
    };
    assert!(
        huge.contains(
            "config.d/groups.toml:1:1: group huge has a threshold of 1000000.00GB, and all processes together can have "
        ),
        "{said}"
    );
    let note = ":15:1: group never is only reported: only_below_available_percent = 0 lets nothing be killed for it\n";
    assert!(said.contains(note), "{said}");
    assert!(!said.contains("group told"), "{said}");
}

fn status_says_how_many_members() {
    let machine = machine(
        "[[group]]\nlabel = \"users\"\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\naction = \"warn\"\n",
    );
    let _hogs = [hog(ANN, 80), hog(ANN, 70)];
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for_words(&["Group over its threshold"]);
    machine.log().wait_for_scans(2);
    let status = machine.run(&["status"]).out;
    daemon.stop();
    let (_, groups) = status
        .split_once("\nGroups over their thresholds:\n")
        .expect("the groups");
    let line = groups.lines().next().expect("a line");
    assert!(line.starts_with("  users/4711: 2 members, 0.1"), "{status}");
    assert!(
        line.ends_with("GB, over ram_gb_threshold = 0.10GB, only reported"),
        "{status}"
    );
}

fn the_next_victim_of_a_group_is_counted_and_marked() {
    let mut machine = machine(
        "[[group]]\nlabel = \"users\"\nby = \"user\"\nuser = \"4711\"\nram_gb_threshold = 0.1\n",
    );
    let hogs = [hog(ANN, 80), hog(ANN, 70)];
    let pid = hogs[0].pid();
    let reason = "the largest of group users/4711 over ram_gb_threshold = 0.10GB";
    let scan = machine.run(&["scan"]).out;
    assert!(scan.contains(", 1 would be killed, 0 protected."), "{scan}");
    let row = scan
        .lines()
        .find(|line| line.contains(&format!(" {pid}  ")));
    let row = row.expect("its row");
    assert!(
        row.ends_with(&format!("group      hog  ({reason})")),
        "{row}"
    );
    let group = format!("GB, over: its largest member is killed: PID {pid}\n");
    assert!(scan.contains(&group), "{scan}");
    let json = machine.run(&["scan", "--json"]).json();
    assert_eq!(
        (&json["over"], &json["group_victims"]),
        (&0.into(), &1.into())
    );
    assert_eq!(json["groups"][0]["victims"][0], pid, "{json}");
    let over = machine.run(&["scan", "--over"]).out;
    let over: Vec<_> = over.lines().skip(1).collect();
    assert_eq!(over.len(), 1, "{over:?}");
    assert!(
        over[0].starts_with(&format!("  PID {pid}, hog of 4711, 0.0")),
        "{over:?}"
    );
    assert!(over[0].ends_with(&format!(" GB, {reason}")), "{over:?}");
    let explain = |hog: &RunningHog| machine.run(&["explain", &hog.pid().to_string()]).out;
    let said = explain(&hogs[0]);
    let verdict = format!("Verdict: a scan would kill it: it is {reason}.\n");
    assert!(said.contains(&verdict), "{said}");
    assert!(said.contains(": [[group]] label = \"users\""), "{said}");
    assert!(explain(&hogs[1]).contains("Verdict: it is within its thresholds"));
    machine.set("settings.dry_run", "true");
    let dry_run = "dry run, because of config.toml (1 process would be killed)\n";
    for command in ["scan", "check"] {
        let said = machine.run(&[command]).out;
        assert!(said.contains(dry_run), "{command}: {said}");
    }
    let said = machine.run(&["explain", &pid.to_string()]).out;
    assert!(
        said.contains(&format!("it would be reported, not killed: it is {reason}")),
        "{said}"
    );
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for(
        "INFO",
        &format!("Nothing is killed: {}", dry_run.trim_end()),
    );
    machine.log().wait_for_scans(2);
    let status = machine.run(&["status"]).out;
    daemon.stop();
    assert!(status.contains(dry_run), "{status}");
}

/// One is over its own threshold, and the largest of two groups, which together kill one more.
fn a_victim_of_several_thresholds_counts_once() {
    let group = |label| {
        format!(
            "[[group]]\nlabel = \"{label}\"\nby = \"all\"\nname = \"hog\"\nram_gb_threshold = 0.08\n"
        )
    };
    let machine = machine(&(group("one") + &group("other")))
        .with("thresholds.ram_gb_threshold", "0.1")
        .with("settings.dry_run", "true");
    let hogs = [hog(ANN, 160), hog(ANN, 70), hog(ANN, 65)];
    let scan = machine.run(&["scan"]).out;
    assert!(scan.contains("(2 processes would be killed)"), "{scan}");
    let second = format!("its largest member is killed: PID {}\n", hogs[1].pid());
    assert_eq!(scan.matches(&second).count(), 1, "{scan}");
    let enough = ", over: what is killed for other thresholds frees enough\n";
    assert_eq!(scan.matches(enough).count(), 1, "{scan}");
    let mut daemon = machine.launch(machine.command());
    machine.log().wait_for(
        "INFO",
        "Nothing is killed: dry run, because of config.toml (2 processes would be killed)",
    );
    machine.log().wait_for_scans(3);
    let status = machine.run(&["status"]).out;
    daemon.stop();
    assert!(status.contains("(2 processes would be killed)"), "{status}");
    let waits = ", waits for the end of what is killed";
    assert_eq!(status.matches(waits).count(), 1, "{status}");
    let records = machine.log().records();
    let would: Vec<_> = records
        .iter()
        .filter(|record| record.message.starts_with("Would kill process:"))
        .collect();
    assert_eq!(would.len(), 2, "{would:?}");
}

fn what_keeps_a_group_from_killing_is_said() {
    let machine = machine(
        "[[group]]\nlabel = \"protected\"\nby = \"all\"\nname = \"precious\"\nram_gb_threshold = 0.04\n\
         [[group]]\nlabel = \"plenty\"\nby = \"all\"\nname = \"hog\"\nram_gb_threshold = 0.04\n\
         only_below_available_percent = 0\n\
         [[group]]\nlabel = \"later\"\nby = \"all\"\nname = \"hog\"\nram_gb_threshold = 0.04\nsustained = 3000\n",
    )
    .with("whitelist.names", "[\"precious\"]");
    let _precious = Hog::new().user(ANN).mib(64).comm("precious").start();
    let pid = hog(ANN, 64);
    let pid = &pid.pid();
    let scan = machine.run(&["scan"]).out;
    for (label, note) in [
        ("protected", "every member is protected".to_owned()),
        (
            "plenty",
            "nothing is killed, memory is plentiful (".to_owned(),
        ),
        (
            "later",
            format!("its largest member is killed once it is over for 50 min: PID {pid}"),
        ),
    ] {
        let start = format!("Group {label}: 1 member");
        let line = scan.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("{label}: {scan}"));
        assert!(line.contains(&format!(", over: {note}")), "{line}");
    }
    assert!(scan.contains(", 1 would be killed, "), "{scan}");
    let mut daemon = machine.launch(machine.command());
    let status = || machine.run(&["status"]).out;
    until("all are over", || {
        status().matches(", over ram_gb_threshold = 0.04GB").count() == 3
    });
    let said = status();
    daemon.stop();
    for note in [
        "0.04GB, every member is protected\n",
        "0.04GB, nothing is killed, memory is plentiful\n",
        "0.04GB, in 49 min ",
        " members are killed if it still is\n",
    ] {
        assert!(said.contains(note), "{note}: {said}");
    }
}

fn the_limit_of_kills_keeps_a_group_from_killing() {
    let machine = machine("[[group]]\nby = \"all\"\nname = \"hog\"\nram_gb_threshold = 0.04\n")
        .with("settings.max_kills_per_minute", "1");
    let mut first = hog(ANN, 80);
    let second = hog(ANN, 64);
    let mut daemon = machine.launch(machine.command());
    assert_eq!(first.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_words(&["Limit of 1 kills a minute"]);
    let limited = "all: 1 member, 0.0#GB, over ram_gb_threshold = 0.04GB, nothing is killed, the limit of kills a minute \
                   is reached";
    until("the status says why", || {
        let said = machine.run(&["status"]).out;
        said.lines().any(|line| fits(line.trim(), limited))
    });
    daemon.stop();
    assert!(second.is_alive());
    assert_eq!(machine.log().count_of("Killing process:"), 1);
}

fn explain_knows_the_unit_of_a_process() {
    let machine = machine(
        "[[group]]\nlabel = \"all-units\"\nby = \"unit\"\nunit = \"/*\"\nname = \"hog\"\nram_gb_threshold = 9\n",
    );
    let hog = Hog::new().start();
    let said = machine.run(&["explain", &hog.pid().to_string()]).out;
    let line = said
        .lines()
        .find(|line| line.contains("group over its threshold"));
    assert!(line.expect("the test").contains("all-units/"), "{said}");
}

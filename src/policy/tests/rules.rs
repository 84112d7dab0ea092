//! Rules, metrics, times and warnings as tables of cases.

use super::*;
use crate::proc::{Questions, RuleInput, RuleMatch, Unit};
use crate::quantities::Metric;

/// What a process is beside its facts.
#[derive(Clone, Copy)]
struct Traits {
    exe: Result<&'static [u8], Unreadable>,
    cmdline: &'static [u8],
    cgroup: &'static [u8],
}

const CHROME: Traits = Traits {
    exe: Ok(b"/opt/google/chrome/chrome"),
    cmdline: b"/opt/google/chrome/chrome --type=renderer --lang=en",
    cgroup: b"/user.slice/user-1000.slice/user@1000.service/app.slice/app-chrome.scope",
};

const DENIED: Unreadable = Unreadable {
    file: "exe",
    errno: Some(13),
};

/// The process with its rule and, where the policy asks for it, its memory by another metric.
fn classified(policy: &Policy, mut process: Process, traits: Traits, other: u64) -> Process {
    let wanted = policy.rule_files();
    let facts = process.facts.unwrap();
    let matched = policy.match_rule(&RuleInput {
        facts: &facts,
        exe: wanted.exe.then_some(traits.exe),
        is_exe_forgeable: false,
        cmdline: wanted.cmdline.then_some(Ok(traits.cmdline)),
        cgroup: wanted.cgroup.then_some(Ok(traits.cgroup)),
    });
    process.details.rule_match = Some(matched);
    let metric = policy.metric(matched, process.rss, memory().total);
    process.details.memory = (metric != Metric::Rss).then_some((metric, Ok(Bytes::new(other))));
    process
}

fn matched(rules: &str, process: &Process, traits: Traits) -> RuleMatch {
    let policy = policy(rules);
    let matched = classified(&policy, *process, traits, 0);
    matched.details.rule_match.unwrap()
}

fn verdict(policy: &Policy, process: &Process) -> String {
    match judge(policy, process) {
        Verdict::Plentiful(..) => "plentiful".to_owned(),
        Verdict::Within => "within".to_owned(),
        Verdict::Breach(breach) => format!("over {breach}"),
        Verdict::Protected(protection) => policy.shown(&protection).to_string(),
    }
}

#[test]
fn what_is_given_must_all_match() {
    for (rule, matches) in [
        ("name = \"hog\"", true),
        ("name = \"h*\"", true),
        ("name = \"hogs\"", false),
        ("user = \"john\"", true),
        ("user = 1000", true),
        ("user = 1001", false),
        ("exe = \"/opt/google/*\"", true),
        ("exe = \"*/chromium\"", false),
        ("cmdline = \"*--type=renderer*\"", true),
        ("cmdline = \"*--type=gpu*\"", false),
        ("unit = \"user@*.service\"", true),
        ("unit = \"app-chrome.scope\"", true),
        ("unit = \"/user.slice/*\"", true),
        ("unit = \"cron.service\"", false),
        ("name = \"hog\"\nuser = 1001", false),
        (
            "name = \"hog\"\nuser = 1000\nexe = \"*chrome\"\ncmdline = \"*en\"\nunit = \"*.scope\"",
            true,
        ),
    ] {
        let found = matched(&format!("[[rule]]\n{rule}\n"), &process(42), CHROME);
        assert_eq!(
            (found.rule.is_some(), found.doubt),
            (matches, None),
            "{rule}"
        );
    }
}

#[test]
fn the_first_rule_that_matches_counts() {
    let rules = "[[rule]]\nname = \"x\"\n[[rule]]\nname = \"h*\"\n[[rule]]\nname = \"hog\"\n";
    assert_eq!(matched(rules, &process(42), CHROME).rule, Some(1));
    assert_eq!(matched("", &process(42), CHROME).rule, None);
}

#[test]
fn rules_have_thresholds_metric_and_action_of_their_own() {
    // The process has 3 GB of RSS; the machine has 100 GB.
    for (rule, other, expected) in [
        ("", 0, "over ram_gb_threshold = 2.00GB (rule 1)"),
        ("ram_gb_threshold = 4", 0, "within"),
        // A rule that gives one threshold has only that one.
        ("ram_percent_threshold = 50", 0, "within"),
        (
            "ram_percent_threshold = 1.5",
            0,
            "over ram_percent_threshold = 1.50% (rule 1)",
        ),
        ("metric = \"pss\"", 1, "within"),
        (
            "metric = \"pss\"\nsustained = 1.5",
            5 * GB / 2,
            "over ram_gb_threshold = 2.00GB (metric pss, rule 1, for 1.5 s)",
        ),
        ("metric = \"anon\"", 1, "within"),
        (
            "metric = \"anon\"",
            9 * GB,
            "over ram_gb_threshold = 2.00GB (metric anon, rule 1)",
        ),
        ("action = \"warn\"", 0, "rule 1 at test.toml:1:1 only warns"),
        (
            "action = \"protect\"",
            0,
            "rule 1 at test.toml:1:1 protects it",
        ),
        ("action = \"protect\"\nram_gb_threshold = 4", 0, "within"),
        (
            "action = \"kill\"",
            0,
            "over ram_gb_threshold = 2.00GB (rule 1)",
        ),
    ] {
        let policy = policy(&format!("[[rule]]\nname = \"hog\"\n{rule}\n"));
        let process = classified(&policy, process(42), CHROME, other);
        assert_eq!(verdict(&policy, &process), expected, "{rule}");
    }
}

#[test]
fn the_whitelist_and_the_built_in_protections_come_before_the_rules() {
    let policy =
        policy("[whitelist]\nnames = [\"sshd\"]\n[[rule]]\nname = \"*\"\nram_gb_threshold = 1\n");
    let sshd = with(|facts| facts.name = Name::new(b"sshd"));
    let sshd = classified(&policy, sshd, CHROME, 0);
    assert_eq!(verdict(&policy, &sshd), "whitelist.names has sshd");
    let init = classified(&policy, process(1), CHROME, 0);
    assert_eq!(verdict(&policy, &init), "pid 1 is always protected");
}

#[test]
fn a_rule_in_doubt_protects_where_it_could_make_a_difference() {
    let hidden = Traits {
        exe: Err(DENIED),
        ..CHROME
    };
    let denied = "can't be read (exe: Permission denied (os error 13))";
    for (rules, expected) in [
        ("exe = \"/opt/*\"\naction = \"protect\"", denied),
        // Over the rule's threshold only: it might be killed, so it is protected, and reported.
        ("exe = \"/opt/*\"\nram_gb_threshold = 1", denied),
        // Another pattern does not match: what can't be read does not matter.
        (
            "exe = \"/opt/*\"\nname = \"x\"\naction = \"protect\"",
            "over ram_gb_threshold = 2.00GB",
        ),
        (
            "name = \"hog\"\n[[rule]]\nexe = \"/opt/*\"",
            "over ram_gb_threshold = 2.00GB (rule 1)",
        ),
    ] {
        let policy = policy(&format!("[[rule]]\n{rules}\n"));
        let process = classified(&policy, process(42), hidden, 0);
        assert_eq!(verdict(&policy, &process), expected, "{rules}");
    }
    // Under all thresholds there is nothing to doubt.
    let policy = policy("[[rule]]\nexe = \"/opt/*\"\n");
    let small = Process {
        rss: Bytes::new(GB),
        ..process(42)
    };
    let small = classified(&policy, small, hidden, 0);
    assert_eq!(verdict(&policy, &small), "within");
    // Memory that can't be read is no reason to kill either.
    let policy = super::policy("[thresholds]\nmetric = \"pss\"\n");
    let mut process = classified(&policy, process(42), CHROME, 9 * GB);
    process.details.memory = Some((Metric::Pss, Err(DENIED)));
    assert_eq!(verdict(&policy, &process), denied);
}

#[test]
fn rules_that_were_not_asked_about_protect() {
    let policy = policy("[[rule]]\nname = \"x\"\n");
    let shown = verdict(&policy, &process(42));
    assert!(shown.starts_with("can't be read"), "{shown}");
}

#[test]
fn the_sieve_is_the_lowest_threshold_of_all_and_of_the_warning() {
    let sieve = |text: &str| {
        let policy = policy(&format!("{text}\n"));
        let warn = policy.sieve(&memory()).get();
        let anonymous = policy.anonymous_sieve(memory().total);
        (warn, anonymous.map(Bytes::get))
    };
    let off = "[settings]\nwarn_percent = 0\n";
    for (text, expected) in [
        (off.to_owned(), (2 * GB, None)),
        (String::new(), (2 * GB * 4 / 5, None)),
        (
            format!("{off}[[rule]]\nname = \"x\"\nram_gb_threshold = 1"),
            (GB, None),
        ),
        (
            format!("{off}[[rule]]\nname = \"x\"\nram_gb_threshold = 4"),
            (2 * GB, None),
        ),
        (
            format!("{off}[[rule]]\nname = \"x\"\nram_gb_threshold = 1\naction = \"protect\""),
            (2 * GB, None),
        ),
        (
            format!("{off}[[rule]]\nname = \"x\"\nram_gb_threshold = 4\nmetric = \"anon\""),
            (2 * GB, Some(4 * GB)),
        ),
        (
            format!("{off}[thresholds]\nmetric = \"anon\""),
            (2 * GB, Some(2 * GB)),
        ),
    ] {
        assert_eq!(sieve(&text), expected, "{text}");
    }
}

#[test]
fn pss_is_read_only_of_what_rss_lets_through() {
    let policy = policy("[thresholds]\nmetric = \"pss\"\n[settings]\nwarn_percent = 0\n");
    let metric = |rss| policy.metric(RuleMatch::default(), Bytes::new(rss), memory().total);
    assert_eq!(metric(2 * GB), Metric::Rss);
    assert_eq!(metric(2 * GB + 1), Metric::Pss);
}

#[test]
fn the_early_warning_comes_at_its_share_and_not_for_protected_ones() {
    for (text, expected) in [
        ("", None),
        (
            "[thresholds]\nram_gb_threshold = 3.5",
            Some("ram_gb_threshold = 3.50GB"),
        ),
        (
            "[thresholds]\nram_gb_threshold = 3.5\n[settings]\nwarn_percent = 0",
            None,
        ),
        (
            "[thresholds]\nram_gb_threshold = 3.5\n[settings]\nwarn_percent = 90",
            None,
        ),
        (
            "[thresholds]\nram_gb_threshold = 3.5\n[whitelist]\nnames = [\"hog\"]",
            None,
        ),
        (
            "[thresholds]\nram_gb_threshold = 3.5\n[[rule]]\nname = \"hog\"\naction = \"protect\"",
            None,
        ),
        (
            "[[rule]]\nname = \"hog\"\naction = \"warn\"\nram_gb_threshold = 3.5",
            Some("ram_gb_threshold = 3.50GB (rule 1)"),
        ),
    ] {
        let policy = policy(&format!("{text}\n"));
        let process = classified(&policy, process(42), CHROME, 0);
        let ledger = Ledger::default();
        let shown = match policy.decide(&process, &memory(), &ledger, &now()) {
            Decision::Warn(breach) => Some(breach.to_string()),
            Decision::Leave | Decision::Terminate(_) | Decision::Protected(_) => None,
            decision => panic!("{decision:?}"),
        };
        assert_eq!(shown.as_deref(), expected, "{text}");
    }
}

#[test]
fn a_process_must_be_over_at_each_read_for_its_time() {
    let policy = policy("[thresholds]\nsustained = 60\n");
    let process = classified(&policy, process(42), CHROME, 0);
    let key = process.key().unwrap();
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let mut ledger = Ledger::default();
    let mut read = |seconds| match policy.decide(&process, &memory(), &ledger, &at(after(seconds)))
    {
        Decision::Delay(_, Delay::Sustained(_), until) => {
            ledger.over.record(key, after(seconds), Some(until));
            Some(until)
        }
        Decision::Terminate(_) => None,
        decision => panic!("{decision:?}"),
    };
    assert_eq!(read(0), Some(after(60)));
    assert_eq!(read(30), Some(after(60)));
    assert_eq!(read(59), Some(after(60)));
    assert_eq!(read(60), None);
    ledger.over.forget(key);
    let decision = policy.decide(&process, &memory(), &ledger, &at(after(61)));
    assert!(matches!(decision, Decision::Delay(_, _, until) if until == after(121)));
}

#[test]
fn a_restart_loop_delays_unless_memory_runs_out() {
    let policy = policy("");
    let start = Instant::now();
    let mut process = classified(&policy, process(42), CHROME, 0);
    process.details.unit = Unit::of_cgroup(b"/system.slice/a.service");
    process.facts.as_mut().unwrap().parent = Some(Pid::INIT);
    let mut ledger = Ledger::default();
    let Decision::Terminate(breach) = policy.decide(&process, &memory(), &ledger, &at(start))
    else {
        panic!("not to be killed");
    };
    let key = process.key().unwrap();
    assert!(
        ledger
            .record_kill(key, process, breach, &at(start))
            .is_none()
    );
    let mut again = process;
    again.pid = Pid::new(43).unwrap();
    again.facts.as_mut().unwrap().start_time = StartTime(11);
    let decide = |memory: &SystemMemory, seconds| {
        let now = at(start + Duration::from_secs(seconds));
        match policy.decide(&again, memory, &ledger, &now) {
            Decision::Delay(_, Delay::Restart(found), until) => Some((found.kills, until - start)),
            Decision::Terminate(_) => None,
            decision => panic!("{decision:?}"),
        }
    };
    assert_eq!(decide(&memory(), 1), Some((1, Duration::from_secs(5))));
    assert_eq!(decide(&memory(), 5), None);
    let with = |available: u64| SystemMemory {
        available: Some(Bytes::new(available)),
        ..memory()
    };
    let delayed = Some((1, Duration::from_secs(5)));
    assert_eq!(decide(&with(10 * GB), 1), delayed);
    assert_eq!(decide(&with(10 * GB - 1), 1), None);
    // On a small machine it has more than is available long before that is a tenth.
    let small = |available: u64| SystemMemory {
        total: Bytes::new(8 * GB),
        ..with(available)
    };
    assert_eq!(decide(&small(3 * GB), 1), delayed);
    assert_eq!(decide(&small(3 * GB - 1), 1), None);
}

#[test]
fn what_a_user_starts_again_is_not_sheltered_by_a_restart_loop() {
    let mut process = process(42);
    process.details.unit = Unit::of_cgroup(b"/user.slice/user-1000.slice/session-3.scope");
    process.facts.as_mut().unwrap().parent = Some(Pid::INIT);
    assert_eq!(process.restarted_unit(), None);
    process.details.unit = Unit::of_cgroup(b"/system.slice/a.service");
    assert!(process.restarted_unit().is_some());
    let of_user = b"/user.slice/user-1000.slice/user@1000.service/app.slice/a.service";
    process.details.unit = Unit::of_cgroup(of_user);
    assert_eq!(process.restarted_unit(), None);
    process.details.unit = Unit::of_cgroup(b"/system.slice/a.service");
    // A worker that its service starts again itself.
    process.facts.as_mut().unwrap().parent = Pid::new(40);
    assert_eq!(process.restarted_unit(), None);
}

#[test]
fn a_schedule_changes_thresholds_until_it_ends() {
    let text = "[thresholds]\nram_gb_threshold = 2\n[[schedule]]\nfrom = \"22:00\"\nto = \"6:00\"\n\
                days = [\"fri\"]\nram_gb_threshold = 8\ncheck_interval = 300\n\
                [[rule]]\nname = \"other\"\nram_gb_threshold = 1\n";
    let mut policy = policy(text);
    let mut on = |day, minute| {
        policy
            .config
            .follow(crate::config::schedule::WeekMinute::new(day, minute));
        let process = classified(&policy, process(42), CHROME, 0);
        (
            verdict(&policy, &process),
            policy.config.check_interval.as_secs(),
        )
    };
    let over = "over ram_gb_threshold = 2.00GB".to_owned();
    assert_eq!(on(4, 21 * 60), (over.clone(), 30));
    assert_eq!(on(4, 22 * 60), ("within".to_owned(), 300));
    assert_eq!(on(5, 5 * 60), ("within".to_owned(), 300));
    assert_eq!(on(5, 6 * 60), (over, 30));
}

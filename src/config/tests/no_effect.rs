//! What has no effect, or not the one that was meant.

use super::{parse, warnings};

#[test]
fn names_that_no_process_has_are_told_with_what_to_write() {
    for (name, told) in [
        (
            "'\"sshd\"'",
            "which can never match: it has quotes of its own, write \"sshd\"",
        ),
        ("'sshd '", "write \"sshd\""),
        (
            "'sshd, bash'",
            "which can never match: it is one name, write \"sshd\", \"bash\"",
        ),
        ("'^(a|b)$'", "write \"a\", \"b\""),
        ("'foo.*'", "write \"foo*\""),
        (
            "'/usr/sbin/sshd'",
            "which can never match: it is a path, write \"sshd\"",
        ),
    ] {
        let told_of = warnings(&format!("[whitelist]\nnames = ['ok', {name}]\n"));
        assert_eq!(told_of.len(), 1, "{told_of:?}");
        assert!(
            told_of[0].starts_with("c.toml:2:16: names has "),
            "{told_of:?}"
        );
        assert!(told_of[0].contains(told), "{told_of:?}");
        let told_of = warnings(&format!("[[rule]]\naction = 'warn'\nname = {name}\n"));
        assert_eq!(told_of.len(), 1, "{told_of:?}");
        assert!(
            told_of[0].starts_with("c.toml:3:1: name has "),
            "{told_of:?}"
        );
    }
    let long = "x".repeat(256);
    let told = warnings(&format!("[whitelist]\nnames = ['{long}', '{long}*']\n"));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("longer than a process name can be"),
        "{told:?}"
    );
    let told = warnings("[whitelist]\nusers = ['john, mary']\n");
    assert!(
        told[0].ends_with("; it can never match: it is one name, write \"john\", \"mary\""),
        "{told:?}"
    );
}

#[test]
fn the_built_in_and_usual_values_have_an_effect() {
    for text in [
        "",
        "[whitelist]\nnames = ['sshd', 'systemd-*', 'tmux: server', 'python3.*']\n",
        "[[rule]]\nname = 'chrome*'\nexe = '/opt/google/*'\ncmdline = '*--type=renderer*'\nunit = 'user@*.service'\nram_gb_threshold = 1\n",
        "[[schedule]]\nfrom = '9:00'\nto = '17:00'\ncheck_interval = 15\n",
    ] {
        assert_eq!(warnings(text), [""; 0], "{text}");
    }
}

#[test]
fn what_is_set_for_a_protected_process_has_no_effect() {
    let told = warnings(
        "[[rule]]\nname = 'a'\naction = 'protect'\nram_gb_threshold = 4\nsustained = 5\n\
         [[rule]]\nname = 'b'\naction = 'warn'\nram_gb_threshold = 4\n",
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with(
            "c.toml:4:1: \"ram_gb_threshold\" has no effect beside action = \"protect\""
        ),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("c.toml:5:1: \"sustained\" has no effect"),
        "{told:?}"
    );
    // It still protects, and nothing else of it is changed by the question.
    let config = parse("[[rule]]\nname = 'a'\naction = 'protect'\n")
        .unwrap()
        .config;
    assert_eq!(config.rules[0].thresholds, None);
}

#[test]
fn what_kills_nothing_is_told() {
    let told = warnings(
        "[[rule]]\nname = 'a'\naction = 'warn'\nwhen_short = 'last'\nterm_timeout = 9\n\
         only_below_available_percent = 20\nsustained = 5\nmetric = 'pss'\nram_gb_threshold = 4\n",
    );
    assert_eq!(told.len(), 3, "{told:?}");
    for (told, start) in told.iter().zip([
        "4:1: \"when_short\"",
        "5:1: \"term_timeout\"",
        "6:1: \"only_below_available_percent\"",
    ]) {
        let start = format!("c.toml:{start} has no effect beside action = \"warn\"");
        assert!(told.starts_with(&start), "{told}");
    }
    let nothing = "only_below_available_percent = 0 lets nothing be killed";
    let told = warnings("[thresholds]\nonly_below_available_percent = 0\n");
    assert!(told[0].starts_with(&format!("c.toml:2:1: {nothing}")));
    let told = warnings("[[rule]]\nname = 'a'\nonly_below_available_percent = 0.0\n");
    assert!(told[0].starts_with(&format!("c.toml:3:1: {nothing}")));
    let some = "only_below_available_percent = 0.1\n";
    assert_eq!(warnings(&format!("[thresholds]\n{some}")), [""; 0]);
    let rule = format!("[[rule]]\nname = 'a'\nwhen_short = 'last'\nterm_timeout = 9\n{some}");
    assert_eq!(warnings(&rule), [""; 0]);
}

#[test]
fn schedules_that_change_nothing_are_told() {
    let schedule = |from: &str, to: &str, more: &str| {
        format!("[[schedule]]\nfrom = '{from}'\nto = '{to}'\n{more}\n")
    };
    let told = warnings(&schedule("9:00", "17:00", ""));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("c.toml:1:1: schedule 1 changes nothing: "),
        "{told:?}"
    );
    let told = warnings(&schedule("9:00", "17:00", "check_interval = 30"));
    assert!(
        told[0].starts_with("c.toml:1:1: schedule 1 changes nothing: "),
        "{told:?}"
    );
    let day = schedule("8:00", "20:00", "check_interval = 5");
    let told = warnings(&(day.clone() + &schedule("9:00", "17:00", "check_interval = 1")));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("c.toml:5:1: schedule 2 is never in force: "),
        "{told:?}"
    );
    // One that leaves everything as it is takes its time from the one behind it.
    assert_eq!(warnings(&(schedule("9:00", "10:00", "") + &day)), [""; 0]);
}

#[test]
fn ports_on_which_no_mail_is_taken_are_told() {
    let of =
        |smtp: &str, to: &str| warnings(&format!("[notify]\nsmtp = '{smtp}'\nemail_to = [{to}]\n"));
    let told = of("mail.example.com:465", "'a@example.com'");
    assert!(
        told[0].starts_with("c.toml:2:1: port 465 speaks TLS from the start"),
        "{told:?}"
    );
    let told = of("mail.example.com:587", "'a@example.com'");
    assert!(told[0].contains("wants a login"), "{told:?}");
    assert_eq!(of("localhost:25", "'a@example.com'"), [""; 0]);
    assert_eq!(of("mail.example.com:465", ""), [""; 0]);
}

//! `[[group]]`: what it may say, and what is wrong with one that may not.

use super::{accepted, parse, warnings};
use crate::config::{GroupAction, GroupBy, GroupKill};
use crate::quantities::{Bytes, Metric};
use std::time::Duration;

/// All that is wrong with this text.
fn causes(text: &str) -> Vec<String> {
    let error = parse(text).expect_err(text);
    error.causes().map(ToString::to_string).collect()
}

#[test]
fn a_group_has_its_values_and_defaults() {
    let config = accepted(
        "[[group]]\nby = \"user\"\nram_gb_threshold = 2\n\
         [[group]]\nlabel = \"builds\"\nby = \"tree\"\nname = \"make\"\nram_percent_threshold = 20\n\
         sustained = 30\nmetric = \"rss\"\nkill = \"all\"\naction = \"warn\"\nonly_below_available_percent = 20\n",
    );
    let [users, builds] = &config.groups[..] else {
        panic!("{:?}", config.groups);
    };
    assert_eq!((users.label(), users.by()), ("user", GroupBy::User));
    assert_eq!(users.thresholds.amount(), Bytes::from_gb(2.0));
    assert_eq!(users.thresholds.percent(), None);
    assert_eq!(
        (users.metric, users.kill, users.action, users.sustained),
        (Metric::Pss, GroupKill::Largest, GroupAction::Kill, None)
    );
    assert_eq!((builds.label(), builds.by()), ("builds", GroupBy::Tree));
    assert_eq!(
        (builds.metric, builds.kill, builds.action, builds.sustained),
        (
            Metric::Rss,
            GroupKill::All,
            GroupAction::Warn,
            Some(Duration::from_secs(30))
        )
    );
    assert_eq!(
        builds.to_string(),
        "label = \"builds\", by = \"tree\", name = \"make\", ram_percent_threshold = 20, sustained = 30, \
         metric = \"rss\", kill = \"all\", action = \"warn\", only_below_available_percent = 20"
    );
}

#[test]
fn what_a_group_may_not_say_is_rejected_with_the_fix() {
    let on = "ram_gb_threshold = 2\n";
    for (text, said) in [
        ("by = \"user\"\n".to_owned(), "has no threshold"),
        (
            "by = \"user\"\nram_percent_threshold = 100\n".to_owned(),
            "has no threshold",
        ),
        (
            on.to_owned(),
            "by = \"user\", \"unit\", \"tree\" or \"all\"",
        ),
        (format!("by = \"unit\"\n{on}"), "needs unit"),
        (
            format!("by = \"tree\"\n{on}"),
            "every process would be a member",
        ),
        (
            format!("by = \"all\"\n{on}"),
            "need name, user, exe or unit",
        ),
        (
            format!("by = \"user\"\nkill = \"all\"\n{on}"),
            "the session as well",
        ),
        (
            format!("by = \"user\"\ncmdline = \"x\"\n{on}"),
            "a group does not match by arguments",
        ),
        (
            format!("by = \"user\"\naction = \"protect\"\n{on}"),
            "must be \"kill\" or \"warn\"",
        ),
        (format!("by = \"users\"\n{on}"), "did you mean \"user\"?"),
        (
            format!("by = \"user\"\nlabel = \"a b\"\n{on}"),
            "must be up to 32 letters",
        ),
        (
            format!("by = \"user\"\nsustained = -1\n{on}"),
            "must be a number of seconds",
        ),
        (
            format!("by = \"user\"\nwhen_short = \"first\"\n{on}"),
            "it belongs in [[rule]]",
        ),
        (
            format!("by = \"user\"\n{on}[[group]]\nby = \"user\"\n{on}"),
            "label \"user\", as the group at c.toml:1:1 has: give one of the two",
        ),
        (
            format!("by = \"all\"\nname = \"*\"\nkill = \"all\"\n{on}"),
            "more than wildcards",
        ),
        (
            format!("by = \"tree\"\nuser = \"*\"\nexe = \"/*\"\nkill = \"all\"\n{on}"),
            "more than wildcards",
        ),
        (
            format!("by = \"unit\"\nunit = \"?*\"\nkill = \"all\"\n{on}"),
            "more than wildcards",
        ),
    ] {
        let causes = causes(&format!("[[group]]\n{text}"));
        assert_eq!(causes.len(), 1, "{text}: {causes:?}");
        assert!(causes[0].starts_with("c.toml:"), "{causes:?}");
        assert!(causes[0].contains(said), "{text}: {causes:?}");
    }
    let many = "[[group]]\nlabel = \"N\"\nby = \"user\"\nram_gb_threshold = 2\n";
    let many: String = (0..33).map(|n| many.replace('N', &n.to_string())).collect();
    assert!(causes(&many)[0].contains("more than 32 groups"));
}

#[test]
fn a_group_of_everything_may_lose_one_member() {
    for text in [
        "by = \"all\"\nname = \"*\"",
        "by = \"all\"\nname = \"*\"\nkill = \"newest\"",
        "by = \"all\"\nname = \"*\"\nuser = \"john\"\nkill = \"all\"",
        "by = \"tree\"\nname = \"a*\"\nkill = \"all\"",
    ] {
        accepted(&format!("[[group]]\nram_gb_threshold = 2\n{text}\n"));
    }
}

const OFF: &str = "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = inf\n";

/// Each of these has something of its own to kill or to report by.
#[test]
fn both_thresholds_may_be_off_beside_another_one() {
    for text in [
        "[[group]]\nby = \"user\"\nram_gb_threshold = 8\n",
        "[[rule]]\nname = \"a\"\nram_gb_threshold = 8\n",
        "[[rule]]\nname = \"a\"\nram_gb_threshold = 8\naction = \"warn\"\n",
        "[[schedule]]\nfrom = \"08:00\"\nto = \"18:00\"\nram_gb_threshold = 8\n",
        "[system]\naction = \"kill\"\n",
    ] {
        let config = accepted(&format!("{OFF}{text}"));
        assert_eq!(
            (config.thresholds.percent(), config.thresholds.amount()),
            (None, None)
        );
    }
    for text in [
        "[[rule]]\nname = \"a\"\n",
        "[[rule]]\nname = \"a\"\naction = \"protect\"\nram_gb_threshold = 8\n",
        "[[schedule]]\nfrom = \"08:00\"\nto = \"18:00\"\ncheck_interval = 8\n",
        "[system]\naction = \"warn\"\n",
    ] {
        let causes = causes(&format!("{OFF}{text}"));
        assert!(
            causes.len() == 1 && causes[0].contains("both thresholds are off"),
            "{causes:?}"
        );
    }
}

/// What one of these would be is not known, and nothing follows from it.
#[test]
fn a_threshold_with_an_error_has_no_second_one_about_there_being_none() {
    for text in [
        "[[group]]\nby = \"user\"\nram_gb_threshold = \"8\"\n",
        "[[group]]\nby = \"users\"\nram_gb_threshold = 8\n",
        "[[rule]]\nname = \"a\"\nram_gb_threshold = \"8\"\n",
        "[[rule]]\nname = \"a\"\nram_percent_threshold = 100\nram_gb_threshold = -8\n",
        "[[schedule]]\nfrom = \"08:00\"\nto = \"18:00\"\nram_gb_threshold = 0\n",
        "[system]\naction = \"kil\"\n",
    ] {
        let causes = causes(&format!("{OFF}{text}"));
        assert_eq!(causes.len(), 1, "{causes:?}");
        assert!(!causes[0].contains("off:"), "{causes:?}");
    }
}

#[test]
fn a_group_with_an_error_has_no_second_one_about_its_label() {
    let group = |more: &str| format!("[[group]]\nram_gb_threshold = 2\n{more}\n");
    for label in ["\"a b\"", "\"\"", &format!("{:?}", "x".repeat(33))] {
        let broken = group(&format!("by = \"user\"\nlabel = {label}"));
        let twice = group("by = \"user\"") + &broken + &broken;
        let causes = causes(&twice);
        assert_eq!(causes.len(), 2, "{causes:?}");
        assert!(
            causes
                .iter()
                .all(|cause| cause.contains("must be up to 32 letters"))
        );
    }
    for by in ["", "by = \"users\""] {
        let causes = causes(&(group("by = \"all\"\nname = \"a\"") + &group(by)));
        assert_eq!(causes.len(), 1, "{causes:?}");
    }
}

#[test]
fn anonymous_memory_of_a_group_is_doubtful() {
    let text = "[[group]]\nby = \"user\"\nmetric = \"anon\"\nram_gb_threshold = 2\n";
    let said = warnings(text);
    assert!(
        said[0].starts_with("c.toml:3:1: metric = \"anon\" counts"),
        "{said:?}"
    );
}

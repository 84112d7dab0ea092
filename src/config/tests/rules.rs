//! Rules and schedules as they are written.

use super::super::*;
use super::{accepted, rejected, warnings};
use crate::config::schedule::WeekMinute;
use crate::quantities::{Bytes, Metric, Uid};
use std::time::Duration;

#[test]
fn a_rule_says_what_it_says_and_nothing_else() {
    let config = accepted(
        "[[rule]]\nname = \"chrome*\"\nuser = \"john\"\nexe = \"/opt/google/*\"\n\
         cmdline = \"*--type=renderer*\"\nunit = \"user@*.service\"\nram_percent_threshold = 40.0\n\
         ram_gb_threshold = 6.0\nsustained = 60\nmetric = \"pss\"\naction = \"kill\"\n\
         [[rule]]\nuser = 1001\naction = \"Protect\"\n",
    );
    let [first, second] = &config.rules[..] else {
        panic!("{:?}", config.rules)
    };
    assert_eq!(first.thresholds.unwrap().amount(), Bytes::from_gb(6.0));
    assert_eq!(first.metric, Some(Metric::Pss));
    assert_eq!(first.sustained, Some(Duration::from_secs(60)));
    assert_eq!(first.action, Action::Kill);
    assert_eq!(first.matcher.user.as_ref().unwrap().uids, [Uid::new(1000)]);
    assert_eq!(second.location.as_ref().unwrap().to_string(), "c.toml:12:1");
    assert_eq!(second.action, Action::Protect);
    assert_eq!(
        (second.thresholds, second.metric, second.sustained),
        (None, None, None)
    );
    assert_eq!(second.matcher.user.as_ref().unwrap().uids, [Uid::new(1001)]);
    assert!(second.matcher.name.is_none());
}

#[test]
fn users_of_rules_are_looked_up_and_globs_listed() {
    // The real user database has root.
    let config = accepted("[[rule]]\nuser = \"ro[o]t\"\n");
    assert_eq!(
        config.rules[0].matcher.user.as_ref().unwrap().uids,
        [Uid::ROOT]
    );
    assert_eq!(
        warnings("[[rule]]\nuser = \"ghost\"\n"),
        [
            "c.toml:1:1: user \"ghost\" does not exist; this rule or group matches nothing until it does"
        ]
    );
    let loaded = super::parse("[[rule]]\nuser = \"ghost*\"\n").unwrap();
    assert_eq!(
        loaded
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        [
            "c.toml:1:1: no user has a name like \"ghost*\"; this rule or group matches nothing until a reload finds one"
        ]
    );
}

#[test]
fn what_is_wrong_with_a_rule_is_said() {
    for (text, causes) in [
        (
            "[[rule]]\naction = \"kill\"\n",
            &[
                "c.toml:1:1: [[rule]] must say which processes it matches: name, user, exe, cmdline or unit \
               (name = \"*\" for all)",
            ][..],
        ),
        (
            "[[rule]]\nname = \"x\"\nram_gb_threshold = inf\n",
            &[
                "c.toml:1:1: [[rule]] has both thresholds off; to protect processes, use a rule with \
               action = \"protect\"",
            ],
        ),
        (
            "[[rule]]\nname = \"x[\"\nmetric = \"ps\"\naction = \"stop\"\nsustained = -1\n",
            &[
                "c.toml:2:8: \"name\" in [[rule]] is \"x[\": \"[\" is not closed by \"]\"; a \
                 backslash before it takes it literally",
                "c.toml:3:10: \"metric\" in [[rule]] must be \"rss\", \"pss\" or \"anon\", found the \
                 string \"ps\", did you mean \"pss\"?",
                "c.toml:4:10: \"action\" in [[rule]] must be \"kill\", \"warn\" or \"protect\", \
                 found the string \"stop\"",
                "c.toml:5:13: \"sustained\" in [[rule]] must be a number of seconds from 0 to 86400, \
                 found -1",
            ],
        ),
        (
            "[[rule]]\nname = \"x\"\ncmd_line = \"y\"\n",
            &["c.toml:3:1: unknown key \"cmd_line\" in [[rule]], did you mean \"cmdline\"?"],
        ),
        (
            "[rule]\nname = \"x\"\n",
            &["c.toml:1:2: \"rule\" must be tables that begin with [[rule]], found a table"],
        ),
        (
            "[[schedule]]\nfrom = \"25:00\"\nto = 6\ndays = [\"monday\", \"Tu\"]\n",
            &[
                "c.toml:2:8: \"from\" in [[schedule]] must be a time of day such as \"09:00\", found \
                 the string \"25:00\"",
                "c.toml:3:6: \"to\" in [[schedule]] must be a time of day such as \"09:00\", found 6",
                "c.toml:4:19: \"days\" in [[schedule]] must be days in quotes: \"mon\", \"tue\", \
                 \"wed\", \"thu\", \"fri\", \"sat\", \"sun\", found the string \"Tu\"",
            ],
        ),
        (
            "[[schedule]]\nfrom = \"1:00\"\n",
            &[
                "c.toml:1:1: [[schedule]] needs from and to, such as from = \"22:00\", to = \"06:00\"",
            ],
        ),
        (
            "[[schedule]]\nfrom = \"1:00\"\nto = \"24:00\"\ndays = []\n",
            &[
                "c.toml:1:1: [[schedule]] has no days, so it is never in force: name one, or leave them out",
            ],
        ),
        (
            "[settings]\nwarn_percent = 100\n",
            &[
                "c.toml:2:16: \"warn_percent\" in [settings] must be a number from 0 to below 100 (0 \
               for no warning), found 100",
            ],
        ),
    ] {
        rejected(text, causes);
    }
}

#[test]
fn a_rule_that_can_never_match_is_found() {
    let warning = "c.toml:3:1: rule 2 can never match: rule 1 at c.toml:1:1 comes first and takes \
                   all that it would, put the narrower one first";
    for (earlier, later, is_found) in [
        ("name = \"chrome*\"", "name = \"chrome\"", true),
        (
            "name = \"chrome*\"",
            "name = \"chrome\", user = \"john\"",
            true,
        ),
        ("name = \"*\"", "user = \"john\"", true),
        ("user = \"john\"", "user = 1000", true),
        ("user = \"john\"", "user = \"root\"", false),
        ("name = \"chrome\"", "name = \"chrome*\"", false),
        (
            "name = \"chrome*\", user = \"john\"",
            "name = \"chrome\"",
            false,
        ),
    ] {
        let table = |keys: &str| format!("[[rule]]\n{}\n", keys.replace(", ", "\n"));
        let text = format!("{}{}", table(earlier), table(later));
        let line = earlier.matches(", ").count();
        let expected = warning.replacen(":3:", &format!(":{}:", line + 3), 1);
        let expected: Vec<_> = is_found.then_some(expected).into_iter().collect();
        assert_eq!(warnings(&text), expected, "{text}");
    }
}

#[test]
fn a_schedule_begins_on_its_days() {
    let config = accepted(
        "[[schedule]]\nfrom = \"09:00\"\nto = \"17:00\"\ndays = [\"mon\", \"Friday\"]\ncheck_interval = 15\n\
         [[schedule]]\nfrom = \"22:30\"\nto = \"6:00\"\nram_gb_threshold = 8\n",
    );
    let [office, night] = &config.schedules[..] else {
        panic!("{:?}", config.schedules)
    };
    assert_eq!((office.from, office.to), (540, 1020));
    assert_eq!(office.days, [true, false, false, false, true, false, false]);
    assert_eq!(office.check_interval, Some(Duration::from_secs(15)));
    assert_eq!(office.thresholds, None);
    assert_eq!(night.days, [true; 7]);
    assert!(night.is_in_force(WeekMinute::new(6, 0)));
}

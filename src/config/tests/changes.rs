//! What a reload is said to have changed.

use super::accepted;

#[test]
fn a_change_is_said_with_the_old_and_the_new_value() {
    let old = "[thresholds]\nram_gb_threshold = 4\n[whitelist]\nnames = [\"a\", \"b\"]\n\
               [[rule]]\nname = \"x\"\n[[rule]]\nname = \"y\"\naction = \"warn\"\n";
    for (new, expected) in [
        (old.to_owned(), vec![]),
        // Where a value stands is no change.
        (format!("\n\n{old}"), vec![]),
        (
            old.replace("= 4", "= inf"),
            vec!["ram_gb_threshold: 4.00GB -> inf"],
        ),
        (
            old.replace(
                "[whitelist]",
                "sustained = 1.5\nmetric = \"pss\"\n[whitelist]\nprotect_root = true\nverify_names = true",
            ),
            vec![
                "sustained: 0 -> 1.5",
                "metric: rss -> pss",
                "protect_root: false -> true",
                "verify_names: false -> true",
            ],
        ),
        (
            old.replace("[whitelist]", "early_scan = false\n[whitelist]"),
            vec!["early_scan: true -> false"],
        ),
        (
            format!("{old}[settings]\nmetrics_file = \"/a.prom\"\n"),
            vec!["metrics_file: \"\" -> \"/a.prom\""],
        ),
        (
            old.replace("\"b\"", "\"c*\", \"d\""),
            vec![
                "names: \"b\" removed",
                "names: \"c*\" added",
                "names: \"d\" added",
            ],
        ),
        (
            old.replace(
                "\"warn\"",
                "\"protect\"\nmetric = \"anon\"\nram_percent_threshold = 5",
            ),
            vec![
                "rule: name = \"y\", action = \"warn\" removed",
                "rule: name = \"y\", action = \"protect\", ram_percent_threshold = 5, \
                 metric = \"anon\" added",
            ],
        ),
        (
            old.replace("\"x\"", "\"y\"\naction = \"warn\"").replacen(
                "\"y\"\naction = \"warn\"\n[[rule]]\nname = \"y\"\naction = \"warn\"",
                "\"y\"\naction = \"warn\"\n[[rule]]\nname = \"x\"",
                1,
            ),
            vec![
                "rule: another order, now name = \"y\", action = \"warn\"; name = \"x\", \
                 action = \"kill\"",
            ],
        ),
        (
            format!(
                "{old}[[schedule]]\nfrom = \"22:00\"\nto = \"6:00\"\ndays = [\"fri\"]\ncheck_interval = 9\n"
            ),
            vec!["schedule: 22:00 to 06:00 on fri, check_interval = 9 added"],
        ),
    ] {
        let changes = accepted(old).changes(&accepted(&new));
        let shown: Vec<_> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{new}");
    }
}

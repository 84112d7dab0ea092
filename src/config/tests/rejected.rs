//! What is rejected, and in which words.

use super::rejected;

#[test]
fn unknown_keys_and_tables_are_rejected_with_what_was_probably_meant() {
    for (text, cause) in [
        (
            "[thresholds]\nram_precent_threshold = 5",
            "c.toml:2:1: unknown key \"ram_precent_threshold\" in [thresholds], \
             did you mean \"ram_percent_threshold\"?",
        ),
        (
            "[settings]\n  Log-Level = \"info\"",
            "c.toml:2:3: unknown key \"Log-Level\" in [settings], did you mean \"log_level\"?",
        ),
        (
            "[thresholds]\nram_gb = 5",
            "c.toml:2:1: unknown key \"ram_gb\" in [thresholds], did you mean \"ram_gb_threshold\"?",
        ),
        (
            "[thresholds]\nearly_scna = true",
            "c.toml:2:1: unknown key \"early_scna\" in [thresholds], did you mean \"early_scan\"?",
        ),
        (
            "[thresholds]\ndry_run = true",
            "c.toml:2:1: unknown key \"dry_run\" in [thresholds], it belongs in [settings]",
        ),
        (
            "dry_run = true",
            "c.toml:1:1: unknown key \"dry_run\" outside of any table, it belongs in [settings]",
        ),
        (
            "[[rule]]\nnames = ['a', 'b']",
            "c.toml:2:1: unknown key \"names\" in [[rule]], did you mean \"name\", which is one pattern, not a list?",
        ),
        (
            "[[rule]]\nusers = 'john'",
            "c.toml:2:1: unknown key \"users\" in [[rule]], did you mean \"user\"?",
        ),
        (
            "[whitelist]\nname = 'a'",
            "c.toml:2:1: unknown key \"name\" in [whitelist], did you mean \"names\", which is a list?",
        ),
        (
            "[system]\nstall_second = 4",
            "c.toml:2:1: unknown key \"stall_second\" in [system], did you mean \"stall_seconds\"?",
        ),
        (
            "[setings]",
            "c.toml:1:1: unknown table [setings], did you mean [settings]?",
        ),
        (
            "\n[[ruler]]\nname = 'x'",
            "c.toml:2:1: unknown table [ruler], did you mean [rule]?",
        ),
        (
            "[whitelist.more]",
            "c.toml:1:1: unknown table [whitelist.more]",
        ),
        (
            "[whitelist]\nsettings = 1",
            "c.toml:2:1: unknown key \"settings\" in [whitelist], did you mean the table [settings]?",
        ),
        (
            "[\"\\u001B]0;x\"]",
            "c.toml:1:1: unknown table [\"\\u{1b}]0;x\"]",
        ),
        (
            "\"\\u202Eé\\n\" = 1",
            "c.toml:1:1: unknown key \"\\u{202e}é\\n\" outside of any table",
        ),
        (
            "thresholds = 1",
            "c.toml:1:1: \"thresholds\" must be a table that begins with [thresholds], found 1",
        ),
        (
            "[[settings]]",
            "c.toml:1:3: \"settings\" must be a table that begins with [settings], \
             found a list of tables",
        ),
    ] {
        rejected(text, &[cause]);
    }
}

#[test]
fn wrong_values_are_rejected_with_what_is_allowed() {
    const PERCENT: &str = "\"ram_percent_threshold\" in [thresholds] \
        must be a number over 0, up to 100 (100 switches it off), found";
    const GB: &str = "\"ram_gb_threshold\" in [thresholds] \
        must be a number of GB over 0, or inf to switch it off, found";
    const INTERVAL: &str = "\"check_interval\" in [thresholds] \
        must be a number of seconds from 0.1 to 86400, found";
    for (key, value, message) in [
        ("ram_percent_threshold", "0", PERCENT),
        ("ram_percent_threshold", "-1", PERCENT),
        ("ram_percent_threshold", "100.01", PERCENT),
        ("ram_percent_threshold", "nan", PERCENT),
        ("ram_percent_threshold", "inf", PERCENT),
        ("ram_percent_threshold", "true", PERCENT),
        ("ram_gb_threshold", "0.0", GB),
        ("ram_gb_threshold", "-0.0", GB),
        ("ram_gb_threshold", "-inf", GB),
        ("ram_gb_threshold", "nan", GB),
        ("ram_gb_threshold", "1e999", GB),
        ("check_interval", "0.09", INTERVAL),
        ("check_interval", "86400.5", INTERVAL),
        ("check_interval", "99999999999999999999", INTERVAL),
        ("check_interval", "nan", INTERVAL),
    ] {
        let column = key.len() + 4;
        rejected(
            &format!("[thresholds]\n{key} = {value}"),
            &[&format!("c.toml:2:{column}: {message} {value}")],
        );
    }
    for (text, cause) in [
        (
            "[thresholds]\nram_gb_threshold = \"2.5\"",
            &*format!("c.toml:2:20: {GB} the string \"2.5\", remove the quotes"),
        ),
        (
            "[thresholds]\ncheck_interval = [30]",
            &*format!("c.toml:2:18: {INTERVAL} a list"),
        ),
        (
            "[thresholds]\ncheck_interval = 12:30:00",
            &*format!("c.toml:2:18: {INTERVAL} the date or time 12:30:00"),
        ),
        (
            "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = inf",
            "c.toml:3:1: both thresholds are off, and there is no other: set \"ram_percent_threshold\" below 100 \
             or \"ram_gb_threshold\" below inf, or give a [[group]], a [[rule]] or a [[schedule]] with a threshold, \
             or action = \"kill\" in [system]",
        ),
        (
            "[whitelist]\nusers = \"root\"",
            "c.toml:2:9: \"users\" in [whitelist] must be a list, found the string \"root\", \
             write [\"root\"]",
        ),
        (
            "[whitelist]\nprotect_root = 1",
            "c.toml:2:16: \"protect_root\" in [whitelist] must be true or false, found 1",
        ),
        (
            "[whitelist]\nverify_names = \"yes\"",
            "c.toml:2:16: \"verify_names\" in [whitelist] must be true or false, \
             found the string \"yes\", write true",
        ),
        (
            "[settings]\nterm_timeout = 301",
            "c.toml:2:16: \"term_timeout\" in [settings] must be a number of seconds \
             from 0 to 300, found 301",
        ),
        (
            "[settings]\nmax_kills_per_minute = 4.5",
            "c.toml:2:24: \"max_kills_per_minute\" in [settings] must be a whole number, \
             0 for no limit, found 4.5",
        ),
        (
            "[settings]\nlog_file = \"log/mm.log\"",
            "c.toml:2:12: \"log_file\" in [settings] must be a path that begins with \"/\", \
             or \"\" for none, found the string \"log/mm.log\"",
        ),
        (
            "[settings]\nlog_file = \"/a\\u0000b\"",
            "c.toml:2:12: \"log_file\" in [settings] must be a path that begins with \"/\", \
             or \"\" for none, found the string \"/a\\0b\"",
        ),
        (
            "[settings]\nmetrics_file = \"mm.prom\"",
            "c.toml:2:16: \"metrics_file\" in [settings] must be a path that begins with \"/\", \
             or \"\" for none, found the string \"mm.prom\"",
        ),
        (
            "[settings]\nlog_level = \"WARNING\"",
            "c.toml:2:13: \"log_level\" in [settings] must be \"error\", \"warn\", \"info\" or \
             \"debug\", found the string \"WARNING\", did you mean \"warn\"?",
        ),
    ] {
        rejected(text, &[cause]);
    }
}

#[test]
fn the_guard_s_values_have_their_ranges() {
    for (text, cause) in [
        (
            "[system]\naction = \"protect\"",
            "c.toml:2:10: \"action\" in [system] must be \"kill\", \"warn\" or \"off\", found the string \
             \"protect\"",
        ),
        (
            "[system]\navailable_percent_threshold = 0",
            "c.toml:2:31: \"available_percent_threshold\" in [system] must be a number over 0, up to 50, found 0",
        ),
        (
            "[system]\navailable_percent_threshold = 50.1",
            "c.toml:2:31: \"available_percent_threshold\" in [system] must be a number over 0, up to 50, found \
             50.1",
        ),
        (
            "[system]\navailable_gb_threshold = 0",
            "c.toml:2:26: \"available_gb_threshold\" in [system] must be a number of GB over 0, or inf to \
             switch it off, found 0",
        ),
        (
            "[system]\nstall_seconds = 0.4",
            "c.toml:2:17: \"stall_seconds\" in [system] must be a number of seconds from 0.5 to 10 (0 switches \
             it off), found 0.4",
        ),
        (
            "[thresholds]\nonly_below_available_percent = 101",
            "c.toml:2:32: \"only_below_available_percent\" in [thresholds] must be a number from 0 to 100, \
             found 101",
        ),
        (
            "[[rule]]\nname = \"a\"\naction = \"protect\"\nwhen_short = \"last\"",
            "c.toml:1:1: [[rule]] has when_short beside action = \"protect\", which already protects its \
             processes: remove one of the two",
        ),
    ] {
        rejected(text, &[cause]);
    }
}

#[test]
fn each_item_of_a_list_is_checked() {
    rejected(
        "[whitelist]\npids = [1, 0, -1, 2147483648, 1.0, \"1\"]\nnames = [\n  'sshd',\n  '', 'é', 'a[', 'a\\',\n]\n\
         users = ['', -1, 4294967295, 1.5, \"a\\u0000\"]\n",
        &[
            "c.toml:2:12: \"pids\" in [whitelist] must be whole numbers from 1 to 2147483647, found 0",
            "c.toml:2:15: \"pids\" in [whitelist] must be whole numbers from 1 to 2147483647, found -1",
            "c.toml:2:19: \"pids\" in [whitelist] must be whole numbers from 1 to 2147483647, found 2147483648",
            "c.toml:2:31: \"pids\" in [whitelist] must be whole numbers from 1 to 2147483647, found 1.0",
            "c.toml:2:36: \"pids\" in [whitelist] must be whole numbers from 1 to 2147483647, found the string \"1\", remove the quotes",
            "c.toml:5:3: \"names\" in [whitelist] has \"\": an empty name matches nothing",
            "c.toml:5:12: \"names\" in [whitelist] has \"a[\": \"[\" is not closed by \"]\"; a backslash before it takes it literally",
            "c.toml:5:18: \"names\" in [whitelist] has \"a\\\\\": nothing follows the last backslash; two of them mean one backslash",
            "c.toml:7:10: \"users\" in [whitelist] must be user names in quotes, or numbers from 0 to 4294967294, found the string \"\"",
            "c.toml:7:14: \"users\" in [whitelist] must be user names in quotes, or numbers from 0 to 4294967294, found -1",
            "c.toml:7:18: \"users\" in [whitelist] must be user names in quotes, or numbers from 0 to 4294967294, found 4294967295",
            "c.toml:7:30: \"users\" in [whitelist] must be user names in quotes, or numbers from 0 to 4294967294, found 1.5",
            "c.toml:7:35: \"users\" in [whitelist] must be user names in quotes, or numbers from 0 to 4294967294, found the string \"a\\0\"",
        ],
    );
}

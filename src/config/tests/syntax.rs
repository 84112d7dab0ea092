//! Texts that are not TOML: what is said of them, and that nothing is said which only follows from it.

use super::{parse, parse_bytes, rejected};

#[test]
fn syntax_errors_are_placed_in_lines_and_characters() {
    for (text, cause) in [
        (
            "[thresholds]\ncheck_interval = 30 s",
            "c.toml:2:18: not valid TOML: \"30 s\" is no value, text needs quotes",
        ),
        (
            "[settings]\nlog_level =\n",
            "c.toml:2:12: not valid TOML: a value is missing here",
        ),
        (
            "# größer\n[settings]\nlog_file = \"/é\" é",
            "c.toml:3:17: not valid TOML: unexpected key or value, expected newline, `#`",
        ),
        (
            "\u{feff}dry_run",
            "c.toml:1:8: not valid TOML: key with no value, expected `=`",
        ),
        (
            "[settings]\ndry_run = True",
            "c.toml:2:11: not valid TOML: \"True\" is no value, write true",
        ),
        (
            "[settings]\nlog_level = info\u{1b}[2J",
            "c.toml:2:13: not valid TOML: \"info\\u{1b}\" is no value, text needs quotes",
        ),
        (
            "[settings]\ndry_run = true\n'dry_run' = false",
            "c.toml:3:1: duplicate key \"dry_run\", remove one of the two",
        ),
        (
            "[settings]\ndry_run = true\n[settings]\nenable_syslog = true",
            "c.toml:3:2: duplicate table \"settings\", join the two",
        ),
    ] {
        rejected(text, &[cause]);
    }
}

#[test]
fn every_error_that_does_not_follow_from_another_is_reported() {
    rejected(
        "[thresholds]\n\
         ram_percent_threshold = 50%\n\
         ram_gb_threshold = 0\n\
         interval = 5\n\
         [settings]\n\
         dry_run = yes\n\
         log_level = 1\n\
         term_timeout 5\n",
        &[
            "c.toml:2:25: not valid TOML: \"50%\" is no value, text needs quotes",
            "c.toml:3:20: \"ram_gb_threshold\" in [thresholds] must be a number of GB over 0, \
             or inf to switch it off, found 0",
            "c.toml:4:1: unknown key \"interval\" in [thresholds]",
            "c.toml:6:11: not valid TOML: \"yes\" is no value, text needs quotes",
            "c.toml:7:13: \"log_level\" in [settings] must be \"error\", \"warn\", \"info\" or \
             \"debug\", found 1",
            "c.toml:8:14: not valid TOML: key with no value, expected `=`",
        ],
    );
}

#[test]
fn what_is_never_closed_is_one_error_where_it_begins() {
    for (text, cause) in [
        (
            "[whitelist]\nnames = [\"sshd\", \"cron\"\nusers = [\"root\"]\nprotect_root = 1\n[settings]\n",
            "c.toml:2:9: not valid TOML: it is opened here and never closed",
        ),
        (
            "[settings]\nlog_file = \"\"\"/var/log\ndry_run = 1\n",
            "c.toml:2:12: not valid TOML: it is opened here and never closed",
        ),
        (
            "[thresholds\nram_gb_threshold = 0\n",
            "c.toml:1:12: not valid TOML: unclosed table, expected `]`",
        ),
    ] {
        rejected(text, &[cause]);
    }
}

#[test]
fn what_is_not_utf_8_is_rejected_with_its_location() {
    let error = parse_bytes(b"[settings]\nlog_file = \"/\xc3\xa9\xff\"").unwrap_err();
    assert_eq!(
        error.to_string(),
        "c.toml:2:15: not UTF-8: byte 0xff, save the file in UTF-8"
    );
}

#[test]
fn a_file_that_is_no_configuration_is_not_quoted_in_full() {
    for line in ["x y\n", "x = [\n", "[x\n", "x = 1 1\n", "a.b = 1\n"] {
        let error = parse(&line.repeat(20_000)).unwrap_err();
        assert!(error.causes().len() <= 51, "{line:?}");
    }
    let many = format!("[whitelist]\nnames = [{}]", "'', ".repeat(200));
    let error = parse(&many).unwrap_err();
    let last = error.causes().last().map(ToString::to_string);
    assert_eq!(
        last.as_deref(),
        Some("c.toml:2:206: 150 more errors follow")
    );
}

//! Texts that are not TOML: what is said of them, and that nothing is said which only follows from it.

use super::{parse, parse_bytes, rejected};

#[test]
fn syntax_errors_are_placed_in_lines_and_characters() {
    for (text, cause) in [
        (
            "[thresholds]\ncheck_interval = 30 s",
            "c.toml:2:18: not valid TOML: \"30 s\" is no value, write 30",
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

/// What people type who know other formats is told with what to write, in its column.
#[test]
fn what_is_typed_instead_of_toml_is_told_with_what_to_write() {
    for (line, told) in [
        ("ram_gb_threshold = 2GB", "20: \"2GB\" is no value, write 2"),
        (
            "ram_gb_threshold = 512 MB # x",
            "20: \"512 MB\" is no value, write 0.5",
        ),
        (
            "ram_gb_threshold = 2,5",
            "20: \"2,5\" is no value, write 2.5",
        ),
        (
            "ram_gb_threshold = infinity",
            "20: \"infinity\" is no value, write inf",
        ),
        (
            "ram_percent_threshold = 10%",
            "25: \"10%\" is no value, write 10",
        ),
        ("ram_gb_treshold = 2GB", "19: \"2GB\" is no value, write 2"),
        ("check_interval = 30s", "18: \"30s\" is no value, write 30"),
        ("check_interval = 1h", "18: \"1h\" is no value, write 3600"),
        ("early_scan = yes", "14: \"yes\" is no value, write true"),
        ("early_scan = off", "14: \"off\" is no value, write false"),
        ("metric = rss", "10: \"rss\" is no value, text needs quotes"),
        (
            "check_interval: 2",
            "15: \":\" is not what TOML has between key and value, write check_interval = 2",
        ),
        (
            "check_interval: 30s",
            "15: \":\" is not what TOML has between key and value, write check_interval = 30",
        ),
        ("; comment", "1: a comment begins with \"#\""),
        ("// comment", "1: a comment begins with \"#\""),
        (
            "check_interval = 30 ; two",
            "21: a comment begins with \"#\"",
        ),
        ("metric = \"rss\" // two", "16: a comment begins with \"#\""),
        (
            "check_interval = 30;",
            "20: remove \";\" at the end of the line",
        ),
        (
            "check_interval\u{a0}= 30",
            "15: this is a no-break space (U+00A0), write a space",
        ),
        (
            "check_interval =\u{a0}30",
            "17: this is a no-break space (U+00A0), write a space",
        ),
        (
            "metric = \u{201c}rss\u{201d}",
            "10: this is a typographic quote (U+201C), write \"",
        ),
        (
            "\u{feff}metric = \"rss\"",
            "1: this is a byte order mark (U+FEFF) within the file, remove it",
        ),
        (
            "check_interval =\u{200b} 30",
            "17: this is an invisible character (U+200B), remove it",
        ),
    ] {
        rejected(
            &format!("[thresholds]\n{line}\n"),
            &[&format!(
                "c.toml:2:{}",
                told.replacen(": ", ": not valid TOML: ", 1)
            )],
        );
    }
    rejected(
        "whitelist:\n",
        &["c.toml:1:10: not valid TOML: a table begins with [whitelist]"],
    );
    let list = "c.toml:2:9: not valid TOML: \"sshd, bash\" is no value, write [\"sshd\", \"bash\"]";
    rejected("[whitelist]\nnames = sshd, bash\n", &[list]);
    let list =
        "c.toml:2:9: not valid TOML: \"[sshd, bash]\" is no value, write [\"sshd\", \"bash\"]";
    rejected("[whitelist]\nnames = [sshd, bash]\n", &[list]);
    rejected(
        "[thresholds]\ncheck_interval= =3\n",
        &["c.toml:2:17: not valid TOML: extra `=`, expected nothing"],
    );
}

/// A fix that is followed must not lead to the next error.
#[test]
fn values_in_quotes_are_told_with_what_to_write() {
    for (table, line, fix) in [
        ("thresholds", "ram_gb_threshold = \"2GB\"", "write 2"),
        (
            "thresholds",
            "ram_gb_threshold = \"unlimited\"",
            "write inf",
        ),
        ("thresholds", "ram_percent_threshold = \"10%\"", "write 10"),
        ("thresholds", "ram_percent_threshold = \"off\"", "write 100"),
        ("thresholds", "check_interval = \"5 min\"", "write 300"),
        ("thresholds", "early_scan = \"on\"", "write true"),
        (
            "settings",
            "max_kills_per_minute = \"unlimited\"",
            "write 0",
        ),
        (
            "whitelist",
            "names = \"sshd, bash\"",
            "write [\"sshd\", \"bash\"]",
        ),
        ("whitelist", "pids = \"1, 2\"", "write [1, 2]"),
        (
            "[schedule]",
            "from = \"1:00\"\nto = \"2:00\"\ncheck_interval = 5\ndays = [\"mon-fri\"]",
            "write \"mon\", \"tue\", \"wed\", \"thu\", \"fri\"",
        ),
        (
            "[schedule]",
            "from = \"1:00\"\nto = \"2:00\"\ncheck_interval = 5\ndays = \"weekend\"",
            "write [\"sat\", \"sun\"]",
        ),
    ] {
        let error = parse(&format!("[{table}]\n{line}\n"))
            .unwrap_err()
            .to_string();
        assert!(error.ends_with(&format!(", {fix}")), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let error = parse("[thresholds]\ncheck_interval = \"0s\"\n")
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("found the string \"0s\""), "{error}");
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
            "c.toml:2:25: not valid TOML: \"50%\" is no value, write 50",
            "c.toml:3:20: \"ram_gb_threshold\" in [thresholds] must be a number of GB over 0, \
             or inf to switch it off, found 0",
            "c.toml:4:1: unknown key \"interval\" in [thresholds]",
            "c.toml:6:11: not valid TOML: \"yes\" is no value, write true",
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

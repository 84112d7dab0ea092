//! `memory-monitor explain`.

use super::{ConfigFile, Sleeper, in_namespace, is_root, run};

/// Over by any process: a threshold of one megabyte.
const TINY: &str = "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = 0.001\n";

#[test]
fn names_the_test_that_decides_and_its_line() {
    let sleeper = Sleeper::named("sleeper-a");
    let pid = sleeper.pid();
    for (more, verdict, line) in [
        (
            "",
            "a scan would kill it: it is over ram_gb_threshold = 0.00GB.",
            "3: ram_gb_threshold = 0.001",
        ),
        (
            "[whitelist]\nnames = [\"x\",\n\"sleeper-?\"]\n",
            "it is protected, although it is over a threshold: whitelist.names has \"sleeper-?\", but its executable is /",
            "6: names has \"sleeper-?\"",
        ),
        (
            "[settings]\ndry_run = true\n",
            "it would be reported, not killed: it is over ram_gb_threshold = 0.00GB, and dry_run is true.",
            "5: dry_run = true",
        ),
    ] {
        let config = ConfigFile::new(&format!("{TINY}{more}"));
        let said = run(&["explain", &pid, "--config", &config.shown()]);
        assert_eq!(said.status, Some(0), "{said:?}");
        assert!(said.out.contains("(sleeper-a)"), "{said:?}");
        assert!(
            said.out.contains(&format!("Verdict: {verdict}")),
            "{said:?}"
        );
        let line = format!("Decided by {}:{line}\n", config.shown());
        assert!(said.out.contains(&line), "{line}: {said:?}");
        assert!(!said.out.contains('\x1b'));
    }
}

#[test]
fn a_rule_and_a_schedule_decide_by_their_own_lines() {
    let sleeper = Sleeper::named("sleeper-e");
    let schedule = "[[schedule]]\nfrom = \"00:00\"\nto = \"24:00\"\nram_gb_threshold = 0.001\n";
    for (rule, line) in [
        (
            "name = \"sleeper-e\"\nram_gb_threshold = 0.0001\nmetric = \"pss\"",
            "5: [[rule]] name = \"sleeper-e\", action = \"kill\", ram_gb_threshold = 0.00GB, metric = \"pss\"",
        ),
        (
            "name = \"another\"\nram_gb_threshold = 0.0001\nsustained = 5",
            "1: [[schedule]] 00:00 to 24:00 on mon tue wed thu fri sat sun, ram_gb_threshold = 0.00GB",
        ),
    ] {
        let config = ConfigFile::new(&format!("{schedule}[[rule]]\n{rule}\n"));
        let said = run(&["explain", &sleeper.pid(), "--config", &config.shown()]);
        let line = format!("Decided by {}:{line}\n", config.shown());
        assert!(said.out.contains(&line), "{line}: {said:?}");
    }
}

#[test]
fn tells_what_the_daemon_waits_for() {
    if !is_root("tells_what_the_daemon_waits_for") {
        return;
    }
    let said = in_namespace(
        r#"
        mount -t tmpfs none /mnt
        export STATE_DIRECTORY=/mnt/state RUNTIME_DIRECTORY=/mnt/run
        printf '%s\n' '[thresholds]' 'check_interval = 0.1' '[settings]' 'log_file = ""' 'enable_syslog = false' \
            'max_kills_per_minute = 1' '[[rule]]' 'name = "perl"' 'ram_gb_threshold = 0.03' 'sustained = 3000' \
            '[[rule]]' 'name = "hog-*"' 'ram_gb_threshold = 0.03' >/mnt/c.toml
        for name in hog-1 hog-2; do cp /usr/bin/perl /mnt/$name; done
        large='$| = 1; $m = "x" x 50_000_000; print "ready\n"; sleep 1000'
        exec 3< <(exec perl -e "$large"); waits=$!; read -r <&3
        $PROGRAM --config /mnt/c.toml --quiet >/mnt/log 2>&1 & daemon=$!
        exec 4< <(exec /mnt/hog-1 -e "$large"); first=$!; read -r <&4 || true
        while [ -e /proc/$first ]; do sleep 0.05; done
        exec 5< <(exec /mnt/hog-2 -e "$large"); second=$!; read -r <&5
        until $PROGRAM status | grep -q 'limit of kills'; do sleep 0.05; done
        until $PROGRAM status | grep -q 'perl.*sustained = 3000'; do sleep 0.05; done
        $PROGRAM explain $waits -c /mnt/c.toml
        $PROGRAM explain $second -c /mnt/c.toml
        kill $daemon $waits $second
    "#,
    );
    for text in [
        " of 50 min left\n",
        "Verdict: it will be killed in ",
        "limit of kills reached   yes  1 of 1 within the last minute\n",
        "as the limit of 1 kills a minute is reached: it is over",
        "Decided by /mnt/c.toml:6: max_kills_per_minute = 1\n",
    ] {
        assert!(said.out.contains(text), "{text}: {said:?}");
    }
}

#[test]
fn json_has_the_same_answers() {
    let sleeper = Sleeper::named("sleeper-b");
    let config = ConfigFile::new(TINY);
    let said = run(&["explain", &sleeper.pid(), "--json", "-c", &config.shown()]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["verdict"], "over");
    assert_eq!(json["process"]["name"], "sleeper-b");
    let tests = json["tests"].as_array().unwrap();
    let answer = |name: &str| {
        let test = tests.iter().find(|test| test["name"] == name).unwrap();
        test["answer"].as_str().unwrap().to_owned()
    };
    assert_eq!(answer("ram_percent_threshold"), "off");
    assert_eq!(answer("ram_gb_threshold"), "yes");
    assert_eq!(answer("whitelist.names"), "no");
    assert_eq!(answer("this user may signal it"), "yes");
    let rss = json["process"]["rss_bytes"].as_u64().unwrap();
    let pss = json["process"]["pss_bytes"].as_u64().unwrap();
    assert!(0 < pss && pss <= rss, "{json}");
}

#[test]
fn bytes_of_a_name_cannot_reach_the_terminal() {
    let sleeper = Sleeper::named("\x1b[2J\u{9b}1m\n");
    for arguments in [&["explain"][..], &["explain", "--json"]] {
        let pid = sleeper.pid();
        let arguments: Vec<_> = arguments.iter().copied().chain([pid.as_str()]).collect();
        let said = run(&arguments);
        assert!(said.out.contains("x1b[2J"), "{said:?}");
        let is_bad = |c: char| c.is_control() && c != '\n';
        assert!(!said.out.contains(is_bad), "{said:?}");
    }
}

#[test]
fn says_what_a_number_is_that_is_no_process() {
    // Beyond the highest number that Linux gives away, 2^22.
    let said = run(&["explain", "4194305"]);
    assert_eq!(said.status, Some(1));
    assert_eq!(
        said.err,
        "memory-monitor: error: process 4194305 does not exist\n"
    );
    let said = run(&["explain", "1"]);
    assert!(said.out.contains("pid 1 is always protected"), "{said:?}");
}

#[test]
fn says_what_another_user_and_hidepid_keep_back() {
    if !is_root("says_what_another_user_and_hidepid_keep_back") {
        return;
    }
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    let copy = "mount -t tmpfs none /mnt; cp $PROGRAM /mnt/mm; chmod 755 /mnt /mnt/mm";
    let said = in_namespace(&format!("{copy}; {nobody} /mnt/mm explain $$"));
    assert!(
        said.out.contains("can't be read: exe: Permission denied"),
        "{said:?}"
    );
    assert!(said.out.contains("this user may signal it  no"), "{said:?}");
    let hide = "mount -o remount,hidepid=2 /proc";
    let said = in_namespace(&format!("{copy}; {hide}; {nobody} /mnt/mm explain $$"));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.err
            .contains("exists, but /proc is mounted with hidepid"),
        "{said:?}"
    );
}

#[test]
fn a_kernel_thread_is_one() {
    let kernel = std::path::Path::new("/proc/2/comm");
    if std::fs::read(kernel).is_ok_and(|comm| comm == b"kthreadd\n") {
        let said = run(&["explain", "2"]);
        assert!(
            said.out.contains("kernel threads are always protected"),
            "{said:?}"
        );
    } else {
        println!("a_kernel_thread_is_one: skipped, there is none in this pid namespace");
    }
}

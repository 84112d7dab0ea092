//! `memory-monitor history` and `status`, with what a daemon leaves for them.

use super::{Said, in_namespace, is_root};

/// A daemon in namespaces of its own that ends everything over 50 MB, and a hog for it: `$hog`. The
/// script goes on when the hog has ended and the record of it is there.
const ENDED: &str = r#"
mount -t tmpfs none /mnt
export STATE_DIRECTORY=/mnt/state RUNTIME_DIRECTORY=/mnt/run TZ=UTC0
printf '[thresholds]\nram_gb_threshold = 0.05\ncheck_interval = 0.2\n[settings]\nlog_file = ""\nenable_syslog = false\n' >/mnt/c.toml
python3 -c 'hog = bytearray(100 << 20); open("/mnt/full", "w"); import time; time.sleep(1000)' & hog=$!
until [ -e /mnt/full ]; do sleep 0.05; done
"$PROGRAM" -q -c /mnt/c.toml & daemon=$!
wait $hog || true
until [ -s /mnt/state/history.jsonl ] && "$PROGRAM" status --json | grep -q '"ended": 1'; do sleep 0.05; done
"#;

fn after_an_end(script: &str) -> Option<Said> {
    is_root("after_an_end").then(|| in_namespace(&format!("{ENDED}{script}")))
}

#[test]
fn history_tells_what_was_ended() {
    let script = r#"
        printf '{"torn' >>/mnt/state/history.jsonl
        "$PROGRAM" history
        "$PROGRAM" history --json >/mnt/json
        python3 -c 'import json; r = json.load(open("/mnt/json"))["records"]
assert [x["name"] for x in r] == ["python3"] and r[0]["freed_bytes"] > 100 << 20, r
assert r[0]["signal"] == "SIGTERM" and r[0]["rss_bytes"] > 100 << 20, r'
        for filter in "--user nobody" "--name x*" "--since 2999-01-01"; do
            "$PROGRAM" history $filter | grep -q '^Nothing was killed' || echo "not $filter"
        done
        "$PROGRAM" history --user root --name "python?" --since 1h | grep -c SIGTERM
    "#;
    let Some(said) = after_an_end(script) else {
        return;
    };
    assert_eq!(said.status, Some(0), "{said:?}");
    for part in [
        "  python3  root  ",
        "  SIGTERM  ",
        "  ram_gb_threshold = 0.05GB\n",
        "####################     1  python3 (root), 0.1",
        "One line of the history can't be read and was skipped.\n1\n",
    ] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
    assert!(!said.out.contains("not --"), "{said:?}");
}

#[test]
fn status_tells_how_things_are() {
    let script = r#"
        "$PROGRAM" status
        echo ==
        sleep 1.1; echo 'nonsense = 1' >>/mnt/c.toml
        "$PROGRAM" status | grep on.disk
        echo ==
        kill -STOP $daemon; until grep -q 'State:.T' /proc/$daemon/status; do sleep 0.05; done
        sed -i 's/"next_check":[0-9]*/"next_check":1000000000/' /mnt/run/status.json
        "$PROGRAM" status | grep stale
        echo ==
        kill -CONT $daemon; kill $daemon; wait $daemon
        "$PROGRAM" status || echo "exit $?"
    "#;
    let Some(said) = after_an_end(script) else {
        return;
    };
    assert_eq!(said.status, Some(0), "{said:?}");
    let parts: Vec<_> = said.out.split("==\n").collect();
    for part in [
        " runs in the foreground: PID ",
        "Policy: configuration /mnt/c.toml, loaded ",
        "Killed today: 1, 0.1",
        "since its start: 1\n",
        "Next scan: ",
    ] {
        assert!(parts[0].contains(part), "{part}: {said:?}");
    }
    assert!(parts[1].contains("on disk is newer"), "{said:?}");
    assert!(
        parts[1].contains("would be rejected: /mnt/c.toml:7:1: unknown key"),
        "{said:?}"
    );
    assert!(parts[2].contains("This is stale"), "{said:?}");
    assert_eq!(parts[3], "exit 1\n");
    assert!(
        said.err
            .contains("error: no daemon runs that writes \"/mnt/run/status.json\"\n"),
        "{said:?}"
    );
}

#[test]
fn a_daemon_that_was_killed_is_not_running() {
    let script = r#"
        kill -KILL $daemon; wait $daemon || true
        "$PROGRAM" status --json || echo "exit $?"
    "#;
    let Some(said) = after_an_end(script) else {
        return;
    };
    assert!(said.out.contains("\"running\": false"), "{said:?}");
    assert!(said.out.ends_with("exit 1\n"), "{said:?}");
    assert!(
        said.err
            .contains("exited without cleaning up; its status file is stale"),
        "{said:?}"
    );
}

#[test]
fn without_a_place_for_it_the_daemon_works_all_the_same() {
    if !is_root("without_a_place_for_it_the_daemon_works_all_the_same") {
        return;
    }
    let script = r#"
        mount -t tmpfs none /mnt
        export STATE_DIRECTORY=/proc/none RUNTIME_DIRECTORY=/proc/none
        printf '[thresholds]\nram_gb_threshold = 0.05\ncheck_interval = 0.2\n[settings]\nlog_file = ""\nenable_syslog = false\n' >/mnt/c.toml
        python3 -c 'hog = bytearray(100 << 20); import time; time.sleep(1000)' & hog=$!
        "$PROGRAM" -v -c /mnt/c.toml 2>/mnt/err & daemon=$!
        wait $hog || true
        until grep -q 'Process ended' /mnt/err; do sleep 0.05; done
        until grep -q 'Cannot write history' /mnt/err; do sleep 0.05; done
        kill $daemon; wait $daemon
        grep -c 'DEBUG - Cannot write status' /mnt/err
    "#;
    let said = in_namespace(script);
    assert_eq!(
        (said.status, said.out.as_str()),
        (Some(0), "1\n"),
        "{said:?}"
    );
}

//! `memory-monitor selftest`.

use super::{in_namespace, is_root};

/// A process that is over the threshold of the test's configuration, and nobody protects: `$bystander`.
const BYSTANDER: &str = r#"
mount -t tmpfs none /mnt; chmod 1777 /mnt; cp "$PROGRAM" /mnt/mm; chmod 755 /mnt/mm
mkfifo /mnt/fifo
python3 -c 'hog = bytearray(200 << 20); open("/mnt/full", "w"); open("/mnt/fifo").read()' & bystander=$!
until [ -e /mnt/full ]; do sleep 0.05; done
export TMPDIR=/mnt
"#;

#[test]
fn ends_its_own_processes_and_no_other() {
    if !is_root("ends_its_own_processes_and_no_other") {
        return;
    }
    let said = in_namespace(&format!(
        r"{BYSTANDER}
        /mnt/mm selftest
        # It is still there to be told to end, and ends as it was told.
        echo end >/mnt/fifo; wait $bystander
        ls /mnt
        "
    ));
    assert_eq!(said.status, Some(0), "{said:?}");
    for step in [
        "read it, decide and send SIGTERM",
        "send SIGKILL after the grace period",
        "Signal=SIGKILL",
        "Signal=SIGTERM",
        "reclaim the memory of a killed process",
        " 0 failed. No process but those of this test was sent a signal.\nfifo\nfull\nmm\n",
    ] {
        assert!(said.out.contains(step), "{step}: {said:?}");
    }
    assert!(!said.out.contains("FAILED"), "{said:?}");
}

#[test]
fn says_what_a_normal_user_lacks() {
    if !is_root("says_what_a_normal_user_lacks") {
        return;
    }
    let said = in_namespace(&format!(
        r#"{BYSTANDER}
        setpriv --reuid=65534 --regid=65534 --clear-groups /mnt/mm selftest --json >/mnt/json
        python3 -c 'import json
for step in json.load(open("/mnt/json"))["steps"]: print(step["outcome"], step["name"])'
        kill $bystander
        "#
    ));
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(
        said.out.contains("missing signal other users' processes\n"),
        "{said:?}"
    );
    assert!(
        said.out.contains("ok notice that it has ended\n"),
        "{said:?}"
    );
}

#[test]
fn fails_for_root_without_the_right_to_signal() {
    if !is_root("fails_for_root_without_the_right_to_signal") {
        return;
    }
    let said = in_namespace(&format!(
        r"{BYSTANDER}
        setpriv --bounding-set=-kill /mnt/mm selftest && exit 5
        kill $bystander
        "
    ));
    let line = said
        .out
        .lines()
        .find(|line| line.contains("it needs CAP_KILL"));
    assert!(
        line.is_some_and(|line| line.starts_with("FAILED ")),
        "{said:?}"
    );
    let error = "memory-monitor: error: one step of the selftest failed\n";
    assert_eq!(said.err, error, "{said:?}");
}

#[test]
fn a_role_without_its_process_is_refused() {
    let mut command = std::process::Command::new(super::PROGRAM);
    for role in ["monitor ", "monitor 1", "monitor x y"] {
        command.arg("selftest").env("MEMORY_MONITOR_SELFTEST", role);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        command = std::process::Command::new(super::PROGRAM);
    }
}

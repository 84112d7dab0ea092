//! Names and the executables that verify them, or do not.

use super::*;
use crate::proc::{Questions, Standing};

const CONFIG: &str = "[whitelist]\nnames = [\"hog\", \"systemd-*\"]\n";

fn running(standing: Standing) -> Process {
    let file = Name::new(b"/tmp/x");
    let mut process = process(42);
    process.details.program = Some(Program { file, standing });
    process
}

fn said(policy: &Policy, process: &Process) -> String {
    match judge(policy, process) {
        Verdict::Protected(protection) => {
            let mark = if protection.is_unverified_name() {
                "! "
            } else {
                ""
            };
            format!("{mark}{}", policy.shown(&protection))
        }
        Verdict::Breach(_) => "over".to_owned(),
        Verdict::Plentiful(..) => "plentiful".to_owned(),
        Verdict::Within => "within".to_owned(),
    }
}

#[test]
fn a_name_protects_where_it_is_verified_or_in_doubt() {
    let unknown = Standing::Unknown(Unreadable {
        file: "exe",
        errno: Some(13),
    });
    let plain = "whitelist.names has hog";
    for (standing, without, with) in [
        (
            Standing::RootAlone,
            plain,
            "whitelist.names has hog, verified by /tmp/x",
        ),
        (
            Standing::Renamed,
            "! whitelist.names has hog, but its executable is /tmp/x",
            "over",
        ),
        (
            Standing::Unfiled,
            "! whitelist.names has hog, but its executable is no file: /tmp/x",
            "over",
        ),
        (Standing::Writable, plain, "over"),
        (Standing::Elsewhere, plain, "over"),
        (
            Standing::Vanished,
            plain,
            "! whitelist.names has hog, but /tmp/x can't be verified: deleted, in another mount \
             namespace",
        ),
        (
            unknown,
            plain,
            "! whitelist.names has hog, but its executable can't be verified: exe: \
             Permission denied (os error 13)",
        ),
    ] {
        let process = running(standing);
        assert_eq!(said(&policy(CONFIG), &process), without, "{standing:?}");
        let verifying = policy(&format!("{CONFIG}verify_names = true\n"));
        assert_eq!(said(&verifying, &process), with, "{standing:?}");
        let refuted = (with == "over").then_some(process.details.program);
        assert_eq!(verifying.refuted_name(&process), refuted.flatten());
        // Early scan takes the same view.
        let small = Process {
            rss: Bytes::new(GB),
            ..process
        };
        let ceiling = verifying.ceiling(&small, &memory(), false, &now());
        assert_eq!(ceiling.is_some(), with == "over", "{standing:?}");
    }
    // Where its executable was not read there is doubt.
    let verifying = policy(&format!("{CONFIG}verify_names = true\n"));
    assert_eq!(said(&verifying, &process(42)), plain);
}

#[test]
fn what_else_protects_needs_no_name() {
    let verifying = format!("{CONFIG}verify_names = true\nusers = [\"john\"]\n");
    let process = running(Standing::Renamed);
    assert_eq!(
        said(&policy(&verifying), &process),
        "whitelist.users has john"
    );
    let mut thread = process;
    thread.facts.as_mut().unwrap().is_kernel_thread = true;
    assert_eq!(
        said(&policy(&verifying), &thread),
        "kernel threads are always protected"
    );
    let rule =
        format!("{CONFIG}verify_names = true\n[[rule]]\nname = \"hog\"\naction = \"protect\"\n");
    let rule = policy(&rule);
    let mut process = process;
    process.details.rule_match = Some(crate::proc::RuleMatch {
        rule: Some(0),
        doubt: None,
    });
    assert_eq!(said(&rule, &process), "rule 1 at test.toml:4:1 protects it");
}

#[test]
fn one_entry_must_mean_both_the_name_and_the_file() {
    let policy = policy(CONFIG);
    for (name, file, verifies) in [
        ("hog", "hog", true),
        ("hog", "hog2", false),
        ("systemd-logind", "systemd-logind", true),
        ("systemd-logind", "systemd-executor", true),
        ("systemd-logind", "hog", false),
        ("hog", "systemd-logind", false),
        ("x", "x", false),
    ] {
        assert_eq!(
            policy.verifies(name.as_bytes(), file.as_bytes()),
            verifies,
            "{name:?} {file:?}"
        );
    }
    assert!(policy.matches_name(b"systemd-logind") && !policy.matches_name(b"x"));
}

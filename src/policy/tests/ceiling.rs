//! Up to what resident memory early scan has nothing to do about a process.

use super::*;
use crate::proc::{Ceiling, RuleMatch};
use crate::quantities::Metric;

const MIB: u64 = 1 << 20;

/// A process of so many MiB, by another metric so many, of the first rule or of none.
fn sized(rss: u64, other: Option<(Metric, u64)>, rule: Option<u16>) -> Process {
    let mut process = process(42);
    process.rss = Bytes::new(rss * MIB);
    process.details.rule_match = Some(RuleMatch { rule, doubt: None });
    process.details.memory = other.map(|(metric, mib)| (metric, Ok(Bytes::new(mib * MIB))));
    process
}

/// In MiB.
fn ceiling(policy: &Policy, process: &Process, is_delayed: bool) -> Option<(u64, bool)> {
    let ceiling = policy.ceiling(process, &memory(), is_delayed, &now());
    ceiling.map(|Ceiling { rss, is_certain }| (rss.get() / MIB, is_certain))
}

#[test]
#[allow(clippy::large_stack_arrays, reason = "a table of processes")]
fn up_to_its_own_threshold_by_its_own_metric() {
    let rule = |keys: &str| {
        let text = "[thresholds]\nram_percent_threshold = 100.0\nram_gb_threshold = 1\n";
        policy(&format!("{text}[[rule]]\nname = \"*\"\n{keys}\n"))
    };
    let (pss, anon) = (Metric::Pss, Metric::Anon);
    for (keys, process, expected) in [
        // No rule: the general threshold.
        (
            "ram_gb_threshold = 4",
            sized(500, None, None),
            Some((1_024, true)),
        ),
        ("ram_gb_threshold = 4", sized(1_500, None, None), None),
        // Over the general one, and far from its own.
        (
            "ram_gb_threshold = 4",
            sized(1_500, None, Some(0)),
            Some((4_096, true)),
        ),
        (
            "ram_gb_threshold = 4",
            sized(4_096, None, Some(0)),
            Some((4_096, true)),
        ),
        ("ram_gb_threshold = 4", sized(4_097, None, Some(0)), None),
        ("action = \"warn\"", sized(500, None, Some(0)), None),
        ("action = \"protect\"", sized(500, None, Some(0)), None),
        // RSS may grow by as much as the other metric has to.
        (
            "metric = \"pss\"",
            sized(500, None, Some(0)),
            Some((1_024, false)),
        ),
        (
            "metric = \"pss\"",
            sized(3_000, Some((pss, 1_000)), Some(0)),
            Some((3_024, false)),
        ),
        (
            "metric = \"pss\"",
            sized(3_000, Some((pss, 1_025)), Some(0)),
            None,
        ),
        (
            "metric = \"anon\"",
            sized(500, Some((anon, 100)), Some(0)),
            Some((1_424, false)),
        ),
        // Most of it is in swap.
        (
            "metric = \"anon\"",
            sized(10, Some((anon, 1_000)), Some(0)),
            Some((34, false)),
        ),
    ] {
        let found = ceiling(&rule(keys), &process, false);
        assert_eq!(found, expected, "{keys} {process:?}");
    }
    let protected = sized(500, None, None);
    let mut policy = rule("ram_gb_threshold = 4");
    policy.pinned.push(protected.key().unwrap());
    assert_eq!(ceiling(&policy, &protected, false), None);
}

#[test]
fn a_delayed_one_up_to_half_of_what_is_available() {
    let policy = policy("");
    let process = |gb: u64| sized(gb * 1_024, None, None);
    // 50 GB are available: when it has grown by 20, it has more than is available then.
    assert_eq!(
        ceiling(&policy, &process(10), true),
        Some((30 * 1_024, true))
    );
    assert_eq!(ceiling(&policy, &process(10), false), None);
    assert_eq!(ceiling(&policy, &process(50), true), None);
    let mut silent = memory();
    silent.available = None;
    assert_eq!(policy.ceiling(&process(10), &silent, true, &now()), None);
}

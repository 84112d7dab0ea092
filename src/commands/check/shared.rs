//! The programs that are over a threshold by memory that they share with others.

use crate::escape::Escaped;
use crate::policy::Policy;
use crate::proc::{Process, Sampler, Snapshot};
use crate::quantities::{Bytes, Metric};
use std::collections::BTreeMap;

/// The programs that `metric = "pss"` would decide otherwise about, by name; at most two sentences.
pub(super) fn notes(policy: &Policy, snapshot: &Snapshot, sampler: &Sampler) -> Vec<String> {
    let (mut within, mut unknown) = (BTreeMap::new(), BTreeMap::new());
    sampler.begin_turn();
    for process in &snapshot.near {
        let breach = policy.breach(process, snapshot.memory.total, None);
        let breach = breach.filter(|breach| breach.metric == Metric::Rss);
        let (Some(breach), Ok(facts)) = (breach, &process.facts) else {
            continue;
        };
        let names = match pss(process, sampler) {
            Some(pss) if pss <= breach.threshold_bytes => &mut within,
            // What is anonymous is not all that PSS counts.
            None if process
                .own_share(breach.metric, breach.threshold_bytes)
                .is_some() =>
            {
                &mut unknown
            }
            Some(_) | None => continue,
        };
        let name = Escaped(facts.name.as_bytes()).to_string();
        *names.entry(name).or_default() += 1;
    }
    let within = listed(&within).map(|names| {
        format!(
            "over a threshold by rss, and not by pss: {names}; metric = \"pss\" would decide otherwise"
        )
    });
    let unknown = listed(&unknown).map(|names| {
        format!(
            "over a threshold by rss, but not by anonymous memory: {names}; metric = \"pss\" may \
             decide otherwise, it can't be read here"
        )
    });
    within.into_iter().chain(unknown).collect()
}

fn pss(process: &Process, sampler: &Sampler) -> Option<Bytes> {
    sampler.pss(process.key()?)
}

/// `postgres (3 processes), java`; None where there are none.
fn listed(names: &BTreeMap<String, usize>) -> Option<String> {
    let names: Vec<_> = names
        .iter()
        .map(|(name, count)| match count {
            1 => name.clone(),
            count => format!("{name} ({count} processes)"),
        })
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

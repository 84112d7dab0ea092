//! Which thresholds would have killed what, from what was observed for a time.

use crate::escape::Escaped;
use crate::policy::Policy;
use crate::proc::Snapshot;
use crate::quantities::Span;
use crate::quantities::{Bytes, Percent, ProcessKey};
use crate::users::UserNames;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

/// Thresholds that people choose, in GB of 1024^3 bytes.
const LADDER: [f64; 18] = [
    0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 128.0, 256.0,
    512.0,
];

/// How many names are shown of the processes that a threshold would have killed.
const SHOWN: usize = 4;

/// The largest RSS of each process.
#[derive(Debug, Default)]
pub(super) struct Peaks {
    peaks: HashMap<ProcessKey, Peak>,
    total: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Peak {
    name: String,
    user: String,
    rss_bytes: Bytes,
}

/// Which thresholds would have killed what.
#[derive(Debug, Serialize)]
pub(super) struct Suggestion {
    observed_seconds: u64,
    total_bytes: Bytes,
    processes: usize,
    thresholds: Vec<Threshold>,
    /// The lowest that would have killed nothing, with half of the largest process as reserve.
    suggested_bytes: Option<Bytes>,
    largest: Option<Peak>,
}

#[derive(Debug, Serialize)]
struct Threshold {
    bytes: Bytes,
    percent: f64,
    would_have_killed: Vec<Peak>,
}

impl Peaks {
    /// Takes one scan into account: the processes that nothing protects.
    pub(super) fn note(&mut self, policy: &Policy, snapshot: &Snapshot, users: &mut UserNames) {
        self.total = snapshot.memory.total;
        for process in &snapshot.near {
            let (Some(key), Ok(facts)) = (process.key(), &process.facts) else {
                continue;
            };
            if let Some(peak) = self.peaks.get_mut(&key) {
                peak.rss_bytes = peak.rss_bytes.max(process.rss);
            } else if policy
                .protection(process, &snapshot.memory, &crate::sys::now())
                .is_none_or(|protection| protection.is_by_rule())
            {
                let peak = Peak {
                    name: Escaped(facts.name.as_bytes()).to_string(),
                    user: Escaped(users.name(facts.uid)).to_string(),
                    rss_bytes: process.rss,
                };
                self.peaks.insert(key, peak);
            }
        }
    }

    /// The result, after so long a time.
    pub(super) fn suggestion(self, observed: Duration) -> Suggestion {
        let mut peaks: Vec<Peak> = self.peaks.into_values().collect();
        peaks.sort_unstable_by(|one, other| {
            other
                .rss_bytes
                .cmp(&one.rss_bytes)
                .then(one.name.cmp(&other.name))
        });
        let largest = peaks.first().cloned();
        let most = largest.as_ref().map_or(Bytes::ZERO, |peak| peak.rss_bytes);
        let rungs = LADDER.iter().filter_map(|&gb| Bytes::from_gb(gb));
        let rungs: Vec<Bytes> = rungs.filter(|&rung| rung < self.total).collect();
        let is_enough = |rung: &&Bytes| rung.get() >= most.get().saturating_add(most.get() / 2);
        let suggested = rungs.iter().find(is_enough).copied();
        let last = suggested.or_else(|| rungs.last().copied());
        let thresholds = rungs
            .iter()
            .filter(|&&rung| last.is_some_and(|last| rung <= last));
        let thresholds = thresholds.map(|&bytes| Threshold {
            bytes,
            percent: Percent::share(bytes, self.total).get(),
            would_have_killed: peaks
                .iter()
                .filter(|peak| peak.rss_bytes > bytes)
                .cloned()
                .collect(),
        });
        Suggestion {
            observed_seconds: observed.as_secs(),
            total_bytes: self.total,
            processes: peaks.len(),
            thresholds: thresholds.collect(),
            suggested_bytes: suggested,
            largest,
        }
    }
}

impl Suggestion {
    /// As text for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes any text.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let observed = Span(Duration::from_secs(self.observed_seconds));
        writeln!(
            out,
            "Observed for {observed}: {} processes that nothing protects, {} of RAM.\n",
            self.processes, self.total_bytes
        )?;
        writeln!(out, "{:>9}  {:>7}  WOULD HAVE KILLED", "OVER", "OF RAM")?;
        for threshold in &self.thresholds {
            let bytes = threshold.bytes.to_string();
            let names = shown(&threshold.would_have_killed);
            writeln!(out, "{bytes:>9}  {:>6.2}%  {names}", threshold.percent)?;
        }
        match (self.suggested_bytes, &self.largest) {
            (Some(bytes), Some(largest)) => writeln!(
                out,
                "\nThe largest was {} ({}) with {}. With half of that as reserve:\n\n\
                 [thresholds]\nram_percent_threshold = 100\nram_gb_threshold = {:.2}",
                largest.name,
                largest.user,
                largest.rss_bytes,
                bytes.gb()
            ),
            (None, Some(largest)) => writeln!(
                out,
                "\nThe largest was {} ({}) with {}: too much for a threshold with half of that as \
                 reserve. If it must not be killed, put it on the whitelist.",
                largest.name, largest.user, largest.rss_bytes
            ),
            _ => writeln!(out, "\nNo process was seen that could be killed."),
        }
    }
}

fn shown(peaks: &[Peak]) -> String {
    if peaks.is_empty() {
        return "nothing".to_owned();
    }
    let names = peaks.iter().take(SHOWN);
    let names: Vec<_> = names
        .map(|peak| format!("{} ({})", peak.name, peak.user))
        .collect();
    let more = match peaks.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}: {}{more}", peaks.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::{Pid, StartTime};

    fn peaks(sizes: &[f64], total: f64) -> Peaks {
        let peaks = sizes.iter().enumerate().map(|(number, &gb)| {
            let key = ProcessKey {
                pid: Pid::new(u32::try_from(number).unwrap() + 1).unwrap(),
                start_time: StartTime(0),
            };
            let peak = Peak {
                name: format!("p{number}"),
                user: "john".into(),
                rss_bytes: Bytes::from_gb(gb).unwrap(),
            };
            (key, peak)
        });
        Peaks {
            peaks: peaks.collect(),
            total: Bytes::from_gb(total).unwrap(),
        }
    }

    #[test]
    fn suggests_what_would_have_killed_nothing() {
        let text = peaks(&[1.3, 0.3, 0.1], 16.0)
            .suggestion(Duration::from_secs(90))
            .text();
        assert!(
            text.starts_with("Observed for 1 min 30 s: 3 processes"),
            "{text}"
        );
        assert!(
            text.contains("   0.25GB    1.56%  2: p0 (john), p1 (john)\n"),
            "{text}"
        );
        assert!(
            text.contains("   1.00GB    6.25%  1: p0 (john)\n"),
            "{text}"
        );
        assert!(text.contains("   2.00GB   12.50%  nothing\n"), "{text}");
        assert!(text.ends_with("ram_gb_threshold = 2.00\n"), "{text}");
    }

    #[test]
    fn says_when_no_threshold_would_do() {
        let text = peaks(&[14.0], 16.0).suggestion(Duration::ZERO).text();
        assert!(text.contains("too much for a threshold"), "{text}");
        let text = peaks(&[], 16.0).suggestion(Duration::ZERO).text();
        assert!(text.contains("No process was seen"), "{text}");
    }
}

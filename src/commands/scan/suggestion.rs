//! Which thresholds would have killed what, from what was observed for a time.

use super::group_figures::{self, SuggestedGroup, groups};
use super::names::{pattern, quoted};
use super::peaks::{Peak, Peaks, SMALLEST_GB};
use super::programs::{Program, SHOWN};
use super::system_figures::SystemFigures;
use crate::commands::hidepid::hidepid_note;
use crate::commands::progress::Processes;
use crate::escape::Escaped;
use crate::quantities::Span;
use crate::quantities::{Bytes, Metric, Percent};
use serde::Serialize;
use std::fmt::{self, Write};
use std::time::Duration;

/// Thresholds that people choose, in GB of 1024^3 bytes.
const LADDER: [f64; 18] = [
    SMALLEST_GB,
    0.5,
    1.0,
    1.5,
    2.0,
    3.0,
    4.0,
    6.0,
    8.0,
    12.0,
    16.0,
    24.0,
    32.0,
    48.0,
    64.0,
    128.0,
    256.0,
    512.0,
];

/// Which thresholds would have killed what.
#[derive(Debug, Serialize)]
pub(super) struct Suggestion {
    observed_seconds: u64,
    total_bytes: Bytes,
    /// Of which nothing protects any.
    processes: usize,
    /// Whether hidepid hides others.
    hidepid: bool,
    thresholds: Vec<SuggestedThreshold>,
    /// The lowest that would have killed nothing, with half of the largest process as reserve.
    suggested_bytes: Option<Bytes>,
    largest: Option<Peak>,
    /// The same by PSS, where that is lower.
    by_pss: Option<ByPss>,
    /// The programs whose processes are over their thresholds by RSS alone.
    over_by_rss_alone: Vec<Program>,
    /// None where the kernel does not say what is available.
    system: Option<SystemFigures>,
    groups: Vec<SuggestedGroup>,
    /// What processes are measured by.
    #[serde(skip)]
    metric: Metric,
}

#[derive(Debug, Serialize)]
struct SuggestedThreshold {
    bytes: Bytes,
    percent: f64,
    would_have_killed: Vec<Peak>,
}

/// A threshold for PSS.
#[derive(Debug, Serialize)]
struct ByPss {
    suggested_bytes: Bytes,
    largest: Peak,
}

impl Suggestion {
    /// From what was seen in so long a time, where processes are measured by `metric`.
    pub(super) fn new(seen: Peaks, observed: Duration, metric: Metric, hidepid: bool) -> Self {
        let total = seen.machine.total;
        let system = SystemFigures::new(&seen.machine);
        let mut peaks: Vec<Peak> = seen.processes.into_values().collect();
        peaks.sort_unstable_by(|one, other| {
            let by_size = other.rss_bytes.cmp(&one.rss_bytes);
            by_size.then_with(|| (&one.name, one.pid).cmp(&(&other.name, other.pid)))
        });
        let rungs = LADDER.iter().filter_map(|&gb| Bytes::from_gb(gb));
        let rungs: Vec<Bytes> = rungs.filter(|&rung| rung < total).collect();
        let largest = peaks.first().cloned();
        let suggested = enough(&rungs, largest.as_ref().map(|peak| peak.rss_bytes));
        let by_pss = peaks.iter().max_by_key(|peak| peak.shared_out());
        let by_pss = by_pss.and_then(|largest| {
            let suggested_bytes = enough(&rungs, Some(largest.shared_out()))?;
            let is_lower = suggested.is_none_or(|by_rss| suggested_bytes < by_rss);
            is_lower.then(|| ByPss {
                suggested_bytes,
                largest: largest.clone(),
            })
        });
        let last = suggested.or_else(|| rungs.last().copied());
        let thresholds = rungs
            .iter()
            .filter(|&&rung| last.is_some_and(|last| rung <= last));
        let thresholds = thresholds.map(|&bytes| SuggestedThreshold {
            bytes,
            percent: Percent::share(bytes, total).get(),
            would_have_killed: peaks
                .iter()
                .filter(|peak| peak.rss_bytes > bytes)
                .cloned()
                .collect(),
        });
        let groups = groups(seen.by_user, seen.kinds, |most| enough(&rungs, Some(most)));
        let alone = peaks.iter().filter(|peak| peak.is_over_by_rss_alone());
        Self {
            observed_seconds: observed.as_secs(),
            total_bytes: total,
            processes: peaks.len(),
            hidepid,
            thresholds: thresholds.collect(),
            suggested_bytes: suggested,
            over_by_rss_alone: Program::of(alone),
            largest,
            by_pss,
            system,
            groups,
            metric,
        }
    }

    /// As text for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // A String takes any text.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let observed = Span(Duration::from_secs(self.observed_seconds));
        writeln!(
            out,
            "Observed for {observed}: {} that nothing protects, {} of RAM.",
            Processes(self.processes),
            self.total_bytes
        )?;
        if self.hidepid {
            writeln!(out, "{}.", hidepid_note())?;
        }
        writeln!(out, "\n{:>9}  {:>7}  WOULD HAVE KILLED", "OVER", "OF RAM")?;
        for threshold in &self.thresholds {
            let bytes = threshold.bytes.to_string();
            let names = shown(&threshold.would_have_killed);
            writeln!(out, "{bytes:>9}  {:>6.2}%  {names}", threshold.percent)?;
        }
        match (self.suggested_bytes, &self.largest) {
            (Some(bytes), Some(largest)) => {
                writeln!(
                    out,
                    "\nThe largest was {}. With half of that as reserve:\n",
                    sized(largest, largest.rss_bytes)
                )?;
                // Where another metric is in force, this one has to be said.
                write_thresholds(out, bytes, (self.metric != Metric::Rss).then_some("rss"))?;
            }
            (None, Some(largest)) => writeln!(
                out,
                "\nThe largest was {}: too much for a threshold with half of that as reserve. If it \
                 must not be killed, put it on the whitelist.",
                sized(largest, largest.rss_bytes)
            )?,
            _ => writeln!(out, "\nNo process was seen that could be killed.")?,
        }
        self.write_pss(out)?;
        if let Some(system) = &self.system {
            system.write(out)?;
        }
        group_figures::write(out, &self.groups)
    }

    fn write_pss(&self, out: &mut String) -> fmt::Result {
        const PSS: &str = "which divides each shared page among the processes that share it";
        if let Some(ByPss {
            suggested_bytes,
            largest,
        }) = &self.by_pss
        {
            writeln!(
                out,
                "\nBy PSS, {PSS}, the largest was {}. With half of that as reserve:\n",
                sized(largest, largest.shared_out())
            )?;
            write_thresholds(out, *suggested_bytes, Some("pss"))?;
        }
        if self.over_by_rss_alone.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = self
            .over_by_rss_alone
            .iter()
            .map(Program::to_string)
            .collect();
        writeln!(
            out,
            "\nOver the thresholds in force by RSS, and not by PSS, {PSS}: {}.\nRules by which they \
             would not be killed:",
            names.join(", ")
        )?;
        for Program { name, user, .. } in &self.over_by_rss_alone {
            let (Some(name), Some(user)) = (pattern(name), pattern(user)) else {
                continue;
            };
            let [name, user] = [name, user].map(|pattern| quoted(&pattern));
            writeln!(
                out,
                "\n[[rule]]\nname = {name}\nuser = {user}\nmetric = \"pss\""
            )?;
        }
        Ok(())
    }
}

/// The lowest threshold that is over this with half of it as reserve.
fn enough(rungs: &[Bytes], most: Option<Bytes>) -> Option<Bytes> {
    let most = most.unwrap_or(Bytes::ZERO).get();
    let is_enough = |rung: &&Bytes| rung.get() >= most.saturating_add(most / 2);
    rungs.iter().find(is_enough).copied()
}

fn sized(peak: &Peak, bytes: Bytes) -> String {
    let (name, user, pid) = (Escaped(&peak.name), Escaped(&peak.user), peak.pid);
    format!("{name} ({user}, PID {pid}) with {bytes}")
}

fn write_thresholds(out: &mut String, bytes: Bytes, metric: Option<&str>) -> fmt::Result {
    let gb = bytes.gb();
    writeln!(
        out,
        "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = {gb:.2}"
    )?;
    match metric {
        Some(metric) => writeln!(out, "metric = \"{metric}\""),
        None => Ok(()),
    }
}

fn shown(peaks: &[Peak]) -> String {
    if peaks.is_empty() {
        return "nothing".to_owned();
    }
    let programs = Program::of(peaks.iter());
    let names: Vec<_> = programs
        .iter()
        .take(SHOWN)
        .map(Program::to_string)
        .collect();
    let more = match programs.len().saturating_sub(SHOWN) {
        0 => String::new(),
        1 => " and 1 other program".to_owned(),
        more => format!(" and {more} other programs"),
    };
    format!("{}: {}{more}", peaks.len(), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Origin};
    use crate::quantities::{Pid, ProcessKey, StartTime};

    /// A process of this name, with a threshold of 2 GB.
    fn peak(pid: u32, name: &str, rss: f64, pss: Option<f64>) -> Peak {
        Peak {
            pid,
            name: name.into(),
            user: b"john".to_vec(),
            rss_bytes: Bytes::from_gb(rss).unwrap(),
            pss_bytes: pss.and_then(Bytes::from_gb),
            threshold: Bytes::from_gb(2.0),
        }
    }

    fn suggestion(seen: impl IntoIterator<Item = Peak>, total: f64) -> Suggestion {
        let mut peaks = Peaks::default();
        peaks.machine.total = Bytes::from_gb(total).unwrap();
        for peak in seen {
            let key = ProcessKey {
                pid: Pid::new(peak.pid).unwrap(),
                start_time: StartTime(0),
            };
            peaks.note(key, peak);
        }
        Suggestion::new(peaks, Duration::from_secs(90), Metric::Rss, false)
    }

    #[test]
    fn suggests_what_would_have_killed_nothing() {
        let seen = [1.3, 0.3, 0.1].into_iter().zip(1..);
        let seen = seen.map(|(gb, pid)| peak(pid, &format!("p{pid}"), gb, None));
        let text = suggestion(seen, 16.0).text();
        for line in [
            "Observed for 1 min 30 s: 3 processes that nothing protects, 16.00GB of RAM.\n",
            "   0.25GB    1.56%  2: p1 (john, PID 1), p2 (john, PID 2)\n",
            "   1.00GB    6.25%  1: p1 (john, PID 1)\n",
            "   2.00GB   12.50%  nothing\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.ends_with("ram_gb_threshold = 2.00\n"), "{text}");
    }

    #[test]
    fn says_when_no_threshold_would_do() {
        let text = suggestion([peak(1, "p", 14.0, None)], 16.0).text();
        assert!(text.contains("too much for a threshold"), "{text}");
        let text = suggestion([], 16.0).text();
        assert!(text.contains("No process was seen"), "{text}");
    }

    #[test]
    fn a_process_is_shown_under_its_last_name_and_its_highest_memory() {
        let text = suggestion(
            [peak(1, "bash", 0.1, None), peak(1, "python3", 0.6, None)],
            16.0,
        );
        assert_eq!(text.processes, 1);
        assert!(
            text.text().contains("1: python3 (john, PID 1)\n"),
            "{}",
            text.text()
        );
        let text = suggestion([peak(1, "p", 0.6, None), peak(1, "p", 0.1, None)], 16.0).text();
        assert!(text.contains("p (john, PID 1) with 0.60GB"), "{text}");
    }

    #[test]
    fn what_is_large_by_shared_pages_alone_gets_pss() {
        let backends = (1..=6).map(|pid| peak(pid, "post[g]res", 2.2, Some(0.4)));
        let seen = backends.chain([
            peak(7, "java", 1.9, Some(1.8)),
            peak(8, "x", 3.0, Some(2.5)),
        ]);
        let text = suggestion(seen, 16.0).text();
        let program = "post[g]res (john, 6 processes: 1, 2, 3, 4 ...)";
        for part in [
            &format!(
                "   2.00GB   12.50%  7: x (john, PID 8), \"post[g]res\" {}",
                &program[11..]
            ),
            "not by PSS, which divides each shared page among the processes that share it: ",
            "\n[[rule]]\nname = \"post\\\\[g]res\"\nuser = \"john\"\nmetric = \"pss\"\n",
            "By PSS, which divides",
            "the largest was x (john, PID 8) with 2.50GB. With half of that as reserve:\n\n[thresholds]\n\
             ram_percent_threshold = 100\nram_gb_threshold = 4.00\nmetric = \"pss\"\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("[[rule]]").count(), 1, "{text}");
        // What is suggested is a configuration.
        let rules = text.get(text.find("[[rule]]").unwrap()..).unwrap();
        let origin = Origin::File("s.toml".into());
        let loaded = Config::parse(rules.as_bytes(), origin, &|_| Ok(None)).unwrap();
        assert!(
            loaded.config.rules[0]
                .matcher
                .name
                .as_ref()
                .unwrap()
                .matches(b"post[g]res")
        );
    }
}

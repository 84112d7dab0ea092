//! What `tests/replays/record` has written: a control group as if it were a machine, for a minute.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A process as it was recorded; sizes in KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) name: String,
    pub(super) rss: u64,
    pub(super) anon: u64,
    pub(super) swap: u64,
    /// In milliseconds since the start; zero for those that were there before.
    pub(super) began: u64,
}

/// A machine at one moment; sizes in KiB.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) millis: u64,
    pub(super) free: u64,
    pub(super) available: u64,
    pub(super) cached: u64,
    pub(super) anon: u64,
    pub(super) mapped: u64,
    pub(super) shmem: u64,
    /// In microseconds since the start.
    pub(super) some: u64,
    pub(super) full: u64,
    pub(super) oom_kills: u64,
    /// By their numbers.
    pub(super) processes: BTreeMap<u32, Recorded>,
}

/// All samples, the oldest first.
pub(super) struct Recording {
    /// MemTotal in KiB.
    pub(super) total: u64,
    samples: Vec<Sample>,
}

impl Recording {
    pub(super) fn read(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replays");
        let text = fs::read_to_string(directory.join(name)).unwrap();
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let total = lines.next().unwrap().strip_prefix("MemTotal ").unwrap();
        let mut samples: Vec<Sample> = Vec::new();
        for line in lines {
            let before = samples.last().map(|last| &last.processes);
            let next = sample(line, before.cloned().unwrap_or_default());
            samples.push(next);
        }
        assert!(samples.len() > 100, "{name}");
        Self {
            total: total.parse().unwrap(),
            samples,
        }
    }

    /// The same of a machine that is so many times as large, with all that is in it.
    pub(super) fn scaled(mut self, times: u64) -> Self {
        self.total *= times;
        for sample in &mut self.samples {
            for kib in [
                &mut sample.free,
                &mut sample.available,
                &mut sample.cached,
                &mut sample.anon,
                &mut sample.mapped,
                &mut sample.shmem,
            ] {
                *kib *= times;
            }
            for process in sample.processes.values_mut() {
                process.rss *= times;
                process.anon *= times;
            }
        }
        self
    }

    /// How long it is, in milliseconds.
    pub(super) fn length(&self) -> u64 {
        self.samples.last().unwrap().millis
    }

    /// The machine at this time. After the end it begins again, and what counts up goes on.
    pub(super) fn at(&self, millis: u64) -> Sample {
        let (round, millis) = (millis / self.length(), millis % self.length());
        let index = self.samples.partition_point(|next| next.millis <= millis);
        let mut sample = self.samples[index.saturating_sub(1)].clone();
        let last = self.samples.last().unwrap();
        sample.some += round * last.some;
        sample.full += round * last.full;
        for process in sample.processes.values_mut().filter(|own| own.began > 0) {
            process.began += round * self.length();
        }
        sample
    }

    /// The least that was available, in KiB.
    pub(super) fn least_available(&self) -> u64 {
        let all = self.samples.iter().map(|sample| sample.available);
        all.min().unwrap()
    }

    /// The longest time that all work waited within ten seconds, in milliseconds.
    pub(super) fn longest_stall(&self) -> u64 {
        let within = |first: &Sample| {
            let later = self
                .samples
                .iter()
                .take_while(|next| next.millis <= first.millis + 10_000);
            later.last().map_or(0, |last| last.full - first.full)
        };
        self.samples.iter().map(within).max().unwrap_or(0) / 1000
    }
}

/// A line, after which these processes are there and what it says of them.
fn sample(line: &str, mut processes: BTreeMap<u32, Recorded>) -> Sample {
    let mut words = line.split(' ');
    let mut figure = || words.next().unwrap().parse::<u64>().unwrap();
    let mut sample = Sample {
        millis: figure(),
        free: figure(),
        available: figure(),
        cached: figure(),
        anon: figure(),
        mapped: figure(),
        shmem: figure(),
        some: figure(),
        full: figure(),
        oom_kills: figure(),
        processes: BTreeMap::new(),
    };
    // Those that are there at the first sample were started before.
    let is_first = processes.is_empty();
    for word in words {
        if let Some(number) = word.strip_prefix('-') {
            processes.remove(&number.parse().unwrap());
            continue;
        }
        let [number, name, rss, anon] = word.split(':').collect::<Vec<_>>()[..] else {
            panic!("{word}");
        };
        let number = number.parse().unwrap();
        let known = processes.get(&number).map(|known| known.began);
        let process = Recorded {
            name: name.to_owned(),
            rss: rss.parse().unwrap(),
            anon: anon.parse().unwrap(),
            swap: 0,
            began: known.unwrap_or(if is_first { 0 } else { sample.millis }),
        };
        processes.insert(number, process);
    }
    sample.processes = processes;
    sample
}

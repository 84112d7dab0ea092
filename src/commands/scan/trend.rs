//! The memory of each process over the last minute, and its shape as a line of characters. Pure.

use crate::proc::Snapshot;
use crate::quantities::ProcessKey;
use std::collections::{HashMap, VecDeque};

/// Seconds, and so samples.
const MINUTE: usize = 60;
/// What changes by less than this share of the largest value is shown as flat.
const FLAT: f64 = 0.05;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same where the terminal shows no more than ASCII.
const ASCII_LEVELS: [char; 8] = ['_', '.', '-', '~', '=', '+', '*', '#'];

/// A sample a second of each process that runs.
#[derive(Debug, Default)]
pub(super) struct Trends(HashMap<ProcessKey, VecDeque<u64>>);

impl Trends {
    /// Adds a second, and forgets the processes that have ended.
    pub(super) fn add(&mut self, snapshot: &Snapshot) {
        let before = std::mem::take(&mut self.0);
        let mut before = before;
        for process in &snapshot.near {
            let Some(key) = process.key() else {
                continue;
            };
            let mut samples = before.remove(&key).unwrap_or_default();
            if samples.len() == MINUTE {
                samples.pop_front();
            }
            samples.push_back(process.memory().unwrap_or(process.rss).get());
            self.0.insert(key, samples);
        }
    }

    /// How many bytes a process has gained over the minute, or since it was first seen; less than 0 where it has
    /// shrunk.
    pub(super) fn growth(&self, key: ProcessKey) -> i64 {
        let ends = |samples: &VecDeque<u64>| Some((*samples.front()?, *samples.back()?));
        let (first, last) = self.0.get(&key).and_then(ends).unwrap_or_default();
        i64::try_from(last).unwrap_or(i64::MAX) - i64::try_from(first).unwrap_or(i64::MAX)
    }

    /// The shape of a process's minute in so many cells, the newest at the right: from the lowest to the highest value.
    pub(super) fn shape(&self, key: ProcessKey, cells: usize, is_ascii: bool) -> String {
        let samples = self.0.get(&key);
        let samples = samples.map_or_else(Vec::new, |samples| samples.iter().copied().collect());
        let levels = if is_ascii { ASCII_LEVELS } else { LEVELS };
        shape(&samples, cells, levels)
    }
}

/// Each cell has the largest value of its seconds.
#[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "one of eight levels"
)]
fn shape(samples: &[u64], cells: usize, levels: [char; 8]) -> String {
    let width = MINUTE.div_ceil(cells.max(1));
    let highest = samples.iter().copied().max().unwrap_or(0) as f64;
    let lowest = samples.iter().copied().min().unwrap_or(0) as f64;
    let span = (highest - lowest).max(highest * FLAT).max(1.0);
    let values = samples.rchunks(width).rev();
    let shown: String = values
        .map(|chunk| {
            let value = chunk.iter().copied().max().unwrap_or(0) as f64;
            let level = ((value - lowest) / span * 7.0).round() as usize;
            levels.get(level).copied().unwrap_or(' ')
        })
        .collect();
    format!("{shown:>cells$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_that_of_the_values() {
        for (samples, cells, shown) in [
            (vec![], 6, "      "),
            (vec![100], 6, "     ▁"),
            (vec![100; 60], 6, "▁▁▁▁▁▁"),
            // Noise is flat: an amount that changes by 1% is no mountain.
            ([vec![100; 30], vec![101; 30]].concat(), 6, "▁▁▁▂▂▂"),
            ((0..60).collect(), 6, "▂▃▄▆▇█"),
            ((0..60).rev().collect(), 6, "█▇▆▄▃▂"),
            ([vec![1; 50], vec![9; 10]].concat(), 6, "▁▁▁▁▁█"),
            (
                (0..8).collect(),
                60,
                "                                                    ▁▂▃▄▅▆▇█",
            ),
        ] {
            assert_eq!(shape(&samples, cells, LEVELS), shown);
        }
        assert_eq!(shape(&[1, 9], 4, ASCII_LEVELS), "   #");
        assert_eq!(shape(&[1, 9], 60, ASCII_LEVELS).trim(), "_#");
    }
}

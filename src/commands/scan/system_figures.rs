//! The figures of `[system]` for a machine that was observed: those that are shipped where it never came near them, and
//! lower ones where it did without harm.

use super::peaks::MachinePeaks;
use crate::config;
use crate::quantities::{Bytes, Percent};
use serde::Serialize;
use std::fmt::Write;

/// The guard warns when so many times the threshold is left.
const WARNS_AT: f64 = 2.5;

/// Less than this share leaves no time for a kill.
const LEAST_PERCENT: f64 = 1.0;

/// The stall is out of so many seconds.
const LONGEST_STALL: f64 = 10.0;

/// What the guard would have done by the figures that are suggested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum WouldHave {
    /// Nothing.
    Rested,
    /// Reported that memory gets short.
    Warned,
    /// Chosen a victim.
    Killed,
}

impl WouldHave {
    fn heading(self, is_shipped: bool) -> &'static str {
        match (self, is_shipped) {
            (Self::Rested, true) => "The shipped figures would have been silent",
            (Self::Rested, false) => "Figures that would have been silent",
            (Self::Warned, true) => "The shipped figures would have warned, and killed nothing",
            (Self::Warned, false) => "Figures that would have warned, and killed nothing",
            (Self::Killed, _) => {
                "By any figures that leave time for a kill memory was short, and something would have been killed; the \
                 lowest are"
            }
        }
    }
}

/// What was seen of the machine as a whole, and what to write.
#[derive(Debug, Serialize)]
pub(super) struct SystemFigures {
    least_left_bytes: Bytes,
    /// The most of ten seconds; None where the kernel does not say.
    longest_stall_seconds: Option<f64>,
    available_percent_threshold: f64,
    available_gb_threshold: f64,
    stall_seconds: f64,
    would_have: WouldHave,
    #[serde(skip)]
    is_shipped: bool,
    #[serde(skip)]
    total: Bytes,
}

impl SystemFigures {
    /// None where the kernel does not say what is available.
    pub(super) fn new(machine: &MachinePeaks) -> Option<Self> {
        let (least, total) = (machine.least_left?, machine.total);
        let shipped = config::built_in()?.system;
        let (shipped_percent, amount) = (shipped.available_percent, shipped.available?);
        let quiet = least.part(1.0 / WARNS_AT);
        let percent = if quiet >= shipped_percent.of(total).min(amount) {
            shipped_percent.get()
        } else {
            let share = Percent::share(quiet, total).get();
            ((share * 10.0).floor() / 10.0).clamp(LEAST_PERCENT, shipped_percent.get())
        };
        let longest = machine.longest_stall.map(|stall| stall.as_secs_f64());
        // Half of what was seen as reserve, in halves of a second.
        let stall = (longest.unwrap_or(0.0) * 3.0).ceil() / 2.0;
        let shipped_stall = shipped.stall.as_secs_f64();
        let stall = stall.clamp(shipped_stall, LONGEST_STALL);
        let floor = Percent::new(percent)?.of(total).min(amount);
        // A stall without a shortage is a disk that is slow to read files.
        let longest_counted = longest.filter(|_| least < total.part(0.25)).unwrap_or(0.0);
        let would_have = if least < floor || longest_counted >= stall {
            WouldHave::Killed
        } else if quiet < floor || longest_counted >= stall / 2.0 {
            WouldHave::Warned
        } else {
            WouldHave::Rested
        };
        Some(Self {
            least_left_bytes: least,
            longest_stall_seconds: longest,
            available_percent_threshold: percent,
            available_gb_threshold: amount.gb(),
            stall_seconds: stall,
            would_have,
            is_shipped: percent >= shipped_percent.get() && stall <= shipped_stall,
            total,
        })
    }

    pub(super) fn write(&self, out: &mut String) -> std::fmt::Result {
        let share = Percent::share(self.least_left_bytes, self.total);
        write!(
            out,
            "\nAt least {} ({share}) of memory and swap were left",
            self.least_left_bytes
        )?;
        if let Some(stall) = self.longest_stall_seconds {
            write!(
                out,
                ", and all work waited for memory for {stall:.1} s of 10 at most"
            )?;
        }
        let why = self.would_have.heading(self.is_shipped);
        writeln!(
            out,
            ".\n{why}:\n\n[system]\naction = \"kill\"\navailable_percent_threshold = {:.1}\n\
             available_gb_threshold = {:.1}\nstall_seconds = {:.1}",
            self.available_percent_threshold, self.available_gb_threshold, self.stall_seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn figures(left: f64, stall: u64) -> (f64, f64, WouldHave) {
        let machine = MachinePeaks {
            total: Bytes::from_gb(16.0).unwrap(),
            least_left: Bytes::from_gb(left),
            longest_stall: Some(Duration::from_secs(stall)),
        };
        let figures = SystemFigures::new(&machine).unwrap();
        (
            figures.available_percent_threshold,
            figures.stall_seconds,
            figures.would_have,
        )
    }

    #[test]
    fn a_machine_that_came_near_them_gets_lower_ones() {
        use WouldHave::{Killed, Rested, Warned};
        assert_eq!(figures(8.0, 0), (4.0, 4.0, Rested));
        // With so much left a stall is no shortage.
        assert_eq!(figures(8.0, 9), (4.0, 10.0, Rested));
        // 4% of 16 GB are 0.64, and the warning comes at 1.6, or with half of the stall.
        assert_eq!(figures(1.7, 1), (4.0, 4.0, Rested));
        assert_eq!(figures(1.7, 2), (4.0, 4.0, Warned));
        assert_eq!(figures(0.81, 1), (2.0, 4.0, Rested));
        assert_eq!(figures(0.81, 4), (2.0, 6.0, Warned));
        // There are no lower ones: 1% of 16 GB are 0.16.
        assert_eq!(figures(0.3, 0), (1.0, 4.0, Warned));
        assert_eq!(figures(0.1, 9), (1.0, 10.0, Killed));
        assert_eq!(figures(1.7, 10), (4.0, 10.0, Killed));
    }
}

//! What the memory of a process must not exceed. Pure.

use crate::quantities::{Bytes, Percent};

/// The memory that a process must not exceed, as two thresholds of which exceeding one is enough. Those of
/// `[thresholds]` may both be off where something else has one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thresholds {
    pub(super) percent: Option<Percent>,
    pub(super) amount: Option<Bytes>,
}

impl Thresholds {
    /// These two, None for one that is off; None when both are.
    pub fn new(percent: Option<Percent>, amount: Option<Bytes>) -> Option<Self> {
        let thresholds = Self { percent, amount };
        (!thresholds.are_off()).then_some(thresholds)
    }

    /// Whether both are off.
    pub const fn are_off(self) -> bool {
        self.percent.is_none() && self.amount.is_none()
    }

    /// The share of `MemTotal`; None when it is off.
    pub const fn percent(self) -> Option<Percent> {
        self.percent
    }

    /// The amount; None when it is off.
    pub const fn amount(self) -> Option<Bytes> {
        self.amount
    }

    /// The share in bytes on a machine with `total` memory. None when it is off, and on a machine
    /// without a known total: every process would be over a share of nothing.
    pub fn percent_of(self, total: Bytes) -> Option<Bytes> {
        self.percent()
            .filter(|_| total > Bytes::ZERO)
            .map(|percent| percent.of(total))
    }

    /// The lower of the two in bytes: only a process with more can be over a threshold on a machine with `total`
    /// memory.
    pub fn lowest(self, total: Bytes) -> Bytes {
        [self.percent_of(total), self.amount()]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Bytes::new(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_is_the_lower_threshold_that_is_on() {
        let percent = |p| Percent::new(p);
        let gb = |n| Bytes::from_gb(n);
        let total = gb(16.0).unwrap();
        for (thresholds, lowest) in [
            (Thresholds::new(percent(10.0), None), gb(1.6)),
            (Thresholds::new(None, gb(2.0)), gb(2.0)),
            (Thresholds::new(percent(10.0), gb(2.0)), gb(1.6)),
            (Thresholds::new(percent(50.0), gb(2.0)), gb(2.0)),
        ] {
            assert_eq!(thresholds.unwrap().lowest(total), lowest.unwrap());
        }
        assert_eq!(Thresholds::new(None, None), None);
    }

    #[test]
    fn no_share_of_an_unknown_total_is_breached() {
        let percent = Percent::new(10.0);
        let lowest = |amount| {
            Thresholds::new(percent, amount)
                .unwrap()
                .lowest(Bytes::ZERO)
        };
        assert_eq!(lowest(None), Bytes::new(u64::MAX));
        assert_eq!(lowest(Some(Bytes::new(7))), Bytes::new(7));
    }
}

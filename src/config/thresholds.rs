//! What a process may have. Pure.

use crate::quantities::{Bytes, Percent};

/// What a process may have: at least one of the two thresholds is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Thresholds {
    /// Only a share of `MemTotal`.
    Percent(Percent),
    /// Only an amount.
    Amount(Bytes),
    /// Both; being over one of them is enough.
    Either(Percent, Bytes),
}

impl Thresholds {
    /// These two, None for one that is off; None when both are.
    pub const fn new(percent: Option<Percent>, amount: Option<Bytes>) -> Option<Self> {
        match (percent, amount) {
            (Some(percent), Some(amount)) => Some(Self::Either(percent, amount)),
            (Some(percent), None) => Some(Self::Percent(percent)),
            (None, Some(amount)) => Some(Self::Amount(amount)),
            (None, None) => None,
        }
    }

    /// The share of `MemTotal`; None when it is off.
    pub const fn percent(self) -> Option<Percent> {
        match self {
            Self::Percent(percent) | Self::Either(percent, _) => Some(percent),
            Self::Amount(_) => None,
        }
    }

    /// The amount; None when it is off.
    pub const fn amount(self) -> Option<Bytes> {
        match self {
            Self::Amount(amount) | Self::Either(_, amount) => Some(amount),
            Self::Percent(_) => None,
        }
    }

    /// What the share comes to on a machine with `total` memory. None when it is off, and on a machine
    /// without a known total: a share of nothing would be over for everybody.
    pub fn percent_of(self, total: Bytes) -> Option<Bytes> {
        self.percent()
            .filter(|_| total > Bytes::ZERO)
            .map(|percent| percent.of(total))
    }

    /// The sieve: only a process with more than this can breach on a machine with `total` memory.
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
    fn the_sieve_is_the_lower_threshold_that_is_on() {
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

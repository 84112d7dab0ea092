//! The guard of the machine as a whole: when memory is short, and what is done then. Pure.

use crate::quantities::{Bytes, Percent};
use std::time::Duration;

/// The table `[system]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct System {
    /// What is done when memory is short.
    pub action: SystemAction,
    /// Memory is short below this share of MemTotal.
    pub available_percent: Percent,
    /// Memory is short only below this amount as well; None for no such limit.
    pub available: Option<Bytes>,
    /// Memory is short when all work has waited for it for so long within ten seconds; zero for never.
    pub stall: Duration,
}

/// What is done when memory is short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemAction {
    /// A process is killed.
    Kill,
    /// It is reported.
    Warn,
    /// Nothing is read and nothing is done.
    #[default]
    Off,
}

impl SystemAction {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }

    /// The one of this name; None where there is none.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut all = [Self::Kill, Self::Warn, Self::Off].into_iter();
        all.find(|action| action.name() == name)
    }
}

/// Where a rule puts its processes in the order in which victims are chosen when memory is short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenShort {
    /// Before all others.
    First,
    /// Only where no others are left.
    Last,
    /// Never.
    Spare,
}

impl WhenShort {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::Spare => "spare",
        }
    }
}

impl System {
    /// Memory is short where less than this is left on a machine with `total` memory: the smaller of the two.
    pub fn floor(&self, total: Bytes) -> Bytes {
        let percent = self.available_percent.of(total);
        self.available.map_or(percent, |amount| amount.min(percent))
    }

    /// Whether the floor is that of `available_gb_threshold`.
    pub fn is_amount(&self, total: Bytes) -> bool {
        self.available
            .is_some_and(|amount| amount < self.available_percent.of(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_threshold_counts() {
        let gb = |n| Bytes::from_gb(n).unwrap();
        let system = |available| System {
            available_percent: Percent::new(4.0).unwrap(),
            available,
            ..System::default()
        };
        let one = system(Some(gb(1.0)));
        assert_eq!(one.floor(gb(16.0)), Percent::new(4.0).unwrap().of(gb(16.0)));
        assert!(!one.is_amount(gb(16.0)));
        assert_eq!(one.floor(gb(256.0)), gb(1.0));
        assert!(one.is_amount(gb(256.0)));
        assert_eq!(system(None).floor(gb(100.0)), gb(4.0));
    }
}

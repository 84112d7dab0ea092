//! What became of a round, and of all rounds of a kind.

use std::fmt;
use std::time::Duration;

use super::load::Kind;
use crate::Result;

/// Who struck first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Daemon,
    Kernel,
    /// All memory was taken, and no process was killed.
    None,
}

/// What became of one round.
pub(super) struct Outcome {
    pub(super) first: First,
    /// Groups of signals that lie 100 ms or more apart.
    pub(super) orders: u64,
    /// Processes that the daemon ended.
    pub(super) victims: u64,
    /// Processes that the kernel's OOM killer ended.
    pub(super) kernel_kills: u64,
    /// Bystanders that were ended.
    pub(super) bystanders: u64,
    /// From 4% of all memory being left, to the first signal; None where it came before, or beside a reader.
    pub(super) late: Option<Duration>,
}

impl Outcome {
    /// One line, as [`Self::parse`] reads it.
    pub(super) fn line(&self) -> String {
        let first = match self.first {
            First::Daemon => "daemon",
            First::Kernel => "kernel",
            First::None => "none",
        };
        let late = self
            .late
            .map_or_else(|| "-".to_owned(), |late| late.as_micros().to_string());
        let Self {
            orders,
            victims,
            kernel_kills,
            bystanders,
            ..
        } = self;
        format!("{first} {orders} {victims} {kernel_kills} {bystanders} {late}")
    }

    pub(super) fn parse(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split(' ').collect();
        let [first, orders, victims, kernel_kills, bystanders, late] = *fields.as_slice() else {
            return Err(format!("a round failed: {line}").into());
        };
        Ok(Self {
            first: match first {
                "daemon" => First::Daemon,
                "kernel" => First::Kernel,
                _ => First::None,
            },
            orders: orders.parse()?,
            victims: victims.parse()?,
            kernel_kills: kernel_kills.parse()?,
            bystanders: bystanders.parse()?,
            late: late.parse().ok().map(Duration::from_micros),
        })
    }
}

/// All rounds of a kind with one contestant.
pub(super) struct Summary {
    rounds: usize,
    first: usize,
    one_order: usize,
    orders: u64,
    kernel_fired: usize,
    kernel_kills: u64,
    victims: u64,
    bystanders: u64,
    late: Vec<Duration>,
}

impl Summary {
    pub(super) fn of(outcomes: &[Outcome]) -> Self {
        let count =
            |which: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| which(outcome)).count();
        let mut late: Vec<Duration> = outcomes.iter().filter_map(|outcome| outcome.late).collect();
        late.sort_unstable();
        Self {
            rounds: outcomes.len(),
            first: count(|outcome| outcome.first == First::Daemon),
            one_order: count(|outcome| outcome.orders == 1),
            orders: outcomes.iter().map(|outcome| outcome.orders).sum(),
            kernel_fired: count(|outcome| outcome.kernel_kills > 0),
            kernel_kills: outcomes.iter().map(|outcome| outcome.kernel_kills).sum(),
            victims: outcomes.iter().map(|outcome| outcome.victims).sum(),
            bystanders: outcomes.iter().map(|outcome| outcome.bystanders).sum(),
            late,
        }
    }

    /// Whether it is as good as is asked: first in 19 of 20 rounds with one order, in 15 of 20 and with a third of the
    /// kernel's kills in a storm; and no bystander is ended. `without` is how many the kernel kills without a daemon.
    pub(super) fn holds(&self, kind: Kind, without: Option<u64>) -> bool {
        let at_least = |count: usize, of_20: usize| count * 20 >= self.rounds * of_20;
        let first = match kind {
            Kind::Storm => {
                at_least(self.first, 15)
                    && without.is_none_or(|without| self.kernel_kills * 3 <= without)
            }
            _ => at_least(self.first, 19) && at_least(self.rounds - self.kernel_fired, 19),
        };
        first && self.bystanders == 0 && (!kind.is_one_victim() || at_least(self.one_order, 19))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rounds,
            first,
            one_order,
            orders,
            kernel_fired,
            kernel_kills,
            victims,
            bystanders,
            late,
        } = self;
        write!(
            f,
            "first {first:>2}/{rounds}  one order {one_order:>2}  orders {orders:>3}  kernel fired {kernel_fired:>2} ({kernel_kills} killed)  \
             victims {victims:>3}  bystanders ended {bystanders}"
        )?;
        let at = |percent: usize| late.get((late.len() * percent).div_ceil(100).saturating_sub(1));
        match (at(50), late.last()) {
            (Some(median), Some(longest)) => {
                write!(f, "  floor to signal {median:.1?}, longest {longest:.1?}")
            }
            _ => Ok(()),
        }
    }
}

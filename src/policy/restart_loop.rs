//! Units that come back as often as they are ended: recognised, and waited for longer each round, so
//! that a service with Restart= is not shot ten times a second. Times are handed in.

use crate::proc::Name;
use crate::quantities::StartTime;
use std::time::{Duration, Instant};

/// Before the second round; each further one waits twice as long.
const FIRST: Duration = Duration::from_secs(5);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(300);
/// A unit that was left alone for so long is no longer in a loop: twice the longest wait.
const QUIET: Duration = Duration::from_secs(600);

/// The units of which a process was ended within the last minutes.
#[derive(Clone, Debug, Default)]
pub struct RestartLoops {
    units: Vec<Ended>,
    /// How late it is by the clock that start times count by.
    clock: StartTime,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    unit: Name,
    /// The name of the process: a unit may run many jobs, one after another, of which each is ended
    /// for its own fault.
    name: Name,
    rounds: u32,
    last: Instant,
    /// The same moment by the clock of the start times.
    clock: StartTime,
}

/// A unit that was started again after its process was ended, and is over its threshold again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartLoop {
    /// The unit.
    pub unit: Name,
    /// How often its process was ended so far.
    pub rounds: u32,
    /// When it may be ended again.
    pub until: Instant,
}

impl RestartLoops {
    /// With room for so many units from the start.
    pub fn with_capacity(units: usize) -> Self {
        Self {
            units: Vec::with_capacity(units),
            clock: StartTime::default(),
        }
    }

    /// Sets the clock that start times count by.
    pub fn set_clock(&mut self, clock: StartTime) {
        self.clock = clock;
    }

    /// A process of this unit was asked to end. The unit and its rounds, where it is a further one.
    pub fn record(
        &mut self,
        (unit, name, started): (Name, Name, StartTime),
        now: Instant,
    ) -> Option<RestartLoop> {
        self.units
            .retain(|ended| now.saturating_duration_since(ended.last) < QUIET);
        let clock = self.clock;
        let known = self
            .units
            .iter_mut()
            .find(|ended| ended.unit == unit && ended.name == name);
        let Some(ended) = known else {
            self.units.push(Ended {
                unit,
                name,
                rounds: 1,
                last: now,
                clock,
            });
            return None;
        };
        // Several processes of a unit that are ended one after another are no loop: in a loop, what
        // is ended was started after the last one had been.
        if started < ended.clock {
            return None;
        }
        ended.rounds = ended.rounds.saturating_add(1);
        (ended.last, ended.clock) = (now, clock);
        Some(ended.as_loop())
    }

    /// The loop that a process of this unit is in, while it must not be ended again yet.
    pub fn wait(
        &self,
        (unit, name, started): (Name, Name, StartTime),
        now: Instant,
    ) -> Option<RestartLoop> {
        self.units
            .iter()
            .find(|ended| ended.unit == unit && ended.name == name && started >= ended.clock)
            .map(Ended::as_loop)
            .filter(|found| now < found.until)
    }
}

impl Ended {
    fn as_loop(&self) -> RestartLoop {
        let factor = 1_u32.checked_shl(self.rounds - 1).unwrap_or(u32::MAX);
        RestartLoop {
            unit: self.unit,
            rounds: self.rounds,
            until: self.last + FIRST.saturating_mul(factor).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(unit: &str, started: u64) -> (Name, Name, StartTime) {
        let name = |text: &str| Name::new(text.as_bytes());
        (name(unit), name("worker"), StartTime(started))
    }

    #[test]
    fn each_round_waits_twice_as_long_up_to_five_minutes() {
        let mut now = Instant::now();
        let mut restarts = RestartLoops::default();
        let mut clock = 100;
        restarts.set_clock(StartTime(clock));
        assert_eq!(restarts.wait(subject("a.service", 50), now), None);
        assert_eq!(restarts.record(subject("a.service", 50), now), None);
        for (round, wait) in (2..).zip([5, 10, 20, 40, 80, 160, 300, 300, 300]) {
            let wait = Duration::from_secs(wait);
            // Started right after the last one was ended.
            let again = subject("a.service", clock);
            let found = restarts.wait(again, now + wait / 2).unwrap();
            assert_eq!((found.rounds, found.until), (round - 1, now + wait));
            assert_eq!(restarts.wait(again, now + wait), None);
            now += wait;
            clock += 100;
            restarts.set_clock(StartTime(clock));
            let found = restarts.record(again, now).unwrap();
            assert_eq!(found.rounds, round);
        }
        // After ten quiet minutes it is as if nothing had been.
        now += QUIET;
        assert_eq!(restarts.wait(subject("a.service", clock), now), None);
        assert_eq!(restarts.record(subject("a.service", clock), now), None);
    }

    #[test]
    fn what_runs_at_the_same_time_or_elsewhere_is_no_loop() {
        let now = Instant::now();
        let mut restarts = RestartLoops::default();
        restarts.set_clock(StartTime(100));
        assert_eq!(restarts.record(subject("a.service", 50), now), None);
        assert_eq!(restarts.wait(subject("a.service", 60), now), None);
        assert_eq!(restarts.record(subject("a.service", 60), now), None);
        assert_eq!(restarts.wait(subject("b.service", 200), now), None);
        let (unit, _, started) = subject("a.service", 200);
        assert_eq!(
            restarts.wait((unit, Name::new(b"other"), started), now),
            None
        );
        assert!(restarts.wait(subject("a.service", 200), now).is_some());
    }
}

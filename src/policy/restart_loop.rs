//! Units that are started again as often as they are killed: recognised, and given longer before each kill, so that a
//! service with Restart= is not killed ten times a second. Pure: times are handed in.

use crate::proc::Name;
use crate::quantities::{Now, StartTime};
use std::time::{Duration, Instant};

/// Before the second kill; the delay doubles before each further one.
const FIRST: Duration = Duration::from_secs(5);
/// The longest delay.
const LONGEST: Duration = Duration::from_secs(300);
/// A unit that was not killed for so long is no longer in a loop: twice the longest delay.
pub const QUIET: Duration = Duration::from_secs(600);
/// So many units are remembered; the one that was killed the longest ago is forgotten first. A service that runs
/// programs of its users may have any number of names.
const CAPACITY: usize = 128;

/// Whether a process is a killed one started again: of the same unit and with the same name, and started after that one
/// was killed. Each is given by its unit, its name and a time of one clock: when it was killed, and when it was
/// started. Several processes of a unit that are killed one after another are no loop, and neither are the jobs of a
/// unit that runs many of them.
pub fn is_restart<N: PartialEq, T: PartialOrd>(
    (unit, name, killed): (&N, &N, T),
    (again_unit, again_name, started): (&N, &N, T),
) -> bool {
    unit == again_unit && name == again_name && started >= killed
}

/// The units of which a process was killed within the last minutes.
#[derive(Clone, Debug, Default)]
pub struct RestartLoops {
    units: Vec<Killed>,
}

#[derive(Clone, Copy, Debug)]
struct Killed {
    unit: Name,
    name: Name,
    kills: u32,
    last: Instant,
    /// The same moment by the clock of start times.
    ticks: StartTime,
}

/// A unit that was started again after its process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartLoop {
    /// The systemd unit.
    pub unit: Name,
    /// The name of its process that is killed.
    pub name: Name,
    /// How often that was killed so far.
    pub kills: u32,
    /// When it may be killed again.
    pub until: Instant,
}

impl RestartLoops {
    /// So many units cost no heap allocation.
    pub fn with_capacity(units: usize) -> Self {
        Self {
            units: Vec::with_capacity(units),
        }
    }

    /// A process of this unit was sent SIGTERM. Returns the loop where it is a restart of one that was killed before.
    pub fn record(
        &mut self,
        unit: Name,
        name: Name,
        started: StartTime,
        now: &Now,
    ) -> Option<RestartLoop> {
        let (last, ticks) = (now.monotonic, now.ticks);
        self.units
            .retain(|killed| last.saturating_duration_since(killed.last) < QUIET);
        let mut units = self.units.iter_mut();
        let Some(killed) = units.find(|killed| killed.unit == unit && killed.name == name) else {
            self.forget_oldest_if_full();
            self.units.push(Killed {
                unit,
                name,
                kills: 1,
                last,
                ticks,
            });
            return None;
        };
        if !killed.is_restarted_as(&unit, &name, started) {
            return None;
        }
        killed.kills = killed.kills.saturating_add(1);
        (killed.last, killed.ticks) = (last, ticks);
        Some(killed.as_loop())
    }

    fn forget_oldest_if_full(&mut self) {
        if self.units.len() >= CAPACITY {
            let indexed = self.units.iter().enumerate();
            if let Some((oldest, _)) = indexed.min_by_key(|(_, killed)| killed.last) {
                self.units.swap_remove(oldest);
            }
        }
    }

    /// The loop that a process of this unit is in; None where it is no restart.
    pub fn find(&self, unit: &Name, name: &Name, started: StartTime) -> Option<RestartLoop> {
        let mut units = self.units.iter();
        let killed = units.find(|killed| killed.is_restarted_as(unit, name, started))?;
        Some(killed.as_loop())
    }
}

impl Killed {
    fn is_restarted_as(&self, unit: &Name, name: &Name, started: StartTime) -> bool {
        is_restart((&self.unit, &self.name, self.ticks), (unit, name, started))
    }

    fn as_loop(&self) -> RestartLoop {
        let factor = 1_u32.checked_shl(self.kills - 1).unwrap_or(u32::MAX);
        RestartLoop {
            unit: self.unit,
            name: self.name,
            kills: self.kills,
            until: self.last + FIRST.saturating_mul(factor).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn name(text: &str) -> Name {
        Name::new(text.as_bytes())
    }

    fn at(start: Instant, seconds: u64, ticks: u64) -> Now {
        Now {
            monotonic: start + Duration::from_secs(seconds),
            since_boot: Duration::ZERO,
            ticks: StartTime(ticks),
            wall: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_kill_waits_twice_as_long_up_to_five_minutes() {
        let (start, mut seconds, mut ticks) = (Instant::now(), 0, 100);
        let mut restarts = RestartLoops::default();
        let (unit, worker) = (name("a.service"), name("worker"));
        assert_eq!(restarts.find(&unit, &worker, StartTime(50)), None);
        let now = at(start, seconds, ticks);
        assert_eq!(restarts.record(unit, worker, StartTime(50), &now), None);
        for (kill, wait) in (2..).zip([5, 10, 20, 40, 80, 160, 300, 300, 300]) {
            // Started right after the last one was killed.
            let again = StartTime(ticks);
            let found = restarts.find(&unit, &worker, again).unwrap();
            let until = start + Duration::from_secs(seconds + wait);
            assert_eq!((found.kills, found.until), (kill - 1, until));
            seconds += wait;
            ticks += 100;
            let now = at(start, seconds, ticks);
            let found = restarts.record(unit, worker, again, &now).unwrap();
            assert_eq!(found.kills, kill);
        }
        // After ten quiet minutes it is as if nothing had been.
        let now = at(start, seconds + QUIET.as_secs(), ticks);
        assert_eq!(restarts.record(unit, worker, StartTime(ticks), &now), None);
    }

    #[test]
    fn what_runs_at_the_same_time_or_elsewhere_is_no_loop() {
        let now = at(Instant::now(), 0, 100);
        let mut restarts = RestartLoops::default();
        let (unit, worker) = (name("a.service"), name("worker"));
        assert_eq!(restarts.record(unit, worker, StartTime(50), &now), None);
        assert_eq!(restarts.find(&unit, &worker, StartTime(60)), None);
        assert_eq!(restarts.record(unit, worker, StartTime(60), &now), None);
        let started = StartTime(200);
        assert_eq!(restarts.find(&name("b.service"), &worker, started), None);
        assert_eq!(restarts.find(&unit, &name("other"), started), None);
        assert!(restarts.find(&unit, &worker, started).is_some());
    }

    #[test]
    fn any_number_of_names_takes_no_more_memory_and_the_last_are_known() {
        let mut restarts = RestartLoops::with_capacity(CAPACITY);
        let (start, unit) = (Instant::now(), name("a.service"));
        for index in 0..10 * CAPACITY as u64 {
            let now = at(start, index / 10, 100);
            let _ = restarts.record(unit, name(&index.to_string()), StartTime(50), &now);
        }
        assert_eq!(restarts.units.len(), CAPACITY);
        let last = name(&(10 * CAPACITY - 1).to_string());
        assert!(restarts.find(&unit, &last, StartTime(200)).is_some());
        assert_eq!(restarts.find(&unit, &name("0"), StartTime(200)), None);
    }

    #[test]
    fn a_restart_has_unit_and_name_and_was_started_later() {
        let killed = (&"a.service", &"a", 100);
        assert!(is_restart(killed, (&"a.service", &"a", 100)));
        assert!(!is_restart(killed, (&"a.service", &"a", 99)));
        assert!(!is_restart(killed, (&"b.service", &"a", 200)));
        assert!(!is_restart(killed, (&"a.service", &"b", 200)));
    }
}

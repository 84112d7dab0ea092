//! Schedules: other values at some times of the week. Pure: local time is handed in.

use super::error::Location;
use super::thresholds::Thresholds;
use super::warning::Effect;
use std::fmt;
use std::time::Duration;

const DAY: u16 = 24 * 60;
const WEEK: u16 = 7 * DAY;

/// The days of a week, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A minute of a local week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WeekMinute(u16);

impl WeekMinute {
    /// `weekday` from 0 for Monday, `minute` of the day; both are taken modulo their range.
    pub const fn new(weekday: u16, minute: u16) -> Self {
        Self(weekday % 7 * DAY + minute % DAY)
    }

    /// 0 for Monday.
    pub const fn weekday(self) -> usize {
        (self.0 / DAY) as usize
    }

    /// From 0 to 1439.
    pub const fn minute(self) -> u16 {
        self.0 % DAY
    }

    const fn plus(self, minutes: u16) -> Self {
        Self((self.0 + minutes) % WEEK)
    }
}

/// `fri 22:00`.
impl fmt::Display for WeekMinute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = DAYS.get(self.weekday()).copied().unwrap_or_default();
        write!(
            f,
            "{day} {:02}:{:02}",
            self.minute() / 60,
            self.minute() % 60
        )
    }
}

/// What applies at some times of the week. For None, it is as at other times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// Where it begins in the file.
    pub location: Option<Location>,
    /// The minute of the day from which it is in force.
    pub from: u16,
    /// The minute of the day at which it ends, on the next day where that is not after `from`; 1440 is midnight.
    pub to: u16,
    /// The days on which it begins, Monday first.
    pub days: [bool; 7],
    /// The time between two scans.
    pub check_interval: Option<Duration>,
    /// They replace both of `[thresholds]`.
    pub thresholds: Option<Thresholds>,
}

impl Schedule {
    /// Whether it is in force at this time of the wall clock. Only what the clock shows counts: the hour that is
    /// left out in spring does not delay its begin or end, and the one that comes twice in autumn counts twice.
    pub fn is_in_force(&self, at: WeekMinute) -> bool {
        let begins = |weekday: usize| self.days.get(weekday % 7).copied().unwrap_or_default();
        let (today, minute) = (at.weekday(), at.minute());
        if self.from < self.to {
            begins(today) && (self.from..self.to).contains(&minute)
        } else {
            (begins(today) && minute >= self.from) || (begins(today + 6) && minute < self.to)
        }
    }
}

/// The index of the first schedule that is in force; None for none.
pub fn in_force(schedules: &[Schedule], at: WeekMinute) -> Option<usize> {
    schedules
        .iter()
        .position(|schedule| schedule.is_in_force(at))
}

/// In how many minutes another schedule, or none, is in force, and its index; None where that never happens. `local`
/// returns what the wall clock will show in so many minutes.
pub fn next_switch(
    schedules: &[Schedule],
    local: impl Fn(u32) -> WeekMinute,
) -> Option<(u32, Option<usize>)> {
    if schedules.is_empty() {
        return None;
    }
    let now = in_force(schedules, local(0));
    // A week, and a day more for the hours that daylight saving adds and removes.
    (1..=u32::from(WEEK + DAY))
        .map(|minutes| (minutes, in_force(schedules, local(minutes))))
        .find(|(_, then)| *then != now)
}

/// What each schedule does; `values` returns what applies with a schedule, and without one.
pub(super) fn effects<V: PartialEq>(
    schedules: &[Schedule],
    values: impl Fn(Option<&Schedule>) -> V,
) -> Vec<Effect> {
    let mut effects = vec![Effect::Covered; schedules.len()];
    for minute in 0..WEEK {
        let at = WeekMinute(minute);
        let mut active = schedules.iter().enumerate();
        let mut next = || active.find(|(_, schedule)| schedule.is_in_force(at));
        let Some((index, schedule)) = next() else {
            continue;
        };
        let Some(effect) = effects.get_mut(index).filter(|e| **e != Effect::Changes) else {
            continue;
        };
        let without = next().map(|(_, schedule)| schedule);
        *effect = if values(Some(schedule)) == values(without) {
            Effect::Same
        } else {
            Effect::Changes
        };
    }
    effects
}

/// A stretch of the week in which one schedule, or none, is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first minute.
    pub from: WeekMinute,
    /// The index of the schedule; None for none.
    pub schedule: Option<usize>,
}

/// The week from Monday 00:00 on in stretches.
pub fn week(schedules: &[Schedule]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for minute in 0..WEEK {
        let from = WeekMinute(0).plus(minute);
        let schedule = in_force(schedules, from);
        if stretches
            .last()
            .is_none_or(|last| last.schedule != schedule)
        {
            stretches.push(Stretch { from, schedule });
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(from: u16, to: u16, days: &str) -> Schedule {
        let mut on = [false; 7];
        for (on, day) in on.iter_mut().zip(DAYS) {
            *on = days.contains(day);
        }
        Schedule {
            location: None,
            from,
            to,
            days: on,
            check_interval: None,
            thresholds: None,
        }
    }

    fn at(day: u16, hour: u16, minute: u16) -> WeekMinute {
        WeekMinute::new(day, hour * 60 + minute)
    }

    #[test]
    fn spans_hold_within_a_day_and_over_midnight() {
        let office = schedule(9 * 60, 17 * 60, "mon tue wed thu fri");
        let night = schedule(22 * 60, 6 * 60, "fri sun");
        let whole = schedule(0, 0, "sat");
        let evening = schedule(18 * 60, 1440, "mon");
        for (schedule, time, expected) in [
            (&office, at(0, 8, 59), false),
            (&office, at(0, 9, 0), true),
            (&office, at(4, 16, 59), true),
            (&office, at(4, 17, 0), false),
            (&office, at(5, 12, 0), false),
            (&night, at(4, 21, 59), false),
            (&night, at(4, 22, 0), true),
            // Saturday's early hours belong to Friday's night, Monday's to Sunday's.
            (&night, at(5, 5, 59), true),
            (&night, at(5, 6, 0), false),
            (&night, at(5, 23, 0), false),
            (&night, at(0, 5, 59), true),
            (&night, at(4, 3, 0), false),
            (&whole, at(5, 0, 0), true),
            (&whole, at(5, 23, 59), true),
            (&whole, at(6, 0, 0), false),
            (&whole, at(4, 23, 59), false),
            (&evening, at(0, 23, 59), true),
            (&evening, at(1, 0, 0), false),
        ] {
            assert_eq!(schedule.is_in_force(time), expected, "{schedule:?} {time}");
        }
    }

    #[test]
    fn the_first_that_holds_counts_and_the_next_switch_is_found() {
        let schedules = [
            schedule(12 * 60, 13 * 60, "mon"),
            schedule(9 * 60, 17 * 60, "mon tue"),
        ];
        let from = |start: WeekMinute| {
            move |minutes: u32| start.plus(u16::try_from(minutes % u32::from(WEEK)).unwrap())
        };
        for (time, expected) in [
            (at(0, 8, 0), (60, Some(1))),
            (at(0, 9, 0), (180, Some(0))),
            (at(0, 12, 0), (60, Some(1))),
            (at(0, 13, 0), (240, None)),
            (at(1, 17, 0), (5 * 1440 + 16 * 60, Some(1))),
        ] {
            assert_eq!(
                next_switch(&schedules, from(time)),
                Some(expected),
                "{time}"
            );
        }
        let always = [schedule(0, 0, "mon tue wed thu fri sat sun")];
        assert_eq!(next_switch(&always, from(at(2, 2, 2))), None);
        assert_eq!(next_switch(&[], from(at(0, 0, 0))), None);
    }

    #[test]
    fn both_switches_of_daylight_saving_keep_to_the_wall_clock() {
        let night = [schedule(150, 210, "sun")];
        // In spring 02:00 becomes 03:00: what begins at 02:30 begins then, and ends at 03:30.
        let spring = |minutes: u32| {
            let wall = if minutes < 60 {
                60 + minutes
            } else {
                120 + minutes
            };
            WeekMinute::new(6, u16::try_from(wall).unwrap_or(0))
        };
        assert_eq!(next_switch(&night, spring), Some((60, Some(0))));
        assert_eq!(next_switch(&night, |m| spring(m + 60)), Some((30, None)));
        // In autumn 03:00 becomes 02:00: from 02:30 on it holds, an hour later as well, not between.
        let autumn = |minutes: u32| {
            let wall = if minutes < 120 { 60 + minutes } else { minutes };
            WeekMinute::new(6, u16::try_from(wall).unwrap_or(0))
        };
        assert_eq!(next_switch(&night, autumn), Some((90, Some(0))));
        assert_eq!(next_switch(&night, |m| autumn(m + 90)), Some((30, None)));
        assert_eq!(
            next_switch(&night, |m| autumn(m + 120)),
            Some((30, Some(0)))
        );
        assert_eq!(next_switch(&night, |m| autumn(m + 150)), Some((60, None)));
        // A zone that is changed while it holds is followed at once: the same minute, another clock.
        assert_eq!(in_force(&night, at(6, 3, 0)), Some(0));
        assert_eq!(in_force(&night, at(6, 12, 0)), None);
    }

    #[test]
    fn the_week_is_shown_in_stretches() {
        let schedules = [schedule(22 * 60, 6 * 60, "sun")];
        let shown: Vec<_> = week(&schedules)
            .iter()
            .map(|stretch| format!("{} {:?}", stretch.from, stretch.schedule))
            .collect();
        assert_eq!(
            shown,
            ["mon 00:00 Some(0)", "mon 06:00 None", "sun 22:00 Some(0)"]
        );
        assert_eq!(week(&[]).len(), 1);
    }
}

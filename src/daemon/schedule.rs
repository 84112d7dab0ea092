//! The time of the week: puts into force what the schedules say. Touches the configuration in force and the time zone.

use crate::config::Config;
use crate::config::schedule::{WeekMinute, next_switch};
use crate::quantities::Now;
use crate::sys::clock::{LocalTime, local_time};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const MINUTE: u64 = 60;

/// What is in force since the clock was last read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Schedules {
    /// The index of the schedule in force, or none of them; None before the clock was first read.
    in_force: Option<InForce>,
    /// When that changes, as far as the clock could tell.
    next: Option<Instant>,
}

/// The index of a schedule; None where none is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct InForce(Option<usize>);

/// Another schedule is in force now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switch {
    /// Its index; None for none.
    pub(super) schedule: Option<usize>,
    /// Until when; None for ever.
    pub(super) until: Option<LocalTime>,
}

impl Schedules {
    /// When another schedule comes into force; None where none does.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Follows the clock; the switch, where another schedule is in force now. The clock is read whenever the daemon is
    /// awake, so a changed clock or time zone counts from the next scan on at the latest.
    pub(super) fn follow(&mut self, config: &mut Config, now: &Now) -> Option<Switch> {
        if config.schedules.is_empty() {
            *self = Self::default();
            return None;
        }
        let schedule = config.follow(week_minute(now.wall));
        let is_switch = self.in_force != Some(InForce(schedule));
        if !is_switch && self.next.is_none_or(|next| now.monotonic < next) {
            return None;
        }
        let minute = start_of_minute(now.wall);
        let after = |minutes: u32| minute + Duration::from_secs(u64::from(minutes) * MINUTE);
        let next = next_switch(&config.schedules, |minutes| week_minute(after(minutes)));
        let next = next.map(|(minutes, _)| after(minutes));
        let wait = next.and_then(|next| next.duration_since(now.wall).ok());
        *self = Self {
            in_force: Some(InForce(schedule)),
            next: wait.map(|wait| now.monotonic + wait),
        };
        let until = next.filter(|_| is_switch).map(local_time);
        is_switch.then_some(Switch { schedule, until })
    }
}

fn week_minute(time: SystemTime) -> WeekMinute {
    let local = local_time(time);
    WeekMinute::new(local.weekday, local.minute_of_day())
}

fn start_of_minute(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs() / MINUTE * MINUTE)
}

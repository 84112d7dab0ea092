//! The time of the week: puts into force what the schedules say, and says so.

use super::Daemon;
use crate::config::schedule::{WeekMinute, next_switch};
use crate::events::Event;
use crate::policy::Survey;
use crate::sys::clock::local_time;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const MINUTE: u64 = 60;

/// What holds since the last look at the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Following {
    /// Whether the clock was looked at yet.
    is_known: bool,
    /// The place of the schedule that holds.
    schedule: Option<usize>,
    /// When another one is to hold, as far as the clock could tell.
    pub(super) next: Option<Instant>,
}

impl Daemon<'_> {
    /// Looks at the clock; whether something else holds now. It is looked at whenever the daemon is
    /// awake, so a changed clock or time zone counts from the next check on at the latest.
    pub(super) fn follow_schedule(&mut self) -> bool {
        if self.policy.config.schedules.is_empty() {
            self.following = Following::default();
            return false;
        }
        let (now, started) = (SystemTime::now(), Instant::now());
        let schedule = self.policy.config.follow(week_minute(now));
        let is_switch = !self.following.is_known || self.following.schedule != schedule;
        if !is_switch && self.following.next.is_none_or(|next| started < next) {
            return false;
        }
        let minute = start_of_minute(now);
        let after = |minutes: u32| minute + Duration::from_secs(u64::from(minutes) * MINUTE);
        let schedules = &self.policy.config.schedules;
        let next = next_switch(schedules, |minutes| week_minute(after(minutes)));
        let next = next.map(|(minutes, _)| after(minutes));
        self.following = Following {
            is_known: true,
            schedule,
            next: next
                .and_then(|next| next.duration_since(now).ok())
                .map(|wait| started + wait),
        };
        if is_switch {
            let config = &self.policy.config;
            self.sampler.inquire(Box::new(Survey::new(config)));
            let next = next.map(local_time);
            self.reporter.emit(&Event::Schedule(config, schedule, next));
        }
        is_switch
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

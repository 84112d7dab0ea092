//! The states of a shortage: calm, waiting for the victims of an order, settling after it. Pure.

use super::choice::Why;
use super::level::{Choosing, Level, Phase, Progress, Reading, Step, floor_threshold};
use super::speed::Speed;
use super::stall::Stall;
use crate::config::{System, SystemAction};
use crate::policy::early_scan::FASTEST;
use crate::policy::verdict::Threshold;
use crate::quantities::{Bytes, Now};
use std::time::{Duration, Instant};

/// From a reading below the floor to the memory of the victim being free: the second reading 20 ms later, 10 to 60 ms
/// to choose and to signal, and the exit.
pub const REACTION: Duration = Duration::from_millis(100);

/// The floor grows by no more than this part of the memory.
const GROWN: u64 = 8;

/// Two readings below the floor are so far apart at least.
const APART: Duration = Duration::from_millis(20);

/// After the last victim has ended the counters of the kernel settle, and what it has freed is taken up.
const SETTLING: Duration = Duration::from_millis(200);

/// So long after that without a shortage the order is forgotten.
const QUIET: Duration = Duration::from_secs(60);

/// A victim that is there so long after SIGKILL is blocked in the kernel; others are chosen then.
const BLOCKED: Duration = Duration::from_secs(2);

/// Between two warnings, and between two reports that every candidate is protected.
const MINUTE: Duration = Duration::from_secs(60);

/// Where there was no candidate, all processes are read again after this time.
const RETRY: Duration = Duration::from_secs(1);

const SHORTEST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// From so much of the window on, half of the smallest stall_seconds, each bucket gets its reading. Less is in every
/// window of a machine that reclaims now and then, and no reason to wake up ten times a second.
const STALLED: Duration = Duration::from_millis(250);
const STALLED_WAIT: Duration = Duration::from_millis(100);
/// Readings take no more than one part in so many of a core.
const SHARE: u32 = 50;

/// What is known of a shortage, and of the readings before.
#[derive(Clone, Debug)]
pub struct Shortage {
    phase: Phase,
    choosing: Choosing,
    stall: Stall,
    speed: Speed,
    /// Since when every reading was below the floor.
    below_since: Option<Instant>,
    /// Since when memory has been short, or nearly so.
    since: Option<Instant>,
    /// When it was reported last that memory gets short, and whether that still holds.
    warned: Option<Instant>,
    is_warned: bool,
    /// When it was reported last that there was no candidate.
    none_reported: Option<Instant>,
    killed: usize,
    level: Level,
    is_short: bool,
    next_tick: Instant,
}

impl Shortage {
    /// Before the first reading, which is due at `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Calm,
            choosing: Choosing::Now,
            stall: Stall::default(),
            speed: Speed::default(),
            below_since: None,
            since: None,
            warned: None,
            is_warned: false,
            none_reported: None,
            killed: 0,
            level: Level {
                total: Bytes::ZERO,
                left: Bytes::ZERO,
                floor: Bytes::ZERO,
                grown_floor: Bytes::ZERO,
                speed: Bytes::ZERO,
                stall: None,
                trigger: None,
            },
            is_short: false,
            next_tick: now,
        }
    }

    /// When the next reading is due.
    pub fn next_tick(&self) -> Instant {
        self.next_tick
    }

    /// Whether the stall time is to be read now: always while memory is short or work waits for it, else now and then.
    pub fn is_stall_due(&mut self, now: Instant) -> bool {
        let is_quiet = self.level.stall == Some(Duration::ZERO) && !self.is_short();
        self.stall.is_due(is_quiet, now)
    }

    /// The level at the last reading.
    pub fn level(&self) -> &Level {
        &self.level
    }

    /// Whether memory is short, or an order for it is not over.
    pub fn is_short(&self) -> bool {
        self.is_short || self.phase != Phase::Calm
    }

    /// Whether it is over, and all of it was reported.
    pub fn is_over(&self) -> bool {
        let Level { left, floor, .. } = self.level;
        !self.is_short() && !self.is_warned && left >= floor.saturating_add(floor)
    }

    /// What is due after this reading. `cost` is the CPU time that it took.
    pub fn tick(
        &mut self,
        config: &System,
        reading: &Reading,
        progress: Progress,
        cost: Duration,
        now: &Now,
    ) -> Step {
        let time = now.monotonic;
        let was_short = self.is_short;
        self.measure(config, reading, now);
        if self.is_short && !was_short {
            self.since.get_or_insert(time);
        }
        let step = self.step(config, progress, time);
        self.next_tick = time + self.wait(cost, time);
        step
    }

    /// Reads the level off a reading.
    fn measure(&mut self, config: &System, reading: &Reading, now: &Now) {
        let time = now.monotonic;
        let Reading { total, left, .. } = *reading;
        let floor = config.floor(total);
        let speed = self.speed.note(left, time);
        let lost = speed
            .get()
            .saturating_mul(u64::try_from(REACTION.as_millis()).unwrap_or(0))
            / 1000;
        let grown_floor = floor.saturating_add(Bytes::new(lost.min(total.get() / GROWN)));
        let stall = self.stall.note(reading.stalled, now);
        if left < grown_floor {
            self.below_since.get_or_insert(time);
        } else {
            self.below_since = None;
        }
        let below_since = self.below_since;
        let is_below =
            below_since.is_some_and(|since| time.saturating_duration_since(since) >= APART);
        let is_stalled = !config.stall.is_zero()
            && stall.is_some_and(|stall| stall >= config.stall)
            && reading.available < Bytes::new(total.get() / 4);
        let trigger = if is_below {
            Some(floor_threshold(config, total))
        } else {
            is_stalled.then_some(Threshold::Stall(config.stall))
        };
        self.is_short = trigger.is_some();
        self.level = Level {
            total,
            left,
            floor,
            grown_floor,
            speed,
            stall,
            trigger,
        };
    }

    fn step(&mut self, config: &System, progress: Progress, time: Instant) -> Step {
        let is_half_stalled = self.is_half_stalled(config);
        let is_enough = |floors: u64, this: &Self| {
            this.level.left.get() >= this.level.floor.get().saturating_mul(floors)
                && !is_half_stalled
        };
        match self.phase {
            Phase::Calm
                if self.is_short
                    && config.action == SystemAction::Kill
                    && self.may_choose(time) =>
            {
                self.is_warned = true;
                Step::Choose
            }
            Phase::Calm if config.action == SystemAction::Kill && self.is_soon() => Step::Rest,
            Phase::Calm => self.warn(is_half_stalled, is_enough(3, self), time),
            Phase::Waiting if progress.left == 0 => {
                self.stall.clear();
                self.speed.clear();
                self.phase = Phase::Settling(time);
                Step::Rest
            }
            Phase::Waiting if progress.terminating > 0 => {
                // The buckets were emptied at the order: this is a stall since then.
                let is_stalled = matches!(self.level.trigger, Some(Threshold::Stall(_)));
                if self.is_desperate() || is_stalled {
                    Step::Escalate
                } else {
                    Step::Rest
                }
            }
            Phase::Waiting => {
                let is_blocked = |killed| time.saturating_duration_since(killed) >= BLOCKED;
                if progress.killed.is_none_or(is_blocked) {
                    self.phase = Phase::Calm;
                    Step::SetAside
                } else {
                    Step::Rest
                }
            }
            Phase::Settling(since) => {
                let settled = time.saturating_duration_since(since);
                if is_enough(2, self) {
                    self.over(time)
                } else if self.is_short
                    && config.action == SystemAction::Kill
                    && (settled >= SETTLING || self.is_desperate())
                {
                    Step::Choose
                } else {
                    if settled >= QUIET {
                        self.phase = Phase::Calm;
                    }
                    Step::Rest
                }
            }
        }
    }

    /// Whether so little is left that there is no time for a grace period.
    pub fn is_desperate(&self) -> bool {
        self.level.left.get() < self.level.floor.get() / 2
    }

    /// Whether it falls so fast that victims are to be chosen in a moment: to find out which would be the first takes
    /// as long as that.
    fn is_soon(&self) -> bool {
        let Level {
            left, grown_floor, ..
        } = self.level;
        !self.is_short && left.saturating_sub(grown_floor) < self.level.growth()
    }

    /// Whether there is no time for a grace period of these victims: little is left, or it will be within one reaction.
    /// The latter only of several that grow together, of which each exits when it gets a processor: SIGKILL frees the
    /// memory of all at once.
    pub fn is_urgent(&self, why: Why) -> bool {
        let Level { left, floor, .. } = self.level;
        let soon = left.saturating_sub(self.level.growth()).get() < floor.get() / 2;
        self.is_desperate() || (why == Why::Kin && soon)
    }

    fn is_half_stalled(&self, config: &System) -> bool {
        let half = config.stall / 2;
        !half.is_zero() && self.level.stall.is_some_and(|stall| stall >= half)
    }

    fn may_choose(&self, time: Instant) -> bool {
        match self.choosing {
            Choosing::Now => true,
            Choosing::From(then) => time >= then,
            Choosing::Afterwards => false,
        }
    }

    /// Without an order: once that memory gets short, and once that it no longer is.
    fn warn(&mut self, is_half_stalled: bool, is_enough: bool, time: Instant) -> Step {
        let Level {
            left, floor, total, ..
        } = self.level;
        let is_low = left.get() < floor.get() / 2 * 5;
        // A stall without a shortage is a disk that is slow to read files.
        let is_near = is_low || self.is_short || (is_half_stalled && left.get() < total.get() / 4);
        if self.is_warned {
            return if is_enough {
                self.over(time)
            } else {
                Step::Rest
            };
        }
        if !is_near || !is_first_in_a_minute(&mut self.warned, time) {
            return Step::Rest;
        }
        self.since.get_or_insert(time);
        self.is_warned = true;
        Step::Warn
    }

    /// Whether it is to be reported, as nothing has been for a minute, that memory is short.
    pub fn note_warned(&mut self, now: Instant) -> bool {
        is_first_in_a_minute(&mut self.warned, now)
    }

    fn over(&mut self, time: Instant) -> Step {
        let since = self.since.take().unwrap_or(time);
        let killed = std::mem::take(&mut self.killed);
        self.phase = Phase::Calm;
        self.choosing = Choosing::Now;
        self.is_warned = false;
        Step::Over {
            after: time.saturating_duration_since(since),
            killed,
        }
    }

    /// So many victims were signalled.
    pub fn ordered(&mut self, victims: usize, now: Instant) {
        self.phase = Phase::Waiting;
        self.killed += victims;
        self.stall.clear();
        self.below_since = None;
        self.next_tick = now + SHORTEST_WAIT;
    }

    /// In a dry run: what would have been killed was reported, and nothing more is before memory was enough.
    pub fn reported(&mut self) {
        self.phase = Phase::Calm;
        self.choosing = Choosing::Afterwards;
    }

    /// What was found is by another configuration: all processes are read again at the next reading.
    pub fn reconsider(&mut self) {
        self.choosing = Choosing::Now;
    }

    /// There was no candidate. Whether that is to be reported, which it is once a minute.
    pub fn found_none(&mut self, now: Instant) -> bool {
        self.phase = Phase::Calm;
        self.choosing = Choosing::From(now + RETRY);
        is_first_in_a_minute(&mut self.none_reported, now)
    }

    /// The candidates have changed on the way to the signal: all are read again at the next reading.
    pub fn choose_again(&mut self, now: Instant) {
        self.phase = Phase::Calm;
        self.choosing = Choosing::From(now + SHORTEST_WAIT);
        self.next_tick = now + SHORTEST_WAIT;
    }

    /// The time to the next reading: short enough for the fastest growth not to pass the floor unseen.
    fn wait(&self, cost: Duration, time: Instant) -> Duration {
        let shortest = cost
            .saturating_mul(SHARE)
            .clamp(SHORTEST_WAIT, STALLED_WAIT);
        if self.phase != Phase::Calm {
            return shortest;
        }
        if self.is_short {
            // Nothing can be done, or not yet.
            let next = match self.choosing {
                Choosing::From(then) => then.saturating_duration_since(time),
                Choosing::Now | Choosing::Afterwards => Duration::ZERO,
            };
            return next.clamp(shortest, STALLED_WAIT);
        }
        if self.below_since.is_some() {
            return shortest.max(APART);
        }
        let Level {
            left, floor, speed, ..
        } = self.level;
        let headroom = left.saturating_sub(floor);
        let at = |speed: u64| {
            let microseconds = u128::from(headroom.get()) * 1_000_000 / u128::from(speed.max(1));
            u64::try_from(microseconds).map_or(LONGEST_WAIT, Duration::from_micros)
        };
        let stalls = self.level.stall.is_some_and(|stall| stall >= STALLED);
        let longest = if stalls { STALLED_WAIT } else { LONGEST_WAIT };
        // It may grow at twice the speed from now on.
        at(FASTEST)
            .min(at(speed.get().saturating_mul(2)))
            .clamp(shortest, longest)
    }
}

/// Whether the last report was a minute ago or more; then this is the last one.
fn is_first_in_a_minute(last: &mut Option<Instant>, now: Instant) -> bool {
    let is_over = |then| now.saturating_duration_since(then) >= MINUTE;
    let is_first = last.is_none_or(is_over);
    if is_first {
        *last = Some(now);
    }
    is_first
}

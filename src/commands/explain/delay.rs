//! What holds the end of a process back for a time: how long it must be over, a restart loop of its
//! unit, the limit of a minute. Where a daemon runs, by what that has left.

use super::Evidence;
use super::test::{Answer, Test};
use crate::escape::OneLine;
use crate::policy::{Breach, Verdict};
use crate::quantities::Span;
use crate::state::status::Waiting;
use crate::sys::clock::unix_seconds;
use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

const MINUTE: u64 = 60;

/// What holds the end of a process back.
pub(super) enum Delay<'e> {
    /// It was asked to end already; how far that has come.
    Ending(&'e str),
    /// It was over for some time already; this is left.
    Sustained(Duration),
    /// It must be over for so long, from when the daemon sees it.
    NotSeen(Duration),
    /// Its unit is in a restart loop; this is left.
    RestartLoop(Duration),
    /// So many were ended within a minute.
    Threshold(NonZeroU32),
}

/// When it ends.
impl fmt::Display for Delay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sustained(left) => write!(f, "in {}", Span(*left)),
            Self::NotSeen(time) => write!(f, "{} after a daemon sees it over", Span(*time)),
            Self::RestartLoop(left) => {
                write!(f, "in {}, as its unit is in a restart loop", Span(*left))
            }
            Self::Ending(stage) => write!(f, "already, {}", OneLine(stage)),
            Self::Threshold(_) => f.write_str("within a minute"),
        }
    }
}

/// What holds the end of this process back now.
pub(super) fn of<'e>(evidence: &Evidence<'e>, breach: &Breach) -> Option<Delay<'e>> {
    let ending = evidence.daemon.map(|daemon| daemon.victims.iter());
    let own = evidence.process.pid.get();
    if let Some(noted) =
        ending.and_then(|mut ending| ending.find(|noted| noted.process.pid == Some(own)))
    {
        return Some(Delay::Ending(&noted.note));
    }
    match waiting(evidence).map(|waiting| (waiting, waiting.left(SystemTime::now()))) {
        Some((waiting, left)) if waiting.restart_loop => return Some(Delay::RestartLoop(left)),
        Some((_, left)) if left > Duration::ZERO => return Some(Delay::Sustained(left)),
        None if breach.sustained > Duration::ZERO => return Some(Delay::NotSeen(breach.sustained)),
        // It needs none, or its time is over.
        Some(_) | None => {}
    }
    let limit = evidence.policy.config.max_kills_per_minute?;
    let is_reached = asked(evidence) >= limit.get() as usize;
    is_reached.then_some(Delay::Threshold(limit))
}

/// The tests of it.
pub(super) fn tests(evidence: &Evidence<'_>) -> [Test; 3] {
    let policy = evidence.policy;
    let breach = match policy.judge(evidence.process, &evidence.memory) {
        Verdict::Breach(breach) => Some(breach),
        Verdict::Within | Verdict::Protected(_) => None,
    };
    let delay = breach.as_ref().and_then(|breach| of(evidence, breach));
    let test = |name, answer, detail| Test {
        name,
        answer,
        detail,
    };
    let sustained = policy.limits(evidence.process).sustained;
    let (answer, detail) = match (&delay, &breach) {
        _ if sustained.is_zero() => (Answer::Off, String::new()),
        (Some(Delay::Sustained(left)), _) => (
            Answer::No,
            format!("{} of {} left", Span(*left), Span(sustained)),
        ),
        (Some(Delay::NotSeen(time)), _) => (
            Answer::No,
            match evidence.daemon {
                Some(_) => format!("{} from when the daemon sees it over", Span(*time)),
                None => format!("it must be over for {}, and no daemon looks", Span(*time)),
            },
        ),
        (_, Some(_)) => (Answer::Yes, format!("{} are over", Span(sustained))),
        (_, None) => (
            Answer::NotReached,
            format!("it would have {}", Span(sustained)),
        ),
    };
    let over_for_long = test("over for long enough", answer, detail);
    let (answer, detail) = match (&delay, waiting(evidence)) {
        (Some(Delay::RestartLoop(left)), Some(waiting)) => {
            let note = OneLine(&waiting.process.note);
            let detail = format!("{note}, {} left", Span(*left));
            (Answer::Yes, detail)
        }
        _ if breach.is_none() => (Answer::NotReached, String::new()),
        _ => (Answer::No, String::new()),
    };
    let restart_loop = test("unit in a restart loop", answer, detail);
    let (answer, detail) = match policy.config.max_kills_per_minute {
        None => (Answer::Off, String::new()),
        Some(limit) => {
            let asked = asked(evidence);
            let answer = match breach {
                Some(_) => Answer::of(asked >= limit.get() as usize),
                None => Answer::NotReached,
            };
            (answer, format!("{asked} of {limit} within the last minute"))
        }
    };
    [
        over_for_long,
        restart_loop,
        test("limit of kills reached", answer, detail),
    ]
}

/// What the daemon has left about this very process.
fn waiting<'e>(evidence: &Evidence<'e>) -> Option<&'e Waiting> {
    let key = evidence.process.key()?;
    let mut waiting = evidence.daemon?.waiting.iter();
    let identity = (Some(key.pid.get()), Some(key.start_time.0));
    waiting.find(|waiting| {
        let process = &waiting.process.process;
        (process.pid, process.start_time) == identity
    })
}

/// How many the daemon has asked to end within the last minute.
fn asked(evidence: &Evidence<'_>) -> usize {
    let now = unix_seconds(SystemTime::now());
    let is_recent = |then: &&u64| now.saturating_sub(**then) < MINUTE;
    let asked = evidence.daemon.map(|daemon| daemon.recent_kills.iter());
    asked.map_or(0, |asked| asked.filter(is_recent).count())
}

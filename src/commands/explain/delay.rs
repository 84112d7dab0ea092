//! What delays the kill of a process that is over its threshold: `sustained`, a restart loop of its unit, the limit of
//! kills a minute. From the status of the daemon, where one runs.

use super::evidence::Evidence;
use super::test::{Answer, Test};
use crate::escape::OneLine;
use crate::policy::{Breach, Verdict};
use crate::quantities::Span;
use crate::state::status::Waiting;
use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

/// What delays the kill of a process.
pub(super) enum Delay<'e> {
    /// It was sent a signal already; how far that has come.
    Ending(&'e str),
    /// It has been over for some time already; this is left.
    Sustained(Duration),
    /// It must be over for so long, from the daemon's next scan on.
    NotSeen(Duration),
    /// Its unit is in a restart loop; this is left.
    RestartLoop(Duration),
    /// So many of its user were killed within a minute.
    KillLimit(NonZeroU32),
    /// The same, but it is so much larger than those that only a larger one comes before it.
    AboveKillLimit(NonZeroU32),
}

/// When it will be killed.
impl fmt::Display for Delay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sustained(left) => write!(f, "in {}", Span(*left)),
            Self::NotSeen(time) => write!(f, "{} after a daemon's scan sees it over", Span(*time)),
            Self::RestartLoop(left) => {
                write!(f, "in {}, as its unit is in a restart loop", Span(*left))
            }
            Self::Ending(stage) => write!(f, "already, {}", OneLine(stage)),
            Self::KillLimit(_) | Self::AboveKillLimit(_) => f.write_str("within a minute"),
        }
    }
}

/// How far the daemon is with killing this process; None if it is no victim.
pub(super) fn ending<'e>(evidence: &Evidence<'e>) -> Option<&'e str> {
    let own = evidence.process.pid.get();
    let mut victims = evidence.daemon?.victims.iter();
    let noted = victims.find(|noted| noted.process.pid == Some(own))?;
    Some(&noted.note)
}

/// What delays the kill of this process now; None if nothing does.
pub(super) fn of<'e>(evidence: &Evidence<'e>, breach: &Breach) -> Option<Delay<'e>> {
    if let Some(stage) = ending(evidence) {
        return Some(Delay::Ending(stage));
    }
    match waiting(evidence).map(|waiting| (waiting, waiting.left(SystemTime::now()))) {
        Some((waiting, left)) if waiting.restart_loop => return Some(Delay::RestartLoop(left)),
        Some((_, left)) if left > Duration::ZERO => return Some(Delay::Sustained(left)),
        None if breach.sustained > Duration::ZERO => return Some(Delay::NotSeen(breach.sustained)),
        // It needs none, or its time is over.
        Some(_) | None => {}
    }
    let limit = kill_limit(evidence)?;
    let policy = evidence.policy;
    let is_above = policy.is_above_limit(evidence.process, &evidence.ledger, &evidence.now);
    Some(if is_above {
        Delay::AboveKillLimit(limit)
    } else {
        Delay::KillLimit(limit)
    })
}

/// The limit of kills a minute, if it is reached for the user of this process.
pub(super) fn kill_limit(evidence: &Evidence<'_>) -> Option<NonZeroU32> {
    let Evidence {
        policy,
        process,
        memory,
        ledger,
        now,
        ..
    } = evidence;
    let limit = policy.config.max_kills_per_minute;
    limit.filter(|_| policy.is_limit_reached(process, memory, ledger, now))
}

/// The tests for these delays.
pub(super) fn tests(evidence: &Evidence<'_>) -> [Test; 3] {
    let policy = evidence.policy;
    let breach = match policy.judge(evidence.process, &evidence.memory, &evidence.now) {
        Verdict::Breach(breach) => Some(breach),
        Verdict::Within | Verdict::Protected(_) | Verdict::Plentiful(..) => None,
    };
    let delay = breach.as_ref().and_then(|breach| of(evidence, breach));
    let test = |name, answer, detail| Test {
        name,
        answer,
        detail,
    };
    let sustained = policy.criteria(evidence.process).sustained;
    let (answer, detail) = match (&delay, &breach) {
        _ if sustained.is_zero() => (Answer::Off, String::new()),
        (Some(Delay::Sustained(left)), _) => (
            Answer::No,
            format!("{} of {} left", Span(*left), Span(sustained)),
        ),
        (Some(Delay::NotSeen(time)), _) => (
            Answer::No,
            match evidence.daemon {
                Some(_) => format!("{} from the daemon's next scan on", Span(*time)),
                None => format!("it must be over for {}, and no daemon runs", Span(*time)),
            },
        ),
        (_, Some(_)) => (Answer::Yes, format!("{} have passed", Span(sustained))),
        (_, None) => (
            Answer::NotReached,
            format!("sustained is {}", Span(sustained)),
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
            let kills = evidence
                .ledger
                .kills_of_user(evidence.process, &evidence.now);
            let kills = kills.count();
            let is_victim = evidence.group_victim().is_some();
            let answer = if breach.is_some() || is_victim {
                Answer::of(kill_limit(evidence).is_some())
            } else {
                Answer::NotReached
            };
            let is_full = kills >= limit.get() as usize;
            let but = match delay {
                Some(Delay::AboveKillLimit(_)) => ", and it is far larger than these",
                _ if is_full && answer == Answer::No => {
                    ", which counts for nothing while memory is short"
                }
                _ => "",
            };
            let detail = format!("{kills} of {limit} of its user within the last minute{but}");
            (answer, detail)
        }
    };
    [
        over_for_long,
        restart_loop,
        test("limit of kills reached", answer, detail),
    ]
}

/// What the daemon's status has about this very process; None if nothing.
fn waiting<'e>(evidence: &Evidence<'e>) -> Option<&'e Waiting> {
    let key = evidence.process.key()?;
    let mut waiting = evidence.daemon?.waiting.iter();
    let identity = (Some(key.pid.get()), Some(key.start_time.0));
    waiting.find(|waiting| {
        let process = &waiting.process.process;
        (process.pid, process.start_time) == identity
    })
}

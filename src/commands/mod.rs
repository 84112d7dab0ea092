//! The commands, a directory each, and what they share. They connect the other modules and print; rules, parsers and
//! formats are elsewhere.

mod bar;
pub(crate) mod check;
mod config_line;
mod context;
pub(crate) mod exempt;
mod exemptions;
pub(crate) mod explain;
mod freed;
mod group_row;
mod groups;
mod hidepid;
pub(crate) mod history;
pub(crate) mod notify;
mod peers;
mod progress;
pub mod scan;
pub(crate) mod selftest;
pub(crate) mod status;

use crate::Error;
use crate::cli;
use crate::config::Config;
use crate::config::schedule::WeekMinute;
use crate::escape::visible_json;
use crate::quantities::Uid;
use crate::sys::clock::local_time;
use crate::sys::users;
use serde::Serialize;
use std::io::{self, Write};
use std::time::SystemTime;

/// Puts into force what the schedules say at this time of the week; the index of the one in force, None if there is
/// none.
pub(crate) fn follow_schedule(config: &mut Config) -> Option<usize> {
    config.follow(week_minute())
}

pub(crate) fn week_minute() -> WeekMinute {
    let now = local_time(SystemTime::now());
    WeekMinute::new(now.weekday, now.minute_of_day())
}

/// The user of this name or, as with chown(1), of this number; None where there is no such user.
pub(crate) fn uid_of(typed: &str) -> Result<Option<Uid>, Error> {
    let by_name = users::uid_of(typed);
    let by_name = by_name.map_err(|error| Error::System("looking up the user", error))?;
    Ok(by_name.or_else(|| typed.parse().ok().map(Uid::new)))
}

/// What `--user` is told that names none of these.
pub(crate) fn no_such_user(typed: &str, allowed: &str) -> Error {
    let (typed, allowed) = (typed.to_owned(), allowed.to_owned());
    Error::Usage(cli::Error::Value("--user", typed, allowed))
}

/// Writes to standard output. A reader that went away, as `head` does, is no failure.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::System("writing to standard output", error))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON object to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Error::System("writing JSON", error.into()))?;
    print(&(visible_json(&json) + "\n"))
}

/// Writes a warning to standard error.
pub(crate) fn warn(text: &str) {
    // There is nowhere left to report that this failed.
    let _ = writeln!(io::stderr(), "memory-monitor: warning: {text}");
}

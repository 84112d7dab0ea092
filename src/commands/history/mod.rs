//! `memory-monitor history`: what was killed, from the file that the daemon writes.

mod view;

use crate::Error;
use crate::cli::{Filter, HistoryOptions, Since};
use crate::commands::{no_such_user, uid_of};
use crate::config::NamePattern;
use crate::escape::unescaped;
use crate::events::Spelling;
use crate::state::history::{Entry, History};
use crate::sys::clock::{local_time, start_of_day, unix_seconds};
use crate::systemd::{Unit, Unknown};
use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};
pub(crate) use view::PastReport;

pub(crate) fn run(options: &HistoryOptions) -> Result<(), Error> {
    let history = History::usual();
    let past = history
        .read()
        .map_err(|error| Error::reading(history.path(), error, "history"))?;
    if let Some(user) = &options.filter.user {
        // One that was deleted is still in the history.
        let is_in_it = past.entries.iter().any(|entry| is_user(user, entry));
        if !is_in_it && uid_of(user)?.is_none() {
            let allowed = "a user of this machine or of the history";
            return Err(no_such_user(user, allowed));
        }
    }
    let since = options.since.map_or(0, beginning);
    let wanted = |entry: &Entry| entry.time >= since && is_wanted(&options.filter, entry);
    let unknown = Cell::new(None);
    // Of what the kernel killed neither the user nor the name is known.
    let is_filtered = options.filter.user.is_some() || options.filter.name.is_some();
    let kernel_since = if is_filtered { u64::MAX } else { since };
    let report = PastReport::new(past, kernel_since, wanted, |unit| restart(unit, &unknown));
    if let Some(unknown) = unknown.take() {
        crate::commands::warn(&unknown.to_string());
    }
    if options.json {
        let report = report.plain();
        crate::commands::print_json(&report)
    } else {
        crate::commands::print(&report.text())
    }
}

fn beginning(since: Since) -> u64 {
    let now = SystemTime::now();
    let time = match since {
        Since::Ago(span) => now.checked_sub(span),
        Since::Day { year, month, day } => start_of_day(year, month, day),
    };
    unix_seconds(time.unwrap_or(UNIX_EPOCH))
}

/// What was killed since midnight; None where the file can't be read.
pub(crate) fn today(history: &History) -> Option<PastReport> {
    let today = local_time(SystemTime::now());
    let since = unix_seconds(start_of_day(today.year, today.month, today.day)?);
    let past = history.read().ok()?;
    let wanted = |entry: &Entry| entry.time >= since;
    Some(PastReport::new(past, since, wanted, |_| None))
}

/// Users are compared with the name and the uid in the entry: the user may be deleted by now.
fn is_wanted(filter: &Filter, entry: &Entry) -> bool {
    let is_match = |pattern: &NamePattern| pattern.matches(&unescaped(&entry.name));
    let is_name = filter.name.as_ref().is_none_or(is_match);
    is_name && filter.user.as_ref().is_none_or(|user| is_user(user, entry))
}

fn is_user(user: &str, entry: &Entry) -> bool {
    *user == entry.user
        || user.parse() == Ok(entry.uid)
        || user.as_bytes() == unescaped(&entry.user)
}

/// The unit's `Restart=`; None, and why in `unknown`, where systemd does not say.
fn restart(unit: &str, unknown: &Cell<Option<Unknown>>) -> Option<String> {
    let mut name = unit.to_owned();
    Spelling::unescape(&mut name);
    match Unit::ask(&name) {
        Ok(unit) => unit.value("Restart").map(str::to_owned),
        Err(error) => {
            unknown.set(Some(error));
            None
        }
    }
}

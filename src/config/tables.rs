//! Reading the tables that can be given several times: `[[rule]]` and `[[schedule]]`.

use super::error::Location;
use super::rule::{Action, Matcher, Rule};
use super::schedule::Schedule;
use super::table::{Setting, Table};
use super::{Thresholds, value};
use crate::quantities::{Bytes, Percent};

/// Thresholds as written: None where a key is not given, Some(None) where it is off.
#[derive(Default)]
struct Pair {
    /// Whether what is given could be read.
    is_read: bool,
    percent: Option<Setting<Option<Percent>>>,
    amount: Option<Setting<Option<Bytes>>>,
}

impl Pair {
    fn read(table: &mut Table<'_, '_>) -> Self {
        const KEYS: [&str; 2] = ["ram_percent_threshold", "ram_gb_threshold"];
        let mut pair = Self::default();
        let given = KEYS.iter().filter(|key| table.has_any(&[key])).count();
        table.value("ram_percent_threshold", &mut pair.percent, value::percent);
        table.value("ram_gb_threshold", &mut pair.amount, value::gb);
        let read = usize::from(pair.percent.is_some()) + usize::from(pair.amount.is_some());
        pair.is_read = given > 0 && read == given;
        pair
    }

    /// Whoever gives one of the two has only that one: with the other still at its default, a higher
    /// threshold would have no effect.
    fn thresholds(self, table: &mut Table<'_, '_>, place: Option<&Location>) -> Option<Thresholds> {
        let thresholds = Thresholds::new(
            self.percent.and_then(|setting| setting.value),
            self.amount.and_then(|setting| setting.value),
        );
        if self.is_read && thresholds.is_none() {
            table.refuse(
                place,
                "has both thresholds off; to protect processes, use a rule with action = \"protect\"",
            );
        }
        thresholds
    }
}

/// Reads one `[[rule]]`; None where it is refused, or only its keys are asked for.
pub(super) fn rule(table: &mut Table<'_, '_>, place: Option<Location>) -> Option<Rule> {
    let (mut name, mut user, mut exe, mut cmdline, mut unit) = (None, None, None, None, None);
    let (mut metric, mut sustained, mut action) = (None, None, None);
    let says_whom = table.has_any(&["name", "user", "exe", "cmdline", "unit"]);
    table.value("name", &mut name, value::pattern);
    table.value("user", &mut user, value::user_pattern);
    table.value("exe", &mut exe, value::pattern);
    table.value("cmdline", &mut cmdline, value::pattern);
    table.value("unit", &mut unit, value::pattern);
    let pair = Pair::read(table);
    table.value("sustained", &mut sustained, value::seconds(0.0..=86_400.0));
    table.value("metric", &mut metric, value::metric);
    table.value("action", &mut action, value::action);
    place.as_ref()?;
    let matcher = Matcher {
        name: name.map(|setting| setting.value),
        user: user.map(|setting| setting.value),
        exe: exe.map(|setting| setting.value),
        cmdline: cmdline.map(|setting| setting.value),
        unit: unit.map(|setting| setting.value),
    };
    let thresholds = pair.thresholds(table, place.as_ref());
    if !says_whom {
        table.refuse(
            place.as_ref(),
            "must say whom it matches: name, user, exe, cmdline or unit (name = \"*\" for everybody)",
        );
        return None;
    }
    Some(Rule {
        place,
        matcher,
        thresholds,
        metric: metric.map(|setting| setting.value),
        sustained: sustained.map(|setting| setting.value),
        action: action.map_or(Action::Kill, |setting| setting.value),
    })
}

/// Reads one `[[schedule]]`; None where it is refused, or only its keys are asked for.
pub(super) fn schedule(table: &mut Table<'_, '_>, place: Option<Location>) -> Option<Schedule> {
    let (mut from, mut to, mut days, mut check_interval) = (None, None, None, None);
    let says_when = table.has_any(&["from"]) && table.has_any(&["to"]);
    table.value("from", &mut from, value::minute_of_day);
    table.value("to", &mut to, value::minute_of_day);
    table.list("days", &mut days, value::day);
    table.value(
        "check_interval",
        &mut check_interval,
        value::seconds(0.1..=86_400.0),
    );
    let pair = Pair::read(table);
    place.as_ref()?;
    let thresholds = pair.thresholds(table, place.as_ref());
    let mut on = [days.is_none(); 7];
    for day in days.iter().flatten() {
        if let Some(on) = on.get_mut(day.value) {
            *on = true;
        }
    }
    if days.as_ref().is_some_and(Vec::is_empty) {
        table.refuse(
            place.as_ref(),
            "has no days, so it never holds: name one, or leave them out",
        );
    }
    if !says_when {
        table.refuse(
            place.as_ref(),
            "needs from and to, such as from = \"22:00\", to = \"06:00\"",
        );
    }
    let (from, to) = from.zip(to)?;
    Some(Schedule {
        place,
        from: from.value % (24 * 60),
        to: to.value,
        days: on,
        check_interval: check_interval.map(|setting| setting.value),
        thresholds,
    })
}

//! What `scan --watch` shows: the table in an order, filtered, with one process selected; and a page of an explanation.
//! Pure, but for the environment.

use super::key_press::KeyPress;
use super::row::Row;
use super::table::{Layout, WatchView, cut};
use super::trend::Trends;
use super::view::ScanReport;
use crate::quantities::{Pid, ProcessKey, StartTime};
use std::cmp::Reverse;
use std::env;

/// The order of the processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SortBy {
    /// Those closest to their thresholds first.
    #[default]
    Threshold,
    Memory,
    Growth,
    Name,
}

impl SortBy {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Threshold => Self::Memory,
            Self::Memory => Self::Growth,
            Self::Growth => Self::Name,
            Self::Name => Self::Threshold,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::Memory => "memory",
            Self::Growth => "growth",
            Self::Name => "name",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Screen {
    pub(super) order: SortBy,
    /// What a name or a user must contain.
    pub(super) filter: String,
    /// Whether the filter is being typed.
    pub(super) is_typing: bool,
    pub(super) selected: Option<ProcessKey>,
    /// The processes that were shown last, in their order.
    shown: Vec<ProcessKey>,
}

impl Screen {
    /// A key while the filter is typed.
    pub(super) fn edit(&mut self, key: KeyPress) {
        match key {
            KeyPress::Character(character) => self.filter.push(character),
            KeyPress::Backspace => drop(self.filter.pop()),
            KeyPress::Enter => self.is_typing = false,
            KeyPress::Escape => {
                self.is_typing = false;
                self.filter.clear();
            }
            KeyPress::Up | KeyPress::Down => {}
        }
    }

    /// Selects the process before (-1) or after (1) the selected one.
    pub(super) fn select(&mut self, step: isize) {
        let at = self
            .selected
            .and_then(|own| self.shown.iter().position(|key| *key == own));
        let at = at.map_or(0, |at| at.saturating_add_signed(step));
        self.selected = self.shown.get(at).or(self.shown.last()).copied();
    }

    /// The table as it fits the terminal.
    pub(super) fn table(
        &mut self,
        mut report: ScanReport,
        trends: &Trends,
        layout: Layout,
    ) -> String {
        let contains = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or_default();
            text.to_lowercase().contains(&self.filter.to_lowercase())
        };
        let rows = report.rows_mut();
        rows.retain(|row| contains(&row.process.name) || contains(&row.process.user));
        match self.order {
            SortBy::Threshold => {}
            SortBy::Memory => rows.sort_by_key(|row| Reverse(row.process.rss_bytes)),
            SortBy::Growth => {
                rows.sort_by_key(|row| Reverse(key_of(row).map(|key| trends.growth(key))));
            }
            SortBy::Name => rows.sort_by(|one, other| one.process.name.cmp(&other.process.name)),
        }
        self.shown = rows.iter().filter_map(key_of).collect();
        if !self.selected.is_some_and(|own| self.shown.contains(&own)) {
            self.selected = self.shown.first().copied();
        }
        let is_ascii = !is_utf8();
        let shape = |row: &Row, cells| {
            key_of(row).map_or(String::new(), |key| trends.shape(key, cells, is_ascii))
        };
        let selected = self.selected;
        report.watched(
            layout,
            &WatchView {
                shape: &shape,
                is_selected: &|row| selected.is_some() && key_of(row) == selected,
                help: self.help(),
            },
        )
    }

    /// The last line.
    fn help(&self) -> String {
        if self.is_typing {
            return format!(
                "filter by name or user: {}_  (Enter: keep, Esc: clear)",
                self.filter
            );
        }
        let filter = match self.filter.as_str() {
            "" => String::new(),
            filter => format!(" \"{filter}\", Esc clear"),
        };
        format!(
            "q quit  s sort: {}  / filter{filter}  up/down select  e explain",
            self.order.name()
        )
    }

    /// The page of a text that begins with the line `first`, which is moved back where that is too far.
    pub(super) fn page(text: &str, first: &mut usize, layout: Layout) -> String {
        let lines: Vec<_> = text.lines().collect();
        // The blank line and the line of the keys.
        let height = layout.lines.unwrap_or(usize::MAX).saturating_sub(2).max(1);
        *first = (*first).min(lines.len().saturating_sub(height));
        let columns = layout.columns.unwrap_or(usize::MAX);
        let mut page: Vec<_> = lines
            .iter()
            .skip(*first)
            .take(height)
            .map(|line| cut(line, columns))
            .collect();
        let more = if *first + height < lines.len() {
            "up/down scroll  "
        } else {
            ""
        };
        page.push(String::new());
        page.push(cut(&format!("{more}any other key: back  q quit"), columns));
        page.join("\n")
    }
}

fn key_of(row: &Row) -> Option<ProcessKey> {
    let (pid, start_time) = (row.process.pid?, row.process.start_time?);
    Some(ProcessKey {
        pid: Pid::new(pid)?,
        start_time: StartTime(start_time),
    })
}

/// Whether the terminal shows more than ASCII, by the locale.
fn is_utf8() -> bool {
    let mut values = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(env::var_os);
    let locale = values.find(|value| !value.is_empty());
    locale.is_some_and(|locale| {
        let locale = locale.to_string_lossy().to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_with_the_text() {
        let layout = Layout {
            columns: Some(20),
            lines: Some(5),
            ..Layout::default()
        };
        let text = "one\ntwo\nthree\nfour\nfive\n";
        let mut first = 0;
        assert_eq!(
            Screen::page(text, &mut first, layout),
            "one\ntwo\nthree\n\nup/down scroll  any~"
        );
        first = 9;
        assert!(
            Screen::page(text, &mut first, layout).starts_with("three\nfour\nfive\n\nany other")
        );
        assert_eq!(first, 2);
    }
}

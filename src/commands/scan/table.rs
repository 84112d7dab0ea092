//! A scan as a table, as wide as the terminal, or in a pipe as wide as its lines.

use super::row::Row;
use super::view::ScanReport;
use crate::commands::bar::bar;
use crate::events::ProcessRecord;
use crate::sys::terminal::{self, wants_colour};
use std::fmt::Write;
use std::io;
use std::os::fd::AsFd;

/// How a table is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// The width of the terminal; None for no limit.
    pub columns: Option<usize>,
    /// The height of the terminal; None where the table may be longer.
    pub lines: Option<usize>,
    /// Whether the verdicts are coloured.
    pub coloured: bool,
}

impl Layout {
    /// For standard output as it is now.
    pub(super) fn of_stdout() -> Self {
        let stdout = io::stdout();
        let size = terminal::size(stdout.as_fd());
        Self {
            columns: size.map(|(columns, _)| columns),
            lines: size.map(|(_, lines)| lines),
            coloured: wants_colour(&stdout),
        }
    }
}

/// What the table of `--watch` has beside that of a single scan.
pub(super) struct WatchView<'w> {
    /// The shape of the last minute of a process, in so many cells.
    pub(super) shape: &'w dyn Fn(&Row, usize) -> String,
    pub(super) is_selected: &'w dyn Fn(&Row) -> bool,
    /// The last line.
    pub(super) help: String,
}

/// From so many columns on so many cells show the last minute.
const SHAPES: [(usize, usize); 4] = [(170, 60), (120, 30), (80, 10), (0, 0)];

/// Cells of a bar.
const BAR: usize = 10;

/// From so many columns on the share of RAM is shown, and the bar.
const RAM_FROM: usize = 60;
const BAR_FROM: usize = 80;

/// From so many columns on `--watch` shows the share of RAM, and long names of users.
const WIDE_FROM: usize = 100;

impl ScanReport {
    /// As a table.
    pub fn table(&self, layout: Layout) -> String {
        let mut head = self.head(None);
        head.push(String::new());
        let foot = self.foot();
        let columns = layout.columns.unwrap_or(usize::MAX);
        let user = |row: &Row| {
            row.process
                .user
                .as_ref()
                .map_or(1, |user| user.chars().count())
        };
        let user = self.rows().iter().map(user).max().unwrap_or(0).clamp(4, 16);
        let shape = Shape {
            user,
            ram: columns >= RAM_FROM,
            bar: columns >= BAR_FROM,
            cells: 0,
            coloured: layout.coloured,
        };
        head.push(shape.titles());
        let capacity = layout.lines.map_or(usize::MAX, |lines| {
            // The blank line above the foot, and the cursor's line.
            lines.saturating_sub(head.len() + foot.len() + 2)
        });
        let rows = self.rows().iter().take(capacity);
        let lines = rows.map(|row| shape.line(row, columns));
        let mut text = String::new();
        let plain = |line: &String| cut(line, columns);
        let body = head.iter().map(plain).chain(lines);
        let tail = std::iter::once(String::new()).chain(foot.iter().map(plain));
        for line in body.chain(tail) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// As a table that fits the terminal, with the minute of each process in place of a bar, a mark at the selected
    /// one, and the keys below.
    pub(super) fn watched(&self, layout: Layout, watched: &WatchView<'_>) -> String {
        let columns = layout.columns.unwrap_or(usize::MAX);
        let cells = SHAPES.iter().find(|(from, _)| columns >= *from);
        let shape = Shape {
            user: if columns >= WIDE_FROM { 16 } else { 8 },
            ram: columns >= WIDE_FROM,
            bar: false,
            cells: cells.map_or(0, |(_, cells)| *cells),
            coloured: layout.coloured,
        };
        let mut lines = self.head(Some(layout.lines.unwrap_or(usize::MAX)));
        lines.extend([String::new(), format!("  {}", shape.titles())]);
        let mut foot = vec![String::new()];
        foot.extend(self.foot());
        foot.push(watched.help.clone());
        let plain = |line: &String| cut(line, columns);
        let mut text: Vec<_> = lines.iter().map(plain).collect();
        let lines = layout.lines.unwrap_or(usize::MAX);
        let capacity = lines.saturating_sub(lines.min(text.len() + foot.len()));
        let rows = self.rows();
        let selected = rows.iter().position(|row| (watched.is_selected)(row));
        // The selected one is always on the screen.
        let first = selected
            .unwrap_or(0)
            .saturating_sub(capacity.saturating_sub(1));
        for row in rows.iter().skip(first).take(capacity) {
            let minute = (watched.shape)(row, shape.cells);
            let mark = if (watched.is_selected)(row) {
                "> "
            } else {
                "  "
            };
            let line = shape.line_with(row, columns.saturating_sub(2), &minute);
            text.push(mark.to_owned() + &line);
        }
        text.extend(foot.iter().map(plain));
        text.join("\n")
    }
}

/// Which columns are shown, and the width of the user's.
struct Shape {
    user: usize,
    ram: bool,
    bar: bool,
    /// Of the last minute; 0 for none.
    cells: usize,
    coloured: bool,
}

impl Shape {
    fn titles(&self) -> String {
        let user = self.user;
        let mut line = format!("{:>7}  {:user$}  {:>9}", "PID", "USER", "RSS");
        if self.ram {
            // A String takes any text, here and below.
            let _ = write!(line, "  {:>7}", "RAM");
        }
        if self.bar {
            let _ = write!(line, "  {:<16}", "THRESHOLD");
        }
        if self.cells > 0 {
            let cells = self.cells;
            let _ = write!(line, "  {:<cells$}  {:>5}", "LAST MIN", "THR");
        }
        line + "  VERDICT    NAME AND REASON"
    }

    fn line(&self, row: &Row, columns: usize) -> String {
        self.line_with(row, columns, "")
    }

    fn line_with(&self, row: &Row, columns: usize, minute: &str) -> String {
        let user = self.user;
        let process = &row.process;
        let name = cut(process.user.as_deref().unwrap_or("?"), user);
        let (pid, rss) = (
            process.pid.unwrap_or_default(),
            ProcessRecord::amount(process.rss_bytes),
        );
        let mut line = format!("{pid:>7}  {name:user$}  {rss:>9}");
        if self.ram {
            let _ = write!(line, "  {:>6.2}%", row.rss_percent);
        }
        if self.bar {
            let bar = row.threshold_percent.map(|share| bar(share, BAR));
            let bar = bar.unwrap_or_default();
            let _ = write!(line, "  {bar:BAR$} {:>5}", shown_share(row));
        }
        if self.cells > 0 {
            let share = shown_share(row);
            let _ = write!(line, "  {minute:>0$}  {share:>5}", self.cells);
        }
        line.push_str("  ");
        let word = format!("{:<9}", row.verdict.word());
        let mut rest = format!("  {}", process.name.as_deref().unwrap_or("?"));
        if !row.reason.is_empty() {
            let _ = write!(rest, "  ({})", row.reason);
        }
        let taken = line.chars().count() + word.len();
        if taken > columns {
            return cut(&(line + &word), columns);
        }
        let rest = cut(&rest, columns - taken);
        match row.verdict.colour() {
            colour @ 1.. if self.coloured => format!("{line}\x1b[{colour}m{word}\x1b[0m{rest}"),
            _ => line + &word + &rest,
        }
    }
}

/// `88%`; a dash where both thresholds are off.
fn shown_share(row: &Row) -> String {
    let share = row.threshold_percent;
    share.map_or("-".to_owned(), |share| format!("{:.0}%", share.min(9999.0)))
}

/// The text, cut to `columns` characters with `~` at the end.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept = text.chars().take(columns.saturating_sub(1));
    kept.chain("~".chars().take(columns)).collect()
}

//! Figures, their limits and the table they are printed in.

use std::fmt::{self, Display};
use std::time::Duration;

/// Something measured, with its unit.
#[derive(Clone, Copy)]
pub(crate) enum Quantity {
    /// CPU time, printed in milliseconds.
    CpuTime(Duration),
    /// Time that passed, printed in seconds.
    Elapsed(Duration),
    /// An amount of memory or of file content in bytes.
    Size(u64),
    /// How many times something else.
    Ratio(f64),
}

impl Quantity {
    #[allow(clippy::cast_precision_loss, reason = "2^53 bytes are 8 PiB")]
    fn value(self) -> f64 {
        match self {
            Self::CpuTime(time) | Self::Elapsed(time) => time.as_secs_f64(),
            Self::Size(number) => number as f64,
            Self::Ratio(ratio) => ratio,
        }
    }
}

impl Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value();
        match self {
            Self::CpuTime(_) => write!(f, "{:.2} ms", value * 1e3),
            Self::Elapsed(_) => write!(f, "{value:.2} s"),
            Self::Size(_) => write!(f, "{:.2} MiB", value / 1_048_576.0),
            Self::Ratio(_) => write!(f, "{value:.3}"),
        }
    }
}

/// One line of the table.
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// What memory-monitor needs; None where it did not get there at all.
    pub(crate) measured: Option<Quantity>,
    /// What it may need at most.
    pub(crate) limit: Option<Quantity>,
    /// What others need, and how the figure came about.
    pub(crate) beside: Vec<String>,
}

impl Figure {
    /// Whether it stays within its limit; None where it has none.
    fn holds(&self) -> Option<bool> {
        let limit = self.limit?.value();
        Some(
            self.measured
                .is_some_and(|measured| measured.value() <= limit),
        )
    }

    fn cells(&self) -> [String; 5] {
        let or_dash = |quantity: Option<Quantity>| {
            quantity.map_or_else(|| "-".to_owned(), |quantity| quantity.to_string())
        };
        [
            self.name.clone(),
            or_dash(self.measured),
            or_dash(self.limit),
            match self.holds() {
                Some(true) => "ok",
                Some(false) => "MISSED",
                None => "",
            }
            .to_owned(),
            self.beside.join(", "),
        ]
    }
}

/// All that one run found.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    unmeasured: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    /// Says what could not be measured and why.
    pub(crate) fn unmeasured(&mut self, what_and_why: impl Into<String>) {
        self.unmeasured.push(what_and_why.into());
    }

    /// Says why a part of the run came to no end: unlike a missing peer that is not acceptable.
    pub(crate) fn failed(&mut self, why: &dyn Display) {
        self.failures.push(why.to_string());
    }

    /// Whether every figure that was measured stays within its limit, and nothing failed.
    pub(crate) fn holds(&self) -> bool {
        self.failures.is_empty()
            && self
                .figures
                .iter()
                .all(|figure| figure.holds() != Some(false))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading = ["figure", "measured", "at most", "", "beside it"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(heading)
            .chain(self.figures.iter().map(Figure::cells))
            .collect();
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; 4] = std::array::from_fn(width);
        for [name, measured, limit, verdict, beside] in &rows {
            let [first, second, third, fourth] = widths;
            let line = format!(
                "{name:first$}  {measured:>second$}  {limit:>third$}  {verdict:fourth$}  {beside}"
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        for (heading, lines) in [
            ("Not measured", &self.unmeasured),
            ("FAILED", &self.failures),
        ] {
            if !lines.is_empty() {
                writeln!(f, "\n{heading}:\n- {}", lines.join("\n- "))?;
            }
        }
        Ok(())
    }
}

/// The middle one, which a few disturbed rounds don't move; None of none.
pub(crate) fn median<T: Copy + PartialOrd>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    sorted.get(sorted.len() / 2).copied()
}

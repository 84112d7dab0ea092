//! One TOML text: its tree as far as it can be parsed, its syntax errors, and the locations in it. Pure.

use super::error::{Cause, Location};
use super::hints;
use super::shown::shown;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// The most causes shown of one file; a file with more of them is probably not a configuration.
const MOST_CAUSES: usize = 50;

const NOT_TOML: &str = "not valid TOML";

/// One configuration text and what was found to be wrong with it.
pub(super) struct Document<'t> {
    file: Arc<Path>,
    text: &'t str,
    line_starts: Vec<usize>,
    faults: Vec<Fault>,
    /// The lines that hold a syntax error.
    broken: Vec<Range<usize>>,
    /// From here on the tree is a guess.
    guessed_from: usize,
}

/// Something wrong, at a byte of the text.
struct Fault {
    at: usize,
    message: String,
}

impl<'t> Document<'t> {
    /// Parses `text`; what can't be parsed is left out of the tree and noted.
    pub(super) fn parse(file: &Path, text: &'t str) -> (Self, DeTable<'t>) {
        // The parser skips a byte order mark as well; without it, columns are right.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (root, mut errors) = DeTable::parse_recoverable(text);
        let root = root.into_inner();
        let mut document = Self {
            file: file.into(),
            text,
            line_starts: line_starts(text.as_bytes()),
            faults: Vec::new(),
            broken: Vec::new(),
            guessed_from: usize::MAX,
        };
        errors.sort_unstable_by_key(start);
        let mut ends: Vec<usize> = errors
            .iter()
            .filter(|error| error.message().starts_with("unclosed") || start(error) == text.len())
            .map(start)
            .collect();
        ends.dedup();
        for error in errors.iter().take(MOST_CAUSES) {
            document.syntax_error(&root, &ends, error);
        }
        if let Some(error) = errors.get(MOST_CAUSES) {
            document.guess_from(start(error));
        }
        (document, root)
    }

    /// Notes what is wrong at this byte of the text, unless it only follows from a syntax error.
    pub(super) fn fault(&mut self, at: usize, message: String) {
        let follows = self.broken.iter().any(|lines| lines.contains(&at));
        if at < self.guessed_from && !follows {
            self.faults.push(Fault { at, message });
        }
    }

    fn guess_from(&mut self, at: usize) {
        self.guessed_from = self.guessed_from.min(at);
    }

    /// Notes a syntax error, and how far the parser's recovery from it can be trusted. `ends` is where
    /// the parser found something that was never closed.
    fn syntax_error(&mut self, root: &DeTable<'_>, ends: &[usize], error: &toml::de::Error) {
        let span = error.span().unwrap_or_default();
        let at = span.start;
        if error.message() == "duplicate key" {
            return self.duplicate(span);
        }
        if let Some(open) = ends.iter().find_map(|end| self.unclosed(root, at, *end)) {
            self.fault(
                open,
                format!("{NOT_TOML}: it is opened here and never closed"),
            );
            return self.guess_from(open);
        }
        let message = match self.text.get(span).unwrap_or("") {
            _ if !is_about_a_word(error.message()) => error.message().to_owned(),
            "" => "a value is missing here".to_owned(),
            word => match word.to_ascii_lowercase().as_str() {
                meant @ ("true" | "false" | "inf" | "nan") => {
                    format!("{} is no value, write {meant}", shown(word))
                }
                _ => format!("{} is no value, text needs quotes", shown(word)),
            },
        };
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let end = self.line_starts.get(line).copied();
        let text = self.text.get(start..end.unwrap_or(self.text.len()));
        let text = text.unwrap_or("").trim_end();
        let is_header = text.trim_start().starts_with('[');
        let hint = hints::of_line(text);
        let (at, message) = hint.map_or((at, message), |hint| (start + hint.at, hint.message));
        self.fault(at, format!("{NOT_TOML}: {message}"));
        if is_header {
            // Which table the lines after it belong to is not known.
            self.guess_from(start);
        } else {
            self.broken.push(start..end.unwrap_or(usize::MAX));
        }
    }

    /// The start of the value around `at` that goes on until `end` because it is never closed.
    fn unclosed(&self, root: &DeTable<'_>, at: usize, end: usize) -> Option<usize> {
        find(root, &|value, span| {
            let has_parts = matches!(value, DeValue::Array(_) | DeValue::Table(_));
            let has_lines = || {
                self.text
                    .get(span.clone())
                    .is_some_and(|text| text.contains('\n'))
            };
            (span.start < at && span.end == end && (has_parts || has_lines())).then_some(span.start)
        })
    }

    /// A part of the text.
    pub(super) fn source(&self, span: Range<usize>) -> &'t str {
        self.text.get(span).unwrap_or("")
    }

    /// The location of a byte of the text.
    pub(super) fn location(&self, at: usize) -> Location {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts.get(line.wrapping_sub(1)).copied();
        let before = self.text.get(start.unwrap_or(0)..at).unwrap_or("");
        Location {
            file: Arc::clone(&self.file),
            line,
            column: before.chars().count() + 1,
        }
    }

    /// Everything that is wrong, in the order of the text.
    pub(super) fn into_causes(mut self) -> Vec<Cause> {
        self.faults.sort_by_key(|fault| fault.at);
        let faults = std::mem::take(&mut self.faults);
        let more = faults.len().saturating_sub(MOST_CAUSES);
        let mut causes: Vec<Cause> = faults
            .into_iter()
            .take(MOST_CAUSES)
            .map(|fault| Cause::Invalid {
                location: Some(self.location(fault.at)),
                message: fault.message,
            })
            .collect();
        if let (true, Some(Cause::Invalid { location, .. })) = (more > 0, causes.last()) {
            causes.push(Cause::Invalid {
                location: location.clone(),
                message: format!("{more} more errors follow"),
            });
        }
        causes
    }

    fn duplicate(&mut self, key: Range<usize>) {
        let at = key.start;
        let written = self.text.get(key).unwrap_or("");
        let name = shown(written.trim_matches(['"', '\'']));
        let is_header = self
            .text
            .get(..at)
            .is_some_and(|before| before.trim_end_matches([' ', '\t']).ends_with('['));
        self.fault(
            at,
            if is_header {
                format!("duplicate table {name}, join the two")
            } else {
                format!("duplicate key {name}, remove one of the two")
            },
        );
    }
}

fn line_starts(text: &[u8]) -> Vec<usize> {
    let newlines = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    std::iter::once(0)
        .chain(newlines.map(|(at, _)| at + 1))
        .collect()
}

/// Whether the parser took a bare word for a value, which it says in the terms of its grammar.
fn is_about_a_word(message: &str) -> bool {
    [
        "string values must be quoted",
        "invalid boolean",
        "invalid float",
    ]
    .iter()
    .any(|start| message.starts_with(start))
}

fn start(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// The first value of the tree, depth first, for which `wanted` has an answer. The parser limits
/// how deep values nest, so the recursion is bounded.
fn find<T>(
    table: &DeTable<'_>,
    wanted: &dyn Fn(&DeValue<'_>, &Range<usize>) -> Option<T>,
) -> Option<T> {
    fn within<T>(
        value: &toml::Spanned<DeValue<'_>>,
        wanted: &dyn Fn(&DeValue<'_>, &Range<usize>) -> Option<T>,
    ) -> Option<T> {
        let parts = match value.get_ref() {
            DeValue::Array(items) => items.iter().find_map(|item| within(item, wanted)),
            DeValue::Table(table) => find(table, wanted),
            _ => None,
        };
        parts.or_else(|| wanted(value.get_ref(), &value.span()))
    }
    table.values().find_map(|value| within(value, wanted))
}

/// The text of a file, which must be UTF-8.
pub(super) fn utf8<'t>(file: &Path, bytes: &'t [u8]) -> Result<&'t str, Cause> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        let before = String::from_utf8_lossy(valid);
        let last_line = before.rsplit('\n').next().unwrap_or("");
        Cause::Invalid {
            location: Some(Location {
                file: file.into(),
                line: before.matches('\n').count() + 1,
                column: last_line.chars().count() + 1,
            }),
            message: format!(
                "not UTF-8: byte 0x{:02x}, save the file in UTF-8",
                rest.first().copied().unwrap_or_default()
            ),
        }
    })
}

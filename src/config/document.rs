//! One TOML text: its tree as far as it can be read, its syntax errors, and where things are in it.

use super::error::{Cause, Place};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// So many causes are shown of one file; a file with more of them is probably no configuration.
const MOST_CAUSES: usize = 50;

/// One configuration text and what was found to be wrong with it.
pub(super) struct Document<'t> {
    file: Arc<Path>,
    text: &'t str,
    line_starts: Vec<usize>,
    faults: Vec<Fault>,
    /// The value spans that hold a syntax error.
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
        let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        errors.sort_by_key(start);
        for error in &errors {
            let at = start(error);
            if error.message() == "duplicate key" {
                document.duplicate(error.span().unwrap_or_default());
            } else if let Some(value) = scalar_around(&root, at) {
                document.fault(at, format!("not valid TOML: {}", error.message()));
                document.broken.push(value);
            } else if let Some(open) = errors.iter().find_map(|end| unclosed(&root, at, end)) {
                document.fault(
                    open,
                    "not valid TOML: it is opened here and never closed".into(),
                );
                document.guessed_from = open;
            } else {
                document.fault(at, format!("not valid TOML: {}", error.message()));
                document.guessed_from = at;
            }
            // What the parser makes of the rest follows from this one error.
            if document.guessed_from <= at {
                break;
            }
        }
        (document, root)
    }

    /// Notes what is wrong at this byte of the text.
    pub(super) fn fault(&mut self, at: usize, message: String) {
        let follows = self.broken.iter().any(|span| span.contains(&at));
        if at < self.guessed_from && !follows {
            self.faults.push(Fault { at, message });
        }
    }

    /// The place of a byte of the text.
    pub(super) fn place(&self, at: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts.get(line.wrapping_sub(1)).copied();
        let before = self.text.get(start.unwrap_or(0)..at).unwrap_or("");
        Place {
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
            .map(|fault| Cause::Refused {
                place: Some(self.place(fault.at)),
                message: fault.message,
            })
            .collect();
        if let (true, Some(Cause::Refused { place, .. })) = (more > 0, causes.last()) {
            causes.push(Cause::Refused {
                place: place.clone(),
                message: format!("{more} more errors follow"),
            });
        }
        causes
    }

    fn duplicate(&mut self, key: Range<usize>) {
        let at = key.start;
        let name = self.text.get(key).unwrap_or("");
        let is_header = self
            .text
            .get(..at)
            .is_some_and(|before| before.trim_end_matches([' ', '\t']).ends_with('['));
        self.fault(
            at,
            if is_header {
                format!("duplicate table [{}], join the two", name.escape_debug())
            } else {
                format!(
                    "duplicate key \"{}\", remove one of the two",
                    name.trim_matches(['"', '\'']).escape_debug()
                )
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

/// The span of the value without parts that `at` lies in: an error there stays there.
fn scalar_around(root: &DeTable<'_>, at: usize) -> Option<Range<usize>> {
    find(root, &|value, span| {
        let is_scalar = !matches!(value, DeValue::Array(_) | DeValue::Table(_));
        (is_scalar && span.start <= at && at <= span.end && !span.is_empty()).then(|| span.clone())
    })
}

/// The start of the list or inline table around `at` for which `end` says that it is never closed.
fn unclosed(root: &DeTable<'_>, at: usize, end: &toml::de::Error) -> Option<usize> {
    if !end.message().starts_with("unclosed") {
        return None;
    }
    let end = end.span()?.start;
    find(root, &|value, span| {
        let has_parts = matches!(value, DeValue::Array(_) | DeValue::Table(_));
        (has_parts && span.start < at && span.end == end).then_some(span.start)
    })
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
        Cause::Refused {
            place: Some(Place {
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

//! Text of a configuration as messages show it. Pure.

/// Text from the file in quotes: what could write to a terminal or forge a line is escaped.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", shortened(text))
}

/// The beginning of a text.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or(text)),
    }
}

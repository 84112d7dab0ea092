//! Names of processes and users in JSON, and in the rules that are suggested. Pure.

use crate::escape::visible_json;
use crate::events::Spelling;
use serde::Serializer;

/// A name for programs, which quote it themselves.
pub(super) fn plain<S: Serializer>(name: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Spelling::Plain.text(name))
}

/// A pattern that matches just this; None for what a file is better without.
pub(super) fn pattern(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let mut pattern = String::new();
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    let is_plain = !text.contains(char::is_control) && visible_json(text) == text;
    is_plain.then_some(pattern)
}

/// The pattern as TOML has it.
pub(super) fn quoted(pattern: &str) -> String {
    // A string of JSON without control characters is one of TOML.
    serde_json::Value::from(pattern).to_string()
}

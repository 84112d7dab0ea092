//! What was probably meant by a line that is not TOML. Pure.

use super::keys::{GROUP, RULE, SCHEDULE, TABLES};
use super::shown::shown;
use super::slot::Key;
use crate::nearest::nearest;

/// What is wrong with a line, and at which of its bytes.
pub(super) struct Hint {
    pub(super) at: usize,
    pub(super) message: String,
}

/// Characters that look like others, and what is to be written for them.
const LOOKALIKES: [(char, &str, &str); 13] = [
    ('\u{a0}', "a no-break space", "a space"),
    ('\u{202f}', "a narrow no-break space", "a space"),
    ('\u{3000}', "an ideographic space", "a space"),
    ('\u{201c}', "a typographic quote", "\""),
    ('\u{201d}', "a typographic quote", "\""),
    ('\u{201e}', "a typographic quote", "\""),
    ('\u{2018}', "a typographic quote", "\""),
    ('\u{2019}', "a typographic quote", "\""),
    ('\u{ab}', "a typographic quote", "\""),
    ('\u{bb}', "a typographic quote", "\""),
    ('\u{ff1d}', "a full-width equals sign", "="),
    ('\u{2013}', "a dash", "-"),
    ('\u{2014}', "a dash", "-"),
];

/// The first hint for a line that has a syntax error; None where nothing is known.
pub(super) fn of_line(line: &str) -> Option<Hint> {
    lookalike(line)
        .or_else(|| foreign(line))
        .or_else(|| value(line))
}

/// A character outside of strings and comments that looks like another one, or is invisible.
fn lookalike(line: &str) -> Option<Hint> {
    let mut string = None;
    for (at, character) in line.char_indices() {
        match (string, character) {
            (Some(quote), _) if quote == character => string = None,
            (Some(_), _) => {}
            (None, '#') => return None,
            (None, '"' | '\'') => string = Some(character),
            (None, _) => {
                let code = u32::from(character);
                let known = LOOKALIKES.iter().find(|(like, ..)| *like == character);
                let message = match known {
                    Some((_, what, instead)) => {
                        format!("this is {what} (U+{code:04X}), write {instead}")
                    }
                    None if character == '\u{feff}' => {
                        "this is a byte order mark (U+FEFF) within the file, remove it".to_owned()
                    }
                    None if matches!(
                        character,
                        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{ad}'
                    ) =>
                    {
                        format!("this is an invisible character (U+{code:04X}), remove it")
                    }
                    None => continue,
                };
                return Some(Hint { at, message });
            }
        }
    }
    None
}

/// What other formats have and TOML has not.
fn foreign(line: &str) -> Option<Hint> {
    let at = line.len() - line.trim_start().len();
    let text = line.trim();
    let comments = [";", "//", "/*", "--", "%", "!"];
    if comments.iter().any(|start| text.starts_with(start)) {
        let message = "a comment begins with \"#\"".to_owned();
        return Some(Hint { at, message });
    }
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'' | ' ');
    let (key, value) = text.split_once(':')?;
    if key.is_empty() || !key.chars().all(is_key) {
        return None;
    }
    let (key, value) = (key.trim().trim_matches(['"', '\'']), value.trim());
    let tables = TABLES.iter().map(|table| table.name);
    let near = nearest(key, tables.clone().chain(["rule", "group", "schedule"]));
    let message = match near.filter(|_| value.is_empty()) {
        Some(table @ ("rule" | "group" | "schedule")) => format!("a table begins with [[{table}]]"),
        Some(table) => format!("a table begins with [{table}]"),
        None => {
            let meant = meant(key, value).unwrap_or_else(|| as_typed(value));
            format!("\":\" is not what TOML has between key and value, write {key} = {meant}")
        }
    };
    let at = line.find(':').unwrap_or(at);
    Some(Hint { at, message })
}

/// Where a comment of another format begins behind a value.
fn foreign_comment(value: &str) -> Option<usize> {
    let end = match value.chars().next()? {
        quote @ ('"' | '\'') => value.get(1..)?.find(quote)? + 2,
        '[' | '{' => value.rfind([']', '}'])? + 1,
        _ => value.find([' ', '\t'])?,
    };
    let behind = value.get(end..)?;
    let text = behind.trim_start();
    let begins = end + (behind.len() - text.len());
    (text.starts_with(';') || text.starts_with("//")).then_some(begins)
}

/// A value that TOML does not have.
fn value(line: &str) -> Option<Hint> {
    let (before, value) = line.split_once('=')?;
    let at = before.len() + 1 + (value.len() - value.trim_start().len());
    let value = without_comment(value).trim();
    let key = before.trim().trim_matches(['"', '\'']);
    let inner = value.trim_end_matches([';', ',']);
    if inner.len() < value.len() && !value.starts_with(['[', '{']) && !inner.contains(',') {
        let end = value.get(inner.len()..).unwrap_or_default();
        let message = format!("remove {} at the end of the line", shown(end));
        let at = at + inner.len();
        return Some(Hint { at, message });
    }
    if let Some(begins) = foreign_comment(value) {
        let message = "a comment begins with \"#\"".to_owned();
        let at = at + begins;
        return Some(Hint { at, message });
    }
    let meant = meant(key, value)?;
    let message = format!("{} is no value, write {meant}", shown(value));
    Some(Hint { at, message })
}

/// Up to a `#` that is in no string.
fn without_comment(value: &str) -> &str {
    let mut string = None;
    for (at, character) in value.char_indices() {
        match (string, character) {
            (Some(quote), _) if quote == character => string = None,
            (None, '#') => return value.get(..at).unwrap_or(value),
            (None, '"' | '\'') => string = Some(character),
            _ => {}
        }
    }
    value
}

/// What is to be written as the value of this key, or of the one that is probably meant; None where no key is near, or
/// nothing is probably meant.
fn meant(key: &str, value: &str) -> Option<String> {
    fn of<T>(keys: &[Key<T>], key: &str, value: &str) -> Option<String> {
        keys.iter().find(|row| row.name == key)?.slot.meant(value)
    }
    fn names<T>(keys: &'static [Key<T>]) -> impl Iterator<Item = &'static str> {
        keys.iter().map(|row| row.name)
    }
    let mut tables = TABLES.iter();
    let all = tables.clone().flat_map(|table| names(table.keys));
    let all = all.chain(names(&RULE)).chain(names(&GROUP));
    let all: Vec<&str> = all.chain(names(&SCHEDULE)).collect();
    let key = if all.contains(&key) {
        key
    } else {
        nearest(key, all.into_iter())?
    };
    tables
        .find_map(|table| of(table.keys, key, value))
        .or_else(|| of(&RULE, key, value))
        .or_else(|| of(&GROUP, key, value))
        .or_else(|| of(&SCHEDULE, key, value))
}

fn as_typed(value: &str) -> String {
    let shown = shown(value);
    let is_plain = value.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if is_plain && value.len() <= 60 {
        value.to_owned()
    } else {
        shown
    }
}

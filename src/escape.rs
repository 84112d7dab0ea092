//! Names as they are shown, so that no process can write a line of its own, forge a field, or send an
//! escape sequence to a terminal. Pure.

use std::fmt::{self, Write};
use std::path::Path;
use std::str;

/// A name of any bytes: plain as it is, anything else in double quotes with `\xNN` for the bytes that
/// could mislead. Reversible, because a backslash that could be read as the beginning of an escape is written as
/// `\x5c`; the one of `CORP\bob` stays.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(plain) = plain(self.0) {
            return f.write_str(plain);
        }
        f.write_char('"')?;
        write_reversible(f, self.0, true)?;
        f.write_char('"')
    }
}

/// The bytes that [`Escaped`] has shown as `shown`.
pub fn unescaped(shown: &str) -> Vec<u8> {
    let quoted = shown
        .strip_prefix('"')
        .and_then(|shown| shown.strip_suffix('"'));
    let Some(quoted) = quoted else {
        return shown.as_bytes().to_vec();
    };
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain.as_bytes());
        let byte = escape.as_bytes().get(1..).and_then(escaped_byte);
        bytes.push(byte.unwrap_or(b'\\'));
        rest = escape
            .get(if byte.is_some() { 4 } else { 1 }..)
            .unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The same without quotes, for what has its own: a label of Prometheus.
#[derive(Clone, Copy, Debug)]
pub struct Unquoted<'a>(pub &'a [u8]);

impl fmt::Display for Unquoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_reversible(f, self.0, false)
    }
}

fn write_reversible(f: &mut fmt::Formatter<'_>, name: &[u8], in_quotes: bool) -> fmt::Result {
    let mut rest = name;
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
            let is_escaped = match character {
                '"' => in_quotes,
                '\\' => !is_readable(rest),
                _ => misleads(character),
            };
            if is_escaped {
                write_escaped(f, character)?;
            } else {
                f.write_char(character)?;
            }
        }
        for byte in chunk.invalid() {
            rest = rest.get(1..).unwrap_or_default();
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// Whether a backslash before this is read as one: not before another, a quote or an escape, nor where `\xNN` would
/// stand.
fn is_readable(rest: &[u8]) -> bool {
    rest.first().is_some_and(u8::is_ascii_alphanumeric) && escaped_byte(rest).is_none()
}

/// The byte that a backslash and this stand for; None where it begins no escape.
fn escaped_byte(rest: &[u8]) -> Option<u8> {
    let [b'x', high, low, ..] = rest else {
        return None;
    };
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// `name` as text if it needs no quotes.
fn plain(name: &[u8]) -> Option<&str> {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b" ._+:@/-".contains(byte);
    let inner_spaces = !name.is_empty() && !name.starts_with(b" ") && !name.ends_with(b" ");
    if inner_spaces && name.iter().all(harmless) {
        str::from_utf8(name).ok()
    } else {
        None
    }
}

/// Writes `text` with what could end the line or mislead the reader as `\xNN`, and all else as it is:
/// the second line of defence, for whole messages.
pub(super) fn write_one_line(out: &mut impl Write, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(misleads) {
        let (visible, tail) = rest.split_at(at);
        out.write_str(visible)?;
        let mut characters = tail.chars();
        if let Some(character) = characters.next() {
            write_escaped(out, character)?;
        }
        rest = characters.as_str();
    }
    out.write_str(rest)
}

/// Text of any origin that is to stay on one line, quotes and backslashes as they are.
#[derive(Clone, Copy, Debug)]
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_one_line(f, self.0)
    }
}

/// A path in quotes: what could write to a terminal or forge a line is escaped.
pub fn quoted_path(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

/// JSON with each character that misleads as `\uNNNN`, which means the same: it may be printed on a terminal. Its lines
/// stay.
pub fn visible_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !misleads(character) {
            text.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // A String takes any text.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

fn write_escaped(out: &mut impl Write, character: char) -> fmt::Result {
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        write!(out, "\\x{byte:02x}")?;
    }
    Ok(())
}

/// Whether a character moves the cursor, reorders or hides text, or looks like a space without being
/// one: the control characters, the line separators, the spaces beyond ASCII, and what Unicode calls
/// `Default_Ignorable_Code_Point`.
fn misleads(character: char) -> bool {
    character.is_control()
        || (character != ' ' && character.is_whitespace())
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(name: &[u8]) -> String {
        Escaped(name).to_string()
    }

    /// The fields of `A=x, B=y` by the rule a reader of the log uses: up to the next `, ` outside of
    /// double quotes.
    fn fields(line: &str) -> Vec<String> {
        let mut fields = vec![String::new()];
        let mut quoted = false;
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            quoted ^= character == '"';
            if !quoted && character == ',' && characters.peek() == Some(&' ') {
                characters.next();
                fields.push(String::new());
            } else {
                fields.last_mut().unwrap().push(character);
            }
        }
        fields
    }

    #[test]
    fn shows_names_as_the_interface_says() {
        for plain in [
            "chrome",
            "Web Content",
            "kworker/0:1-events",
            "user@1000.service",
            "a+b_c.d",
        ] {
            assert_eq!(shown(plain.as_bytes()), plain);
        }
        assert_eq!(shown(b""), r#""""#);
        assert_eq!(shown(b" a"), r#"" a""#);
        assert_eq!(shown(b"(sd-pam)"), r#""(sd-pam)""#);
        assert_eq!(shown("größe".as_bytes()), r#""größe""#);
        assert_eq!(shown(b"a\nb"), r#""a\x0ab""#);
        assert_eq!(shown(b"\x1b[2J\x7f"), r#""\x1b[2J\x7f""#);
        assert_eq!(shown(br#"a"b\c"#), r#""a\x22b\c""#);
        assert_eq!(shown(br"CORP\bob"), r#""CORP\bob""#);
        assert_eq!(shown(br"a\x2db\"), r#""a\x5cx2db\x5c""#);
        assert_eq!(shown(b"a\\\x1b\\\\b"), r#""a\x5c\x1b\x5c\b""#);
        assert_eq!(Unquoted(b"a \"b\"\n\\c").to_string(), r#"a "b"\x0a\c"#);
        assert_eq!(shown(b"\xff\xc3"), r#""\xff\xc3""#);
        assert_eq!(shown("\u{9b}1m".as_bytes()), r#""\xc2\x9b1m""#);
        assert_eq!(shown("\u{202e}gpj".as_bytes()), r#""\xe2\x80\xaegpj""#);
        assert_eq!(
            shown("a\u{2028}\u{200b}\u{a0}".as_bytes()),
            r#""a\xe2\x80\xa8\xe2\x80\x8b\xc2\xa0""#
        );
        assert_eq!(shown(b"x, User=root"), r#""x, User=root""#);
    }

    #[test]
    fn one_line_keeps_quotes_and_backslashes() {
        let mut out = String::new();
        write_one_line(&mut out, "Name=\"a\\x0a\", ü\n\u{2029}end\r").unwrap();
        assert_eq!(out, "Name=\"a\\x0a\", ü\\x0a\\xe2\\x80\\xa9end\\x0d");
    }

    #[test]
    fn json_is_visible_and_means_the_same() {
        let name = "a\"b\\c\n\x1b\x7f\u{9b}\u{202e}\u{e0041}ü ";
        let json = serde_json::to_string_pretty(&[name]).unwrap();
        let visible = visible_json(&json);
        assert!(
            !visible.chars().any(|c| c != '\n' && misleads(c)),
            "{visible}"
        );
        assert_eq!(visible.lines().count(), json.lines().count());
        let read: Vec<String> = serde_json::from_str(&visible).unwrap();
        assert_eq!(read, [name]);
    }

    /// Bytes in which the characters that matter are frequent.
    fn names() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|character| character.to_string().into_bytes()),
            "[\"\\\\ ,=\n\u{80}-\u{9f}\u{2000}-\u{206f}]".prop_map(String::into_bytes),
            "[\\\\x2b\n]{4}".prop_map(String::into_bytes),
            "[A-Za-z0-9._+:@/-]".prop_map(String::into_bytes),
            Just(b"\", User=root\n".to_vec()),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn is_one_visible_line_and_reversible(name in names()) {
            let shown = shown(&name);
            prop_assert!(!shown.chars().any(misleads), "{shown:?}");
            prop_assert!(!shown.chars().any(char::is_control), "{shown:?}");
            prop_assert!(matches!(shown.matches('"').count(), 0 | 2), "{shown:?}");
            prop_assert_eq!(unescaped(&shown), name);
        }

        #[test]
        fn two_names_have_two_labels(one in names(), other in names()) {
            let labels = [Unquoted(&one).to_string(), Unquoted(&other).to_string()];
            prop_assert_eq!(one == other, labels[0] == labels[1]);
            prop_assert!(!labels[0].chars().any(misleads), "{labels:?}");
        }

        #[test]
        fn plain_names_are_unchanged(name in "[A-Za-z0-9._+:@/-]([A-Za-z0-9._+:@/ -]*[A-Za-z0-9._+:@/-])?") {
            prop_assert_eq!(shown(name.as_bytes()), name);
        }

        #[test]
        fn no_name_forges_a_field(name in names()) {
            let line = format!("PID=12345, Name={}, User=john", Escaped(&name));
            let fields = fields(&line);
            prop_assert_eq!(fields.len(), 3, "{}", line);
            prop_assert_eq!(unescaped(fields[1].strip_prefix("Name=").unwrap()), name);
            prop_assert_eq!(&fields[2], "User=john");
        }
    }
}

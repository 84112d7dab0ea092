//! The wildcards of a shell: `*`, `?`, `[...]` and the backslash, on characters of UTF-8. Matching allocates nothing.
//! Pure.
//!
//! For ASCII it agrees with fnmatch(3), which a property test compares. fnmatch(3) itself matches bytes unless the
//! process sets a locale, and it can't tell whether a name that was cut could still match.

/// A character; a byte that is not UTF-8 is one as well, beyond all that Unicode has.
type Char = u32;

/// What is added to a byte that is not UTF-8.
const NOT_UTF_8: Char = 0x0011_0000;

/// A glob, taken apart when the configuration is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `*`: any text.
    Any,
    /// `?`: any character.
    One,
    /// This character.
    Char(Char),
    /// `[...]`: a character that is in the set or, where it is negated, is not.
    Set { is_negated: bool, items: Vec<Item> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// From the one to the other, both included.
    Range(Char, Char),
    /// The index of a class in [`CLASSES`].
    Class(usize),
}

/// Why a text is no glob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GlobError {
    UnclosedBracket,
    TrailingBackslash,
    UnknownClass,
}

/// Whether an ASCII character is in a class.
type Class = (&'static str, fn(&u8) -> bool);

/// The classes of POSIX, with the characters that they have in the C locale.
const CLASSES: [Class; 12] = [
    ("alnum", u8::is_ascii_alphanumeric),
    ("alpha", u8::is_ascii_alphabetic),
    ("blank", |byte| matches!(byte, b' ' | b'\t')),
    ("cntrl", u8::is_ascii_control),
    ("digit", u8::is_ascii_digit),
    ("graph", u8::is_ascii_graphic),
    ("lower", u8::is_ascii_lowercase),
    ("print", |byte| matches!(byte, b' '..=b'~')),
    ("punct", u8::is_ascii_punctuation),
    ("space", |byte| matches!(byte, b' ' | b'\t'..=b'\r')),
    ("upper", u8::is_ascii_uppercase),
    ("xdigit", u8::is_ascii_hexdigit),
];

impl Glob {
    /// Takes a text apart. systemd writes a special character of a unit's name as a backslash, `x` and two hexadecimal
    /// digits: with `is_unit` such a backslash stands for itself.
    ///
    /// # Errors
    /// Where fnmatch(3) would never match, or would take a wildcard literally.
    pub(super) fn new(text: &str, is_unit: bool) -> Result<Self, GlobError> {
        let mut tokens = Vec::new();
        let mut rest = text.chars();
        while let Some(char) = rest.next() {
            let token = match char {
                // Several in a row are one.
                '*' if tokens.last() == Some(&Token::Any) => continue,
                '*' => Token::Any,
                '?' => Token::One,
                '[' => {
                    let (set, after) = set(rest.as_str())?;
                    rest = after.chars();
                    set
                }
                '\\' if is_unit && is_unit_escape(rest.as_str()) => Token::Char(char.into()),
                '\\' => Token::Char(rest.next().ok_or(GlobError::TrailingBackslash)?.into()),
                _ => Token::Char(char.into()),
            };
            tokens.push(token);
        }
        Ok(Self(tokens))
    }

    /// Whether it matches `text` as a whole. Where a later part does not match, only the last `*` before it can take
    /// more: what an earlier one could take, the last one can take as well.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let (mut at, mut rest) = (0, text);
        let mut retry = None;
        loop {
            match (self.0.get(at), split_first(rest)) {
                (Some(Token::Any), _) => {
                    at += 1;
                    retry = Some((at, rest));
                    continue;
                }
                (Some(token), Some((char, after))) if token.takes(char) => {
                    (at, rest) = (at + 1, after);
                    continue;
                }
                (None, None) => return true,
                _ => {}
            }
            let Some((_, (_, after))) = retry.and_then(|retry: (usize, &[u8])| {
                let first = split_first(retry.1)?;
                Some((retry, first))
            }) else {
                return false;
            };
            if let Some((token, _)) = retry {
                (at, rest) = (token, after);
                retry = Some((token, after));
            }
        }
    }

    /// Whether it matches some text that begins with `start`: from the first `*` on anything can follow.
    pub(super) fn matches_longer(&self, start: &[u8]) -> bool {
        let mut rest = start;
        for token in &self.0 {
            match (token, split_first(rest)) {
                (Token::Any, _) | (_, None) => return true,
                (token, Some((char, after))) if token.takes(char) => rest = after,
                _ => return false,
            }
        }
        rest.is_empty()
    }
}

impl Token {
    /// Whether it takes this one character.
    fn takes(&self, char: Char) -> bool {
        match self {
            // It is taken care of before.
            Self::Any => false,
            Self::One => true,
            Self::Char(own) => *own == char,
            Self::Set { is_negated, items } => {
                items.iter().any(|item| item.has(char)) != *is_negated
            }
        }
    }
}

impl Item {
    fn has(self, char: Char) -> bool {
        match self {
            Self::Range(first, last) => (first..=last).contains(&char),
            Self::Class(index) => u8::try_from(char)
                .ok()
                .is_some_and(|byte| CLASSES.get(index).is_some_and(|(_, has)| has(&byte))),
        }
    }
}

/// The first character and what follows it; None at the end.
fn split_first(text: &[u8]) -> Option<(Char, &[u8])> {
    let &first = text.first()?;
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    if let Some((char, rest)) = text.split_at_checked(length) {
        if let Some(char) = std::str::from_utf8(char)
            .ok()
            .and_then(|char| char.chars().next())
        {
            return Some((char.into(), rest));
        }
    }
    Some((NOT_UTF_8 + Char::from(first), text.get(1..)?))
}

/// Whether what follows a backslash is an escape as systemd writes it.
pub(super) fn is_unit_escape(rest: &str) -> bool {
    let mut bytes = rest.bytes();
    bytes.next() == Some(b'x') && bytes.by_ref().take(2).filter(u8::is_ascii_hexdigit).count() == 2
}

/// A bracket expression that begins after its `[`, and what follows it.
fn set(text: &str) -> Result<(Token, &str), GlobError> {
    let negated = text.strip_prefix(['!', '^']);
    let mut rest = negated.unwrap_or(text);
    let mut items = Vec::new();
    // A leading `]` stands for itself.
    let mut is_first = true;
    loop {
        if let Some(class) = rest.strip_prefix("[:") {
            let (index, after) = class_of(class)?;
            items.push(Item::Class(index));
            rest = after;
        } else if let Some(after) = rest.strip_prefix(']').filter(|_| !is_first) {
            let is_negated = negated.is_some();
            return Ok((Token::Set { is_negated, items }, after));
        } else {
            let (first, after) = set_char(rest)?;
            // A `-` at the end stands for itself.
            let range = after
                .strip_prefix('-')
                .filter(|last| !last.starts_with(']'));
            let (last, after) = match range {
                Some(last) => set_char(last)?,
                None => (first, after),
            };
            items.push(Item::Range(first, last));
            rest = after;
        }
        is_first = false;
    }
}

/// One character within a bracket expression, and what follows it.
fn set_char(text: &str) -> Result<(Char, &str), GlobError> {
    let mut rest = text.chars();
    let char = match rest.next() {
        Some('\\') => rest.next(),
        char => char,
    };
    let char = char.ok_or(GlobError::UnclosedBracket)?;
    Ok((char.into(), rest.as_str()))
}

/// The index of a class that begins after its `[:`, and what follows it.
fn class_of(text: &str) -> Result<(usize, &str), GlobError> {
    let mut classes = CLASSES.iter().enumerate();
    classes
        .find_map(|(index, (name, _))| Some((index, text.strip_prefix(name)?.strip_prefix(":]")?)))
        .ok_or(GlobError::UnknownClass)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fnmatch;
    use proptest::prelude::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text, false).unwrap()
    }

    #[test]
    fn a_character_of_utf_8_is_one_and_so_is_a_byte_that_is_none() {
        for (pattern, text, matches) in [
            ("caf?", "café".as_bytes(), true),
            ("caf??", "café".as_bytes(), false),
            ("caf[é]", "café".as_bytes(), true),
            ("caf[!é]", "café".as_bytes(), false),
            ("[à-ü]", "é".as_bytes(), true),
            ("a?", b"a\xff", true),
            ("a[!b]", b"a\xff", true),
            ("a??", b"a\xe4\xb8", true),
            ("*é", b"\xff\xc3\xa9", true),
            ("\\*?", "*日".as_bytes(), true),
        ] {
            assert_eq!(glob(pattern).matches(text), matches, "{pattern}");
        }
    }

    #[test]
    fn a_name_that_was_cut_could_go_on() {
        for (pattern, start, could) in [
            ("apt-daily-upgrade*", "apt-daily-upgra", true),
            ("apt-*-helper", "apt-daily-upgra", true),
            ("apt-????????????*", "apt-daily-upgra", true),
            ("*", "x", true),
            ("apt-daily", "apt-daily-upgra", false),
            ("apt-daily-[a-u]pgrade", "apt-daily-upgra", true),
            ("apt-daily-[!u]*", "apt-daily-upgra", false),
        ] {
            assert_eq!(
                glob(pattern).matches_longer(start.as_bytes()),
                could,
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_backslash_of_a_unit_stands_for_itself_before_x_and_two_digits() {
        let name = br"app-gnome-org.gnome.Terminal\x2d1234.scope";
        for (pattern, matches) in [
            (r"app-gnome-org.gnome.Terminal\x2d1234.scope", true),
            (r"app-*\x2d*.scope", true),
            (r"app-*\\x2d*.scope", true),
            (r"app-*x2d*.scope", true),
            (r"app-gnome-org.gnome.Terminal\-1234.scope", false),
        ] {
            let glob = Glob::new(pattern, true).unwrap();
            assert_eq!(glob.matches(name), matches, "{pattern}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn agrees_with_fnmatch_for_ascii(
            pattern in r"([ab*?\\]|\[[!^]?[\]ab-]?[abc-]{0,3}\]|\[\[:(alpha|digit|punct):\]\]|[a-c1]){0,8}",
            text in r"[abc1\\\]\[*?!^-]{0,8}",
        ) {
            // What is rejected is compared with nothing. glibc takes no range from a later to an earlier character,
            // nor one whose end is a class.
            if let Ok(glob) = Glob::new(&pattern, false) {
                let expected = fnmatch::matches(&pattern, &text);
                prop_assert_eq!(glob.matches(text.as_bytes()), expected, "{} {}", pattern, text);
            }
        }

        #[test]
        fn any_text_is_taken(pattern in any::<String>(), text in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(glob) = Glob::new(&pattern, true) {
                let is_match = glob.matches(&text);
                for length in 0..=text.len() {
                    prop_assert!(!is_match || glob.matches_longer(&text[..length]) || std::str::from_utf8(&text[..length]).is_err());
                }
            }
        }
    }
}

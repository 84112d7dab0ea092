//! Names as the configuration writes them: exact, or with the wildcards of a shell. Matching allocates nothing. Pure.

use crate::sys::glob;
use std::ffi::{CStr, CString};
use std::fmt;

/// An exact name, or a glob where it holds `*`, `?`, `[` or a backslash; on bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    text: CString,
    is_glob: bool,
}

/// Why a text is not a [`NamePattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It would only match a process without a name.
    Empty,
    /// No name has a NUL byte, and fnmatch(3) would stop there.
    Nul,
    /// A `[` without its `]`.
    UnclosedBracket,
    /// A backslash with nothing behind it.
    TrailingBackslash,
    /// A `[:class:]` that POSIX does not define.
    UnknownClass,
}

impl NamePattern {
    /// An exact name or a glob.
    ///
    /// # Errors
    /// Where fnmatch(3) would never match, or would take a wildcard literally.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let is_glob = text.contains(['*', '?', '[', '\\']);
        if is_glob {
            check_glob(text.as_bytes())?;
        }
        let text = CString::new(text).map_err(|_| PatternError::Nul)?;
        Ok(Self { text, is_glob })
    }

    /// As written.
    pub fn text(&self) -> &CStr {
        &self.text
    }

    /// Whether it holds a wildcard or a backslash.
    pub const fn is_glob(&self) -> bool {
        self.is_glob
    }

    /// Whether it matches `name` as a whole.
    pub fn matches(&self, name: &CStr) -> bool {
        if self.is_glob {
            glob::matches(&self.text, name)
        } else {
            *self.text == *name
        }
    }

    /// Whether this one certainly matches everything that `other` matches. False where it can't be told.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let is_simple = |pattern: &CStr, special: &[u8]| {
            !pattern.to_bytes().iter().any(|byte| special.contains(byte))
        };
        if self.text() == other.text() {
            true
        } else if !other.is_glob() {
            self.matches(other.text())
        } else {
            // Where `*` is the only wildcard here, it matches each `*` and `?` of the other.
            self.is_glob()
                && is_simple(self.text(), b"?[\\")
                && is_simple(other.text(), b"[\\")
                && self.matches(other.text())
        }
    }

    /// Whether it matches the control group at `path`: with a slash in the pattern the whole path, without one any
    /// unit in it.
    pub fn matches_unit(&self, path: &CStr) -> bool {
        if self.text().to_bytes().contains(&b'/') {
            return self.matches(path);
        }
        let mut part = [0; 256];
        path.to_bytes()
            .split(|&byte| byte == b'/')
            .filter(|unit| !unit.is_empty())
            .any(|unit| {
                // systemd's limit for unit names is 255 bytes (UNIT_NAME_MAX), the kernel's as well.
                let Some(start) = part.get_mut(..unit.len()) else {
                    return false;
                };
                start.copy_from_slice(unit);
                if let Some(end) = part.get_mut(unit.len()) {
                    *end = 0;
                }
                CStr::from_bytes_until_nul(&part).is_ok_and(|unit| self.matches(unit))
            })
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty name matches nothing",
            Self::Nul => "no name holds a NUL byte",
            Self::UnclosedBracket => {
                "\"[\" is not closed by \"]\"; a backslash before it takes it literally"
            }
            Self::TrailingBackslash => {
                "nothing follows the last backslash; two of them mean one backslash"
            }
            Self::UnknownClass => "\"[:\" begins no known class such as [:alpha:] or [:digit:]",
        })
    }
}

impl std::error::Error for PatternError {}

/// The character classes of POSIX, which are all that the C locale has.
const CLASSES: [&[u8]; 12] = [
    b"alnum", b"alpha", b"blank", b"cntrl", b"digit", b"graph", b"lower", b"print", b"punct",
    b"space", b"upper", b"xdigit",
];

/// Rejects what fnmatch(3) would silently never match, or take literally.
fn check_glob(mut rest: &[u8]) -> Result<(), PatternError> {
    loop {
        rest = match rest {
            [] => return Ok(()),
            [b'\\'] => return Err(PatternError::TrailingBackslash),
            [b'[', set @ ..] => skip_set(set)?,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
        }
    }
}

/// What follows a bracket expression; `set` begins after its `[`.
fn skip_set(set: &[u8]) -> Result<&[u8], PatternError> {
    let negated = set.strip_prefix(b"!").or_else(|| set.strip_prefix(b"^"));
    let set = negated.unwrap_or(set);
    // A leading `]` stands for itself.
    let mut rest = set.strip_prefix(b"]").unwrap_or(set);
    loop {
        rest = match rest {
            [] => return Err(PatternError::UnclosedBracket),
            [b']', rest @ ..] => return Ok(rest),
            [b'[', b':', class @ ..] => skip_class(class)?,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
        }
    }
}

/// What follows a character class; `class` begins after its `[:`.
fn skip_class(class: &[u8]) -> Result<&[u8], PatternError> {
    CLASSES
        .iter()
        .find_map(|name| class.strip_prefix(*name)?.strip_prefix(b":]"))
        .ok_or(PatternError::UnknownClass)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        NamePattern::new(text).unwrap()
    }

    #[test]
    fn a_pattern_is_exact_or_a_glob_on_bytes() {
        for (pattern, name, matches) in [
            ("sshd", &b"sshd\0"[..], true),
            ("sshd", b"sshd-session\0", false),
            ("ssh", b"sshd\0", false),
            ("Xorg", b"xorg\0", false),
            ("sshd-*", b"sshd-session\0", true),
            ("sshd-*", b"sshd\0", false),
            ("py?hon[23]", b"python3\0", true),
            ("py?hon[!23]", b"python3\0", false),
            ("[[:alpha:]]", b"x\0", true),
            ("[]a]", b"]\0", true),
            ("a[\\]]b", b"a]b\0", true),
            ("a\\*b", b"a*b\0", true),
            ("a\\*b", b"axb\0", false),
            ("*", b"\xff\n\x1b/\0", true),
            ("a?", b"a\xff\0", true),
            ("(sd-pam)", b"(sd-pam)\0", true),
        ] {
            let name = CStr::from_bytes_with_nul(name).unwrap();
            let pattern = NamePattern::new(pattern).unwrap();
            assert_eq!(pattern.matches(name), matches, "{pattern:?} {name:?}");
        }
    }

    #[test]
    fn what_fnmatch_would_never_match_is_rejected() {
        use PatternError::{Empty, Nul, TrailingBackslash, UnclosedBracket, UnknownClass};
        for (pattern, error) in [
            ("", Empty),
            ("a\0b", Nul),
            ("a*\0", Nul),
            ("[", UnclosedBracket),
            ("chrome[", UnclosedBracket),
            ("[]", UnclosedBracket),
            ("[!]", UnclosedBracket),
            ("[a\\]", UnclosedBracket),
            ("[[:alpha:]", UnclosedBracket),
            ("a\\", TrailingBackslash),
            ("a\\\\\\", TrailingBackslash),
            ("[[:letter:]]", UnknownClass),
        ] {
            assert_eq!(NamePattern::new(pattern), Err(error), "{pattern:?}");
        }
    }

    #[test]
    fn units_match_by_any_part_and_paths_as_a_whole() {
        let path = c"/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope";
        for (text, matches) in [
            ("user@*.service", true),
            ("app-firefox.scope", true),
            ("app-*.scope", true),
            ("user.slice", true),
            ("ser.slice", false),
            ("/user.slice/*", true),
            ("/system.slice/*", false),
            ("*/app-*", true),
            ("/user.slice", false),
            ("cron.service", false),
        ] {
            assert_eq!(pattern(text).matches_unit(path), matches, "{text}");
        }
        assert!(pattern("/").matches_unit(c"/"));
    }

    #[test]
    fn a_pattern_covers_another_only_where_that_is_sure() {
        for (own, other, takes) in [
            ("*", "chrome*", true),
            ("chrome*", "chrome-*", true),
            ("chrome*", "chrome", true),
            ("chrome-*", "chrome*", false),
            ("chrome", "chrome*", false),
            ("c?rome", "chrome", true),
            ("c?rome*", "c?rome", false),
            ("c*e", "c?e", true),
            ("*y]z", "[xy]z", false),
            ("*", "[xy]z", false),
            ("java", "java", true),
            ("java", "javac", false),
        ] {
            assert_eq!(pattern(own).covers(&pattern(other)), takes, "{own} {other}");
        }
    }
}

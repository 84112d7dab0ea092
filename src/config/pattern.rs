//! Names as the configuration writes them: exact, or with the wildcards of a shell. Matching allocates nothing. Pure.

use super::glob::{self, Glob, GlobError};
use std::fmt;

/// An exact name, or a glob where it holds `*`, `?`, `[` or a backslash; on characters of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    text: String,
    /// None for an exact name.
    glob: Option<Glob>,
}

/// Why a text is not a [`NamePattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It would only match a process without a name.
    Empty,
    /// No name has a NUL byte.
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
    /// Where it would never match, or a wildcard would be taken literally.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Self::parse(text, false)
    }

    /// The same for units and control groups: a backslash before `x` and two hexadecimal digits, with which systemd
    /// writes a special character, stands for itself.
    ///
    /// # Errors
    /// As [`NamePattern::new`].
    pub fn of_unit(text: &str) -> Result<Self, PatternError> {
        Self::parse(text, true)
    }

    fn parse(text: &str, is_unit: bool) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.contains('\0') {
            return Err(PatternError::Nul);
        }
        let mut parts = text.split('\\').skip(1);
        let has_escape = if is_unit {
            !parts.all(glob::is_unit_escape)
        } else {
            parts.next().is_some()
        };
        let is_glob = has_escape || text.contains(['*', '?', '[']);
        let glob = is_glob.then(|| Glob::new(text, is_unit)).transpose();
        Ok(Self {
            text: text.to_owned(),
            glob: glob.map_err(|error| match error {
                GlobError::UnclosedBracket => PatternError::UnclosedBracket,
                GlobError::TrailingBackslash => PatternError::TrailingBackslash,
                GlobError::UnknownClass => PatternError::UnknownClass,
            })?,
        })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds a wildcard or a backslash that is none of a unit.
    pub const fn is_glob(&self) -> bool {
        self.glob.is_some()
    }

    /// Whether it has no character that a name or a path must have: `*`, `?*`, `/*`, `*/*`.
    pub(super) fn is_all_wildcards(&self) -> bool {
        self.text.contains('*') && self.text.chars().all(|c| matches!(c, '*' | '?' | '/'))
    }

    /// Whether it matches `name` as a whole.
    pub fn matches(&self, name: &[u8]) -> bool {
        match &self.glob {
            Some(glob) => glob.matches(name),
            None => self.text.as_bytes() == name,
        }
    }

    /// Whether it matches some name that begins with `start`, as one does that the kernel has cut.
    pub fn matches_longer(&self, start: &[u8]) -> bool {
        match &self.glob {
            Some(glob) => glob.matches_longer(start),
            None => self.text.as_bytes().starts_with(start),
        }
    }

    /// Whether this one certainly matches everything that `other` matches. False where it can't be told.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let is_simple = |pattern: &Self, special: &[char]| !pattern.text.contains(special);
        if self.text == other.text {
            true
        } else if !other.is_glob() {
            self.matches(other.text.as_bytes())
        } else {
            // Where `*` is the only wildcard here, it matches each `*` and `?` of the other.
            self.is_glob()
                && is_simple(self, &['?', '[', '\\'])
                && is_simple(other, &['[', '\\'])
                && self.matches(other.text.as_bytes())
        }
    }

    /// Whether it matches the control group at `path`: with a slash in the pattern the whole path, without one any
    /// unit in it.
    pub fn matches_unit(&self, path: &[u8]) -> bool {
        if self.text.contains('/') {
            return self.matches(path);
        }
        let mut units = path.split(|&byte| byte == b'/');
        units.any(|unit| !unit.is_empty() && self.matches(unit))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        NamePattern::new(text).unwrap()
    }

    #[test]
    fn a_pattern_is_exact_or_a_glob() {
        for (pattern, name, matches) in [
            ("sshd", &b"sshd"[..], true),
            ("sshd", b"sshd-session", false),
            ("ssh", b"sshd", false),
            ("Xorg", b"xorg", false),
            ("sshd-*", b"sshd-session", true),
            ("sshd-*", b"sshd", false),
            ("py?hon[23]", b"python3", true),
            ("py?hon[!23]", b"python3", false),
            ("[[:alpha:]]", b"x", true),
            ("[]a]", b"]", true),
            ("a[\\]]b", b"a]b", true),
            ("a\\*b", b"a*b", true),
            ("a\\*b", b"axb", false),
            ("*", b"\xff\n\x1b/", true),
            ("a?", b"a\xff", true),
            ("(sd-pam)", b"(sd-pam)", true),
        ] {
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
        let path = b"/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope";
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
        assert!(pattern("/").matches_unit(b"/"));
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

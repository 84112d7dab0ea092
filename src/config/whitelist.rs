//! Who is protected by the configuration. Asking allocates nothing.

use crate::quantities::{Pid, Uid};
use crate::sys::glob;
use std::ffi::{CStr, CString};
use std::fmt;

/// Who is protected beside the built-in protections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whitelist {
    /// Whoever has these numbers when the configuration is read.
    pub pids: Vec<Pid>,
    /// Processes with these names.
    pub names: Vec<NamePattern>,
    /// Processes of these users.
    pub users: Vec<User>,
    /// Whether root's processes are protected.
    pub protect_root: bool,
    /// Whether a name protects only where the executable bears it out.
    pub verify_names: bool,
}

/// A user as written and what the user database made of it when the configuration was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// As written: a name or a number.
    pub text: String,
    /// None while no such user exists; protects nobody then.
    pub uid: Option<Uid>,
}

/// By what a user's processes are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserMatch<'a> {
    /// By this entry of `users`.
    Listed(&'a User),
    /// By `protect_root`.
    ProtectRoot,
}

impl Whitelist {
    /// By what the processes of `uid` are protected. root's are when `protect_root` says so, whatever
    /// `users` says.
    pub fn protects_user(&self, uid: Uid) -> Option<UserMatch<'_>> {
        if uid == Uid::ROOT {
            return self.protect_root.then_some(UserMatch::ProtectRoot);
        }
        self.users
            .iter()
            .find(|user| user.uid == Some(uid))
            .map(UserMatch::Listed)
    }

    /// The first entry of `names` that protects a process with this full name.
    pub fn protects_name(&self, name: &CStr) -> Option<&NamePattern> {
        self.names.iter().find(|pattern| pattern.matches(name))
    }
}

/// An exact name, or a glob where it holds `*`, `?`, `[` or a backslash; on bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    pub(crate) text: CString,
    pub(crate) is_glob: bool,
}

/// Why a text is no [`NamePattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// It would match a process without a name only.
    Empty,
    /// No name has a NUL byte.
    Nul,
    /// A `[` without its `]`.
    UnclosedBracket,
    /// A backslash with nothing behind it.
    TrailingBackslash,
    /// A `[:class:]` that is none.
    UnknownClass,
}

impl NamePattern {
    /// Reads an exact name or a glob.
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

    /// Whether it is a glob.
    pub const fn is_glob(&self) -> bool {
        self.is_glob
    }

    /// Whether `name` as a whole is meant by it.
    pub fn matches(&self, name: &CStr) -> bool {
        if self.is_glob {
            glob::matches(&self.text, name)
        } else {
            *self.text == *name
        }
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

/// Refuses what fnmatch(3) would silently never match, or take literally.
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
    // A `]` in the first place stands for itself.
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

    fn whitelist(users: &[(&str, Option<u32>)], protect_root: bool) -> Whitelist {
        Whitelist {
            pids: vec![Pid::INIT],
            names: ["sshd", "systemd-*"]
                .map(|name| NamePattern::new(name).unwrap())
                .to_vec(),
            users: users
                .iter()
                .map(|(text, uid)| User {
                    text: (*text).to_owned(),
                    uid: uid.map(Uid::new),
                })
                .collect(),
            protect_root,
            verify_names: false,
        }
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
    fn what_fnmatch_would_never_match_is_refused() {
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
    fn the_first_name_that_matches_protects() {
        let whitelist = whitelist(&[], false);
        let by = |name| whitelist.protects_name(name).map(NamePattern::text);
        assert_eq!(by(c"sshd"), Some(c"sshd"));
        assert_eq!(by(c"systemd-journald"), Some(c"systemd-*"));
        assert_eq!(by(c"chrome"), None);
    }

    #[test]
    fn root_is_protected_by_protect_root_alone() {
        let users = [("root", Some(0)), ("ghost", None), ("john", Some(1000))];
        let open = whitelist(&users, false);
        let closed = whitelist(&users[1..], true);
        assert_eq!(open.protects_user(Uid::ROOT), None);
        assert_eq!(
            closed.protects_user(Uid::ROOT),
            Some(UserMatch::ProtectRoot)
        );
        assert_eq!(
            open.protects_user(Uid::new(1000)),
            Some(UserMatch::Listed(&open.users[2]))
        );
        assert_eq!(open.protects_user(Uid::new(1001)), None);
    }
}

//! Texts that no process can have where they are written, with the text that was probably meant: what was copied from
//! another program's configuration. Pure.

use super::shown::shown;

/// What a text is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// The full name of a process.
    Name,
    /// The name of a user.
    User,
    /// The path of an executable.
    Exe,
    /// A systemd unit.
    Unit,
    /// The arguments, which hold any text.
    Cmdline,
}

/// Where a text stands, which decides what is to be written instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// A list of the whitelist.
    Whitelist,
    /// A rule or a group, where each key has one pattern.
    Matcher,
}

/// Why a text matches nothing, or not what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// It has quotes of its own; the text in them.
    Quotes(String),
    /// Blanks or invisible characters at an end; the text without them.
    Blanks(String),
    /// Several names in one text; each of them.
    Several(Vec<String>),
    /// A regular expression; the pattern that means the same, None where that is not simple.
    Regex(Option<String>),
    /// A path, and the name at its end.
    Path(String, String),
    /// The name of a systemd unit.
    UnitName(String),
    /// Longer than a name can be.
    TooLong,
}

/// The longest name a process can have here: that of a file (NAME_MAX).
const LONGEST_NAME: usize = 255;

/// Characters that open or close a quotation.
const QUOTES: [char; 12] = [
    '"', '\'', '`', '\u{b4}', '\u{ab}', '\u{bb}', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201c}',
    '\u{201d}', '\u{201e}',
];

impl Suspicion {
    /// What is suspect about `text`; None where nothing is.
    pub(super) fn of(text: &str, compared: Compared) -> Option<Self> {
        let is_word = matches!(compared, Compared::Name | Compared::User);
        if let Some(several) = is_word.then(|| several(text)).flatten() {
            return Some(Self::Several(several));
        }
        let trimmed = text.trim_matches(is_blank);
        let unquoted = trimmed
            .strip_prefix(QUOTES)
            .and_then(|t| t.strip_suffix(QUOTES));
        if let Some(unquoted) = unquoted.filter(|text| !text.is_empty()) {
            return Some(Self::Quotes(unquoted.trim_matches(is_blank).to_owned()));
        }
        if trimmed.len() < text.len() && compared != Compared::Cmdline {
            return Some(Self::Blanks(trimmed.to_owned()));
        }
        if compared == Compared::Name {
            if let Some(other) = not_a_name(text) {
                return Some(other);
            }
        }
        is_regex(text, compared).then(|| Self::Regex(glob(text)))
    }
}

fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}')
}

/// The parts of a text that lists names: `a, b`, `a;b`, `a|b`, `^(a|b)$`, `{a,b}`. None where it is one name.
fn several(text: &str) -> Option<Vec<String>> {
    let text = text.trim_matches(is_blank);
    let text = text.strip_prefix('^').unwrap_or(text);
    let text = text.strip_suffix('$').unwrap_or(text);
    let within = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let list = within("(?:", ')').or(within("(", ')')).or(within("{", '}'));
    let list = list.or(within("[", ']').filter(|list| list.contains(',')));
    let list = list.unwrap_or(text);
    if list.contains(['[', ']', '(', ')', '{', '}']) || !list.contains([',', ';', '|']) {
        return None;
    }
    let trim = |part: &str| {
        let part = part.trim_matches(|c| is_blank(c) || QUOTES.contains(&c));
        glob(part).unwrap_or(part.to_owned())
    };
    let parts: Vec<_> = list.split([',', ';', '|']).map(trim).collect();
    (!parts.iter().any(String::is_empty)).then_some(parts)
}

fn not_a_name(text: &str) -> Option<Suspicion> {
    let is_path = ["/", "./", "../", "~/", "*/"]
        .iter()
        .any(|start| text.starts_with(start));
    let last = text.rsplit('/').next().filter(|last| !last.is_empty());
    if let (true, Some(last)) = (is_path, last) {
        return Some(Suspicion::Path(text.to_owned(), last.to_owned()));
    }
    let endings = [".service", ".scope", ".slice", ".socket", ".timer"];
    if endings.iter().any(|ending| text.ends_with(ending)) {
        return Some(Suspicion::UnitName(text.to_owned()));
    }
    (text.len() > LONGEST_NAME && !text.contains('*')).then_some(Suspicion::TooLong)
}

/// Whether a text is written as a regular expression. A dot and a star after a digit are none: `python3.*`.
fn is_regex(text: &str, compared: Compared) -> bool {
    let is_anchored = text.starts_with('^') || text.starts_with(".*");
    if compared == Compared::Cmdline {
        return is_anchored;
    }
    // A Windows domain has users with a backslash in their names or a `$` at the end.
    if compared == Compared::User {
        return is_anchored;
    }
    let ends = text.ends_with('$');
    let escapes = ["\\.", "\\d", "\\w", "\\s", "\\b", ".+", "]+", "(?"];
    let has_escape = escapes.iter().any(|escape| text.contains(escape));
    let any = |(at, _): (usize, _)| {
        let before = text.get(..at).unwrap_or_default();
        !before.is_empty() && !before.ends_with(|c: char| c.is_ascii_digit())
    };
    let has_any = compared != Compared::Unit && text.match_indices(".*").any(any);
    is_anchored || ends || has_any || has_escape
}

/// The pattern that means the same as a regular expression; None where there is none that is as simple.
fn glob(regex: &str) -> Option<String> {
    let (begins, ends) = (regex.starts_with('^'), regex.ends_with('$'));
    let text = regex.strip_prefix('^').unwrap_or(regex);
    let text = text.strip_suffix('$').unwrap_or(text);
    let mut glob = text.to_owned();
    for (from, to) in [
        ("\\d+", "[0-9]*"),
        ("\\d", "[0-9]"),
        ("\\.", "\u{0}"),
        (".*", "*"),
        (".+", "?*"),
        ("]+", "]*"),
        ("\u{0}", "."),
    ] {
        glob = glob.replace(from, to);
    }
    // With one anchor alone the other end is open.
    if begins != ends {
        glob = if begins {
            glob + "*"
        } else {
            format!("*{glob}")
        };
    }
    while glob.contains("**") {
        glob = glob.replace("**", "*");
    }
    let is_simple = !glob.contains(['(', ')', '|', '^', '$', '\\', '{', '}']);
    (is_simple && !glob.is_empty()).then_some(glob)
}

impl Suspicion {
    /// The end of a sentence that begins with the text: what is wrong, and the fix.
    pub(super) fn told(&self, within: Within) -> String {
        let never = match self {
            Self::Regex(glob) => return regex_told(glob.as_deref()),
            Self::Quotes(text) => format!("it has quotes of its own, write {}", shown(text)),
            Self::Blanks(text) => format!(
                "it has a blank or an invisible character at an end, write {}",
                shown(text)
            ),
            Self::Several(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| shown(part)).collect();
                let parts = parts.join(", ");
                match within {
                    Within::Whitelist => format!("it is one name, write {parts}"),
                    Within::Matcher => {
                        format!("it is one name, write a table of its own for each of {parts}")
                    }
                }
            }
            Self::Path(path, name) => {
                let mut told = format!("it is a path, write {}", shown(name));
                if path.starts_with('/') {
                    told = format!("{told}, or {}", instead("exe", path, within));
                }
                told
            }
            Self::UnitName(unit) => {
                format!("it is a unit, write {}", instead("unit", unit, within))
            }
            Self::TooLong => {
                format!("it is longer than a process name can be ({LONGEST_NAME} bytes)")
            }
        };
        format!("can never match: {never}")
    }
}

/// What is to be written for a text that is none of a name.
fn instead(key: &str, text: &str, within: Within) -> String {
    let text = shown(text);
    match within {
        Within::Whitelist => format!("a [[rule]] with {key} = {text} and action = \"protect\""),
        Within::Matcher => format!("{key} = {text} instead of name"),
    }
}

fn regex_told(glob: Option<&str>) -> String {
    let told = "is written as a regular expression, but patterns are those of the shell";
    match glob {
        Some(glob) => {
            let is_open = glob.ends_with('*');
            let dot = if is_open {
                "; where a dot is meant, write [.] for it"
            } else {
                ""
            };
            format!("{told}: write {}{dot}", shown(glob))
        }
        None => format!("{told}, with *, ? and [...]"),
    }
}

/// What may have been meant by a name that a process can have, where none has it now: several names, or a regular
/// expression.
pub fn perhaps_meant(name: &str) -> Option<String> {
    if Suspicion::of(name, Compared::Name).is_some() {
        return None;
    }
    let words: Vec<_> = name.split_whitespace().collect();
    if let [first, _, ..] = words.as_slice() {
        // What a program calls itself, as "tmux: server" does.
        let is_title = first.ends_with(':');
        let words: Vec<_> = words.iter().map(|word| shown(word)).collect();
        return (!is_title)
            .then(|| format!("it is one name; for several write {}", words.join(", ")));
    }
    let start = name.strip_suffix('+')?;
    (!start.is_empty() && !start.ends_with('+')).then(|| {
        let pattern = shown(&format!("{start}*"));
        format!("the + stands for itself; for any text after it write {pattern}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_meant_is_said_of_a_name_that_can_be() {
        for (text, meant) in [
            (
                "sshd bash",
                Some("it is one name; for several write \"sshd\", \"bash\""),
            ),
            (
                "foo+",
                Some("the + stands for itself; for any text after it write \"foo*\""),
            ),
            ("sshd, bash", None),
            ("tmux: server", None),
            ("g++", None),
            ("sshd", None),
        ] {
            assert_eq!(perhaps_meant(text).as_deref(), meant, "{text}");
        }
    }

    fn name(text: &str) -> Option<String> {
        Suspicion::of(text, Compared::Name).map(|found| found.told(Within::Whitelist))
    }

    #[test]
    fn what_was_copied_from_other_programs_is_told_with_its_fix() {
        for (text, fix) in [
            ("\"sshd\"", "quotes of its own, write \"sshd\""),
            ("'sshd'", "quotes of its own, write \"sshd\""),
            ("\u{201c}sshd\u{201d}", "quotes of its own, write \"sshd\""),
            (" sshd", "at an end, write \"sshd\""),
            ("sshd\u{a0}", "at an end, write \"sshd\""),
            ("sshd\u{200b}", "at an end, write \"sshd\""),
            ("sshd\n", "at an end, write \"sshd\""),
            ("sshd, bash", "write \"sshd\", \"bash\""),
            ("sshd;bash", "write \"sshd\", \"bash\""),
            ("'sshd', 'bash'", "write \"sshd\", \"bash\""),
            ("sshd|bash", "write \"sshd\", \"bash\""),
            ("^(sshd|bash)$", "write \"sshd\", \"bash\""),
            ("^(sshd|ba.*)$", "write \"sshd\", \"ba*\""),
            ("{sshd,bash}", "write \"sshd\", \"bash\""),
            ("^sshd$", "write \"sshd\""),
            ("^ssh", "write \"ssh*\""),
            ("sshd$", "write \"*sshd\""),
            (
                "foo.*",
                "write \"foo*\"; where a dot is meant, write [.] for it",
            ),
            (".*foo.*", "write \"*foo*\""),
            ("worker-\\d+", "write \"worker-[0-9]*\""),
            ("a[0-9]+", "write \"a[0-9]*\""),
            ("^a(b)?c$", "patterns are those of the shell, with"),
            (
                "/usr/sbin/sshd",
                "write \"sshd\", or a [[rule]] with exe = \"/usr/sbin/sshd\"",
            ),
            ("*/sshd", "it is a path, write \"sshd\""),
            ("nginx.service", "a [[rule]] with unit = \"nginx.service\""),
        ] {
            let told = name(text).unwrap_or_default();
            assert!(told.contains(fix), "{text:?}: {told:?}");
        }
        assert!(
            name(&"x".repeat(256))
                .unwrap()
                .contains("longer than a process name")
        );
    }

    #[test]
    fn the_fix_in_a_rule_or_group_is_a_key_of_it() {
        for (text, fix) in [
            (
                "/usr/bin/bash",
                "it is a path, write \"bash\", or exe = \"/usr/bin/bash\" instead of name",
            ),
            ("./bash", "it is a path, write \"bash\""),
            (
                "nginx.service",
                "it is a unit, write unit = \"nginx.service\" instead of name",
            ),
            (
                "sshd|bash",
                "it is one name, write a table of its own for each of \"sshd\", \"bash\"",
            ),
        ] {
            let told = Suspicion::of(text, Compared::Name).unwrap();
            let told = told.told(Within::Matcher);
            assert_eq!(told, format!("can never match: {fix}"));
        }
    }

    #[test]
    fn what_processes_are_called_is_not_suspect() {
        for text in [
            "sshd",
            "systemd-*",
            "(sd-pam)",
            "Web Content",
            "tmux: server",
            "python3.*",
            "lua5.?",
            "[[:alpha:]]*",
            "g++",
            "kworker/0:1-events",
            "a.b",
            "*.py",
            "foo[.]*",
            "backup.sh",
            "$x",
            "containerd-shim*",
            "[!a]?",
            "o'brien",
            "a\\*b",
            "ld-linux-x86-64.so.2",
        ] {
            assert_eq!(name(text), None, "{text:?}");
        }
        for (text, compared) in [
            ("*--type=renderer*", Compared::Cmdline),
            ("java -jar a.jar, b.jar", Compared::Cmdline),
            ("/usr/bin/python3.*", Compared::Exe),
            ("nginx.*", Compared::Unit),
            ("app-gnome-org.gnome.Terminal\\x2d*.scope", Compared::Unit),
            ("MACHINE$", Compared::User),
            ("CORP\\anna", Compared::User),
        ] {
            assert_eq!(Suspicion::of(text, compared), None, "{text:?}");
        }
    }
}

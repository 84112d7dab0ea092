//! The name of a process: any bytes but NUL, in an array, so that reading it costs no heap allocation. Pure.

use std::fmt;

/// The longest file name Linux allows (NAME_MAX); what is longer is cut.
pub(super) const LONGEST: usize = 255;

/// A process name of at most 255 bytes.
#[derive(Clone, Copy)]
pub struct Name {
    bytes: [u8; LONGEST],
    length: u8,
}

impl Name {
    /// The bytes before the first NUL, cut at 255.
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        let mut length = 0;
        let text = text.iter().take_while(|&&byte| byte != 0);
        for (target, &byte) in bytes.iter_mut().zip(text) {
            *target = byte;
            length += 1;
        }
        Self { bytes, length }
    }

    /// Its bytes, none of which is NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name(\"{}\")", self.as_bytes().escape_ascii())
    }
}

/// The kernel's limit for comm without its final NUL (TASK_COMM_LEN - 1).
pub(super) const FULL_COMM: usize = 15;

/// How many arguments are searched for a script: `env -S python3 -X utf8 -u script` has it at the seventh place.
const ARGUMENTS: usize = 16;

/// The name that the kernel has cut at 15 bytes, from the arguments: argv[0]'s base name or, of a script that was
/// started by its `#!` line, that of the script. None where nothing there begins with it.
pub(super) fn complete(comm: &[u8], cmdline: &[u8]) -> Option<Name> {
    let mut names = names_of(cmdline);
    let name = names.find(|name| name.starts_with(comm))?;
    // A title such as `long-server-name: worker`.
    let end = name.iter().skip(comm.len()).position(|&byte| byte == b':');
    let end = end.map_or(name.len(), |end| comm.len() + end);
    name.get(..end).map(Name::new)
}

/// Whether the process has given itself this name: it is neither that of its executable, nor argv[0]'s, nor that of the
/// script that it runs, the first argument that is no option. Where there are no arguments that can't be ruled out.
pub(super) fn is_renamed(comm: &[u8], exe: &[u8], cmdline: &[u8]) -> bool {
    let is_it = |name: &[u8]| {
        name.get(..FULL_COMM).unwrap_or(name) == comm.get(..FULL_COMM).unwrap_or(comm)
    };
    let (first, rest) = split_first(cmdline);
    let first = base_name(first);
    let mut rest = rest.split(|&byte| byte == 0);
    let script = rest.find(|word| !word.is_empty() && !word.starts_with(b"-"));
    !is_it(exe)
        && !is_it(first.strip_prefix(b"-").unwrap_or(first))
        && !is_it(base_name(script.unwrap_or_default()))
}

/// The base names of argv[0], without the `-` of a login shell, and of the arguments behind it.
fn names_of(cmdline: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (first, rest) = split_first(cmdline);
    let first = base_name(first);
    let first = first.strip_prefix(b"-").unwrap_or(first);
    let rest = rest.split(|&byte| byte == 0).take(ARGUMENTS).map(base_name);
    std::iter::once(first)
        .chain(rest)
        .filter(|name| !name.is_empty())
}

/// argv[0] and the rest. A process that wrote a title over its arguments leaves one argument with spaces, and NULs up
/// to its old end or none: then the first word counts.
fn split_first(cmdline: &[u8]) -> (&[u8], &[u8]) {
    let end = cmdline.iter().rposition(|&byte| byte != 0);
    let text = cmdline
        .get(..end.map_or(0, |end| end + 1))
        .unwrap_or_default();
    let end = text.iter().position(|&byte| byte == 0);
    if let Some(parts) = end.and_then(|end| Some((text.get(..end)?, text.get(end + 1..)?))) {
        return parts;
    }
    let end = text.iter().position(|&byte| byte == b' ');
    let first = text.get(..end.unwrap_or(text.len()));
    (first.unwrap_or_default(), b"")
}

/// Arguments with spaces between them, as ps(1) shows them.
pub(super) fn with_spaces(cmdline: &[u8]) -> impl Iterator<Item = u8> {
    let end = cmdline.iter().rposition(|&byte| byte != 0);
    let text = cmdline.iter().take(end.map_or(0, |end| end + 1));
    text.map(|&byte| if byte == 0 { b' ' } else { byte })
}

/// The same, cut at 255 bytes.
pub(super) fn joined(cmdline: &[u8]) -> Name {
    let mut text = [0; LONGEST];
    for (target, byte) in text.iter_mut().zip(with_spaces(cmdline)) {
        *target = byte;
    }
    Name::new(&text)
}

/// What follows the last slash.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_name_is_completed_by_the_arguments() {
        type Case = (&'static [u8], &'static [u8], Option<&'static [u8]>);
        let cases: [Case; 14] = [
            (
                b"systemd-journal",
                b"/lib/systemd/systemd-journald\0",
                Some(b"systemd-journald"),
            ),
            (b"systemd-journal", b"/usr/bin/other\0--x\0", None),
            (b"systemd-journal", b"", None),
            (
                b"fifteen-bytes-x",
                b"fifteen-bytes-xyz --title here",
                Some(b"fifteen-bytes-xyz"),
            ),
            (
                b"fifteen-bytes-x",
                b"fifteen-bytes-xyz: worker\0\0\0\0",
                Some(b"fifteen-bytes-xyz"),
            ),
            (
                b"fifteen-bytes-x",
                b"fifteen-bytes-xyz: worker: 3\0-x\0",
                Some(b"fifteen-bytes-xyz"),
            ),
            (
                b"name with space",
                b"/a b/name with spaces\0-x\0",
                Some(b"name with spaces"),
            ),
            (
                b"fifteen-bytes-\xff",
                b"fifteen-bytes-\xff\n\0-x\0",
                Some(b"fifteen-bytes-\xff\n"),
            ),
            (b"fifteen-bytes-x", b"/fifteen-bytes-x/\0-x\0", None),
            (
                b"apt-daily-upgra",
                b"/bin/sh\0/usr/lib/apt/apt-daily-upgrade-helper\0now\0",
                Some(b"apt-daily-upgrade-helper"),
            ),
            (
                b"apt-daily-upgra",
                b"python3\0-X\0utf8\0-u\0./apt-daily-upgrade-helper\0",
                Some(b"apt-daily-upgrade-helper"),
            ),
            (
                b"a-login-shell-o",
                b"-a-login-shell-of-its-own\0",
                Some(b"a-login-shell-of-its-own"),
            ),
            (
                b"tmux: server-of",
                b"tmux: server-of-mine\0x\0",
                Some(b"tmux: server-of-mine"),
            ),
            (b"fifteen-bytes-x", b"\0\0\0", None),
        ];
        for (comm, cmdline, name) in cases {
            assert_eq!(
                complete(comm, cmdline),
                name.map(Name::new),
                "{}",
                cmdline.escape_ascii()
            );
        }
    }

    #[test]
    fn a_process_is_renamed_where_nothing_that_started_it_has_its_name() {
        for (comm, exe, cmdline, expected) in [
            (
                &b"MainThread"[..],
                &b"node"[..],
                &b"node\0server.js\0"[..],
                true,
            ),
            (b"node", b"node", b"node\0server.js\0", false),
            (b"python3", b"python3.11", b"python3\0x.py\0", false),
            (
                b"backup.py",
                b"python3.11",
                b"/usr/bin/python3\0-u\0/opt/backup.py\0",
                false,
            ),
            (b"bash", b"bash", b"-bash\0", false),
            (
                b"a-long-script-n",
                b"bash",
                b"/bin/bash\0./a-long-script-name\0",
                false,
            ),
            (b"sleeper", b"node", b"", true),
            (b"worker", b"nginx", b"nginx: worker process\0\0", true),
        ] {
            assert_eq!(
                is_renamed(comm, exe, cmdline),
                expected,
                "{}",
                comm.escape_ascii()
            );
        }
    }

    #[test]
    fn arguments_are_joined_as_ps_shows_them() {
        for (arguments, shown) in [
            (&b"java\0-jar\0x.jar\0"[..], &b"java -jar x.jar"[..]),
            (b"", b""),
            (b"\0\0", b""),
            (b"no final", b"no final"),
            (b"a\0\0b\0", b"a  b"),
        ] {
            assert_eq!(joined(arguments), Name::new(shown));
        }
        assert_eq!(joined(&[b'x'; 300]).as_bytes(), [b'x'; 255]);
    }

    #[test]
    fn long_names_are_cut() {
        let name = Name::new(&[b'x'; 1000]);
        assert_eq!(name.as_bytes(), [b'x'; 255]);
        assert_eq!(Name::new(b"a\0b").as_bytes(), b"a");
    }
}

//! The name of a process: any bytes but NUL, in an array, so that reading it costs no heap allocation. Pure.

use std::ffi::CStr;
use std::fmt;

/// The longest file name Linux allows (NAME_MAX); what is longer is cut.
const LONGEST: usize = 255;

/// A process name of at most 255 bytes.
#[derive(Clone, Copy)]
pub struct Name {
    /// The name, then NULs, at least one.
    bytes: [u8; LONGEST + 1],
    length: u8,
}

impl Name {
    /// The bytes before the first NUL, cut at 255.
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = [0; LONGEST + 1];
        let mut length = 0;
        let text = text.iter().take_while(|&&byte| byte != 0);
        for (target, &byte) in bytes.iter_mut().take(LONGEST).zip(text) {
            *target = byte;
            length += 1;
        }
        Self { bytes, length }
    }

    /// Without the final NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    /// For fnmatch(3) and other C functions.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
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

/// The name as users know it, which is psutil's rule: comm holds 15 bytes at most, and where it is
/// full and the base name of argv[0] begins with it, that base name is the name.
pub(super) fn full_name(comm: &[u8], cmdline: &[u8]) -> Name {
    let base = base_name(first_argument(cmdline));
    Name::new(if base.starts_with(comm) { base } else { comm })
}

/// argv[0]. A process that wrote a title over its arguments leaves no NUL at the end, or one
/// argument with spaces: then the first word counts.
fn first_argument(cmdline: &[u8]) -> &[u8] {
    let word = |text: &'_ [u8]| {
        text.iter()
            .position(|&byte| byte == b' ')
            .unwrap_or(text.len())
    };
    match cmdline.iter().position(|&byte| byte == 0) {
        Some(end) if end + 1 < cmdline.len() => &cmdline[..end],
        Some(end) => &cmdline[..word(&cmdline[..end])],
        None => &cmdline[..word(cmdline)],
    }
}

/// What follows the last slash.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_follow_psutil() {
        let cases: [(&[u8], &[u8], &[u8]); 8] = [
            (
                b"systemd-journal",
                b"/lib/systemd/systemd-journald\0",
                b"systemd-journald",
            ),
            (
                b"systemd-journal",
                b"/usr/bin/other\0--x\0",
                b"systemd-journal",
            ),
            (b"systemd-journal", b"", b"systemd-journal"),
            (
                b"fifteen-bytes-x",
                b"fifteen-bytes-xyz --title here",
                b"fifteen-bytes-xyz",
            ),
            (
                b"fifteen-bytes-x",
                b"fifteen-bytes-xyz: worker\0",
                b"fifteen-bytes-xyz:",
            ),
            (
                b"name with space",
                b"/a b/name with spaces\0-x\0",
                b"name with spaces",
            ),
            (
                b"fifteen-bytes-\xff",
                b"fifteen-bytes-\xff\n\0-x\0",
                b"fifteen-bytes-\xff\n",
            ),
            (
                b"fifteen-bytes-x",
                b"/fifteen-bytes-x/\0-x\0",
                b"fifteen-bytes-x",
            ),
        ];
        for (comm, cmdline, name) in cases {
            assert_eq!(
                full_name(comm, cmdline),
                Name::new(name),
                "{}",
                cmdline.escape_ascii()
            );
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_terminated() {
        let name = Name::new(&[b'x'; 1000]);
        assert_eq!(name.as_bytes(), [b'x'; 255]);
        assert_eq!(name.as_c_str().to_bytes(), [b'x'; 255]);
        assert_eq!(Name::new(b"a\0b").as_bytes(), b"a");
    }
}
